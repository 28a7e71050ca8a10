//! A repository on a server as an engine.

mod cache;
mod changes;
mod collect;
mod holds;
mod names;
mod pending;
mod reads;
mod reports;
mod spool;
mod writes;

use std::fmt;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use irmin_core::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Id, IdPrefix, Key, Object,
    ObjectStore, RefEdit, RefOutcome, RefStore, StoreError, StoreId, StoreStats, Stored,
    VerifyProgress, VerifyReport,
};

use self::cache::Cache;
use self::changes::Changes;
use self::names::Synced;
use self::pending::Pending;
use self::spool::Spools;
use crate::connection::{Again, Connection};
use crate::error::{ClientError, Result};
use crate::waiter::Waiter;
use crate::{ClientOptions, RemoteUrl};

/// A repository on a server as an engine: every function of the library works on it.
///
/// Blocks on a small runtime of its own. Connects with the first call and again when a connection
/// broke. Reads, and swaps of names by a key that is made once, are tried again until their deadline;
/// an error whose outcome is unknown says so.
///
/// Every object is hashed when it arrives, before anybody sees it, and kept in memory within a bound.
/// Objects that are put wait in memory until a name is moved, and travel with that in one call; when
/// they are many they are sent before. What is read one by one comes with what
/// lies beneath, or with older commits, as far as the server thinks fit.
///
/// | call | round trips |
/// |---|---|
/// | `get_ref`, `contains_many`, `commits_with_prefix`, `hold` | 1 |
/// | `get_many` | 0 for what was read before or came along; else 1 for each 256 objects |
/// | `put_many` | 0; 1 for what links to objects that this handle never saw, or beyond a few MB |
/// | `compare_and_swap` | 1, objects included; always as durable as [`Durability::Sync`] unless [`Durability::Deferred`] was asked for |
/// | `sync` | 0 after a swap of one's own; else 1 |
/// | `changes` | 1 at the first call; then 0: the server tells |
///
/// Objects that were read may come from memory after another client had them collected; their bytes
/// are what their id says all the same. A commit is refused, and made again, when something that it
/// needs was collected.
///
/// ```no_run
/// use std::sync::Arc;
/// use irmin_client::{ClientOptions, RemoteStore};
/// use irmin_core::{Env, Path, Repo};
/// let store = RemoteStore::open(&"irmin://localhost".parse()?, ClientOptions::from_env()?)?;
/// let repo = Repo::new(Arc::new(store), Env::fixed(0));
/// repo.branch("main")?.set(&Path::parse("greeting")?, "hello", "say hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RemoteStore {
    id: StoreId,
    connection: Connection,
    cache: Cache,
    pending: Mutex<Pending>,
    changes: Changes,
    synced: Synced,
    spools: Spools,
    /// Whether a collection was broken off, which the server may not have noticed yet.
    has_cancelled: AtomicBool,
    /// Last, so that all that waits on it goes before.
    waiter: Waiter,
}

impl RemoteStore {
    /// Returns the repository at a URL as an engine. Asks nobody yet: whether it is there shows with
    /// the first call.
    ///
    /// # Errors
    /// [`ClientError`] when no thread can be started.
    pub fn open(url: &RemoteUrl, options: ClientOptions) -> Result<Self> {
        let waiter = Waiter::new()?;
        let cache = Cache::new(options.cache_bytes);
        let connection = {
            let _inside = waiter.handle().map(tokio::runtime::Handle::enter);
            Connection::new(url.clone(), options)
        };
        Ok(Self {
            id: StoreId::fresh(),
            connection,
            cache,
            pending: Mutex::default(),
            changes: Changes::default(),
            synced: Synced::default(),
            spools: Spools::default(),
            has_cancelled: AtomicBool::new(false),
            waiter,
        })
    }

    /// Makes a new repository on a server, and returns it as an engine. One round trip.
    ///
    /// # Errors
    /// [`ClientError`] when the server refuses: it is there already, or the caller is no administrator.
    pub fn create(url: &RemoteUrl, options: ClientOptions) -> Result<Self> {
        let store = Self::open(url, options)?;
        let connection = &store.connection;
        let name = connection.repository();
        let request = irmin_proto::v1::CreateRepositoryRequest { name };
        // Making it twice fails, so that it cannot be tried again.
        store
            .waiter
            .wait(connection.call("Repositories.Create", Again::Never, |_| {
                let (mut client, request) = (connection.repositories(), request.clone());
                async move { client.create(request).await }
            }))?;
        Ok(store)
    }

    /// Returns how many calls were made to the server so far, repeated ones counted each time.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.connection.calls()
    }

    fn broken(&self, call: &'static str, problem: impl Into<String>) -> ClientError {
        self.connection.broken(call, problem)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing is ever half done under this lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteStore({})", self.url())
    }
}

impl ObjectStore for RemoteStore {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.read(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.write(objects)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.ask_contains(ids, out)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.find_commits(prefix, limit)
    }
}

impl RefStore for RemoteStore {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        Ok(self.ask_ref(name)?)
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        Ok(self.ask_refs(prefix)?)
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        self.swap(edits, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(self.ask_sync()?)
    }

    fn changes(&self) -> u64 {
        self.changes.get(&self.connection, &self.waiter)
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        Ok(self
            .changes
            .wait(&self.connection, &self.waiter, seen, timeout)?)
    }
}

impl Engine for RemoteStore {
    fn url(&self) -> String {
        self.connection.url().to_string()
    }

    fn read_ahead(
        &self,
        wants: &[Id],
        haves: &[Id],
        depth: Option<NonZeroU32>,
    ) -> Result<Hold, StoreError> {
        self.begin_transfer(wants, haves, depth)
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        Ok(self.ask_verify(progress)?)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        Ok(self.ask_stats()?)
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        Ok(self.ask_hold(&[commit])?)
    }

    fn hold_many(&self, commits: &[Id]) -> Result<Hold, StoreError> {
        Ok(self.ask_hold(commits)?)
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.ask_collect(collect, control)
    }
}

/// Locks what is never half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
