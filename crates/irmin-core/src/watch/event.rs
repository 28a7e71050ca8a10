//! What a watch delivers.

use crate::error::Result;
use crate::repo::Commit;
use crate::{Change, Entry, Path, Since, Tree};

/// What happened to the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WatchKind {
    /// It went on to this commit.
    Commit,
    /// It came to be, or was seen for the first time; its history is not told commit by commit.
    Created,
    /// It was moved to a commit that does not descend from where it was.
    Reset,
    /// It was removed.
    Removed,
}

/// One step of a branch, from one state to the next. Cheap to clone; reads only when asked.
#[derive(Clone, Debug)]
pub struct WatchEvent {
    kind: WatchKind,
    path: Path,
    before: Option<Commit>,
    commit: Option<Commit>,
}

impl WatchEvent {
    pub(super) fn new(
        kind: WatchKind,
        path: &Path,
        before: Option<Commit>,
        commit: Option<Commit>,
    ) -> Self {
        Self {
            kind,
            path: path.clone(),
            before,
            commit,
        }
    }

    /// Returns what happened.
    #[must_use]
    pub const fn kind(&self) -> WatchKind {
        self.kind
    }

    /// Returns where the branch is now; `None` if it was removed.
    #[must_use]
    pub const fn commit(&self) -> Option<&Commit> {
        self.commit.as_ref()
    }

    /// Returns where it was, at the event before this one or at a commit that did not matter; `None`
    /// if it did not exist, and before the first commit.
    #[must_use]
    pub const fn before(&self) -> Option<&Commit> {
        self.before.as_ref()
    }

    /// Returns the place to go on from, for those who have dealt with this event.
    #[must_use]
    pub fn cursor(&self) -> Since {
        let commit = self.commit.as_ref();
        commit.map_or(Since::Absent, |commit| Since::Commit(commit.id()))
    }

    /// Lists the blobs at and below the path that differ from the state before, by path from the
    /// root. Applied to what was below the path before, they give what is there now.
    ///
    /// Reads what differs, and keeps it in memory until the event is dropped.
    ///
    /// # Errors
    /// As [`Tree::diff`].
    pub fn changes(&self) -> Result<Vec<Change>> {
        let [before, after] =
            [&self.before, &self.commit].map(|commit| cut(commit.as_ref(), &self.path));
        before?.diff(&after?)
    }
}

/// Returns what is at a path; nothing where there is no commit.
pub(super) fn entry_at(commit: Option<&Commit>, path: &Path) -> Result<Option<Entry>> {
    match commit {
        // An empty root is the same as none.
        Some(commit) if path.is_root() && commit.tree().is_empty()? => Ok(None),
        Some(commit) => commit.tree().get(path),
        None => Ok(None),
    }
}

/// Returns a tree that has nothing but what is at and below a path.
fn cut(commit: Option<&Commit>, path: &Path) -> Result<Tree> {
    let Some(commit) = commit else {
        return Ok(Tree::empty());
    };
    if path.is_root() {
        return Ok(commit.tree().clone());
    }
    let mut cut = Tree::empty();
    if let Some(entry) = commit.tree().get(path)? {
        cut.set(path, entry)?;
    }
    Ok(cut)
}
