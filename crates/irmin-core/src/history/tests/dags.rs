//! Histories to ask about.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::{CommitData, CommitInfo, Id, Key, MemoryStore, ObjectStore, Signature, Time};

/// A history whose commits are numbered, each after its parents, and stored.
#[derive(Debug)]
pub(super) struct Dag {
    pub(super) ids: Vec<Id>,
    pub(super) parents: Vec<Vec<usize>>,
    pub(super) generations: Vec<u32>,
    pub(super) times: Vec<i64>,
    pub(super) store: MemoryStore,
}

impl Dag {
    pub(super) fn of(parents: &[&[usize]]) -> Self {
        let parents: Vec<Vec<usize>> = parents.iter().map(|list| list.to_vec()).collect();
        Self::new(&parents, in_order)
    }

    pub(super) fn line(length: usize) -> Self {
        let parents: Vec<Vec<usize>> = (0..length)
            .map(|i| i.checked_sub(1).into_iter().collect())
            .collect();
        Self::new(&parents, in_order)
    }

    pub(super) fn new(parents: &[Vec<usize>], time: impl Fn(usize) -> i64) -> Self {
        let mut dag = Self {
            ids: Vec::new(),
            parents: parents.to_vec(),
            generations: Vec::new(),
            times: (0..parents.len()).map(time).collect(),
            store: MemoryStore::new(),
        };
        for (i, parents) in parents.iter().enumerate() {
            let below = parents.iter().map(|&parent| dag.generations[parent]);
            let generation = 1 + below.max().unwrap_or(0);
            dag.generations.push(generation);
            let encoded = dag.commit(i).encode().unwrap();
            dag.store.put_many(&[encoded.object(generation)]).unwrap();
            dag.ids.push(encoded.id);
        }
        dag
    }

    fn commit(&self, i: usize) -> CommitData {
        let author = Signature::new("A", "a@b", Time::utc(self.times[i])).unwrap();
        CommitData {
            tree: Id::of(b"tree").into(),
            parents: self.parents[i]
                .iter()
                .map(|&parent| Key::from(self.ids[parent]))
                .collect(),
            info: CommitInfo::new(author, i.to_string()),
        }
    }

    /// Stores a commit elsewhere, with any generation.
    pub(super) fn copy(&self, i: usize, store: &MemoryStore, generation: u32) {
        let encoded = self.commit(i).encode().unwrap();
        store.put_many(&[encoded.object(generation)]).unwrap();
    }

    pub(super) fn pick(&self, chosen: &[Index]) -> Vec<usize> {
        chosen
            .iter()
            .map(|index| index.index(self.ids.len()))
            .collect()
    }

    pub(super) fn ids_of(&self, commits: &[usize]) -> Vec<Id> {
        commits.iter().map(|&i| self.ids[i]).collect()
    }
}

/// The time of a commit in a history whose clocks are right.
pub(super) fn in_order(i: usize) -> i64 {
    i64::try_from(i).unwrap()
}

/// Histories of up to 24 commits: lines, merges of up to four, repeated parents, several roots,
/// clocks that run backwards and stand still.
pub(super) fn dags() -> impl Strategy<Value = Dag> {
    let parents = prop_oneof![
        1 => prop::collection::vec(any::<Index>(), 0..=0),
        4 => prop::collection::vec(any::<Index>(), 1..=1),
        4 => prop::collection::vec(any::<Index>(), 2..=2),
        1 => prop::collection::vec(any::<Index>(), 3..=4),
    ];
    prop::collection::vec((parents, 0..12_i64, 1..9_usize), 1..24).prop_map(|commits| {
        let near = |i: usize, window: usize, index: &Index| {
            let window = window.min(i);
            i - 1 - index.index(window)
        };
        let parents: Vec<Vec<usize>> = commits
            .iter()
            .enumerate()
            .map(|(i, (list, _, window))| match i {
                0 => vec![],
                _ => list.iter().map(|index| near(i, *window, index)).collect(),
            })
            .collect();
        Dag::new(&parents, |i| commits[i].1 + i64::try_from(i).unwrap() / 2)
    })
}
