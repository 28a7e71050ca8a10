//! Who descends from whom, and where two lines of history meet.

use super::frontier::{Frontier, Next};
use super::{History, HistoryError};
use crate::Id;
use crate::graph::{Number, Step, Table};

/// Reached from the left side, from the right side.
const LEFT: u8 = 1;
const RIGHT: u8 = 2;
const BOTH: u8 = LEFT | RIGHT;
/// An ancestor of a common ancestor: no longer interesting.
const STALE: u8 = 4;

/// What moving a branch to another commit without a merge would mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastForward {
    /// The branch contains the commit already: nothing to do.
    Contained,
    /// The commit descends from the branch: the branch can move there.
    Possible,
    /// Both sides have commits that the other lacks: a merge is needed.
    Diverged,
}

impl History<'_> {
    /// Tells whether `ancestor` is `descendant` or one of its ancestors.
    ///
    /// Looks only at commits whose generation is larger than the ancestor's.
    ///
    /// # Errors
    /// [`HistoryError::TooFar`] at the limit, the others when the store fails or lacks a commit.
    pub fn is_ancestor(&self, ancestor: Id, descendant: Id) -> Result<bool, HistoryError> {
        let (table, starts) = self.start(&[ancestor, descendant])?;
        let &[ancestor, descendant] = &*starts else {
            return Ok(false);
        };
        let mut frontier: Option<Frontier> = None;
        let mut visited = 0;
        table.query(self.store, |table| {
            let frontier = frontier.get_or_insert_with(|| {
                let mut frontier = Frontier::default();
                frontier.start(table, descendant, LEFT);
                frontier
            });
            loop {
                if frontier.marks(ancestor) != 0 {
                    return Ok(Step::Done(true));
                }
                match frontier.next(table, table.generation(ancestor))? {
                    Next::End => return Ok(Step::Done(false)),
                    Next::Unknown => return Ok(Step::Load(frontier.request(table))),
                    Next::Commit(commit) => {
                        visited += 1;
                        self.check(visited)?;
                        for &parent in table.parents(commit) {
                            frontier.add_parent(table, commit, parent, LEFT)?;
                        }
                    }
                }
            }
        })
    }

    /// Tells what moving a branch from `from` to `to` without a merge would mean.
    ///
    /// # Errors
    /// As [`is_ancestor`](Self::is_ancestor), which it asks at most twice.
    pub fn fast_forward(&self, from: Id, to: Id) -> Result<FastForward, HistoryError> {
        if self.is_ancestor(to, from)? {
            return Ok(FastForward::Contained);
        }
        if self.is_ancestor(from, to)? {
            return Ok(FastForward::Possible);
        }
        Ok(FastForward::Diverged)
    }

    /// Returns the best common ancestors of two sides: the commits that are, or are ancestors of,
    /// some commit of both sides, less those that are ancestors of another such commit. In the
    /// order of their ids, so the same on every machine; none if the sides are unrelated.
    ///
    /// Looks at the commits of both sides down to where they meet for good.
    ///
    /// # Errors
    /// [`HistoryError::TooFar`] at the limit, and [`HistoryError::Cut`] when the answer may lie in
    /// what was cut off: neither is ever taken for "none"; the others when the store fails or lacks
    /// a commit.
    pub fn lowest_common_ancestors(
        &self,
        left: &[Id],
        right: &[Id],
    ) -> Result<Vec<Id>, HistoryError> {
        let (table, starts) = self.start(&[left, right].concat())?;
        let (left, right) = starts.split_at(left.len().min(starts.len()));
        let mut meeting: Option<Meeting> = None;
        table.query(self.store, |table| {
            let meeting = meeting.get_or_insert_with(|| Meeting::new(table, left, right));
            while meeting.is_open() {
                match meeting.frontier.next(table, 0)? {
                    Next::End => break,
                    Next::Unknown => return Ok(Step::Load(meeting.frontier.request(table))),
                    Next::Commit(commit) => meeting.visit(table, commit)?,
                }
                self.check(meeting.visited)?;
            }
            meeting.ids(table).map(Step::Done)
        })
    }
}

/// A walk down from two sides at once, which marks each commit with the sides that reach it.
///
/// A commit that both sides reach is a lowest common ancestor unless it is stale: all its
/// descendants were looked at before it, and each that both sides reach makes it stale.
struct Meeting {
    frontier: Frontier,
    /// How many commits in the frontier have each combination of `LEFT` and `RIGHT`; stale ones
    /// count as having neither.
    open: [usize; 4],
    found: Vec<Number>,
    /// A commit looked at whose parents were left out.
    cut: Option<Id>,
    visited: usize,
}

impl Meeting {
    fn new(table: &Table, left: &[Number], right: &[Number]) -> Self {
        let mut meeting = Self {
            frontier: Frontier::default(),
            open: [0; 4],
            found: Vec::new(),
            cut: None,
            visited: 0,
        };
        let marked = |marks| move |&number: &Number| (number, marks);
        let left = left.iter().map(marked(LEFT));
        for (number, marks) in left.chain(right.iter().map(marked(RIGHT))) {
            let before = meeting.frontier.start(table, number, marks);
            meeting.count(before, marks);
        }
        meeting
    }

    /// Tells whether a further common ancestor can turn up: one is waiting, or both sides have
    /// commits that the other has not reached.
    const fn is_open(&self) -> bool {
        let [_, left, right, both] = self.open;
        both > 0 || (left > 0 && right > 0)
    }

    fn visit(&mut self, table: &Table, commit: Number) -> Result<(), HistoryError> {
        let mut marks = self.frontier.marks(commit);
        self.visited += 1;
        self.open[side(marks)] -= 1;
        if table.cut(commit).parents {
            self.cut = Some(table.key(commit).id);
        }
        if side(marks) == usize::from(BOTH) {
            self.found.push(commit);
            marks |= STALE;
        }
        for &parent in table.parents(commit) {
            let before = self.frontier.add_parent(table, commit, parent, marks)?;
            self.count(before, marks);
        }
        Ok(())
    }

    /// Keeps `open` when a commit of the frontier that had the marks `before` gets `added`.
    fn count(&mut self, before: Option<u8>, added: u8) {
        if let Some(before) = before {
            self.open[side(before)] -= 1;
        }
        self.open[side(before.unwrap_or_default() | added)] += 1;
    }

    fn ids(&self, table: &Table) -> Result<Vec<Id>, HistoryError> {
        let mut ids: Vec<Id> = self.found.iter().map(|&n| table.key(n).id).collect();
        ids.sort_unstable();
        match self.cut {
            Some(id) if ids.is_empty() => Err(HistoryError::Cut { id }),
            _ => Ok(ids),
        }
    }
}

/// Returns the sides of a commit that is not stale.
fn side(marks: u8) -> usize {
    if marks & STALE == 0 {
        usize::from(marks & BOTH)
    } else {
        0
    }
}
