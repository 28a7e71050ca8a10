//! Objects that were put and wait for a name that leads to them.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use irmin_core::{Cut, Id, IdPrefix, Kind, Object, Stored};
use irmin_proto::v1;

use crate::wire;

/// What waits to be sent.
#[derive(Default)]
pub(super) struct Pending {
    objects: HashMap<Id, Waiting>,
    bytes: usize,
    count: u64,
}

/// An object that waits. What it links to was put before it, or is on the server.
#[derive(Clone)]
pub(super) struct Waiting {
    number: u64,
    pub(super) id: Id,
    kind: Kind,
    bytes: Bytes,
    links: Vec<Id>,
    generation: u32,
    cut: Cut,
}

impl Pending {
    /// Adds an object, unless it is there.
    pub(super) fn add(&mut self, object: &Object<'_>) {
        if self.objects.contains_key(&object.id) {
            return;
        }
        self.count += 1;
        self.bytes += object.bytes.len();
        let waiting = Waiting {
            number: self.count,
            id: object.id,
            kind: object.kind,
            bytes: Bytes::copy_from_slice(object.bytes),
            links: object.links.iter().map(|link| link.id).collect(),
            generation: object.generation,
            cut: object.cut,
        };
        self.objects.insert(object.id, waiting);
    }

    pub(super) fn get(&self, id: &Id) -> Option<Stored> {
        self.objects.get(id).map(Waiting::stored)
    }

    pub(super) fn contains(&self, id: &Id) -> bool {
        self.objects.contains_key(id)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns all that waits.
    pub(super) fn all(&self) -> Vec<Waiting> {
        in_order(self.objects.values().cloned().collect())
    }

    /// Returns what waits of some objects and of all that they lead to, each behind what it links to.
    pub(super) fn beneath(&self, roots: impl IntoIterator<Item = Id>) -> Vec<Waiting> {
        let mut frontier: Vec<Id> = roots.into_iter().collect();
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(id) = frontier.pop() {
            if let Some(waiting) = self.objects.get(&id)
                && seen.insert(id)
            {
                frontier.extend(&waiting.links);
                found.push(waiting.clone());
            }
        }
        in_order(found)
    }

    /// Lets go of what was sent, or cannot be.
    pub(super) fn remove(&mut self, objects: &[Waiting]) {
        for object in objects {
            if self.objects.remove(&object.id).is_some() {
                self.bytes -= object.bytes.len();
            }
        }
    }

    /// Returns the commits whose ids start so.
    pub(super) fn commits(&self, prefix: &IdPrefix) -> Vec<Id> {
        let objects = self.objects.values();
        let commits = objects.filter(|one| one.kind == Kind::Commit && prefix.matches(&one.id));
        commits.map(|one| one.id).collect()
    }
}

fn in_order(mut objects: Vec<Waiting>) -> Vec<Waiting> {
    objects.sort_unstable_by_key(|object| object.number);
    objects
}

impl Waiting {
    pub(super) fn stored(&self) -> Stored {
        Stored {
            bytes: self.bytes.clone(),
            links: Vec::new(),
            region: None,
            generation: self.generation,
            cut: self.cut,
        }
    }

    pub(super) fn message(&self) -> v1::StoredObject {
        v1::StoredObject {
            encoding: self.bytes.clone(),
            generation: self.generation,
            cut: wire::to_cut(self.cut),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }
}
