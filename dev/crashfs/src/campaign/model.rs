//! What a store must hold, in the simplest words.

use std::collections::{BTreeMap, BTreeSet};

use irmin_core::{Id, Key, Kind, ObjectStore, RefStore};
use irmin_pack::PackStore;

use super::Violation;

pub(super) type Refs = BTreeMap<String, Id>;

/// An object, as it is made.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) id: Id,
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    pub(super) links: Vec<Id>,
    pub(super) generation: u32,
    /// What it was made from by a small change.
    pub(super) base: Option<Id>,
}

impl Draft {
    pub(super) fn new(kind: Kind, bytes: Vec<u8>, links: Vec<Id>, generation: u32) -> Self {
        Self {
            id: Id::of(&bytes),
            kind,
            bytes,
            links,
            generation,
            base: None,
        }
    }
}

/// An object that was stored, and where.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) draft: Draft,
    pub(super) key: Key,
}

/// All that was tried, and how much of it must survive.
#[derive(Debug)]
pub(super) struct Model {
    /// The refs after each transaction that was tried.
    states: Vec<Refs>,
    /// The last state that is promised to survive a power cut.
    durable: usize,
    /// The last state that was acknowledged.
    acknowledged: usize,
    /// Objects that may be linked to.
    pub(super) known: BTreeMap<Id, Known>,
    /// Objects that may not, but matter when an earlier state survives.
    earlier: BTreeMap<Id, Known>,
    /// Commits that are held.
    pub(super) held: Vec<Id>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            states: vec![Refs::new()],
            durable: 0,
            acknowledged: 0,
            known: BTreeMap::new(),
            earlier: BTreeMap::new(),
            held: Vec::new(),
        }
    }

    /// The refs as they are now.
    pub(super) fn refs(&self) -> &Refs {
        self.states.last().unwrap_or(&EMPTY)
    }

    /// Notes a transaction that is about to be tried.
    pub(super) fn attempt(&mut self, refs: Refs) {
        self.states.push(refs);
    }

    /// The transaction that was tried last failed and changed nothing.
    pub(super) fn take_back(&mut self) {
        self.states.truncate(self.acknowledged + 1);
    }

    /// All that was tried is acknowledged.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged = self.states.len() - 1;
    }

    /// All that was acknowledged survives a power cut.
    pub(super) fn promise(&mut self) {
        self.durable = self.acknowledged;
    }

    /// Finds the state that survived, and forgets what came after it. A killed process loses nothing
    /// that it acknowledged.
    pub(super) fn survive(&mut self, store: &PackStore, is_cut: bool) -> Result<(), Violation> {
        let refs = refs_of(store)?;
        let first = if is_cut {
            self.durable
        } else {
            self.acknowledged
        };
        let states = self.states.iter().enumerate().skip(first);
        let mut fitting = states.filter(|(_, state)| **state == refs);
        let Some((index, _)) = fitting.next() else {
            let state = match self.states.iter().rposition(|state| *state == refs) {
                Some(index) => format!("of state {index}"),
                None => "of no state".to_owned(),
            };
            let last = self.states.len() - 1;
            return Err(Violation(format!(
                "the refs are {state}, and states {first} to {last} may survive: {refs:?}"
            )));
        };
        self.states.truncate(index + 1);
        self.acknowledged = index;
        if is_cut {
            self.durable = index;
        }
        self.held.clear();
        self.known.append(&mut self.earlier);
        self.forget_unreachable();
        if is_cut {
            self.earlier.clear();
        }
        self.check_reachable(store)
    }

    /// Forgets what no name and no hold leads to: it may be gone, and its place be another's.
    pub(super) fn forget_unreachable(&mut self) {
        let reachable = self.reachable();
        let gone = self.known.extract_if(.., |id, _| !reachable.contains(id));
        self.earlier.extend(gone);
    }

    /// Returns what names and holds lead to.
    pub(super) fn reachable(&self) -> BTreeSet<Id> {
        let mut frontier: Vec<Id> = self.refs().values().copied().collect();
        frontier.extend(&self.held);
        let mut seen = BTreeSet::new();
        while let Some(id) = frontier.pop() {
            if seen.insert(id)
                && let Some(known) = self.known.get(&id)
            {
                frontier.extend(&known.draft.links);
            }
        }
        seen
    }

    /// Reads all that names and holds lead to, by place and by id.
    pub(super) fn check_reachable(&self, store: &PackStore) -> Result<(), Violation> {
        for id in self.reachable() {
            let known = self
                .known
                .get(&id)
                .ok_or_else(|| Violation(format!("a name leads to {id}, which was never made")))?;
            for key in [known.key, Key::from(id)] {
                check_object(store, &key, &known.draft)?;
            }
        }
        Ok(())
    }
}

fn check_object(store: &PackStore, key: &Key, draft: &Draft) -> Result<(), Violation> {
    let stored = store
        .get(key)
        .map_err(|error| Violation(format!("{key:?} cannot be read: {error}")))?;
    match stored {
        None => Err(Violation(format!("{:?} {key:?} is lost", draft.kind))),
        Some(stored) if stored.bytes != draft.bytes => {
            Err(Violation(format!("{key:?} has other bytes")))
        }
        Some(stored) if stored.generation != draft.generation => {
            Err(Violation(format!("{key:?} has another generation")))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn refs_of(store: &PackStore) -> Result<Refs, Violation> {
    let refs = store.list_refs("");
    let refs = refs.map_err(|error| Violation(format!("the refs cannot be listed: {error}")))?;
    Ok(refs.into_iter().collect())
}

static EMPTY: Refs = Refs::new();
