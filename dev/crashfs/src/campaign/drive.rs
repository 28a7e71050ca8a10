//! Going through a script.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use irmin_core::{
    Base, Collect, Durability, Engine, ErrorKind, Hold, Id, Key, Object, ObjectStore, RefEdit,
    RefOutcome, RefStore, StoreError,
};
use irmin_pack::{PackReader, PackStore};

use super::generate::Transaction;
use super::model::{Draft, Known, Model, Refs, refs_of};
use super::{Script, Tally, Violation};
use crate::{CrashFs, Random};

/// Does what a script says, on a disk of its own, and checks all that must hold.
///
/// # Errors
/// [`Violation`] with the first promise that was broken.
pub fn run(script: &Script) -> Result<Tally, Violation> {
    let mut life = Life::new(script.seed);
    if let Some(at) = script.cut_at {
        life.disk.cut_power_at(at);
    }
    for number in 0..script.lives.max(1) {
        if number > 0 {
            let at = 1 + life.random.below(script.steps * 8 + 1);
            life.disk.cut_power_at(at as u64);
        }
        match life.live(script.steps) {
            Err(Stop::Broken(violation)) => return Err(violation),
            Ok(()) | Err(Stop::PowerOff) => {}
        }
        if number == 0 {
            life.tally.operations = life.disk.operations();
        }
        life.end().map_err(|stop| match stop {
            Stop::Broken(violation) => violation,
            Stop::PowerOff => Violation("the power failed when it should not".to_owned()),
        })?;
    }
    Ok(life.tally)
}

/// Why a life is over before its steps are.
enum Stop {
    PowerOff,
    Broken(Violation),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Broken(violation)
    }
}

pub(super) struct Life {
    pub(super) disk: CrashFs,
    pub(super) random: Random,
    pub(super) model: Model,
    pub(super) holds: Vec<(Id, Hold)>,
    /// Follows what is written, as another process does.
    pub(super) reader: Option<PackReader>,
    pub(super) number: u64,
    pub(super) tally: Tally,
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            disk: CrashFs::new(),
            random: Random::new(seed),
            model: Model::new(),
            holds: Vec::new(),
            reader: None,
            number: 0,
            tally: Tally::default(),
        }
    }

    fn live(&mut self, steps: usize) -> Result<(), Stop> {
        let mut store = self.open()?;
        for _ in 0..steps {
            store = self.step(store)?;
        }
        let segments = self.retry(|_| store.stats())?;
        self.tally.segments += segments.segments;
        if self.random.one_in(2) {
            self.close(store)?;
        }
        Ok(())
    }

    /// Lets the power fail or the process die, opens the store and checks it.
    fn end(&mut self) -> Result<(), Stop> {
        self.holds.clear();
        self.reader = None;
        // What was tried when the power went may be there, also to a process that was only killed.
        let is_cut = self.disk.is_off() || !self.random.one_in(3);
        self.disk = self.disk_after(is_cut);
        let mut was_cut = is_cut;
        while self.random.one_in(3) {
            self.disk.cut_power_at(1 + self.random.below(8) as u64);
            drop(PackStore::open_or_create(dir(), self.options()));
            self.disk = self.disk_after(true);
            was_cut = true;
        }
        self.open_without_room()?;
        let store = self.open()?;
        self.model.survive(&store, was_cut)?;
        self.check_clean(&store)?;
        // The store goes on: it takes a commit, and the next crash finds it as sound.
        let transaction = self.transaction();
        self.transact(&store, &transaction)?;
        drop(store);
        Ok(())
    }

    fn disk_after(&mut self, is_cut: bool) -> CrashFs {
        if is_cut {
            self.tally.cuts += 1;
            self.disk.after_power_cut(self.random.draw())
        } else {
            self.tally.kills += 1;
            self.disk.after_kill()
        }
    }

    /// A disk without room must not keep anybody from reading.
    fn open_without_room(&mut self) -> Result<(), Stop> {
        let disk = self.disk.after_kill();
        disk.fill_at(0, u64::MAX, self.random.one_in(2));
        let mut options = self.options();
        options.files = Arc::new(disk);
        match PackStore::open(dir(), options) {
            Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unexpected(&error)),
            Ok(store) => {
                let refs = refs_of(&store)?;
                for id in refs.values() {
                    let found = store.get(&Key::from(*id));
                    if !matches!(found, Ok(Some(_))) {
                        let what = format!("without room, {id} cannot be read: {found:?}");
                        return Err(Violation(what).into());
                    }
                }
                Ok(())
            }
        }
    }

    fn open(&mut self) -> Result<PackStore, Stop> {
        let options = self.options();
        self.retry(|_| PackStore::open_or_create(dir(), options.clone()))
    }

    fn step(&mut self, store: PackStore) -> Result<PackStore, Stop> {
        match self.random.below(100) {
            0..6 => return self.reopen(store),
            6..10 => self.put(&store)?,
            10..13 => self.lose(&store)?,
            13..18 => self.hold(&store)?,
            18..24 => self.collect(&store)?,
            24..28 => {
                self.retry(|_| store.sync())?;
                self.model.promise();
            }
            28..33 => self.read(&store)?,
            33..38 => {
                let (at, is_copying) = (self.random.below(4) as u64, self.random.one_in(4));
                self.disk.fill_at(at, u64::MAX, is_copying);
            }
            38..42 => {
                let (at, count) = (self.random.below(4) as u64, 1 + self.random.below(3) as u64);
                self.disk.fail_reads_at(at, count);
            }
            42 => return self.fail_sync(store),
            _ => {
                let transaction = self.transaction();
                self.transact(&store, &transaction)?;
            }
        }
        Ok(store)
    }

    fn reopen(&mut self, store: PackStore) -> Result<PackStore, Stop> {
        self.close(store)?;
        self.open()
    }

    fn close(&mut self, store: PackStore) -> Result<(), Stop> {
        self.holds.clear();
        self.model.held.clear();
        match store.close() {
            Ok(()) => {}
            // What was put and not committed is lost, and nothing else.
            Err(StoreError::Full { .. }) if self.disk.was_full() => {
                self.tally.full += 1;
                self.disk.make_room();
                self.model.forget_unreachable();
            }
            Err(error) => return Err(self.unexpected(&error)),
        }
        self.model.promise();
        Ok(())
    }

    /// A sync that fails: nobody knows what is durable, so the handle refuses to go on.
    fn fail_sync(&mut self, store: PackStore) -> Result<PackStore, Stop> {
        self.disk.make_room();
        self.disk.fail_reads_at(0, 0);
        // Sidecars that a crash kept from being written are made again: not that sync is to fail.
        store.stats().map_err(|error| self.unexpected(&error))?;
        self.disk.fail_next_sync();
        let transaction = self.transaction();
        self.model.attempt(transaction.after.clone());
        let failed = self
            .put_all(&store, &transaction.objects)
            .and_then(|()| store.compare_and_swap(&transaction.edits, Durability::Sync));
        if self.disk.is_off() {
            return Err(Stop::PowerOff);
        }
        if failed.is_ok() {
            return Err(Violation("a sync failed and nobody was told".to_owned()).into());
        }
        self.tally.bad_syncs += 1;
        let refused = store.compare_and_swap(&[], Durability::Sync);
        if !matches!(refused, Err(StoreError::Poisoned { .. })) {
            let what = format!("after a failed sync the handle goes on: {refused:?}");
            return Err(Violation(what).into());
        }
        drop(store);
        self.holds.clear();
        self.reader = None;
        self.disk = self.disk.after_kill();
        let store = self.open()?;
        self.model.survive(&store, false)?;
        Ok(store)
    }

    fn put(&mut self, store: &PackStore) -> Result<(), Stop> {
        let objects = self.tree();
        self.retry(|life| life.put_all(store, &objects))
    }

    fn put_all(&mut self, store: &PackStore, objects: &[Draft]) -> Result<(), StoreError> {
        for draft in objects {
            let links: Vec<Key> = draft.links.iter().map(|id| self.key(id)).collect();
            let base = draft.base.and_then(|id| self.model.known.get(&id)).cloned();
            let base = base.as_ref().and_then(|base| {
                let locator = base.key.locator?;
                let bytes = &base.draft.bytes;
                Some(Base { locator, bytes })
            });
            let object = Object {
                base,
                id: draft.id,
                kind: draft.kind,
                bytes: &draft.bytes,
                links: &links,
                generation: draft.generation,
                cut: irmin_core::Cut::NONE,
            };
            for key in store.put_many(&[object])? {
                let draft = draft.clone();
                self.model.known.insert(draft.id, Known { draft, key });
            }
        }
        Ok(())
    }

    /// With its place, mostly: an engine finds the others by their ids.
    fn key(&mut self, id: &Id) -> Key {
        let known = self.model.known.get(id).map(|known| known.key);
        known
            .filter(|_| !self.random.one_in(5))
            .unwrap_or(Key::from(*id))
    }

    fn transact(&mut self, store: &PackStore, transaction: &Transaction) -> Result<(), Stop> {
        self.retry(|life| {
            life.put_all(store, &transaction.objects)?;
            life.model.attempt(transaction.after.clone());
            let outcome = store.compare_and_swap(&transaction.edits, transaction.durability);
            // With the power off, nobody knows; else what failed did not happen.
            if outcome.is_err() && !life.disk.is_off() {
                life.model.take_back();
            }
            outcome
        })?;
        self.tally.commits += 1;
        self.model.acknowledge();
        if transaction.durability == Durability::Sync {
            self.model.promise();
        }
        Ok(())
    }

    /// A transaction that lost its race changes nothing.
    fn lose(&mut self, store: &PackStore) -> Result<(), Stop> {
        let edit = RefEdit {
            name: "heads/a".to_owned(),
            expected: Some(Id::of(b"another")),
            new: None,
        };
        let outcome =
            self.retry(|_| store.compare_and_swap(std::slice::from_ref(&edit), Durability::Sync))?;
        match outcome {
            RefOutcome::Lost { .. } => Ok(()),
            RefOutcome::Applied => Err(Violation("a lost race was won".to_owned()).into()),
        }
    }

    fn hold(&mut self, store: &PackStore) -> Result<(), Stop> {
        if self.random.one_in(2) && !self.holds.is_empty() {
            let index = self.random.below(self.holds.len());
            drop(self.holds.swap_remove(index));
        } else if let Some(commit) = self.any_commit() {
            let hold = self.retry(|_| store.hold(commit))?;
            self.holds.push((commit, hold));
        }
        self.model.held = self.holds.iter().map(|(commit, _)| *commit).collect();
        Ok(())
    }

    fn collect(&mut self, store: &PackStore) -> Result<(), Stop> {
        self.tally.collections += 1;
        let steps_max = if self.random.one_in(2) {
            usize::MAX
        } else {
            self.random.below(6)
        };
        loop {
            // From here on nothing else may be linked to.
            self.model.forget_unreachable();
            let mut steps = 0;
            let mut meanwhile = Ok(());
            let collected = store.collect(&Collect::everything_named(), &mut |_| {
                if meanwhile.is_ok() && self.random.one_in(3) {
                    let transaction = self.transaction();
                    meanwhile = self.transact(store, &transaction);
                }
                steps += 1;
                if meanwhile.is_err() || steps > steps_max {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            meanwhile?;
            match collected {
                Ok(_) => break,
                Err(error) => self.tolerate(&error)?,
            }
        }
        self.model.forget_unreachable();
        // To read all after each would take most of the time.
        if self.random.one_in(4) {
            self.quiet();
            self.model.check_reachable(store)?;
        }
        Ok(())
    }

    fn read(&mut self, store: &PackStore) -> Result<(), Stop> {
        let reachable: Vec<Id> = self.model.reachable().into_iter().collect();
        if let Some(id) = reachable.get(self.random.below(reachable.len())) {
            let key = self.key(id);
            if self.retry(|_| store.get(&key))?.is_none() {
                return Err(Violation(format!("{key:?} is lost")).into());
            }
        }
        self.follow(reachable.first())?;
        if self.random.one_in(4) {
            let report = self.retry(|_| store.verify(&mut |_| ()))?;
            if !report.is_clean() {
                return Err(Violation(format!("verify: {:?}", report.problems)).into());
            }
        }
        Ok(())
    }

    /// A process that only reads sees what was written by now, whatever became of its files.
    fn follow(&mut self, any: Option<&Id>) -> Result<(), Stop> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                let options = self.options();
                self.retry(|_| PackReader::open(dir(), options.clone()))?
            }
        };
        let refs = self.retry(|_| reader.list_refs(""))?;
        let refs: Refs = refs.into_iter().collect();
        if refs != *self.model.refs() {
            let what = format!("a reader sees {refs:?}, not {:?}", self.model.refs());
            return Err(Violation(what).into());
        }
        if let Some(id) = any
            && self.retry(|_| reader.get(&Key::from(*id)))?.is_none()
        {
            return Err(Violation(format!("a reader does not find {id}")).into());
        }
        self.reader = Some(reader);
        Ok(())
    }

    fn check_clean(&mut self, store: &PackStore) -> Result<(), Stop> {
        let report = self.retry(|_| store.verify(&mut |_| ()))?;
        if report.is_clean() {
            return Ok(());
        }
        Err(Violation(format!("verify: {:?}", report.problems)).into())
    }

    /// Does something again, on the same handle, as long as the disk is full or cannot be read: that
    /// must be told, and change nothing.
    fn retry<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, Stop> {
        loop {
            match work(self) {
                Ok(done) => return Ok(done),
                Err(error) => self.tolerate(&error)?,
            }
        }
    }

    /// Passes over an error that a full disk or a bad read explains, and ends that.
    fn tolerate(&mut self, error: &StoreError) -> Result<(), Stop> {
        if self.disk.is_off() {
            return Err(Stop::PowerOff);
        }
        match error {
            StoreError::Full { .. } if self.disk.was_full() => {
                self.tally.full += 1;
                self.disk.make_room();
            }
            StoreError::Io { action, offset, .. } if self.disk.had_bad_reads() => {
                self.tally.bad_reads += 1;
                if *action == "read" && offset.is_none() {
                    let what = format!("a failed read does not say where: {error}");
                    return Err(Violation(what).into());
                }
                self.disk.fail_reads_at(0, 0);
            }
            _ => return Err(self.unexpected(error)),
        }
        check_kind(error)
    }

    /// Nothing fails from here on but the power.
    fn quiet(&self) {
        self.disk.make_room();
        self.disk.fail_reads_at(0, 0);
    }

    fn unexpected(&self, error: &StoreError) -> Stop {
        if self.disk.is_off() {
            return Stop::PowerOff;
        }
        Stop::Broken(Violation(format!("step {}: {error}", self.number)))
    }
}

fn check_kind(error: &StoreError) -> Result<(), Stop> {
    if error.kind() == ErrorKind::Unavailable {
        return Ok(());
    }
    Err(Violation(format!("{error} is no error that goes away")).into())
}

fn dir() -> &'static Path {
    Path::new("/repositories/store")
}
