//! What an engine is told about a collection, and what it tells of one.

use crate::Id;
use crate::store::Cut;

/// What a collection keeps beside all that names and holds lead to.
pub struct Collect<'a> {
    /// More commits to keep, with all that they lead to.
    pub roots: &'a [Id],
    /// What to leave out beneath a commit that is kept. A commit that a name, a hold or a root
    /// points to is never cut.
    pub cut: &'a (dyn Fn(&Id) -> Cut + Sync),
    /// Only find out what would be removed.
    pub dry_run: bool,
}

impl Collect<'_> {
    /// Keeps what names and holds lead to, with the whole history.
    #[must_use]
    pub fn everything_named() -> Self {
        Self {
            roots: &[],
            cut: &|_| Cut::NONE,
            dry_run: false,
        }
    }
}

/// How far a collection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectProgress {
    /// Bytes of the store that were looked at or copied.
    pub bytes_done: u64,
    /// Bytes to look at in all.
    pub bytes_total: u64,
}

/// What a collection did, or with [`Collect::dry_run`] would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectReport {
    /// How many objects were kept, of those that were there when it began.
    pub objects_kept: u64,
    /// How many were removed.
    pub objects_removed: u64,
    /// How many commits lost their contents or parents to [`Collect::cut`].
    pub commits_cut: u64,
    /// Bytes of the store's files before.
    pub bytes_before: u64,
    /// Bytes of the same files after. New commits are not counted.
    pub bytes_after: u64,
    /// Whether it was cancelled before it was through.
    pub is_cancelled: bool,
}
