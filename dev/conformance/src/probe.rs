//! An engine that counts what goes through it, and loses or damages objects when told to.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use irmin_core::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Id, IdPrefix, Key, Object,
    ObjectStore, RefEdit, RefOutcome, RefStore, StoreError, StoreId, StoreStats, Stored,
    VerifyProgress, VerifyReport,
};

/// Watches an engine.
pub struct Probe {
    engine: Arc<dyn Engine>,
    reads: AtomicU64,
    rounds: AtomicU64,
    writes: AtomicU64,
    largest: AtomicU64,
    bytes_read: AtomicU64,
    fuse: AtomicU64,
    lost: Mutex<HashSet<Id>>,
    cut: Mutex<HashSet<Id>>,
}

impl Probe {
    /// Watches an engine from now on.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            reads: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            largest: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            fuse: AtomicU64::new(u64::MAX),
            lost: Mutex::default(),
            cut: Mutex::default(),
        }
    }

    /// Returns how many objects were asked for since the last call.
    pub fn reads(&self) -> u64 {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// Returns how many requests for objects there were since the last call.
    pub fn rounds(&self) -> u64 {
        self.rounds.swap(0, Ordering::SeqCst)
    }

    /// Returns how many objects were written since the last call.
    pub fn writes(&self) -> u64 {
        self.writes.swap(0, Ordering::SeqCst)
    }

    /// Returns the size of the largest object written since the last call, in bytes.
    pub fn largest(&self) -> u64 {
        self.largest.swap(0, Ordering::SeqCst)
    }

    /// Returns how many bytes of objects were read since the last call.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.swap(0, Ordering::SeqCst)
    }

    /// Lets every call that reads or writes objects fail after so many.
    pub fn fail_after(&self, calls: u64) {
        self.fuse.store(calls, Ordering::SeqCst);
    }

    fn burn(&self, action: &'static str) -> Result<(), StoreError> {
        let burn = |left: u64| match left {
            u64::MAX => Some(left),
            _ => left.checked_sub(1),
        };
        let fuse = &self.fuse;
        match fuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, burn) {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Io {
                action,
                path: "probe".into(),
                offset: None,
                source: std::io::Error::other("told to fail"),
            }),
        }
    }

    /// Lets an object be absent from now on.
    pub fn lose(&self, id: Id) {
        locked(&self.lost).insert(id);
    }

    /// Lets an object come back without its last byte from now on.
    pub fn cut(&self, id: Id) {
        locked(&self.cut).insert(id);
    }

    /// Lets all objects come back whole again, and no call fail.
    pub fn heal(&self) {
        self.fail_after(u64::MAX);
        locked(&self.lost).clear();
        locked(&self.cut).clear();
    }
}

fn locked(ids: &Mutex<HashSet<Id>>) -> std::sync::MutexGuard<'_, HashSet<Id>> {
    ids.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ObjectStore for Probe {
    fn store_id(&self) -> StoreId {
        self.engine.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.burn("read")?;
        self.reads.fetch_add(keys.len() as u64, Ordering::SeqCst);
        self.rounds.fetch_add(1, Ordering::SeqCst);
        let (lost, cut) = (locked(&self.lost).clone(), locked(&self.cut).clone());
        self.engine.get_many(keys, &mut |position, stored| {
            let id = keys[position].id;
            let bytes = stored.as_ref().map_or(0, |stored| stored.bytes.len());
            self.bytes_read.fetch_add(bytes as u64, Ordering::SeqCst);
            let stored = stored.filter(|_| !lost.contains(&id)).map(|mut stored| {
                if cut.contains(&id) {
                    stored.bytes.truncate(stored.bytes.len().saturating_sub(1));
                }
                stored
            });
            out(position, stored);
        })
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.burn("write")?;
        self.writes
            .fetch_add(objects.len() as u64, Ordering::SeqCst);
        let largest = objects.iter().map(|object| object.bytes.len() as u64).max();
        self.largest
            .fetch_max(largest.unwrap_or(0), Ordering::SeqCst);
        self.engine.put_many(objects)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.engine.contains_many(ids, out)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.engine.commits_with_prefix(prefix, limit)
    }
}

impl RefStore for Probe {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        self.engine.get_ref(name)
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        self.engine.list_refs(prefix)
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        self.engine.compare_and_swap(edits, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }

    fn changes(&self) -> u64 {
        self.engine.changes()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.engine.wait_for_changes(seen, timeout)
    }
}

impl Engine for Probe {
    fn url(&self) -> String {
        self.engine.url()
    }

    fn prerequisites(&self) -> Vec<Id> {
        self.engine.prerequisites()
    }

    fn read_ahead(
        &self,
        wants: &[Id],
        haves: &[Id],
        depth: Option<NonZeroU32>,
    ) -> Result<Hold, StoreError> {
        self.engine.read_ahead(wants, haves, depth)
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        self.engine.verify(progress)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.engine.stats()
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        self.engine.hold(commit)
    }

    fn hold_many(&self, commits: &[Id]) -> Result<Hold, StoreError> {
        self.engine.hold_many(commits)
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.engine.collect(collect, control)
    }
}
