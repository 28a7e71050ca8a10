//! Watches: what happens to a branch, in order, from any commit on.
//!
//! A watch is pulled and keeps nothing but its place in history: where it stands is a commit, so it
//! misses nothing, is never flooded, and goes on from a commit id after a restart.

mod event;
mod names;
mod since;

pub use event::{WatchEvent, WatchKind};
pub use names::{NameChange, NamesWatch};
pub use since::{Since, WatchError};

use std::fmt;
use std::time::Duration;

use crate::branch::Branch;
use crate::error::{Error, Result};
use crate::history::{HistoryError, RUN_COMMITS_MAX, Run};
use crate::repo::Commit;
use crate::{Entry, Id, Path};

/// A place in the history of a branch, from which [`next`](Self::next) goes on.
///
/// Delivers, for each commit that came to the branch, what it changed at and below a path; oldest
/// first, each exactly once. Between two states of the branch it goes along the first parents that
/// descend from the older one, so a merge is one event with all that it brought. A branch that was
/// moved to where its old head does not lead is one event too, as are its removal and the first
/// sight of it.
///
/// It keeps the id of one commit in 1,024 of those that are yet to come, and up to 1,024 ids more,
/// however far it is behind. It reads each commit once, of its tree what lies on the path, and what
/// differs only when [`WatchEvent::changes`] is called.
///
/// Where collection kept the history of a branch but not the contents of each commit, those commits
/// are passed over: what they changed comes with the next one that is kept. It does not keep the
/// commit on which it stands from being collected when the branch leaves it; [`Repo::hold`] does.
///
/// [`Repo::hold`]: crate::Repo::hold
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use irmin_core::{Env, MemoryStore, Path, Repo, Since, WatchKind};
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let main = repo.branch("main")?;
/// main.set(&Path::parse("etc/hosts")?, "localhost", "first")?;
///
/// let mut watch = main.watch(&Path::parse("etc")?, Since::Start)?;
/// main.set(&Path::parse("var/log")?, "started", "elsewhere")?;
/// main.set(&Path::parse("etc/motd")?, "hello", "greet")?;
/// let mut told = Vec::new();
/// while let Some(event) = watch.next(Duration::ZERO)? {
///     assert_eq!(event.kind(), WatchKind::Commit);
///     let subject = event.commit().unwrap().info().subject();
///     told.push((subject, event.changes()?[0].path.to_string()));
/// }
/// assert_eq!(told, [("first".into(), "etc/hosts".into()), ("greet".into(), "etc/motd".into())]);
///
/// // Later, perhaps in another process: go on from where it stood.
/// let mut watch = main.watch(&Path::parse("etc")?, watch.cursor())?;
/// assert!(watch.next(Duration::ZERO)?.is_none());
/// # Ok::<(), irmin_core::Error>(())
/// ```
pub struct Watch {
    branch: Branch,
    path: Path,
    every_commit: bool,
    cursor: Since,
    /// The commit of the cursor, once it was loaded.
    before: Option<Commit>,
    /// What is to be delivered yet, oldest last.
    runs: Vec<Run>,
    /// The commits of the oldest run, oldest last.
    window: Vec<Id>,
    /// The engine's count of changes when there was nothing to deliver.
    seen: Option<u64>,
}

impl Branch {
    /// Watches what is at and below `path` on this branch. Reads the head for [`Since::Now`], else
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn watch(&self, path: &Path, since: Since) -> Result<Watch> {
        let cursor = match since {
            Since::Now => self.head_id()?.map_or(Since::Absent, Since::Commit),
            since => since,
        };
        Ok(Watch {
            branch: self.clone(),
            path: path.clone(),
            every_commit: false,
            cursor,
            before: None,
            runs: Vec::new(),
            window: Vec::new(),
            seen: None,
        })
    }
}

impl Watch {
    /// Delivers also the commits that change nothing at and below the path.
    #[must_use]
    pub fn every_commit(mut self) -> Self {
        self.every_commit = true;
        self
    }

    /// Returns the branch.
    #[must_use]
    pub const fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Returns the path.
    #[must_use]
    pub const fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the watch stands: give it to [`Branch::watch`] to go on from here. Never
    /// [`Since::Now`]. Moves on also over commits that are not delivered.
    #[must_use]
    pub const fn cursor(&self) -> Since {
        self.cursor
    }

    /// Tells whether the last call of [`next`](Self::next) found nothing more to look at.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.seen.is_some()
    }

    /// Returns how many ids the watch keeps of what is yet to come.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.runs.len() + self.window.len()
    }

    /// Returns the next event. If there is none, waits for at most `timeout` until a name of the
    /// store changes, and looks once more.
    ///
    /// `None` does not mean that the time is over: each call looks at 1,024 commits at most, and
    /// returns when any name has changed. See [`is_caught_up`](Self::is_caught_up). After an error
    /// the watch stands where it stood, and may be asked again.
    ///
    /// # Errors
    /// [`WatchError::Gone`] when the commit that it stands on was collected; [`Error::Store`] and
    /// others when the engine fails.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<WatchEvent>> {
        if let Some(event) = self.look()? {
            return Ok(Some(event));
        }
        let Some(seen) = self.seen else {
            return Ok(None);
        };
        // Also without time to wait: an engine that follows another process looks then.
        let engine = self.branch.repo().engine();
        if engine.wait_for_changes(seen, timeout)? == seen {
            return Ok(None);
        }
        self.look()
    }

    /// Looks at what is planned, or whether the branch moved.
    fn look(&mut self) -> Result<Option<WatchEvent>> {
        if self.pending() == 0 {
            let changes = self.branch.repo().engine().changes();
            if self.seen == Some(changes) {
                return Ok(None);
            }
            self.seen = None;
            let event = self.plan()?;
            if self.pending() == 0 {
                if event.is_none() {
                    self.seen = Some(changes);
                }
                return Ok(event);
            }
        }
        self.follow()
    }

    /// Compares the branch with the cursor: delivers a jump, or plans the way to the head.
    fn plan(&mut self) -> Result<Option<WatchEvent>> {
        let head = self.branch.head_id()?;
        let from = match (self.cursor, head) {
            (Since::Commit(here), Some(head)) if here == head => return Ok(None),
            (Since::Commit(_), None) => return self.advance(WatchKind::Removed, None),
            (_, None) => return Ok(None),
            (Since::Commit(here), _) => Some(here),
            (Since::Start, _) => None,
            (Since::Absent | Since::Now, Some(head)) => {
                let head = self.branch.repo().must_load(head)?;
                return self.advance(WatchKind::Created, Some(head));
            }
        };
        let Some(head) = head else { return Ok(None) };
        self.before()?;
        match self.line_since(from, head)? {
            Some(runs) => {
                self.runs = runs;
                Ok(None)
            }
            None => {
                let head = self.branch.repo().must_load(head)?;
                self.advance(WatchKind::Reset, Some(head))
            }
        }
    }

    fn line_since(&self, from: Option<Id>, head: Id) -> Result<Option<Vec<Run>>> {
        let repo = self.branch.repo();
        match repo.history().line_since(from, head) {
            Err(HistoryError::Missing { .. }) => {
                // Perhaps another process has cut history meanwhile.
                repo.forget_history();
                Ok(repo.history().line_since(from, head)?)
            }
            line => Ok(line?),
        }
    }

    /// Goes along the planned way to the next commit that matters.
    fn follow(&mut self) -> Result<Option<WatchEvent>> {
        for _ in 0..RUN_COMMITS_MAX {
            let Some(&id) = self.window()?.last() else {
                return Ok(None);
            };
            let commit = self.branch.repo().commit(id)?;
            let is_head = self.pending() == 1;
            let event = match commit {
                Some(commit) if is_head || !commit.cut().contents => {
                    self.advance(WatchKind::Commit, Some(commit))?
                }
                None if is_head => {
                    self.window.pop();
                    return self.lost_head(id);
                }
                // Its changes come with the next commit that is kept.
                _ => None,
            };
            self.window.pop();
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Returns the commits of the oldest run, oldest last. None if there is no way to go, or if it is
    /// to be planned anew.
    fn window(&mut self) -> Result<&[Id]> {
        if self.window.is_empty()
            && let Some(&run) = self.runs.last()
        {
            match self.branch.repo().history().commits_of(run) {
                // Collected meanwhile: the branch was moved, or its history cut.
                Err(HistoryError::Missing { .. }) => self.runs.clear(),
                ids => {
                    self.window = ids?;
                    self.runs.pop();
                }
            }
        }
        Ok(&self.window)
    }

    /// The head that the plan led to is not in the store: fine if the branch has left it meanwhile.
    fn lost_head(&self, id: Id) -> Result<Option<WatchEvent>> {
        if self.branch.head_id()? == Some(id) {
            return Err(Error::Missing { id });
        }
        Ok(None)
    }

    /// Moves to a state of the branch; returns the event if it matters.
    fn advance(&mut self, kind: WatchKind, commit: Option<Commit>) -> Result<Option<WatchEvent>> {
        let before = self.before()?;
        let matters = self.every_commit
            || kind == WatchKind::Removed
            || match self.differs(before.as_ref(), commit.as_ref()) {
                Err(error) => return Err(self.explain(error)),
                Ok(differs) => differs,
            };
        self.cursor = match &commit {
            Some(commit) => Since::Commit(commit.id()),
            None => Since::Absent,
        };
        // What is loaded for this event serves the next one, and then goes.
        self.before.clone_from(&commit);
        Ok(matters.then(|| WatchEvent::new(kind, &self.path, before, commit)))
    }

    /// Tells whether an error is because the commit that the watch stands on is not kept any more.
    fn explain(&mut self, error: Error) -> Error {
        self.before = None;
        match self.before() {
            Err(gone @ Error::Watch(WatchError::Gone { .. })) => gone,
            _ => error,
        }
    }

    fn differs(&self, before: Option<&Commit>, after: Option<&Commit>) -> Result<bool> {
        if let (Some(before), Some(after)) = (before, after)
            && before.tree().same(after.tree())
        {
            return Ok(false);
        }
        let [before, after] = [before, after].map(|commit| event::entry_at(commit, &self.path));
        Ok(!Entry::both_equal(before?.as_ref(), after?.as_ref())?)
    }

    /// Returns the commit that the watch stands on; `None` before the start.
    fn before(&mut self) -> Result<Option<Commit>> {
        let Since::Commit(id) = self.cursor else {
            return Ok(None);
        };
        if self.before.is_none() {
            let found = self.branch.repo().commit(id)?;
            let kept = found.filter(|commit| !commit.cut().contents);
            self.before = Some(kept.ok_or(WatchError::Gone { commit: id })?);
        }
        Ok(self.before.clone())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("branch", self.branch.name())
            .field("path", &self.path)
            .field("cursor", &self.cursor)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
