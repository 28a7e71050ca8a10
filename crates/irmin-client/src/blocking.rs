//! The client for programs without async: the same calls, each of which blocks the thread.
//!
//! ```no_run
//! use irmin_client::{Changes, ClientOptions, blocking};
//! # let path = |text: &str| irmin_core::Path::parse(text).unwrap();
//! let url = "irmin://localhost".parse()?;
//! let client = blocking::Client::new(&url, ClientOptions::from_env()?)?;
//! client.commit(&Changes::new("main", "say hello").set(&path("greeting"), "hello"))?;
//! assert_eq!(client.value("main", &path("greeting"))?.unwrap(), "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use irmin_core::{Durability, EntryKind, Id, Isolation, Path, RefEdit, RefOutcome, Since, Step};

use crate::error::Result;
use crate::values::{LogPage, Lookup, Page, RemoteChange, RemoteCommit, RemoteEntry};
use crate::waiter::Waiter;
use crate::{
    Changes, ClientOptions, CommitOutcome, LogQuery, MergeOutcome, MergeRequest, RemoteEvent,
    RemoteUrl, WatchOptions, WatchStream,
};

/// A client of one repository on a server. Every method is that of [`crate::Client`] with its name,
/// its cost and its errors, and blocks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    client: crate::Client,
    waiter: Waiter,
}

impl Client {
    /// Returns a client of the repository at a URL, with a small runtime of its own. Asks nobody yet.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError) when no thread can be started.
    pub fn new(url: &RemoteUrl, options: ClientOptions) -> Result<Self> {
        let waiter = Waiter::new()?;
        let client = waiter.wait(async { crate::Client::new(url, options) });
        Ok(Self { client, waiter })
    }

    /// Returns the async client, to be used in its own runtime only.
    #[must_use]
    pub const fn as_async(&self) -> &crate::Client {
        &self.client
    }

    /// See [`crate::Client::get`].
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, revision: &str, paths: &[Path], data_limit: u64) -> Result<Lookup> {
        self.waiter
            .wait(self.client.get(revision, paths, data_limit))
    }

    /// See [`crate::Client::get_tree`].
    ///
    /// # Errors
    /// As there.
    pub fn get_tree(&self, tree: Id, paths: &[Path], data_limit: u64) -> Result<Lookup> {
        self.waiter
            .wait(self.client.get_tree(tree, paths, data_limit))
    }

    /// See [`crate::Client::value`].
    ///
    /// # Errors
    /// As there.
    pub fn value(&self, revision: &str, path: &Path) -> Result<Option<Bytes>> {
        self.waiter.wait(self.client.value(revision, path))
    }

    /// See [`crate::Client::read_blob`].
    ///
    /// # Errors
    /// As there.
    pub fn read_blob(
        &self,
        revision: &str,
        path: &Path,
        offset: u64,
        length: Option<u64>,
    ) -> Result<Bytes> {
        self.waiter
            .wait(self.client.read_blob(revision, path, offset, length))
    }

    /// See [`crate::Client::list`].
    ///
    /// # Errors
    /// As there.
    pub fn list(
        &self,
        revision: &str,
        path: &Path,
        after: Option<&Step>,
        limit: u32,
    ) -> Result<Page> {
        self.waiter
            .wait(self.client.list(revision, path, after, limit))
    }

    /// See [`crate::Client::diff`].
    ///
    /// # Errors
    /// As there.
    pub fn diff(&self, from: &str, to: &str, path: &Path) -> Result<Vec<RemoteChange>> {
        self.waiter.wait(self.client.diff(from, to, path))
    }

    /// See [`crate::Client::log`].
    ///
    /// # Errors
    /// As there.
    pub fn log(&self, revision: &str, query: &LogQuery) -> Result<LogPage> {
        self.waiter.wait(self.client.log(revision, query))
    }

    /// See [`crate::Client::blame`].
    ///
    /// # Errors
    /// As there.
    pub fn blame(&self, revision: &str, path: &Path) -> Result<Vec<(Path, Id)>> {
        self.waiter.wait(self.client.blame(revision, path))
    }

    /// See [`crate::Client::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn commit(&self, changes: &Changes) -> Result<CommitOutcome> {
        self.waiter.wait(self.client.commit(changes))
    }

    /// See [`crate::Client::write_blob`].
    ///
    /// # Errors
    /// As there.
    pub fn write_blob(
        &self,
        branch: &str,
        path: &Path,
        data: Bytes,
        message: &str,
    ) -> Result<CommitOutcome> {
        self.waiter
            .wait(self.client.write_blob(branch, path, data, message))
    }

    /// See [`crate::Client::begin`].
    ///
    /// # Errors
    /// As there.
    pub fn begin(&self, branch: &str, isolation: Isolation, lifetime: u32) -> Result<Session> {
        let session = self
            .waiter
            .wait(self.client.begin(branch, isolation, lifetime))?;
        let waiter = self.waiter.clone();
        Ok(Session { session, waiter })
    }

    /// See [`crate::Client::merge`].
    ///
    /// # Errors
    /// As there.
    pub fn merge(&self, merge: &MergeRequest) -> Result<MergeOutcome> {
        self.waiter.wait(self.client.merge(merge))
    }

    /// See [`crate::Client::revert`].
    ///
    /// # Errors
    /// As there.
    pub fn revert(&self, branch: &str, revision: &str) -> Result<MergeOutcome> {
        self.waiter.wait(self.client.revert(branch, revision))
    }

    /// See [`crate::Client::common_ancestors`].
    ///
    /// # Errors
    /// As there.
    pub fn common_ancestors(&self, ours: &str, theirs: &str) -> Result<Vec<RemoteCommit>> {
        self.waiter.wait(self.client.common_ancestors(ours, theirs))
    }

    /// See [`crate::Client::repositories`].
    ///
    /// # Errors
    /// As there.
    pub fn repositories(&self) -> Result<Vec<String>> {
        self.waiter.wait(self.client.repositories())
    }

    /// See [`crate::Client::create_repository`].
    ///
    /// # Errors
    /// As there.
    pub fn create_repository(&self, name: &str) -> Result<()> {
        self.waiter.wait(self.client.create_repository(name))
    }

    /// See [`crate::Client::drop_repository`].
    ///
    /// # Errors
    /// As there.
    pub fn drop_repository(&self, name: &str) -> Result<()> {
        self.waiter.wait(self.client.drop_repository(name))
    }

    /// See [`crate::Client::resolve`].
    ///
    /// # Errors
    /// As there.
    pub fn resolve(&self, revision: &str) -> Result<RemoteCommit> {
        self.waiter.wait(self.client.resolve(revision))
    }

    /// See [`crate::Client::name`].
    ///
    /// # Errors
    /// As there.
    pub fn name(&self, name: &str) -> Result<Option<Id>> {
        self.waiter.wait(self.client.name(name))
    }

    /// See [`crate::Client::names`].
    ///
    /// # Errors
    /// As there.
    pub fn names(&self, prefix: &str) -> Result<Vec<(String, Id)>> {
        self.waiter.wait(self.client.names(prefix))
    }

    /// See [`crate::Client::update_names`].
    ///
    /// # Errors
    /// As there.
    pub fn update_names(&self, edits: &[RefEdit], durability: Durability) -> Result<RefOutcome> {
        self.waiter
            .wait(self.client.update_names(edits, durability))
    }

    /// See [`crate::Client::backup_to`].
    ///
    /// # Errors
    /// As there.
    pub fn backup(&self, out: &mut impl Write) -> Result<u64> {
        self.waiter
            .wait(self.client.backup_to(|piece| out.write_all(piece)))
    }

    /// See [`crate::Client::watch`].
    ///
    /// # Errors
    /// As there.
    pub fn watch(
        &self,
        branch: &str,
        path: &Path,
        since: Since,
        options: &WatchOptions,
    ) -> Result<Events> {
        let stream = self
            .waiter
            .wait(self.client.watch(branch, path, since, options))?;
        let waiter = self.waiter.clone();
        Ok(Events { stream, waiter })
    }
}

/// A view of a branch on the server: see [`crate::Session`].
#[derive(Debug)]
pub struct Session {
    session: crate::Session,
    waiter: Waiter,
}

impl Session {
    /// See [`crate::Session::get`].
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, paths: &[Path], data_limit: u64) -> Result<Vec<Option<RemoteEntry>>> {
        self.waiter.wait(self.session.get(paths, data_limit))
    }

    /// See [`crate::Session::list`].
    ///
    /// # Errors
    /// As there.
    pub fn list(
        &self,
        path: &Path,
        after: Option<&Step>,
        limit: u32,
    ) -> Result<(Vec<(Step, EntryKind)>, bool)> {
        self.waiter.wait(self.session.list(path, after, limit))
    }

    /// See [`crate::Session::write`].
    ///
    /// # Errors
    /// As there.
    pub fn write(&self, writes: &[(Path, crate::Write)]) -> Result<()> {
        self.waiter.wait(self.session.write(writes))
    }

    /// See [`crate::Session::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn commit(&self, message: &str) -> Result<CommitOutcome> {
        self.waiter.wait(self.session.commit(message))
    }

    /// See [`crate::Session::abort`].
    ///
    /// # Errors
    /// As there.
    pub fn abort(self) -> Result<()> {
        self.waiter.wait(self.session.abort())
    }
}

/// What happens to a branch, one event after the other; each blocks until it has happened. Goes on by
/// itself when the connection broke.
#[derive(Debug)]
pub struct Events {
    stream: WatchStream,
    waiter: Waiter,
}

impl Events {
    /// Returns the next event; `None` when none happened within `timeout`, and behind an error.
    pub fn next_within(&mut self, timeout: Duration) -> Option<Result<RemoteEvent>> {
        let event = self.stream.next();
        let event = async { tokio::time::timeout(timeout, event).await };
        self.waiter.wait(event).ok().flatten()
    }
}

impl Iterator for Events {
    type Item = Result<RemoteEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.waiter.wait(self.stream.next())
    }
}
