//! How large the workloads are.

/// The numbers in the definitions of the workloads.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Whether these are the small ones.
    pub(crate) is_quick: bool,
    /// W1: commits without and with a sync each.
    pub(crate) commits: u64,
    pub(crate) durable_commits: u64,
    /// W2: entries, a thousand a directory.
    pub(crate) entries: u64,
    /// W3: finds in each pass.
    pub(crate) finds: u64,
    /// W4: names in the smaller and the larger directory, and commits that replace one.
    pub(crate) names: u64,
    pub(crate) many_names: u64,
    pub(crate) replacements: u64,
    /// W5 and W7: changed keys on each branch.
    pub(crate) changes: u64,
    /// W6: commits before and after the fork.
    pub(crate) line: u64,
    pub(crate) twig: u64,
    /// W8: commits that a clone lacks.
    pub(crate) news: u64,
    /// Wc: commits of all threads together.
    pub(crate) group_commits: u64,
    /// Wr: finds of each reader.
    pub(crate) long_finds: u64,
    /// Wg: commits of a hundred entries to each of 50 branches, and for how many milliseconds
    /// writers and readers are watched alone.
    pub(crate) shares: u64,
    pub(crate) alone_millis: u64,
    /// Wo: commits of a thousand entries before the crash.
    pub(crate) tail_commits: u64,
    /// Wb: how many values of 1 KiB and of 1 MiB, and the size of the largest.
    pub(crate) small_blobs: u64,
    pub(crate) blobs: u64,
    pub(crate) largest_blob: u64,
    /// Wh: commits after which a history is looked at, and how many are timed together.
    pub(crate) histories: [u64; 3],
    pub(crate) stretch: u64,
}

impl Sizes {
    /// As the workloads are defined.
    pub(crate) const FULL: Self = Self {
        is_quick: false,
        commits: 10_000,
        durable_commits: 1_000,
        entries: 1_000_000,
        finds: 200_000,
        names: 100_000,
        many_names: 1_000_000,
        replacements: 1_000,
        changes: 1_000,
        line: 10_000,
        twig: 1_000,
        news: 100,
        group_commits: 3_200,
        long_finds: 500_000,
        shares: 200,
        alone_millis: 3_000,
        tail_commits: 9_500,
        small_blobs: 65_536,
        blobs: 256,
        largest_blob: 256 << 20,
        histories: [10_000, 100_000, 1_000_000],
        stretch: 10_000,
    };

    /// To see that everything works, and where a profiler slows things down.
    pub(crate) const QUICK: Self = Self {
        is_quick: true,
        commits: 500,
        durable_commits: 20,
        entries: 20_000,
        finds: 5_000,
        names: 1_000,
        many_names: 10_000,
        replacements: 100,
        changes: 100,
        line: 500,
        twig: 50,
        news: 20,
        group_commits: 64,
        long_finds: 5_000,
        shares: 2,
        alone_millis: 20,
        tail_commits: 50,
        small_blobs: 256,
        blobs: 4,
        largest_blob: 8 << 20,
        histories: [100, 200, 1_000],
        stretch: 100,
    };
}
