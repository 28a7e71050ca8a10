//! The engine as its users see it.

use std::ops::{ControlFlow, Deref};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use irmin_core::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Holds, Id, IdPrefix, Key,
    Object, ObjectStore, Queue, RefEdit, RefOutcome, RefStore, StoreError, StoreId, StoreStats,
    Stored, VerifyProgress, VerifyReport,
};

use crate::background::Tasks;
use crate::bases::Scratch;
use crate::collect::Collection;
use crate::damage;
use crate::files::File;
use crate::lock::read;
use crate::log::Log;
use crate::options::Options;
use crate::poison::Poison;
use crate::sync::{Deferred, SyncPoint};

/// A repository in a directory, opened for reading and writing by this process alone.
///
/// Threads share one handle: reads take no lock for longer than a look into a table; writes go one
/// after the other; commits that wait for the disk at the same time share a sync. After a write or
/// sync that failed the handle refuses further writes and goes on reading.
///
/// ```
/// use irmin_core::{Cut, Durability, Id, Kind, Object, ObjectStore, Queue, RefEdit, RefStore};
/// use irmin_pack::{Options, PackStore};
///
/// let dir = tempfile::tempdir()?;
/// let store = PackStore::create(dir.path(), Options::default())?;
/// let bytes = b"an encoded commit";
/// let id = Id::of(bytes);
/// store.put_many(&[Object { id, kind: Kind::Commit, bytes, links: &[], generation: 1, cut: Cut::NONE, base: None }])?;
/// let edit = RefEdit { name: "heads/main".into(), expected: None, new: Some(id) };
/// store.compare_and_swap(&[edit], Durability::Sync)?;
/// store.close()?;
///
/// let store = PackStore::open(dir.path(), Options::default())?;
/// assert_eq!(store.get_ref("heads/main")?, Some(id));
/// assert_eq!(store.get(&id.into())?.map(|stored| stored.generation), Some(1));
/// assert!(store.verify(&mut |_| ())?.is_clean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PackStore {
    pub(crate) inner: Arc<Inner>,
}

/// What the handle and its background thread share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) log: Log,
    /// Held by whoever changes `state` or writes to a file; room for the links of an object.
    pub(crate) writer: Mutex<Scratch>,
    /// In which order the lock above is taken.
    pub(crate) queue: Queue,
    pub(crate) sync: SyncPoint,
    pub(crate) deferred: Deferred,
    pub(crate) tasks: Tasks,
    /// Held by whoever writes to the newest segment's file beyond the zeros that are there, or cuts it.
    pub(crate) growing: Mutex<()>,
    /// Held by whoever gives the newest segment its name.
    pub(crate) naming: Mutex<()>,
    pub(crate) poison: Poison,
    pub(crate) is_closed: AtomicBool,
    /// The commits that this process keeps from being collected.
    pub(crate) holds: Holds,
    pub(crate) collection: Collection,
    /// Open as long as the store: the lock of the system goes with it.
    pub(crate) lock: Arc<dyn File>,
}

/// A writer reads as everybody does.
impl Deref for Inner {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

impl PackStore {
    /// Makes an empty store in a directory, which is made if it is missing. Six syncs, and one for
    /// each directory that is made above `segments`.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when there is one, [`StoreError::Locked`] when somebody else
    /// is making one, [`StoreError::Corrupt`] when there are segments but no `format` file,
    /// [`StoreError::Io`].
    pub fn create(dir: &Path, options: Options) -> Result<Self, StoreError> {
        Inner::create(dir, options).map(Self::new)
    }

    /// Opens the store in a directory. Reads the newest segment's sidecar and scans what came after
    /// it; no sync, unless a torn tail has to be cut.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Locked`] with the process that writes,
    /// [`StoreError::UnsupportedFormat`], [`StoreError::Corrupt`] when the newest segment is
    /// damaged where it was durable, [`StoreError::Io`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        Inner::open(dir, options).map(Self::new)
    }

    /// Opens the store in a directory, and makes an empty one when there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(dir: &Path, options: Options) -> Result<Self, StoreError> {
        match Self::open(dir, options.clone()) {
            Err(StoreError::NotFound { .. }) => Self::create(dir, options),
            other => other,
        }
    }

    /// Writes what is pending, makes all durable, and notes that the store was closed in order. At
    /// most two syncs. Dropping the handle does the same, without telling what failed.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Poisoned`].
    pub fn close(self) -> Result<(), StoreError> {
        self.inner.close()
    }

    /// Reads every byte of every file and checks every checksum, every id, every link, every ref
    /// and the sidecars; changes nothing. Memory: 36 bytes an object of one segment at a time.
    ///
    /// What is pending in memory is not looked at. Damage is in the report, not an error.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a file cannot be read.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport, StoreError> {
        self.inner.verify(progress)
    }

    /// Returns figures about the store. Loads the sidecars of all segments.
    ///
    /// # Errors
    /// [`StoreError`] when a sidecar cannot be read nor made again.
    pub fn stats(&self) -> Result<StoreStats, StoreError> {
        self.inner.stats()
    }

    fn new(inner: Inner) -> Self {
        let shared = |weak: &Weak<Inner>| {
            let mut inner = inner;
            inner.tasks.set_inner(Weak::clone(weak));
            inner
        };
        Self {
            inner: Arc::new_cyclic(shared),
        }
    }
}

impl Drop for PackStore {
    fn drop(&mut self) {
        // Nobody is left to be told; the next open finds what is durable.
        let _ = self.inner.close();
        // Closing the file is not enough when another thread starts a process just now: until that
        // runs its program it shares the lock.
        let _ = self.inner.lock.unlock();
    }
}

impl ObjectStore for PackStore {
    fn store_id(&self) -> StoreId {
        self.inner.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.inner.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.inner.put_many(objects)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.inner.contains_many(ids, out)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.inner.commits_with_prefix(prefix, limit)
    }
}

impl RefStore for PackStore {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        Ok(self.inner.log.get_ref(name))
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        Ok(self.inner.log.list_refs(prefix))
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        let (outcome, position) = self.inner.append_edits(edits)?;
        if outcome == RefOutcome::Applied {
            self.inner.changes.notify();
            match durability {
                Durability::Sync => self.inner.sync_commit(position)?,
                Durability::Deferred => Inner::sync_later(&self.inner, position)?,
                Durability::None => {}
            }
        }
        Ok(outcome)
    }

    fn sync(&self) -> Result<(), StoreError> {
        let position = read(&self.inner.state).active.log_end();
        self.inner.sync_to(position)?;
        damage::unless_full(self.inner.name_segment())
    }

    fn applied(&self) -> u64 {
        read(&self.inner.state).active.log_end()
    }

    fn sync_to(&self, applied: u64) -> Result<(), StoreError> {
        self.inner.sync_commit(applied)
    }

    fn changes(&self) -> u64 {
        self.inner.changes.get()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        Ok(self.inner.changes.wait(seen, timeout))
    }
}

impl Engine for PackStore {
    fn url(&self) -> String {
        self.inner.log.url()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        self.inner.verify(progress)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.inner.stats()
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        self.inner.hold(commit)
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.inner.collect(collect, control)
    }
}
