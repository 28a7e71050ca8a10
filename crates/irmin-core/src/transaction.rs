//! Transactions: views committed to a branch, all or nothing, under a stated isolation.

use std::num::NonZeroU32;

use crate::branch::{Branch, Moved};
use crate::commit::CommitInfo;
use crate::error::{Error, Result};
use crate::merge::{self, Conflict};
use crate::refs::BranchName;
use crate::repo::Commit;
use crate::store::Durability;
use crate::store_error::StoreError;
use crate::turns::{Refused, Turn};
use crate::{Id, Path, Tree, View};

/// What a transaction is promised about others that commit at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All that it read is still so when it commits: the outcome is as if transactions ran one
    /// after the other. Otherwise it runs again.
    #[default]
    Serializable,
    /// It reads one state, and its writes are merged with others'; only a merge conflict fails.
    /// Allows write skew.
    Snapshot,
    /// Its writes win over others' on the paths that it wrote. Reads are not checked.
    Overwrite,
}

/// How a transaction runs.
#[derive(Clone, Debug)]
pub struct TransactOptions {
    /// The message of the commit.
    pub message: String,
    /// Who commits and all else that the commit says; the repository's user and time if `None`.
    pub info: Option<CommitInfo>,
    /// What is promised.
    pub isolation: Isolation,
    /// What the commit may still lose.
    pub durability: Durability,
    /// How often it may run.
    pub attempts_max: NonZeroU32,
    /// Whether to make a commit even if nothing changed.
    pub allow_empty: bool,
}

impl TransactOptions {
    /// How often a transaction may run unless told otherwise.
    pub const ATTEMPTS_MAX: NonZeroU32 = NonZeroU32::new(16).expect("because 16 is not 0");

    /// Returns the defaults: serializable, synced.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            info: None,
            isolation: Isolation::default(),
            durability: Durability::default(),
            attempts_max: Self::ATTEMPTS_MAX,
            allow_empty: false,
        }
    }

    /// Sets the isolation.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets the durability.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

/// What is asked before a commit is made: with the head's tree and the commit's.
pub type Check<'a> = &'a mut dyn FnMut(&Tree, &Tree) -> Result<()>;

/// A transaction that got through.
#[derive(Clone, Debug)]
pub struct Transacted<T> {
    /// What the closure returned in the run that counts.
    pub value: T,
    /// The commit; `None` if nothing changed.
    pub commit: Option<Commit>,
    /// How often the closure ran.
    pub attempts: u32,
}

/// Why a transaction did not get through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// What it read kept changing.
    #[error(
        "gave up on branch '{branch}' after {attempts} attempts: '{path}' was changed by commit {}",
        commit.short()
    )]
    TooManyAttempts {
        /// The branch.
        branch: BranchName,
        /// How often the closure ran.
        attempts: u32,
        /// What it had read that changed.
        path: Path,
        /// The head at which it had changed.
        commit: Id,
    },
    /// Under [`Isolation::Snapshot`], its writes conflict with others'.
    #[error("{} with commits made meanwhile, first at '{}'", count(.conflicts.len()), first(.conflicts))]
    Conflicts {
        /// All of them.
        conflicts: Vec<Conflict>,
    },
    /// A transaction on a branch was started inside one on another branch, and those who commit
    /// there wait for that one.
    #[error(
        "a transaction on branch '{branch}' was started inside one on another branch, for which \
         one on '{branch}' waits; commit to one branch after the other"
    )]
    Deadlock {
        /// The branch.
        branch: BranchName,
    },
    /// A transaction on a branch was started inside one that has the turn on that branch.
    #[error(
        "a transaction on branch '{branch}' was started inside another one on it; use a nested view"
    )]
    Nested {
        /// The branch.
        branch: BranchName,
    },
}

fn count(conflicts: usize) -> String {
    if conflicts == 1 {
        "1 conflict".to_owned()
    } else {
        format!("{conflicts} conflicts")
    }
}

fn first(conflicts: &[Conflict]) -> String {
    conflicts
        .first()
        .map(|conflict| conflict.path.to_string())
        .unwrap_or_default()
}

/// After so many lost races a transaction runs while it has the branch's turn: nobody in this
/// process can get in its way then.
pub(crate) const OPTIMISTIC_ATTEMPTS: u32 = 3;

/// Whether the view could be put on top of the head.
enum Fitted {
    Tree(Tree),
    Stale(Path),
}

impl Branch {
    /// Runs `body` on a view of the branch and commits what it wrote, atomically. If others
    /// commit first, what happens depends on the [`Isolation`]; `body` may run again then, on a new
    /// view, so it must not act on the world outside.
    ///
    /// Fair and bounded: the first attempts run beside others; after three lost races the
    /// transaction waits for its turn on the branch and keeps it while it runs, so that it gets
    /// through however long it is and however many others there are in this process. An error of
    /// `body` ends the transaction without a commit. One that wrote nothing commits nothing and
    /// never fails.
    ///
    /// One sync with [`Durability::Sync`], shared with others that commit at the same time. Others
    /// see the commit a moment before it is synced, and hear of their own success after theirs.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use irmin_core::{Env, MemoryStore, Path, Repo, TransactOptions};
    ///
    /// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    /// let (from, to) = (Path::parse("accounts/ada")?, Path::parse("accounts/bob")?);
    /// let main = repo.branch("main")?;
    /// main.set(&from, "10", "open")?;
    /// let done = main.transact(&TransactOptions::new("move it all"), |view| {
    ///     if let Some(all) = view.get(&from)? {
    ///         view.set(&to, all)?;
    ///         view.remove(&from)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert_eq!(done.attempts, 1);
    /// assert_eq!(main.get(&to)?.unwrap(), "10");
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `body` returns; [`Error::Transaction`] when it did not get through, with the attempts
    /// and who got in the way; [`Error::Store`] when the engine fails.
    pub fn transact<T>(
        &self,
        options: &TransactOptions,
        body: impl FnMut(&mut View) -> Result<T>,
    ) -> Result<Transacted<T>> {
        self.transact_checked(options, &mut |_, _| Ok(()), body)
    }

    /// As [`transact`](Self::transact), and asks `check` about each commit before it is made, with
    /// the tree of the head that it goes on top of and its own: also where others' commits came in
    /// between. An error of `check` ends the transaction without a commit.
    ///
    /// # Errors
    /// As [`transact`](Self::transact), and what `check` returns.
    pub fn transact_checked<T>(
        &self,
        options: &TransactOptions,
        check: Check<'_>,
        mut body: impl FnMut(&mut View) -> Result<T>,
    ) -> Result<Transacted<T>> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let turn = (attempts > OPTIMISTIC_ATTEMPTS)
                .then(|| self.turn())
                .transpose()?;
            let head = self.head()?;
            let base = head
                .as_ref()
                .map_or_else(Tree::empty, |head| head.tree().clone());
            let mut view = View::new(base);
            let is_last = attempts >= options.attempts_max.get();
            let value = match body(&mut view) {
                Err(error) if !is_last && self.is_collected(&error, head.as_ref())? => continue,
                value => value?,
            };
            if !options.allow_empty && view.tree().same(view.base()) {
                let applied = self.repo().engine().applied();
                drop(turn);
                self.acknowledge(options, &view, applied)?;
                return Ok(Transacted {
                    value,
                    commit: None,
                    attempts,
                });
            }
            let turn = turn.map_or_else(|| self.turn(), Ok)?;
            match self.try_commit(options, &view, head.clone(), check) {
                Err(error) if !is_last && self.is_collected(&error, head.as_ref())? => {}
                Err(error) => return Err(error),
                Ok(Ok(commit)) => {
                    let applied = self.repo().engine().applied();
                    drop(turn);
                    self.acknowledge(options, &view, applied)?;
                    return Ok(Transacted {
                        value,
                        commit,
                        attempts,
                    });
                }
                Ok(Err((path, commit))) if is_last => {
                    let branch = self.name().clone();
                    return Err(TransactionError::TooManyAttempts {
                        branch,
                        attempts,
                        path,
                        commit,
                    }
                    .into());
                }
                Ok(Err(_)) => {}
            }
        }
    }

    /// Commits a view that was opened on the tree of `opened_on` (`None`: on the empty tree, when the
    /// branch did not exist), however long ago: once, under the isolation of the options. Whoever
    /// keeps a view for long keeps that commit from being collected by [`Repo::hold`]. `check` is
    /// asked as by [`transact_checked`](Self::transact_checked). Returns the commit; `None` if nothing
    /// changed.
    ///
    /// [`Repo::hold`]: crate::Repo::hold
    ///
    /// ```
    /// use std::sync::Arc;
    /// use irmin_core::{Env, MemoryStore, Path, Repo, TransactOptions, View};
    /// let main = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0)).branch("main")?;
    /// let (read, write) = (Path::parse("read")?, Path::parse("write")?);
    /// let mut view = View::new(main.tree()?);
    /// assert_eq!(view.get(&read)?, None);
    /// view.set(&write, "mine")?;
    /// main.set(&read, "theirs", "be faster")?;
    /// let options = TransactOptions::new("too late");
    /// let error = main.commit_view(&options, &view, None, &mut |_, _| Ok(())).unwrap_err();
    /// assert!(error.to_string().contains("'read' was changed by commit"));
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TransactionError::TooManyAttempts`] (after one) when what the view read has changed,
    /// [`TransactionError::Conflicts`] under [`Isolation::Snapshot`]; what `check` returns;
    /// [`Error::Store`] when the engine fails.
    pub fn commit_view(
        &self,
        options: &TransactOptions,
        view: &View,
        opened_on: Option<&Commit>,
        check: Check<'_>,
    ) -> Result<Option<Commit>> {
        let turn = self.turn()?;
        let done = self.try_commit(options, view, opened_on.cloned(), check)?;
        let applied = self.repo().engine().applied();
        drop(turn);
        match done {
            Ok(commit) => {
                self.acknowledge(options, view, applied)?;
                Ok(commit)
            }
            Err((path, commit)) => Err(Error::Transaction(TransactionError::TooManyAttempts {
                branch: self.name().clone(),
                attempts: 1,
                path,
                commit,
            })),
        }
    }

    /// Tells whether something failed because the head that it worked on was left by the branch and
    /// collected meanwhile.
    fn is_collected(&self, error: &Error, head: Option<&Commit>) -> Result<bool> {
        let is_gone = matches!(
            error,
            Error::Missing { .. } | Error::Store(StoreError::Dangling { .. })
        );
        Ok(is_gone && self.head_id()? != head.map(Commit::id))
    }

    pub(crate) fn turn(&self) -> Result<Turn<'_>> {
        let branch = || self.name().clone();
        self.state().turns.take().map_err(|refused| {
            Error::Transaction(match refused {
                Refused::Held => TransactionError::Nested { branch: branch() },
                Refused::Deadlock => TransactionError::Deadlock { branch: branch() },
            })
        })
    }

    /// Makes what the caller is about to hear of as durable as asked: also what others wrote
    /// before, where the view found its own writes done already.
    fn acknowledge(&self, options: &TransactOptions, view: &View, applied: u64) -> Result<()> {
        let wrote = options.allow_empty || view.writes().next().is_some();
        if wrote && options.durability == Durability::Sync {
            self.repo().engine().sync_to(applied)?;
        }
        Ok(())
    }

    /// Commits a view on top of the head, whatever that is by now. `Err` inside: a path that the
    /// view read and that changed, and the head.
    ///
    /// Only another process, or one who moves the branch without a transaction, can move the head
    /// between the look at it and the swap, so the loop ends as soon as that pauses for a moment.
    fn try_commit(
        &self,
        options: &TransactOptions,
        view: &View,
        opened_on: Option<Commit>,
        check: Check<'_>,
    ) -> Result<Result<Option<Commit>, (Path, Id)>> {
        loop {
            let head = self.head()?;
            let tree = if head == opened_on {
                view.tree().clone()
            } else {
                match self.fit(options.isolation, view, head.as_ref(), opened_on.as_ref())? {
                    Fitted::Tree(tree) => tree,
                    Fitted::Stale(path) => {
                        let head = head.map_or(Id::NULL, |head| head.id());
                        return Ok(Err((path, head)));
                    }
                }
            };
            match &head {
                Some(head) => check(head.tree(), &tree)?,
                None => check(&Tree::empty(), &tree)?,
            }
            // Encoded and hashed once, for the question below and for storing.
            let objects = self.repo().objects();
            let staged = tree.stage(objects.as_ref())?;
            let unchanged = match &head {
                Some(head) => head.tree().id()? == staged.root().id,
                None => tree.is_empty()?,
            };
            if unchanged && !options.allow_empty {
                return Ok(Ok(None));
            }
            let info = match &options.info {
                Some(info) => info.clone(),
                None => self.repo().info(&options.message)?,
            };
            // The sync comes after the turn, so that those who commit meanwhile share it.
            let durability = match options.durability {
                Durability::Sync => Durability::None,
                other => other,
            };
            let parents = head.as_slice();
            let commit = self.repo().commit_staged(&tree, staged, parents, info)?;
            let expected = head.as_ref().map(Commit::id);
            if self.move_from(expected, &commit, durability)? == Moved::Done {
                return Ok(Ok(Some(commit)));
            }
        }
    }

    /// Puts a view on top of a head that is not the one it was opened on.
    fn fit(
        &self,
        isolation: Isolation,
        view: &View,
        head: Option<&Commit>,
        opened_on: Option<&Commit>,
    ) -> Result<Fitted> {
        let tree = head.map_or_else(Tree::empty, |head| head.tree().clone());
        match isolation {
            Isolation::Serializable => {
                if let Some(path) = view.stale(&tree)? {
                    return Ok(Fitted::Stale(path));
                }
                Ok(Fitted::Tree(view.on_top_of(&tree)?))
            }
            Isolation::Overwrite => Ok(Fitted::Tree(view.on_top_of(&tree)?)),
            Isolation::Snapshot => {
                let base = opened_on.map_or_else(Tree::empty, |commit| commit.tree().clone());
                let types = self.repo().rule_types();
                let merged = merge::merge_trees(&base, &tree, view.tree(), types)?;
                if merged.conflicts().is_empty() {
                    return Ok(Fitted::Tree(merged.into_tree()));
                }
                let conflicts = merged.conflicts().to_vec();
                Err(Error::Transaction(TransactionError::Conflicts {
                    conflicts,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
