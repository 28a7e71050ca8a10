//! The engine as processes see it that only read.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use irmin_core::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Id, IdPrefix, Key, Object,
    ObjectStore, RefEdit, RefOutcome, RefStore, StoreError, StoreId, StoreStats, Stored,
    VerifyProgress, VerifyReport,
};

use crate::active::State;
use crate::follow::{Doubt, Newest};
use crate::hold_file::HoldFile;
use crate::home::Home;
use crate::layout::Layout;
use crate::lock::lock;
use crate::log::Log;
use crate::options::Options;
use crate::place::Place;
use crate::stats::Counters;

/// A repository in a directory, opened for reading only: beside any number of other readers, and
/// beside the process that writes, if there is one.
///
/// It takes no lock, needs no leave to write and changes no file, but for those that
/// [`hold`](Engine::hold) makes. It follows the log: names are looked up in what the writer has
/// written by then, and a commit is seen with all that came with it or not at all. It lives on when the
/// writer ends, is killed or is followed by another, and when complete segments are replaced by a
/// collection. What it shows need not be durable yet: after a power cut a commit that was never
/// acknowledged as durable may be gone.
///
/// Looking a name up costs one `fstat` when nothing was written, else a read and a hash of what
/// was. [`wait_for_changes`](RefStore::wait_for_changes) looks after half a millisecond, then after
/// twice as long each time, at last ten times a second. No thread is started.
///
/// ```
/// use irmin_core::{Cut, Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore};
/// use irmin_pack::{Options, PackReader, PackStore};
/// use std::time::Duration;
///
/// let dir = tempfile::tempdir()?;
/// let store = PackStore::create(dir.path(), Options::default())?;
/// // Usually in another process.
/// let reader = PackReader::open(dir.path(), Options::default())?;
/// let seen = reader.changes();
///
/// let bytes = b"an encoded commit";
/// let id = Id::of(bytes);
/// store.put_many(&[Object { id, kind: Kind::Commit, bytes, links: &[], generation: 1, cut: Cut::NONE, base: None }])?;
/// let edit = RefEdit { name: "heads/main".into(), expected: None, new: Some(id) };
/// store.compare_and_swap(std::slice::from_ref(&edit), Durability::Sync)?;
///
/// assert_ne!(reader.wait_for_changes(seen, Duration::from_secs(60))?, seen);
/// assert_eq!(reader.get_ref("heads/main")?, Some(id));
/// assert!(reader.get(&id.into())?.is_some());
/// assert!(reader.compare_and_swap(&[edit], Durability::Sync).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PackReader {
    pub(crate) log: Log,
    /// Held by whoever follows the log.
    turn: Mutex<Doubt>,
}

impl PackReader {
    /// Opens the store in a directory. Reads the newest segment's sidecar and the frames after it:
    /// at most one segment. Of the options, what concerns writing is not used.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::UnsupportedFormat`], [`StoreError::Corrupt`] when the
    /// newest segment is damaged where it was durable, [`StoreError::Io`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let layout = Layout::new(dir);
        let counters = Arc::new(Counters::default());
        let home = Arc::new(Home::new(layout, &options, counters, false));
        let newest = Newest::read(&home)?;
        let state = State {
            sealed: Arc::default(),
            active: newest.recovered.active,
            refs: newest.recovered.refs,
        };
        let log = Log::new(home, options, state);
        log.set_sealed(&newest.older);
        Ok(Self {
            log,
            turn: Mutex::default(),
        })
    }

    /// Follows the log to its end. Looking a name up and waiting do so by themselves; what is
    /// read by id alone, is looked for in what was followed so far.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the store was removed, [`StoreError::Corrupt`] when it was
    /// replaced, has lost bytes that were read before, or is damaged where it was durable,
    /// [`StoreError::Io`].
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.look()?;
        self.check_place()
    }

    /// Follows the log if it has grown.
    fn look(&self) -> Result<(), StoreError> {
        if self.has_grown()? {
            self.follow(&mut lock(&self.turn))?;
        }
        Ok(())
    }

    fn read_only(&self) -> StoreError {
        StoreError::ReadOnly {
            path: self.log.layout.dir.clone(),
        }
    }
}

impl ObjectStore for PackReader {
    fn store_id(&self) -> StoreId {
        self.log.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.log.get_many(keys, out)
    }

    /// Returns the keys of objects that are stored already.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] when one is not.
    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let key = |object: &Object<'_>| {
            let place = self.log.find(&object.id, usize::MAX)?;
            let place = place.ok_or_else(|| self.read_only())?;
            Ok(Key {
                id: object.id,
                locator: Place::locator(place),
            })
        };
        objects.iter().map(key).collect()
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.log.contains_many(ids, out)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.log.commits_with_prefix(prefix, limit)
    }
}

impl RefStore for PackReader {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        self.look()?;
        Ok(self.log.get_ref(name))
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        self.look()?;
        Ok(self.log.list_refs(prefix))
    }

    /// # Errors
    /// [`StoreError::ReadOnly`].
    fn compare_and_swap(
        &self,
        _edits: &[RefEdit],
        _durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        Err(self.read_only())
    }

    /// Does nothing: this handle has nothing that could be lost.
    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn changes(&self) -> u64 {
        self.log.changes.get()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        let start = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            self.refresh()?;
            let changes = self.log.changes.get();
            let left = timeout.saturating_sub(start.elapsed());
            if changes != seen || left.is_zero() {
                return Ok(changes);
            }
            // Another thread may follow the log meanwhile.
            let changes = self.log.changes.wait(seen, pause.min(left));
            if changes != seen {
                return Ok(changes);
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }
}

impl Engine for PackReader {
    fn url(&self) -> String {
        self.log.url()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        self.look()?;
        self.log.verify(progress)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.look()?;
        self.log.stats()
    }

    /// Keeps a commit by a locked file in the directory `holds` of the store, which needs leave to
    /// write there.
    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        let log = &self.log;
        HoldFile::new(&log.options.files, &log.layout, commit).map(Hold::new)
    }

    /// # Errors
    /// [`StoreError::ReadOnly`].
    fn collect(
        &self,
        _collect: &Collect<'_>,
        _control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        Err(self.read_only())
    }
}

/// How soon a waiting reader looks for the first time.
const PAUSE_MIN: Duration = Duration::from_micros(500);
/// How long it waits at most until it looks again.
const PAUSE_MAX: Duration = Duration::from_millis(100);
