//! Commits, newest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::frontier::{Frontier, Next};
use super::{History, HistoryError};
use crate::graph::{Number, SharedTable, Step, Table, index};
use crate::{Cut, Id, Key, ObjectStore};

/// Reached from the commits that the log starts at, from those that it excludes.
const INCLUDED: u8 = 1;
const EXCLUDED: u8 = 2;

/// Which commits a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The log shows these commits and their ancestors …
    pub include: Vec<Id>,
    /// … less these commits and all their ancestors.
    pub exclude: Vec<Id>,
    /// Follow only the first parent of each commit shown.
    pub first_parent: bool,
}

/// A commit in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The commit.
    pub key: Key,
    /// All its parents in order, also those that the log does not follow.
    pub parents: Vec<Key>,
    /// Its generation.
    pub generation: u32,
    /// What is left out beneath it: its contents, or the history before it.
    pub cut: Cut,
    /// When the committer made it, in seconds since 1970-01-01T00:00Z.
    pub seconds: i64,
}

impl<'a> History<'a> {
    /// Returns a commit and all its ancestors: newest first, but none before its children.
    ///
    /// Walks as far as it is read from: the next entry costs a few commits looked at.
    #[must_use]
    pub fn log(&self, head: Id) -> Log<'a> {
        self.log_with(LogOptions {
            include: vec![head],
            ..LogOptions::default()
        })
    }

    /// Returns the commits that `include` has and `exclude` lacks, as `git log exclude..include`.
    ///
    /// Before the first entry it walks `exclude` down to the generation of `include`.
    #[must_use]
    pub fn commits_between(&self, exclude: Id, include: Id) -> Log<'a> {
        self.log_with(LogOptions {
            include: vec![include],
            exclude: vec![exclude],
            first_parent: false,
        })
    }

    /// Returns the commits that the options choose: newest first by the committer's time, but none
    /// before its children. Of equal times, the larger generation and then the smaller id is
    /// first: the order is the same on every machine.
    #[must_use]
    pub fn log_with(&self, options: LogOptions) -> Log<'a> {
        Log {
            table: self.graph.table(),
            store: self.store,
            options,
            state: State::New,
        }
    }
}

/// The commits of a log: see [`History::log`].
///
/// Ends after the first error.
pub struct Log<'a> {
    table: SharedTable,
    store: &'a dyn ObjectStore,
    options: LogOptions,
    state: State,
}

impl std::fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

enum State {
    New,
    Walking(Box<Walk>),
    Ended,
}

impl Iterator for Log<'_> {
    type Item = Result<LogEntry, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let answer = self.advance();
        if !matches!(answer, Ok(Some(_))) {
            self.state = State::Ended;
        }
        answer.transpose()
    }
}

impl Log<'_> {
    fn advance(&mut self) -> Result<Option<LogEntry>, HistoryError> {
        let (state, options) = (&mut self.state, &self.options);
        self.table.query(self.store, |table| {
            if matches!(state, State::New) {
                match Walk::new(table, options) {
                    Step::Load(keys) => return Ok(Step::Load(keys)),
                    Step::Done(walk) => *state = State::Walking(Box::new(walk)),
                }
            }
            match state {
                State::Walking(walk) => walk.advance(table),
                State::New | State::Ended => Ok(Step::Done(None)),
            }
        })
    }
}

/// Two walks, one ahead of the other. The first goes by generation, counts the children of each
/// commit and finds out what is excluded. The second goes by time and takes a commit once all its
/// children were taken; it may do so when the first is below the commit's generation.
struct Walk {
    first_parent: bool,
    ahead: Frontier,
    /// For each commit, how many of its children in the log are yet to be taken.
    children: Vec<u32>,
    ready: BinaryHeap<Ready>,
    /// Where the log starts, until the first walk is below them.
    heads: Vec<Number>,
    /// The commit taken last, until its parents are dealt with.
    taken: Option<Number>,
}

/// A commit whose children were all taken, greatest first: time, generation, id, number.
type Ready = (i64, u32, Reverse<Id>, Number);

impl Walk {
    fn new(table: &Table, options: &LogOptions) -> Step<Self> {
        let starts = [&*options.include, &*options.exclude].concat();
        let starts = match table.find_all(&starts) {
            Step::Load(keys) => return Step::Load(keys),
            Step::Done(starts) => starts,
        };
        let mut ahead = Frontier::default();
        let (include, exclude) = starts.split_at(options.include.len().min(starts.len()));
        let mut heads = Vec::new();
        for &number in include {
            if ahead.start(table, number, INCLUDED).is_none() {
                heads.push(number);
            }
        }
        for &number in exclude {
            ahead.start(table, number, EXCLUDED);
        }
        Step::Done(Self {
            first_parent: options.first_parent,
            ahead,
            children: Vec::new(),
            ready: BinaryHeap::new(),
            heads,
            taken: None,
        })
    }

    fn advance(&mut self, table: &Table) -> Result<Step<Option<LogEntry>>, HistoryError> {
        let Some(lowest) = self.lowest_waiting(table)? else {
            return Ok(Step::Load(self.ahead.request(table)));
        };
        if !self.walk_ahead(table, lowest)? {
            return Ok(Step::Load(self.ahead.request(table)));
        }
        self.release(table);
        let Some((.., commit)) = self.ready.pop() else {
            return Ok(Step::Done(None));
        };
        self.taken = Some(commit);
        Ok(Step::Done(Some(entry(table, commit))))
    }

    /// Returns the lowest generation among the commits that may become ready now; `None` when
    /// some of them are yet to be loaded.
    fn lowest_waiting(&mut self, table: &Table) -> Result<Option<u32>, HistoryError> {
        let waiting = match self.taken {
            None => &*self.heads,
            Some(commit) => {
                // So that the parents are in the first walk's frontier.
                if !self.walk_ahead(table, table.generation(commit) - 1)? {
                    return Ok(None);
                }
                followed(table, commit, self.first_parent)
            }
        };
        if !waiting.iter().all(|&number| table.is_loaded(number)) {
            return Ok(None);
        }
        let generations = waiting.iter().map(|&number| table.generation(number));
        Ok(Some(generations.min().unwrap_or(u32::MAX)))
    }

    /// Lets the first walk go down to `above`: it looks at all commits of larger generations.
    /// Returns false when some are yet to be loaded.
    fn walk_ahead(&mut self, table: &Table, above: u32) -> Result<bool, HistoryError> {
        loop {
            let commit = match self.ahead.next(table, above)? {
                Next::Unknown => return Ok(false),
                Next::End => return Ok(true),
                Next::Commit(commit) => commit,
            };
            if self.ahead.marks(commit) & EXCLUDED != 0 {
                for &parent in table.parents(commit) {
                    self.ahead.add_parent(table, commit, parent, EXCLUDED)?;
                }
                continue;
            }
            for &parent in followed(table, commit, self.first_parent) {
                self.ahead.add_parent(table, commit, parent, INCLUDED)?;
                *self.children_of(table, parent) += 1;
            }
        }
    }

    /// Moves to the ready commits what waited for nothing but the commit taken last, or the heads
    /// that have no children here.
    fn release(&mut self, table: &Table) {
        for head in std::mem::take(&mut self.heads) {
            if *self.children_of(table, head) == 0 {
                self.make_ready(table, head);
            }
        }
        let Some(commit) = self.taken.take() else {
            return;
        };
        for &parent in followed(table, commit, self.first_parent) {
            let children = self.children_of(table, parent);
            *children -= 1;
            if *children == 0 {
                self.make_ready(table, parent);
            }
        }
    }

    fn make_ready(&mut self, table: &Table, number: Number) {
        if self.ahead.marks(number) & EXCLUDED == 0 {
            let id = Reverse(table.key(number).id);
            let (time, generation) = (table.time(number), table.generation(number));
            self.ready.push((time, generation, id, number));
        }
    }

    fn children_of(&mut self, table: &Table, number: Number) -> &mut u32 {
        if self.children.len() <= index(number) {
            self.children.resize(table.len(), 0);
        }
        &mut self.children[index(number)]
    }
}

/// Returns the parents that a log follows.
fn followed(table: &Table, commit: Number, first_parent: bool) -> &[Number] {
    let parents = table.parents(commit);
    match parents.first_chunk::<1>() {
        Some(first) if first_parent => first,
        _ => parents,
    }
}

fn entry(table: &Table, commit: Number) -> LogEntry {
    let parents = table.parents(commit).iter();
    LogEntry {
        key: table.key(commit),
        parents: parents.map(|&parent| table.key(parent)).collect(),
        generation: table.generation(commit),
        cut: table.cut(commit),
        seconds: table.time(commit),
    }
}
