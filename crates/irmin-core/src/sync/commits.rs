//! Which commits the target lacks, in which order they can be stored.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroU32;

use bytes::Bytes;

use super::copy::LeftOut;
use super::error::SyncError;
use super::object::check_id;
use super::sink::{Parcel, Sink};
use crate::store::Cut;
use crate::{CommitData, Id, Key, Kind, ObjectStore, Stored};

/// How many commits are read at once.
const ROUND_COMMITS: usize = 1024;
/// How many bytes of commits are kept until they are stored; the others are read twice.
const KEPT_BYTES_MAX: usize = 64 << 20;
const COMMIT: &str = "a commit";

/// A commit that the target lacks.
#[derive(Debug)]
pub(super) struct Missing {
    key: Key,
    pub(super) tree: Key,
    parents: Vec<Id>,
    bytes: Option<Bytes>,
    /// What the source says, until it is computed.
    generation: u32,
    pub(super) cut: Cut,
}

/// Finds what `wants` lead to and the target lacks, parents before children, with their generations.
/// One call to either store for each generation, or for each 1024 commits of one.
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
        numbers: HashMap::new(),
        commits: Vec::new(),
        kept_bytes: 0,
    };
    let mut level: Vec<Key> = wants.iter().copied().map(Key::from).collect();
    let mut depth_left = depth.map(NonZeroU32::get);
    while !level.is_empty() && depth_left != Some(0) {
        let first = search.commits.len();
        for keys in level.chunks(ROUND_COMMITS) {
            search.round(sink, keys)?;
        }
        level = search.parents_from(first);
        depth_left = depth_left.map(|left| left - 1);
        sink.done.commits_total = search.commits.len() as u64;
        sink.tell()?;
    }
    search.cut_above(sink, level)?;
    search.finish(sink, wants)
}

struct Search<'a> {
    source: &'a dyn ObjectStore,
    is_left_out: &'a LeftOut<'a>,
    /// The positions of the commits.
    numbers: HashMap<Id, usize>,
    commits: Vec<Missing>,
    kept_bytes: usize,
}

impl Search<'_> {
    /// Reads those of some commits that the target lacks.
    fn round(&mut self, sink: &mut Sink<'_>, keys: &[Key]) -> Result<(), SyncError> {
        let mut keys = keys.to_vec();
        self.retain_missing(sink, &mut keys)?;
        for (key, stored) in keys.iter().zip(read(self.source, &keys)?) {
            if self.numbers.contains_key(&key.id) {
                continue;
            }
            let commit = self.check(*key, &stored)?;
            self.numbers.insert(key.id, self.commits.len());
            self.commits.push(commit);
        }
        Ok(())
    }

    fn retain_missing(&self, sink: &mut Sink<'_>, keys: &mut Vec<Key>) -> Result<(), SyncError> {
        sink.retain_missing(keys, |key| key.id)?;
        let mut missing = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            if !(self.is_left_out)(key.id)? {
                missing.push(key);
            }
        }
        *keys = missing;
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
        })
    }

    /// Returns the parents of the commits from a position on that were not found yet, each once.
    fn parents_from(&self, first: usize) -> Vec<Key> {
        let mut seen = HashSet::new();
        let commits = self.commits.iter().skip(first);
        commits
            .filter(|commit| !commit.cut.parents)
            .flat_map(|commit| commit.parents.iter().copied())
            .filter(|id| !self.numbers.contains_key(id) && seen.insert(*id))
            .map(Key::from)
            .collect()
    }

    /// Cuts off the commits whose parents were not followed and are not in the target either.
    fn cut_above(&mut self, sink: &mut Sink<'_>, mut left_out: Vec<Key>) -> Result<(), SyncError> {
        self.retain_missing(sink, &mut left_out)?;
        let left_out: HashSet<Id> = left_out.iter().map(|key| key.id).collect();
        for commit in &mut self.commits {
            commit.cut.parents |= commit.parents.iter().any(|id| left_out.contains(id));
        }
        Ok(())
    }

    /// Puts parents before children, and computes the generations.
    fn finish(mut self, sink: &Sink<'_>, wants: &[Id]) -> Result<Vec<Missing>, SyncError> {
        let there = self.generations_there(sink.target, wants)?;
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.commits.len()];
        let mut waits = vec![0_usize; self.commits.len()];
        let mut ready = VecDeque::new();
        for (number, commit) in self.commits.iter().enumerate() {
            for parent in self.followed(commit) {
                if let Some(&parent) = self.numbers.get(parent) {
                    children[parent].push(number);
                    waits[number] += 1;
                }
            }
            if waits[number] == 0 {
                ready.push_back(number);
            }
        }
        let mut order = Vec::with_capacity(self.commits.len());
        while let Some(number) = ready.pop_front() {
            self.commits[number].generation = self.generation(number, &there)?;
            order.push(number);
            for &child in &children[number] {
                waits[child] -= 1;
                if waits[child] == 0 {
                    ready.push_back(child);
                }
            }
        }
        let mut commits: Vec<Option<Missing>> = self.commits.into_iter().map(Some).collect();
        Ok(order
            .into_iter()
            .filter_map(|at| commits[at].take())
            .collect())
    }

    fn followed<'b>(&self, commit: &'b Missing) -> &'b [Id] {
        match commit.cut.parents {
            true => &[],
            false => &commit.parents,
        }
    }

    fn generation(&self, number: usize, there: &HashMap<Id, u32>) -> Result<u32, SyncError> {
        let commit = &self.commits[number];
        let breaks = |reason| SyncError::Rule {
            id: commit.key.id,
            what: COMMIT,
            reason,
        };
        if commit.cut.parents {
            // Only the source can know; a root has 1, so this one has more.
            return match commit.generation {
                0 | 1 => Err(breaks("it is cut off from parents, and has no generation")),
                said => Ok(said),
            };
        }
        let mut highest = 0;
        for parent in &commit.parents {
            let here = self
                .numbers
                .get(parent)
                .map(|&at| self.commits[at].generation);
            let known = here.or_else(|| there.get(parent).copied());
            highest = highest.max(known.unwrap_or_default());
        }
        highest
            .checked_add(1)
            .ok_or_else(|| breaks("its generation is beyond all bounds"))
    }

    /// Returns the generations of the commits in the target that something points to.
    fn generations_there(
        &self,
        target: &dyn ObjectStore,
        wants: &[Id],
    ) -> Result<HashMap<Id, u32>, SyncError> {
        let parents = self.commits.iter().flat_map(|one| self.followed(one));
        let ids: HashSet<Id> = parents
            .chain(wants)
            .filter(|id| !self.numbers.contains_key(id))
            .copied()
            .collect();
        let keys: Vec<Key> = ids.into_iter().map(Key::from).collect();
        let mut generations = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(ROUND_COMMITS) {
            for (key, stored) in keys.iter().zip(read(target, keys)?) {
                let id = key.id;
                CommitData::decode(&stored.bytes).map_err(|source| SyncError::Decode {
                    id,
                    what: COMMIT,
                    source,
                })?;
                generations.insert(id, stored.generation);
            }
        }
        Ok(generations)
    }
}

/// Reads commits, all of which must be there, and checks their ids.
fn read(store: &dyn ObjectStore, keys: &[Key]) -> Result<Vec<Stored>, SyncError> {
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
    /// Returns the commit as it is stored. Its bytes are gone then.
    pub(super) fn take_parcel(&mut self) -> Parcel {
        let mut links = vec![self.tree.id];
        links.extend_from_slice(&self.parents);
        Parcel {
            id: self.key.id,
            kind: Kind::Commit,
            bytes: self.bytes.take().unwrap_or_default(),
            links,
            generation: self.generation,
            cut: self.cut,
        }
    }
}
