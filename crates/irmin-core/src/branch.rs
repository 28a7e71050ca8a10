//! A branch: a name that moves from commit to commit.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use crate::commit::CommitInfo;
use crate::error::{Error, Result};
use crate::history::FastForward;
use crate::refs::BranchName;
use crate::repo::{Commit, Repo};
use crate::store::{Durability, RefEdit, RefOutcome};
use crate::transaction::{Isolation, TransactOptions, Transacted};
use crate::turns::Turns;
use crate::{Blob, Entry, Id, Path, Tree};

/// A handle on a branch. It need not exist: the first commit makes it.
#[derive(Clone)]
pub struct Branch {
    repo: Repo,
    name: BranchName,
    full_name: Arc<str>,
    state: Arc<BranchState>,
}

/// What all handles on a branch share.
#[derive(Default)]
pub(crate) struct BranchState {
    pub(crate) turns: Turns,
    heads: RwLock<Heads>,
}

/// The commits that a branch's readers share, with what is loaded of their trees.
#[derive(Default)]
struct Heads {
    /// The newest head that was seen.
    seen: Option<Commit>,
    /// The commit that the branch is being moved to. As soon as the engine has it, readers find it
    /// here: one that loaded it instead would load its whole tree again, and so would all who come
    /// after.
    coming: Option<Commit>,
}

impl Heads {
    fn with_id(&self, id: Id) -> Option<&Commit> {
        let mut known = self.seen.iter().chain(&self.coming);
        known.find(|commit| commit.id() == id)
    }
}

/// What came of moving a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The branch points to the commit now.
    Done,
    /// Somebody else moved it first; this is where it points.
    Lost(Option<Id>),
}

impl BranchState {
    /// Lets go of what is loaded of the head's tree.
    pub(crate) fn unload(&self) {
        let mut heads = self.heads_mut();
        heads.seen = heads.seen.as_ref().map(Commit::unloaded);
    }

    fn heads(&self) -> RwLockReadGuard<'_, Heads> {
        self.heads.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn heads_mut(&self) -> RwLockWriteGuard<'_, Heads> {
        self.heads.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Branch {
    pub(crate) fn new(repo: Repo, name: BranchName, state: Arc<BranchState>) -> Self {
        let full_name = name.full().as_str().into();
        Self {
            repo,
            name,
            full_name,
            state,
        }
    }

    /// Returns the repository.
    #[must_use]
    pub const fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &BranchName {
        &self.name
    }

    pub(crate) fn state(&self) -> &BranchState {
        &self.state
    }

    /// Returns the id of the newest commit; `None` if the branch does not exist.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn head_id(&self) -> Result<Option<Id>> {
        Ok(self.repo.engine().get_ref(&self.full_name)?)
    }

    /// Returns the newest commit; `None` if the branch does not exist. Reads nothing if the branch
    /// did not move since the last time.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Store`] when the commit cannot be had.
    pub fn head(&self) -> Result<Option<Commit>> {
        let Some(id) = self.head_id()? else {
            return Ok(None);
        };
        self.repo.bound_memory();
        if let Some(head) = self.state.heads().with_id(id) {
            return Ok(Some(head.clone()));
        }
        let loaded = self.repo.must_load(id)?;
        let mut heads = self.state.heads_mut();
        if let Some(head) = heads.with_id(id) {
            // Somebody else was faster, and has more of the tree.
            return Ok(Some(head.clone()));
        }
        heads.seen = Some(loaded.clone());
        Ok(Some(loaded))
    }

    /// Returns the newest tree; empty if the branch does not exist.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    pub fn tree(&self) -> Result<Tree> {
        Ok(self
            .head()?
            .map_or_else(Tree::empty, |head| head.tree().clone()))
    }

    /// Returns the bytes of the blob at a path; `None` if there is nothing or a directory.
    ///
    /// # Errors
    /// As [`head`](Self::head) and [`Tree::get`].
    pub fn get(&self, path: &Path) -> Result<Option<Bytes>> {
        self.tree()?.get_bytes(path)
    }

    /// Puts a blob or a tree at a path, in one commit. Returns it; `None` if nothing changed.
    ///
    /// # Errors
    /// As [`transact`](Self::transact).
    pub fn set(
        &self,
        path: &Path,
        entry: impl Into<Entry>,
        message: &str,
    ) -> Result<Option<Commit>> {
        let entry = entry.into();
        let options = TransactOptions::new(message).isolation(Isolation::Overwrite);
        let done = self.transact(&options, |view| view.set(path, entry.clone()))?;
        Ok(done.commit)
    }

    /// Removes what a path leads to, in one commit. Returns it; `None` if there was nothing.
    ///
    /// # Errors
    /// As [`transact`](Self::transact).
    pub fn remove(&self, path: &Path, message: &str) -> Result<Option<Commit>> {
        let options = TransactOptions::new(message).isolation(Isolation::Overwrite);
        Ok(self.transact(&options, |view| view.remove(path))?.commit)
    }

    /// Replaces the blob at a path by `new` (`None` removes it) if its bytes are `expected` (`None`:
    /// absent). Returns whether they were.
    ///
    /// # Errors
    /// As [`transact`](Self::transact).
    pub fn test_and_set(
        &self,
        path: &Path,
        expected: Option<&[u8]>,
        new: Option<Blob>,
        message: &str,
    ) -> Result<Transacted<bool>> {
        self.transact(&TransactOptions::new(message), |view| {
            if view.get(path)?.as_deref() != expected {
                return Ok(false);
            }
            match &new {
                Some(blob) => view.set(path, blob.clone())?,
                None => view.remove(path)?,
            };
            Ok(true)
        })
    }

    /// Replaces the blob at a path by what `change` makes of it. `change` may run several times.
    ///
    /// # Errors
    /// As [`transact`](Self::transact).
    pub fn update(
        &self,
        path: &Path,
        message: &str,
        mut change: impl FnMut(Option<Bytes>) -> Result<Option<Blob>>,
    ) -> Result<Transacted<()>> {
        self.transact(&TransactOptions::new(message), |view| {
            match change(view.get(path)?)? {
                Some(blob) => view.set(path, blob)?,
                None => view.remove(path)?,
            };
            Ok(())
        })
    }

    /// Makes a commit of a whole tree on top of `parent`, which must still be the head.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails, [`Error::Commit`] when `info` is beyond its limits.
    pub fn commit(
        &self,
        tree: &Tree,
        parent: Option<&Commit>,
        info: CommitInfo,
        durability: Durability,
    ) -> Result<(Commit, Moved)> {
        let parents = parent.map_or(&[][..], std::slice::from_ref);
        let commit = self.repo.create_commit(tree, parents, info)?;
        let moved = self.move_from(parent.map(Commit::id), &commit, durability)?;
        Ok((commit, moved))
    }

    /// Points the branch to a commit if it still points to `expected`.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when the branch is new and its name is a part of another branch's name,
    /// or the other way round; [`Error::Store`] when the engine fails.
    pub fn move_from(
        &self,
        expected: Option<Id>,
        to: &Commit,
        durability: Durability,
    ) -> Result<Moved> {
        if expected.is_none() {
            self.repo.check_name_is_free(&self.full_name)?;
        }
        let edit = RefEdit {
            name: self.full_name.to_string(),
            expected,
            new: Some(to.id()),
        };
        self.state.heads_mut().coming = Some(to.clone());
        let outcome = self.repo.engine().compare_and_swap(&[edit], durability);
        let mut heads = self.state.heads_mut();
        let coming = heads.coming.take();
        match outcome? {
            RefOutcome::Applied => {
                // What is dropped is dropped without the lock.
                let before = heads.seen.replace(to.clone());
                drop(heads);
                drop((before, coming));
                Ok(Moved::Done)
            }
            RefOutcome::Lost { current, .. } => Ok(Moved::Lost(current)),
        }
    }

    /// Points the branch to any commit, whatever it points to now.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn reset(&self, to: &Commit) -> Result<()> {
        let mut expected = self.head_id()?;
        while let Moved::Lost(current) = self.move_from(expected, to, Durability::Sync)? {
            expected = current;
        }
        Ok(())
    }

    /// Moves the branch forward to a descendant of its head. Nothing moves otherwise.
    ///
    /// # Errors
    /// [`Error::History`] when ancestry cannot be decided, [`Error::Store`] when the engine fails.
    pub fn fast_forward(&self, to: &Commit) -> Result<FastForward> {
        loop {
            let head = self.head_id()?;
            let verdict = match head {
                None => FastForward::Possible,
                Some(head) => self.repo.history().fast_forward(head, to.id())?,
            };
            if verdict != FastForward::Possible
                || self.move_from(head, to, Durability::Sync)? == Moved::Done
            {
                return Ok(verdict);
            }
        }
    }

    /// Removes the branch, wherever it points by then; `false` if it does not exist. Its commits
    /// stay until collected.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn delete(&self) -> Result<bool> {
        while let Some(head) = self.head_id()? {
            let name = self.full_name.to_string();
            let edit = RefEdit {
                name,
                expected: Some(head),
                new: None,
            };
            let engine = self.repo.engine();
            if engine.compare_and_swap(&[edit], Durability::Sync)? == RefOutcome::Applied {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the head, or says that the branch does not exist.
    ///
    /// # Errors
    /// [`Error::NoBranch`].
    pub fn must_have_head(&self) -> Result<Commit> {
        self.head()?.ok_or_else(|| Error::NoBranch {
            name: self.name.clone(),
        })
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Branch({})", self.name)
    }
}
