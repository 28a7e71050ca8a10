//! What a view read, and whether it would read the same again.

use crate::error::Result;
use crate::{Blob, Entry, EntryKind, Id, Path, Step, Tree};

/// One thing that a view looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// What kind of thing is at a path.
    Kind(Path),
    /// The blob at a path.
    Blob(Path),
    /// All that is at and below a path.
    Entry(Path),
    /// Names and kinds in a directory.
    Listing {
        /// The directory.
        path: Path,
        /// Only names behind this one.
        after: Option<Step>,
        /// At most so many.
        limit: usize,
    },
}

/// What a reader saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Kind(EntryKind),
    Blob(Blob),
    Tree(Id),
    Listing(Vec<(Step, EntryKind)>),
}

impl Read {
    /// Returns where the view looked.
    #[must_use]
    pub const fn path(&self) -> &Path {
        match self {
            Self::Kind(path) | Self::Blob(path) | Self::Entry(path) => path,
            Self::Listing { path, .. } => path,
        }
    }

    /// Looks at a tree in the same way.
    pub(super) fn look(&self, tree: &Tree) -> Result<Seen> {
        Ok(match self {
            Self::Kind(path) => tree.kind(path)?.map_or(Seen::Nothing, Seen::Kind),
            Self::Blob(path) => tree.get_blob(path)?.map_or(Seen::Nothing, Seen::Blob),
            Self::Entry(path) => match tree.get(path)? {
                None => Seen::Nothing,
                Some(Entry::Blob(blob)) => Seen::Blob(blob),
                Some(Entry::Tree(tree)) => Seen::Tree(tree.id()?),
            },
            Self::Listing { path, after, limit } => {
                Seen::Listing(list(tree, path, after.as_ref(), *limit)?)
            }
        })
    }
}

/// Lists names and kinds; nothing where there is no directory.
pub(super) fn list(
    tree: &Tree,
    path: &Path,
    after: Option<&Step>,
    limit: usize,
) -> Result<Vec<(Step, EntryKind)>> {
    let Some(dir) = tree.get_tree(path)? else {
        return Ok(Vec::new());
    };
    let entries = dir.entries_after(after)?.take(limit);
    entries
        .map(|entry| entry.map(|(step, entry)| (step, entry.kind())))
        .collect()
}
