//! What a store must hold, in the simplest words, and a script of random changes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use irmin_core::{
    Durability, Id, Key, Kind, Object, ObjectStore, RefEdit, RefOutcome, RefStore, StoreError,
};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackStore};

pub(crate) type Refs = BTreeMap<String, Id>;

/// All that was tried, and how much of it must survive.
#[derive(Default)]
pub(crate) struct Model {
    /// The refs after each commit that was tried, with how many objects had been stored before.
    states: Vec<(Refs, usize)>,
    /// The last state that is promised to be durable.
    promised: usize,
    objects: Vec<(Key, Vec<u8>, u32)>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            states: vec![(Refs::new(), 0)],
            ..Self::default()
        }
    }

    /// Checks what a store holds after a crash and forgets what was lost.
    pub(crate) fn check_survivors(&mut self, store: &PackStore, what: &str) {
        let refs: Refs = store.list_refs("").unwrap().into_iter().collect();
        let index = (self.promised..self.states.len())
            .find(|&index| self.states[index].0 == refs)
            .unwrap_or_else(|| panic!("{what}: the refs are of no state that may survive"));
        self.states.truncate(index + 1);
        self.promised = index;
        self.objects.truncate(self.states[index].1);
        self.check_objects(store, what);
    }

    fn check_objects(&self, store: &PackStore, what: &str) {
        for (key, bytes, generation) in &self.objects {
            for key in [*key, Key::from(key.id)] {
                let stored = store
                    .get(&key)
                    .unwrap()
                    .unwrap_or_else(|| panic!("{what}: lost"));
                assert_eq!(stored.bytes, bytes, "{what}");
                assert_eq!(stored.generation, *generation, "{what}");
            }
        }
        let report = store.verify(&mut |_| ()).unwrap();
        assert!(report.is_clean(), "{what}: {:?}", report.problems);
    }

    /// Makes a random change; an error when the disk failed.
    pub(crate) fn step(
        &mut self,
        store: &PackStore,
        random: &mut Random,
    ) -> Result<(), StoreError> {
        let count = 1 + random.below(5);
        for _ in 0..count {
            self.put(store, random, Kind::Node)?;
        }
        if random.one_in(3) {
            return Ok(());
        }
        let commit = self.put(store, random, Kind::Commit)?;
        self.swap(store, random, commit)
    }

    fn put(
        &mut self,
        store: &PackStore,
        random: &mut Random,
        kind: Kind,
    ) -> Result<Id, StoreError> {
        let mut bytes = random.draw().to_le_bytes().to_vec();
        bytes.resize(8 + random.below(200), 7);
        let links: Vec<Key> = (0..random.below(4).min(self.objects.len()))
            .map(|_| self.objects[random.below(self.objects.len())].0)
            .collect();
        let generation = if kind == Kind::Commit { 5 } else { 0 };
        let object = Object {
            cut: irmin_core::Cut::NONE,
            id: Id::of(&bytes),
            kind,
            bytes: &bytes,
            links: &links,
            generation,
        };
        let key = store.put_many(&[object])?[0];
        self.objects.push((key, bytes, generation));
        Ok(key.id)
    }

    fn swap(
        &mut self,
        store: &PackStore,
        random: &mut Random,
        commit: Id,
    ) -> Result<(), StoreError> {
        let mut refs = self.states.last().unwrap().0.clone();
        let mut edits = Vec::new();
        for name in ["heads/a", "heads/b", "tags/c"] {
            if !random.one_in(2) {
                continue;
            }
            let new = (!random.one_in(5)).then_some(commit);
            let name = name.to_owned();
            let expected = match new {
                Some(id) => refs.insert(name.clone(), id),
                None => refs.remove(&name),
            };
            edits.push(RefEdit {
                name,
                expected,
                new,
            });
        }
        let durability = match random.below(5) {
            0 => Durability::None,
            1 => Durability::Deferred,
            _ => Durability::Sync,
        };
        self.states.push((refs, self.objects.len()));
        let outcome = store.compare_and_swap(&edits, durability)?;
        assert_eq!(outcome, RefOutcome::Applied);
        if durability == Durability::Sync {
            self.promise();
        }
        Ok(())
    }

    /// Everything that was acknowledged is durable now.
    pub(crate) fn promise(&mut self) {
        self.promised = self.states.len() - 1;
    }
}

/// Small enough for many segments in a short script.
pub(crate) fn options(disk: &CrashFs, random: &mut Random) -> Options {
    Options {
        segment_bytes: 1000 + u32::try_from(random.below(4000)).unwrap(),
        pending_bytes: 200 + random.below(1000),
        cache_bytes: 4000,
        checkpoint_bytes: [0, 500, 100_000][random.below(3)],
        // Never within a test: what a thread does when is not for a seed to say.
        deferred_interval: Duration::from_secs(3600),
        files: Arc::new(disk.clone()),
    }
}

pub(crate) const DIR: &str = "/repositories/store";

pub(crate) fn dir() -> &'static Path {
    Path::new(DIR)
}
