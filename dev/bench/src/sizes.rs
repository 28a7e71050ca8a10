//! How large the workloads are.

/// The numbers in the definitions of the workloads.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
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
}

impl Sizes {
    /// As the workloads are defined.
    pub(crate) const FULL: Self = Self {
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
    };

    /// To see that everything works, and where a profiler slows things down.
    pub(crate) const QUICK: Self = Self {
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
    };
}
