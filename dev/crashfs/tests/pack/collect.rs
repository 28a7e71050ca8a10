//! The power fails at every operation of scripts that collect, also while the store recovers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use irmin_core::{
    Collect, CommitData, CommitInfo, Cut, Durability, Engine, Id, Key, Kind, Object, ObjectStore,
    RefEdit, RefStore, Signature, StoreError, Time,
};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackStore};

use crate::place::{Refs, dir, options};

const STEPS: usize = 24;

/// All that was tried: objects with what they lead to, and the refs after each change.
#[derive(Default)]
pub(crate) struct Script {
    objects: BTreeMap<Id, Vec<Id>>,
    /// Objects to link to, with what is known of their places.
    keys: Vec<Key>,
    commits: Vec<Key>,
    states: Vec<Refs>,
    promised: usize,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            states: vec![Refs::new()],
            ..Self::default()
        }
    }

    fn put(
        &mut self,
        store: &PackStore,
        kind: Kind,
        bytes: &[u8],
        links: &[Key],
    ) -> Result<Option<Key>, StoreError> {
        let object = Object {
            base: None,
            id: Id::of(bytes),
            kind,
            bytes,
            links,
            generation: u32::from(kind == Kind::Commit) * 3,
            cut: Cut::NONE,
        };
        let key = match store.put_many(&[object]) {
            // What the script remembers may be collected.
            Err(StoreError::Dangling { .. }) => return Ok(None),
            keys => keys?[0],
        };
        let links = links.iter().map(|link| link.id).collect();
        self.objects.insert(key.id, links);
        self.keys.push(key);
        Ok(Some(key))
    }

    fn list(&mut self, store: &PackStore, random: &mut Random) -> Result<Option<Key>, StoreError> {
        let mut leaf = vec![1, 1];
        leaf.extend_from_slice(&random.draw().to_le_bytes());
        leaf.resize(10 + random.below(150), 7);
        let Some(leaf) = self.put(store, Kind::Blob, &leaf, &[])? else {
            return Ok(None);
        };
        let mut links = vec![leaf];
        for _ in 0..random.below(3) {
            links.push(self.keys[random.below(self.keys.len())]);
        }
        let mut bytes = vec![1, 2, u8::try_from(links.len()).unwrap()];
        for link in &links {
            bytes.extend_from_slice(link.id.as_bytes());
            bytes.push(9);
        }
        self.put(store, Kind::Chunks, &bytes, &links)
    }

    fn commit(&mut self, store: &PackStore, random: &mut Random) -> Result<(), StoreError> {
        let Some(tree) = self.list(store, random)? else {
            return Ok(());
        };
        let mut parents = Vec::new();
        if !self.commits.is_empty() && random.one_in(2) {
            parents.push(self.commits[random.below(self.commits.len())]);
        }
        let time = Time::utc((random.draw() >> 40).cast_signed());
        let author = Signature::new("A", "a@b", time).unwrap();
        let data = CommitData {
            tree,
            parents,
            info: CommitInfo::new(author, "go on"),
        };
        let encoded = data.encode().unwrap();
        let put = self.put(store, Kind::Commit, &encoded.bytes, &encoded.links)?;
        if let Some(key) = put {
            self.commits.push(key);
            self.swap(store, random, Some(key.id))?;
        }
        Ok(())
    }

    fn swap(
        &mut self,
        store: &PackStore,
        random: &mut Random,
        new: Option<Id>,
    ) -> Result<(), StoreError> {
        let mut refs = self.states.last().unwrap().clone();
        let name = ["heads/a", "heads/b", "tags/c"][random.below(3)].to_owned();
        let expected = match new {
            Some(id) => refs.insert(name.clone(), id),
            None => refs.remove(&name),
        };
        let edit = RefEdit {
            name,
            expected,
            new,
        };
        let durability = match random.below(4) {
            0 => Durability::None,
            _ => Durability::Sync,
        };
        self.states.push(refs);
        match store.compare_and_swap(&[edit], durability) {
            Err(StoreError::Dangling { .. }) => drop(self.states.pop()),
            outcome => drop(outcome?),
        }
        if durability == Durability::Sync {
            self.promised = self.states.len() - 1;
        }
        Ok(())
    }

    fn collect(&mut self, store: &PackStore, random: &mut Random) -> Result<(), StoreError> {
        let cancel_at = random.one_in(4).then(|| random.below(10));
        let mut calls = 0;
        let mut failed = Ok(());
        let mut inside = Random::new(random.draw());
        let report = store.collect(&Collect::everything_named(), &mut |_| {
            calls += 1;
            // The writer goes on meanwhile.
            if calls % 3 == 0 && failed.is_ok() {
                failed = self.commit(store, &mut inside);
            }
            match Some(calls) == cancel_at {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        failed.and(report.map(drop))
    }

    fn step(&mut self, store: &PackStore, random: &mut Random) -> Result<(), StoreError> {
        match random.below(8) {
            0 => drop(self.list(store, random)?),
            1 => self.swap(store, random, None)?,
            2 | 3 => self.collect(store, random)?,
            _ => self.commit(store, random)?,
        }
        Ok(())
    }

    /// Checks what a store holds after a crash and goes on from there.
    pub(crate) fn check_survivors(&mut self, store: &PackStore, what: &str) {
        let refs: Refs = store.list_refs("").unwrap().into_iter().collect();
        let index = (self.promised..self.states.len())
            .find(|&index| self.states[index] == refs)
            .unwrap_or_else(|| panic!("{what}: the refs are of no state that may survive"));
        self.states.truncate(index + 1);
        self.promised = index;
        let is_there = |id: &Id| store.get(&Key::from(*id)).unwrap().is_some();
        let objects = std::mem::take(&mut self.objects);
        self.objects = objects.into_iter().filter(|(id, _)| is_there(id)).collect();
        for id in refs.values() {
            assert!(self.objects.contains_key(id), "{what}: a head is lost");
        }
        for links in self.objects.values() {
            for link in links {
                assert!(self.objects.contains_key(link), "{what}: not whole");
            }
        }
        // Places of what was lost may be other objects' now.
        for keys in [&mut self.keys, &mut self.commits] {
            keys.retain(|key| self.objects.contains_key(&key.id));
            keys.iter_mut().for_each(|key| key.locator = None);
        }
        let report = store.verify(&mut |_| ()).unwrap();
        assert!(report.is_clean(), "{what}: {:?}", report.problems);
    }
}

fn run(disk: &CrashFs, script: &mut Script, random: &mut Random) -> Result<(), StoreError> {
    let mut store = PackStore::open_or_create(dir(), options(disk, random))?;
    for _ in 0..STEPS {
        if random.one_in(8) {
            store.close()?;
            script.promised = script.states.len() - 1;
            store = PackStore::open(dir(), options(disk, random))?;
        }
        script.step(&store, random)?;
    }
    store.close()?;
    script.promised = script.states.len() - 1;
    Ok(())
}

/// Opens the store after a power cut, with the power failing again as long as `random` likes.
fn recover(mut disk: CrashFs, random: &mut Random) -> (CrashFs, PackStore) {
    while random.one_in(3) {
        disk.cut_power_at(1 + random.below(6) as u64);
        drop(PackStore::open_or_create(dir(), options(&disk, random)));
        disk = disk.after_power_cut(random.draw());
    }
    let store = PackStore::open_or_create(dir(), options(&disk, random)).unwrap();
    (disk, store)
}

fn crash(seed: u64, cut_at: u64) {
    let what = format!("seed {seed}, power cut at {cut_at}");
    let disk = CrashFs::new();
    let mut script = Script::new();
    disk.cut_power_at(cut_at);
    let _ = run(&disk, &mut script, &mut Random::new(seed));
    let mut random = Random::new(seed ^ cut_at << 32);
    let (disk, store) = recover(disk.after_power_cut(random.draw()), &mut random);
    script.check_survivors(&store, &what);
    // The store goes on working, and a second crash, perhaps in a collection, finds it as sound.
    disk.cut_power_at(disk.operations() + 1 + random.below(60) as u64);
    for _ in 0..5 {
        if script.step(&store, &mut random).is_err() {
            break;
        }
    }
    let disk = disk.after_power_cut(random.draw());
    drop(store);
    let (_, store) = recover(disk, &mut random);
    script.check_survivors(&store, &what);
    script.collect(&store, &mut random).unwrap();
    script.check_survivors(&store, &what);
}

fn operations(seed: u64) -> u64 {
    let disk = CrashFs::new();
    run(&disk, &mut Script::new(), &mut Random::new(seed)).unwrap();
    disk.operations()
}

#[test]
fn a_power_cut_at_any_operation_of_a_collection_loses_nothing() {
    for seed in 0..2 {
        for cut_at in 1..=operations(seed) + 1 {
            crash(seed, cut_at);
        }
    }
}

#[test]
fn a_power_cut_in_any_of_many_scripts_that_collect_loses_nothing() {
    let seeds: u64 = std::env::var("CRASH_SEEDS").map_or(200, |text| text.parse().unwrap());
    for seed in 1000..1000 + seeds {
        let cut_at = Random::new(seed).draw() % (operations(seed) + 1);
        crash(seed, 1 + cut_at);
    }
}

/// A disk that fails once in a collection: an error, and nothing is lost then or later.
#[test]
fn a_write_or_sync_that_fails_in_a_collection_loses_nothing() {
    for fails_at in 0..60 {
        for is_sync in [false, true] {
            let disk = CrashFs::new();
            let mut random = Random::new(5);
            let mut script = Script::new();
            let files = Options {
                files: std::sync::Arc::new(disk.clone()),
                ..options(&disk, &mut random)
            };
            let store = PackStore::create(dir(), files).unwrap();
            for _ in 0..30 {
                script.commit(&store, &mut random).unwrap();
            }
            script.swap(&store, &mut random, None).unwrap();
            store.sync().unwrap();
            script.promised = script.states.len() - 1;
            let mut calls = 0;
            let collected = store.collect(&Collect::everything_named(), &mut |_| {
                if calls == fails_at {
                    match is_sync {
                        true => disk.fail_next_sync(),
                        false => disk.fail_next_write(),
                    }
                }
                calls += 1;
                ControlFlow::Continue(())
            });
            let is_done = collected.is_ok();
            drop(store);
            let again = disk.copy();
            let store = PackStore::open(dir(), options(&again, &mut random)).unwrap();
            script.check_survivors(&store, &format!("failure {fails_at} of {is_sync}"));
            if fails_at > calls {
                assert!(is_done);
            }
        }
    }
}
