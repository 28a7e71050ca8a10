//! Three-way merge: of trees by structure, of values by rules kept in the repository.

mod base;
mod branch;
mod tree;

pub use branch::{MergeOptions, MergeOutcome};
pub use tree::merge_trees;

use std::fmt;

use crate::error::{Error, Result};
use crate::{Entry, Path, Tree};

/// A merged tree with all conflicts, if any. In it, a path in conflict has our side.
#[derive(Clone, Debug)]
pub struct Merged {
    tree: Tree,
    conflicts: Vec<Conflict>,
}

/// A place where both sides changed, and no rule knows what is right.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Where.
    pub path: Path,
    /// How the sides disagree.
    pub kind: ConflictKind,
    /// What the common ancestor had.
    pub base: Option<Entry>,
    /// What our side has.
    pub ours: Option<Entry>,
    /// What their side has.
    pub theirs: Option<Entry>,
    /// What the merge rule said, for [`ConflictKind::Rule`].
    pub reason: Option<String>,
}

/// How two sides disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictKind {
    /// Both changed a value, differently.
    Content,
    /// Both added a value, not the same.
    AddAdd,
    /// One changed what the other removed.
    ModifyRemove,
    /// One has a value where the other has a directory.
    BlobTree,
    /// Both changed the mode, differently.
    Mode,
    /// The rule of the path could not merge the values.
    Rule,
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "content",
            Self::AddAdd => "add/add",
            Self::ModifyRemove => "modify/remove",
            Self::BlobTree => "value/directory",
            Self::Mode => "mode",
            Self::Rule => "rule",
        })
    }
}

/// How to settle a conflict.
#[derive(Clone, Debug)]
pub enum Resolution {
    /// What our side has.
    Ours,
    /// What their side has.
    Theirs,
    /// What the common ancestor had.
    Base,
    /// Something else; `None` removes the path.
    Entry(Option<Entry>),
}

impl Merged {
    /// Returns the conflicts that are not settled, by path.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Returns the merged tree, with our side where there is a conflict.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Returns the merged tree, with our side where there is a conflict.
    #[must_use]
    pub fn into_tree(self) -> Tree {
        self.tree
    }

    /// Settles the conflict at a path.
    ///
    /// # Errors
    /// [`Error::NoConflict`] if there is none at the path, or no more.
    pub fn resolve(&mut self, path: &Path, resolution: Resolution) -> Result<()> {
        let found = self
            .conflicts
            .binary_search_by(|conflict| conflict.path.cmp(path));
        let Ok(position) = found else {
            return Err(Error::NoConflict { path: path.clone() });
        };
        let conflict = &self.conflicts[position];
        let entry = match resolution {
            Resolution::Ours => conflict.ours.clone(),
            Resolution::Theirs => conflict.theirs.clone(),
            Resolution::Base => conflict.base.clone(),
            Resolution::Entry(entry) => entry,
        };
        put(&mut self.tree, path, entry)?;
        self.conflicts.remove(position);
        Ok(())
    }

    /// Settles all conflicts in the same way.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn resolve_all(&mut self, resolution: &Resolution) -> Result<()> {
        // From the end, where nothing has to move up.
        while let Some(conflict) = self.conflicts.last() {
            let path = conflict.path.clone();
            self.resolve(&path, resolution.clone())?;
        }
        Ok(())
    }
}

/// Makes a path lead to an entry or to nothing.
fn put(tree: &mut Tree, path: &Path, entry: Option<Entry>) -> Result<()> {
    match entry {
        Some(entry) => tree.set(path, entry)?,
        None => tree.remove(path)?,
    };
    Ok(())
}

#[cfg(test)]
mod tests;
