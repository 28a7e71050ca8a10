//! The way from one commit to a newer one, in pieces that fit into memory.

use std::collections::HashSet;

use super::frontier::{Frontier, Next};
use super::{History, HistoryError};
use crate::Id;
use crate::graph::{Number, Step, Table};

/// The most commits of a [`Run`].
pub(crate) const RUN_COMMITS_MAX: usize = 1024;

/// A piece of a line of history: a commit and the first parents below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The newest commit.
    pub(crate) top: Id,
    /// How many there are, `top` included: at least 1, at most [`RUN_COMMITS_MAX`].
    pub(crate) len: usize,
}

/// How a run ended.
enum End {
    /// It is as long as a run may be; the line goes on with this commit.
    Full(Id),
    /// The line is complete.
    Reached,
    /// The line leads past the commit that it was to reach.
    Missed,
}

impl History<'_> {
    /// Returns the line that leads from `from` (not included; `None`: from the root of the line) to
    /// `head`: at each commit it goes on with the first parent that descends from `from`. Newest run
    /// first; `None` if `head` does not descend from `from`.
    ///
    /// Looks at each commit of the line, and keeps one of 1,024. Where first parents lead past `from`,
    /// looks at all commits from `head` down to its generation.
    ///
    /// # Errors
    /// [`HistoryError::TooFar`] at the limit in the latter case, the others when the store fails or
    /// lacks a commit.
    pub(crate) fn line_since(
        &self,
        from: Option<Id>,
        head: Id,
    ) -> Result<Option<Vec<Run>>, HistoryError> {
        let floor = from.map_or(Ok(0), |from| self.generation(from))?;
        let mut runs = Vec::new();
        let mut top = head;
        loop {
            let (len, end) = self.run(top, from, floor)?;
            if len > 0 {
                runs.push(Run { top, len });
            }
            match (end, from) {
                (End::Full(next), _) => top = next,
                (End::Reached, _) | (End::Missed, None) => return Ok(Some(runs)),
                (End::Missed, Some(from)) => return self.marked_line(from, head),
            }
        }
    }

    /// Returns the commits of a run, newest first.
    ///
    /// # Errors
    /// As [`line_since`](Self::line_since).
    pub(crate) fn commits_of(&self, run: Run) -> Result<Vec<Id>, HistoryError> {
        let (table, starts) = self.start(&[run.top])?;
        let mut next = starts.first().copied();
        let mut ids = Vec::with_capacity(run.len);
        table.query(self.store, |table| {
            while ids.len() < run.len
                && let Some(commit) = next
            {
                ids.push(table.key(commit).id);
                if ids.len() < run.len && !table.is_loaded(commit) {
                    ids.pop();
                    return Ok(Step::Load(vec![table.key(commit)]));
                }
                next = table.parents(commit).first().copied();
            }
            Ok(Step::Done(()))
        })?;
        Ok(ids)
    }

    fn generation(&self, commit: Id) -> Result<u32, HistoryError> {
        let (table, starts) = self.start(&[commit])?;
        table.query(self.store, |table| {
            let generation = starts.first().map(|&number| table.generation(number));
            Ok(Step::Done(generation.unwrap_or_default()))
        })
    }

    /// Follows first parents from `top` down to `from`, for one run.
    fn run(&self, top: Id, from: Option<Id>, floor: u32) -> Result<(usize, End), HistoryError> {
        let (table, starts) = self.start(&[top])?;
        let mut next = starts.first().copied();
        let mut len = 0;
        let end = table.query(self.store, |table| {
            while let Some(commit) = next {
                let id = table.key(commit).id;
                if Some(id) == from {
                    return Ok(Step::Done(End::Reached));
                }
                if !table.is_loaded(commit) {
                    return Ok(Step::Load(vec![table.key(commit)]));
                }
                if table.generation(commit) <= floor {
                    return Ok(Step::Done(End::Missed));
                }
                if len == RUN_COMMITS_MAX {
                    return Ok(Step::Done(End::Full(id)));
                }
                len += 1;
                next = table.parents(commit).first().copied();
            }
            Ok(Step::Done(End::Missed))
        })?;
        Ok((len, end))
    }

    /// Finds the line by marking all that descends from `from`.
    fn marked_line(&self, from: Id, head: Id) -> Result<Option<Vec<Run>>, HistoryError> {
        let (table, starts) = self.start(&[from, head])?;
        let &[from, head] = &*starts else {
            return Ok(None);
        };
        let mut frontier: Option<Frontier> = None;
        let mut newest_first: Vec<Number> = Vec::new();
        table.query(self.store, |table| {
            let frontier = frontier.get_or_insert_with(|| {
                let mut frontier = Frontier::default();
                frontier.start(table, head, 0);
                frontier
            });
            loop {
                match frontier.next(table, table.generation(from))? {
                    Next::End => break,
                    Next::Unknown => return Ok(Step::Load(frontier.request(table))),
                    Next::Commit(commit) => {
                        newest_first.push(commit);
                        self.check(newest_first.len())?;
                        for &parent in table.parents(commit) {
                            frontier.add_parent(table, commit, parent, 0)?;
                        }
                    }
                }
            }
            Ok(Step::Done(marked(table, from, head, &newest_first)))
        })
    }
}

/// Returns the line from `from` to `head`, given all commits between their generations.
fn marked(table: &Table, from: Number, head: Number, newest_first: &[Number]) -> Option<Vec<Run>> {
    let mut descends = HashSet::from([from]);
    for &commit in newest_first.iter().rev() {
        let mut parents = table.parents(commit).iter();
        if parents.any(|parent| descends.contains(parent)) {
            descends.insert(commit);
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut goes_on = false;
    let mut commit = head;
    while commit != from {
        match runs.last_mut() {
            Some(run) if goes_on && run.len < RUN_COMMITS_MAX => run.len += 1,
            _ => runs.push(Run {
                top: table.key(commit).id,
                len: 1,
            }),
        }
        let parents = table.parents(commit);
        let at = parents
            .iter()
            .position(|parent| descends.contains(parent))?;
        goes_on = at == 0;
        commit = *parents.get(at)?;
    }
    Some(runs)
}
