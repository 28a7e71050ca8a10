//! Steps back along a line of history.

use super::{History, HistoryError};
use crate::graph::{Number, Step, Table};
use crate::{Id, Key};

impl History<'_> {
    /// Returns the parents of a commit, in order.
    ///
    /// # Errors
    /// [`HistoryError`] when the store fails or lacks the commit.
    pub fn parents(&self, commit: Id) -> Result<Vec<Key>, HistoryError> {
        let (table, starts) = self.start(&[commit])?;
        table.query(self.store, |table| {
            let parents = starts.iter().flat_map(|&number| table.parents(number));
            Ok(Step::Done(
                parents.map(|&parent| table.key(parent)).collect(),
            ))
        })
    }

    /// Follows first parents for at most `steps` steps, and returns where that leads and how many
    /// steps there were: fewer than asked if a root came first.
    ///
    /// Looks at one commit a step.
    ///
    /// # Errors
    /// [`HistoryError::TooFar`] at the limit, the others when the store fails or lacks a commit.
    pub fn step_back(&self, commit: Id, steps: usize) -> Result<(Id, usize), HistoryError> {
        let mut left = steps;
        let end = self.follow(commit, |_, _| {
            let here = left == 0;
            left = left.saturating_sub(1);
            here
        })?;
        Ok(match end {
            End::Found(id) => (id, steps),
            // The root itself took a step that led nowhere.
            End::Root(id) => (id, steps - left - 1),
        })
    }

    /// Returns the last commit on the line of first parents from `head` that was made at or before
    /// a moment (in seconds since 1970-01-01T00:00Z, by the committer's clock); `None` when all are
    /// later.
    ///
    /// Looks at every commit of the line down to the answer.
    ///
    /// # Errors
    /// [`HistoryError::TooFar`] at the limit, the others when the store fails or lacks a commit.
    pub fn at(&self, head: Id, seconds: i64) -> Result<Option<Id>, HistoryError> {
        let end = self.follow(head, |table, commit| table.time(commit) <= seconds)?;
        Ok(match end {
            End::Found(id) => Some(id),
            End::Root(_) => None,
        })
    }

    /// Follows first parents until `is_end` says so.
    fn follow(
        &self,
        from: Id,
        mut is_end: impl FnMut(&Table, Number) -> bool,
    ) -> Result<End, HistoryError> {
        let (table, starts) = self.start(&[from])?;
        let mut next = starts.first().copied();
        let mut last = from;
        let mut visited = 0;
        table.query(self.store, |table| {
            while let Some(commit) = next {
                if !table.is_loaded(commit) {
                    return Ok(Step::Load(vec![table.key(commit)]));
                }
                visited += 1;
                self.check(visited)?;
                last = table.key(commit).id;
                if is_end(table, commit) {
                    return Ok(Step::Done(End::Found(last)));
                }
                next = table.parents(commit).first().copied();
            }
            Ok(Step::Done(End::Root(last)))
        })
    }
}

/// Where a line of first parents was left.
enum End {
    /// At the commit looked for.
    Found(Id),
    /// At its root.
    Root(Id),
}
