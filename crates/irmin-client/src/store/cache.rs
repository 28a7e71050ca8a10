//! Objects that came from the server, and what is known of those that did not come.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use irmin_core::{Id, Kind, Stored, links_of};
use quick_cache::Weighter;

use super::locked;

/// How many ids are known to be on the server at most, at about 50 bytes each: then all are forgotten,
/// which costs a call for each object that links to one of them.
const KNOWN_MAX: usize = 1 << 18;
/// How many commits are expected to be asked for at most.
const EXPECTED_MAX: usize = 1 << 16;
/// What an object in memory takes beside its bytes, about.
const OBJECT_OVERHEAD_BYTES: u64 = 160;
/// About how many bytes an object has.
const OBJECT_BYTES: u64 = 1 << 10;
/// How many generations come with the first parent that is asked for.
const GENERATIONS_FIRST: u32 = 4;
/// How many generations come at most.
const GENERATIONS_MAX: u32 = 256;

/// What is kept of the server's objects in this process.
pub(super) struct Cache {
    objects: quick_cache::sync::Cache<Id, Stored, Weight>,
    learnt: Mutex<Learnt>,
}

#[derive(Default)]
struct Learnt {
    /// What is on the server, or was when something that links to it came.
    known: HashSet<Id>,
    /// Parents of commits that came, and how many generations to ask for with them.
    expected: HashMap<Id, u32>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Id, Stored> for Weight {
    fn weight(&self, _: &Id, stored: &Stored) -> u64 {
        stored.bytes.len() as u64 + OBJECT_OVERHEAD_BYTES
    }
}

impl Cache {
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / OBJECT_BYTES).unwrap_or(usize::MAX);
        Self {
            objects: quick_cache::sync::Cache::with_weighter(
                items.clamp(16, 1 << 20),
                bytes,
                Weight,
            ),
            learnt: Mutex::default(),
        }
    }

    pub(super) fn get(&self, id: &Id) -> Option<Stored> {
        self.objects.get(id)
    }

    /// Keeps an object that the server has, and learns what it links to. `generations` is how many of
    /// a commit's came with it.
    pub(super) fn insert(&self, id: Id, stored: &Stored, generations: u32) {
        let links = links_of(&stored.bytes).unwrap_or_default();
        let is_commit = stored.bytes.get(1) == Some(&Kind::Commit.code());
        let mut learnt = locked(&self.learnt);
        if learnt.known.len() >= KNOWN_MAX {
            learnt.known.clear();
        }
        if learnt.expected.len() >= EXPECTED_MAX {
            learnt.expected.clear();
        }
        learnt.known.insert(id);
        for (index, link) in links.into_iter().enumerate() {
            if is_commit && stored.cut.leaves_out(index) {
                continue;
            }
            learnt.known.insert(link);
            if is_commit && index > 0 {
                let next = (generations * 2).clamp(GENERATIONS_FIRST, GENERATIONS_MAX);
                learnt.expected.insert(link, next);
            }
        }
        drop(learnt);
        self.objects.insert(id, stored.clone());
    }

    /// Notes that an object is on the server.
    pub(super) fn know(&self, ids: impl IntoIterator<Item = Id>) {
        let mut learnt = locked(&self.learnt);
        if learnt.known.len() >= KNOWN_MAX {
            learnt.known.clear();
        }
        learnt.known.extend(ids);
    }

    pub(super) fn knows(&self, id: &Id) -> bool {
        locked(&self.learnt).known.contains(id)
    }

    /// Returns how many generations of parents to ask for with a commit, if it is known to be one that
    /// a walk along history comes to.
    pub(super) fn expected(&self, id: &Id) -> Option<u32> {
        locked(&self.learnt).expected.get(id).copied()
    }

    /// Forgets everything: something was collected.
    pub(super) fn clear(&self) {
        *locked(&self.learnt) = Learnt::default();
        self.objects.clear();
    }

    /// Returns how many bytes are kept.
    pub(super) fn bytes(&self) -> u64 {
        self.objects.weight()
    }
}
