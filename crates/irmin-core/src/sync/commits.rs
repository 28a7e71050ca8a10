//! Which commits the target lacks, in which order they can be stored.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use bytes::Bytes;

use super::bases::Olds;
use super::copy::LeftOut;
use super::error::SyncError;
use super::object::check_id;
use super::sink::{Parcel, Sink};
use crate::store::Cut;
use crate::{CommitData, Id, Key, Kind, ObjectStore, Stored};

/// How many commits are read at once.
pub(super) const ROUND_COMMITS: usize = 1024;
/// How many times as many commits are asked for the next time.
const WINDOW_GROWS: usize = 4;
/// How many bytes of commits are kept until they are stored; the others are read twice.
const KEPT_BYTES_MAX: usize = 64 << 20;
pub(super) const COMMIT: &str = "a commit";

/// A commit that the target lacks.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) key: Key,
    pub(super) tree: Key,
    pub(super) parents: Vec<Id>,
    bytes: Option<Bytes>,
    /// What the source says, until it is computed.
    pub(super) generation: u32,
    pub(super) cut: Cut,
    /// Roots of trees that are like its own.
    pub(super) olds: Olds,
}

/// Finds the commits that `wants` lead to and the target lacks, the nearest first.
///
/// Commits are asked for in windows: each is four times as large as the one before, and takes one call
/// to either store. So a hundred commits of one line take five of each, wherever they are, and at most
/// three times as many are read in vain as are missing.
pub(super) fn find(
    source: &dyn ObjectStore,
    sink: &mut Sink<'_>,
    wants: &[Id],
    depth: Option<NonZeroU32>,
    is_left_out: &LeftOut<'_>,
) -> Result<Vec<Missing>, SyncError> {
    let mut search = Search {
        source,
        is_left_out,
        window: 1,
        ahead: HashMap::new(),
        numbers: HashMap::new(),
        commits: Vec::new(),
        kept_bytes: 0,
    };
    let mut level = wants.to_vec();
    let mut depth_left = depth.map(NonZeroU32::get);
    while !level.is_empty() && depth_left != Some(0) {
        let first = search.commits.len();
        search.read_ahead(sink, &level)?;
        search.take(&level)?;
        level = search.parents_from(first);
        depth_left = depth_left.map(|left| left - 1);
        sink.done.commits_total = search.commits.len() as u64;
        sink.tell()?;
    }
    search.cut_above(sink, level)?;
    Ok(search.commits)
}

struct Search<'a> {
    source: &'a dyn ObjectStore,
    is_left_out: &'a LeftOut<'a>,
    /// How many commits are asked for next.
    window: usize,
    /// Commits that were read, that the target lacks, and whose turn has not come.
    ahead: HashMap<Id, Stored>,
    /// The positions of the commits.
    numbers: HashMap<Id, usize>,
    commits: Vec<Missing>,
    kept_bytes: usize,
}

impl Search<'_> {
    /// Reads those of some commits that the target lacks and that were not read, and what comes before
    /// them.
    fn read_ahead(&mut self, sink: &mut Sink<'_>, ids: &[Id]) -> Result<(), SyncError> {
        let mut seen = HashSet::new();
        let mut is_new =
            |id: &&Id| !self.ahead.contains_key(*id) && !sink.knows(id) && seen.insert(**id);
        let mut ids: Vec<Id> = ids.iter().filter(|id| is_new(id)).copied().collect();
        self.retain_missing(sink, &mut ids)?;
        for ids in ids.chunks(ROUND_COMMITS) {
            let keys: Vec<Key> = ids.iter().copied().map(Key::from).collect();
            let (mut found, limit) = (HashMap::new(), self.window.max(keys.len()));
            self.source.get_history(&keys, limit, &mut |id, stored| {
                found.insert(id, stored);
            })?;
            self.window = (self.window * WINDOW_GROWS).min(ROUND_COMMITS);
            for &id in ids {
                let stored = found.remove(&id);
                let stored = stored.ok_or(SyncError::Missing { id, what: COMMIT })?;
                self.ahead.insert(id, stored);
            }
            let mut others: Vec<Id> = found.keys().copied().collect();
            self.retain_missing(sink, &mut others)?;
            for id in others {
                self.ahead.extend(found.remove_entry(&id));
            }
        }
        Ok(())
    }

    /// Takes those of some commits that the target lacks.
    fn take(&mut self, ids: &[Id]) -> Result<(), SyncError> {
        for &id in ids {
            let Some(stored) = self.ahead.remove(&id) else {
                continue;
            };
            check_id(id, &stored.bytes)?;
            let commit = self.check(id.into(), &stored)?;
            self.numbers.insert(id, self.commits.len());
            self.commits.push(commit);
        }
        Ok(())
    }

    /// Keeps of some commits those that the target lacks and that are not left out.
    fn retain_missing(&self, sink: &mut Sink<'_>, ids: &mut Vec<Id>) -> Result<(), SyncError> {
        sink.retain_missing(ids, |id| *id)?;
        let mut missing = Vec::with_capacity(ids.len());
        for id in ids.drain(..) {
            if !(self.is_left_out)(id)? {
                missing.push(id);
            }
        }
        *ids = missing;
        Ok(())
    }

    fn check(&mut self, key: Key, stored: &Stored) -> Result<Missing, SyncError> {
        let id = key.id;
        let data = CommitData::from_stored(stored).map_err(|source| SyncError::Decode {
            id,
            what: COMMIT,
            source,
        })?;
        let cut = Cut {
            parents: stored.cut.parents && !data.parents.is_empty(),
            ..stored.cut
        };
        let is_kept = self.kept_bytes + stored.bytes.len() <= KEPT_BYTES_MAX;
        self.kept_bytes += if is_kept { stored.bytes.len() } else { 0 };
        Ok(Missing {
            key,
            tree: data.tree,
            parents: data.parents.iter().map(|parent| parent.id).collect(),
            bytes: is_kept.then(|| stored.bytes.clone()),
            generation: stored.generation,
            cut,
            olds: Olds::default(),
        })
    }

    /// Returns the parents of the commits from a position on that were not found yet, each once.
    fn parents_from(&self, first: usize) -> Vec<Id> {
        let mut seen = HashSet::new();
        let commits = self.commits.iter().skip(first);
        commits
            .filter(|commit| !commit.cut.parents)
            .flat_map(|commit| commit.parents.iter().copied())
            .filter(|id| !self.numbers.contains_key(id) && seen.insert(*id))
            .collect()
    }

    /// Cuts off the commits whose parents were not followed and are not in the target either.
    fn cut_above(&mut self, sink: &mut Sink<'_>, mut left_out: Vec<Id>) -> Result<(), SyncError> {
        self.retain_missing(sink, &mut left_out)?;
        let left_out: HashSet<Id> = left_out.into_iter().collect();
        for commit in &mut self.commits {
            commit.cut.parents |= commit.parents.iter().any(|id| left_out.contains(id));
        }
        Ok(())
    }
}

/// Reads commits, all of which must be there, and checks their ids.
pub(super) fn read(store: &dyn ObjectStore, keys: &[Key]) -> Result<Vec<Stored>, SyncError> {
    let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
    if !keys.is_empty() {
        store.get_many(keys, &mut |position, stored| {
            if let Some(slot) = found.get_mut(position) {
                *slot = stored;
            }
        })?;
    }
    let pairs = keys.iter().zip(found);
    pairs
        .map(|(&Key { id, .. }, stored)| {
            let stored = stored.ok_or(SyncError::Missing { id, what: COMMIT })?;
            check_id(id, &stored.bytes)?;
            Ok(stored)
        })
        .collect()
}

/// Reads the bytes of those commits again that were too many to keep.
pub(super) fn read_again(
    source: &dyn ObjectStore,
    commits: &mut [Missing],
) -> Result<(), SyncError> {
    let lost = || commits.iter().filter(|commit| commit.bytes.is_none());
    let keys: Vec<Key> = lost().map(|commit| commit.key).collect();
    let mut stored = read(source, &keys)?.into_iter();
    for commit in commits.iter_mut().filter(|commit| commit.bytes.is_none()) {
        commit.bytes = stored.next().map(|stored| stored.bytes);
    }
    Ok(())
}

impl Missing {
    /// Returns the parents that are to be in the target.
    pub(super) fn followed(&self) -> &[Id] {
        match self.cut.parents {
            true => &[],
            false => &self.parents,
        }
    }

    /// Returns the commit as it is stored. Its bytes are gone then.
    pub(super) fn take_parcel(&mut self) -> Parcel {
        let parents = self.parents.iter().copied();
        let links = std::iter::once(self.tree.id).chain(parents);
        Parcel {
            id: self.key.id,
            kind: Kind::Commit,
            bytes: self.bytes.take().unwrap_or_default(),
            links: links.map(Key::from).collect(),
            generation: self.generation,
            cut: self.cut,
            base: None,
        }
    }
}
