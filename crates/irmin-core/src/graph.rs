//! The shape of history in memory: who is whose parent, in numbers instead of ids.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::history::HistoryError;
use crate::{CommitData, Cut, Id, Key, ObjectStore, Stored};

/// How many commits a graph remembers before it starts afresh: about 130 MB at the most, of which
/// it uses what the queries asked for.
pub const GRAPH_COMMITS_MAX: usize = 1 << 20;

/// The most commits that are asked of the engine at once.
const LOAD_BATCH_MAX: usize = 1 << 13;

/// What is known of the history of one store: parents, generation and time of each commit that a
/// query came by.
///
/// Commits never change, so nothing here is stale until a collection cuts history, after which the
/// graph must [`forget`](Self::forget): keep one graph beside each store and share it. It fills itself from the store when a [`History`](crate::History) asks for what it
/// does not know. A query on what is known takes a read lock once and reads nothing. When more than
/// [`GRAPH_COMMITS_MAX`] commits are known, the next query starts with an empty graph; those that
/// are under way keep theirs.
///
/// About 130 bytes a commit.
#[derive(Debug)]
pub struct CommitGraph {
    table: RwLock<Arc<RwLock<Table>>>,
    commits_max: usize,
}

impl CommitGraph {
    /// Makes an empty graph, which remembers up to [`GRAPH_COMMITS_MAX`] commits.
    #[must_use]
    pub fn new() -> Self {
        Self::with_commits_max(GRAPH_COMMITS_MAX)
    }

    /// Makes an empty graph that starts afresh beyond another number of commits.
    #[must_use]
    pub fn with_commits_max(commits_max: usize) -> Self {
        Self {
            table: RwLock::default(),
            commits_max,
        }
    }

    /// Returns how many commits are known now.
    #[must_use]
    pub fn len(&self) -> usize {
        read(&read(&self.table)).keys.len()
    }

    /// Tells whether no commit is known now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all: what was known may have been collected.
    pub fn forget(&self) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// Returns the table that a query shall work on: the present one, or a fresh one when that
    /// is full.
    pub(crate) fn table(&self) -> SharedTable {
        let table = Arc::clone(&read(&self.table));
        if read(&table).keys.len() <= self.commits_max {
            return SharedTable(table);
        }
        let mut current = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &table) {
            *current = Arc::default();
        }
        SharedTable(Arc::clone(&current))
    }
}

impl Default for CommitGraph {
    fn default() -> Self {
        Self::new()
    }
}

/// What one go of a query over the table came to.
pub(crate) enum Step<T> {
    /// The answer.
    Done(T),
    /// The query cannot go on before these commits are known; then it shall be called again.
    Load(Vec<Key>),
}

/// A table that several queries fill.
#[derive(Clone, Debug)]
pub(crate) struct SharedTable(Arc<RwLock<Table>>);

impl SharedTable {
    /// Calls `go` under a read lock until it is done, and loads what it asks for in between,
    /// without a lock while the engine works: one engine call a round.
    pub(crate) fn query<T>(
        &self,
        store: &dyn ObjectStore,
        mut go: impl FnMut(&Table) -> Result<Step<T>, HistoryError>,
    ) -> Result<T, HistoryError> {
        loop {
            let step = go(&read(&self.0))?;
            match step {
                Step::Done(answer) => return Ok(answer),
                Step::Load(keys) => self.load(store, &keys)?,
            }
        }
    }

    fn load(&self, store: &dyn ObjectStore, keys: &[Key]) -> Result<(), HistoryError> {
        for keys in keys.chunks(LOAD_BATCH_MAX) {
            let mut found = Vec::with_capacity(keys.len());
            store.get_many(keys, &mut |position, stored| found.push((position, stored)))?;
            let mut loaded = Vec::with_capacity(keys.len());
            for (position, stored) in found {
                if let Some(&key) = keys.get(position) {
                    loaded.push(Loaded::new(key, stored)?);
                }
            }
            let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
            for commit in loaded {
                table.insert(&commit)?;
            }
        }
        Ok(())
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    // A panic elsewhere leaves at worst a commit that counts as not yet loaded.
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// A commit on its way from the store into the table.
struct Loaded {
    key: Key,
    parents: Vec<Key>,
    generation: u32,
    cut: Cut,
    time: i64,
}

impl Loaded {
    fn new(key: Key, stored: Option<Stored>) -> Result<Self, HistoryError> {
        let id = key.id;
        let stored = stored.ok_or(HistoryError::Missing { id })?;
        let commit = CommitData::from_stored(&stored)
            .map_err(|source| HistoryError::Decode { id, source })?;
        // The engine says 0 for other kinds, 1 for a root, more for a commit with parents.
        if stored.generation == 0 || (stored.generation == 1) != commit.parents.is_empty() {
            return Err(HistoryError::Generation { id });
        }
        // Where history was cut, it begins.
        let parents = match stored.cut.parents {
            true => Vec::new(),
            false => commit.parents,
        };
        Ok(Self {
            key,
            parents,
            generation: stored.generation,
            cut: stored.cut,
            time: commit.info.committer.time().seconds(),
        })
    }
}

/// The position of a commit in a [`Table`].
pub(crate) type Number = u32;

/// Commits by number, in arrays.
#[derive(Debug, Default)]
pub(crate) struct Table {
    numbers: HashMap<Id, Number>,
    keys: Vec<Key>,
    records: Vec<Record>,
    parents: Vec<Number>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// When the committer made it, in seconds since 1970.
    time: i64,
    /// 0 as long as only the commit's id is known.
    generation: u32,
    /// Where its parents start in [`Table::parents`].
    parents_start: u32,
    parents_count: u32,
    cut: Cut,
}

impl Table {
    /// Returns the number of a commit whose parents are known.
    pub(crate) fn find(&self, id: &Id) -> Option<Number> {
        let number = *self.numbers.get(id)?;
        self.is_loaded(number).then_some(number)
    }

    /// Returns the numbers of all commits, or which of them are yet to be loaded.
    pub(crate) fn find_all(&self, ids: &[Id]) -> Step<Vec<Number>> {
        let numbers: Vec<Number> = ids.iter().filter_map(|id| self.find(id)).collect();
        if numbers.len() == ids.len() {
            return Step::Done(numbers);
        }
        let unknown = ids.iter().filter(|id| self.find(id).is_none());
        Step::Load(unknown.map(|&id| id.into()).collect())
    }

    /// Returns how many numbers are in use.
    pub(crate) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Tells whether more than the id of a commit is known.
    pub(crate) fn is_loaded(&self, number: Number) -> bool {
        self.generation(number) != 0
    }

    /// Returns the generation, 0 if the commit is not loaded.
    pub(crate) fn generation(&self, number: Number) -> u32 {
        self.record(number).generation
    }

    /// Returns the committer's time in seconds, 0 if the commit is not loaded.
    pub(crate) fn time(&self, number: Number) -> i64 {
        self.record(number).time
    }

    /// Returns what is left out beneath the commit.
    pub(crate) fn cut(&self, number: Number) -> Cut {
        self.record(number).cut
    }

    /// Returns the parents in order, none if the commit is not loaded.
    pub(crate) fn parents(&self, number: Number) -> &[Number] {
        let record = self.record(number);
        let start = index(record.parents_start);
        let end = start + index(record.parents_count);
        self.parents.get(start..end).unwrap_or_default()
    }

    /// Returns the key of a commit.
    pub(crate) fn key(&self, number: Number) -> Key {
        self.keys[index(number)]
    }

    fn record(&self, number: Number) -> &Record {
        &self.records[index(number)]
    }

    fn insert(&mut self, commit: &Loaded) -> Result<(), HistoryError> {
        let number = self.intern(commit.key)?;
        if self.is_loaded(number) {
            return Ok(());
        }
        let parents_start = as_number(self.parents.len())?;
        let parents_count = as_number(commit.parents.len())?;
        for &parent in &commit.parents {
            let parent = self.intern(parent)?;
            self.parents.push(parent);
        }
        self.records[index(number)] = Record {
            time: commit.time,
            generation: commit.generation,
            parents_start,
            parents_count,
            cut: commit.cut,
        };
        Ok(())
    }

    /// Returns the number of a commit, a new one if it has none yet.
    fn intern(&mut self, key: Key) -> Result<Number, HistoryError> {
        if let Some(&number) = self.numbers.get(&key.id) {
            return Ok(number);
        }
        let number = as_number(self.records.len())?;
        self.numbers.insert(key.id, number);
        self.keys.push(key);
        self.records.push(Record::default());
        Ok(number)
    }
}

/// Turns a number into an index. Numbers of 32 bits fit wherever a million commits do.
pub(crate) const fn index(number: Number) -> usize {
    number as usize
}

fn as_number(length: usize) -> Result<Number, HistoryError> {
    let limit = index(Number::MAX);
    Number::try_from(length).map_err(|_| HistoryError::TooFar { limit })
}
