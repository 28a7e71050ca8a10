//! What the resolvers of one request share: whose it is, and how much it may still ask for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;
use bytes::Bytes;
use irminsule::{Blob, Time};

use crate::service::{ErrorKind, Result, Scope, Server, ServiceError};

/// What the resolvers of one request share. An answer holds at most [`Limits::paths`] commits,
/// branches and entries, and values of [`Limits::request_bytes`].
///
/// [`Limits::paths`]: crate::service::Limits::paths
/// [`Limits::request_bytes`]: crate::service::Limits::request_bytes
pub(crate) struct Desk {
    server: Server,
    scope: Mutex<Arc<Scope>>,
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl Desk {
    pub(crate) fn new(server: Server, scope: Scope) -> Self {
        let desk = Self {
            server,
            scope: Mutex::new(Arc::new(scope)),
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        };
        desk.fill();
        desk
    }

    /// Returns the desk of a request.
    pub(crate) fn of<'a>(context: &Context<'a>) -> Result<&'a Self> {
        let desk = context.data_opt::<Arc<Self>>();
        let missing = || ServiceError::new(ErrorKind::Internal, "the request has no desk");
        desk.map(Arc::as_ref).ok_or_else(missing)
    }

    /// Begins anew: the next event of a subscription has a scope and room of its own.
    pub(crate) fn renew(&self, scope: Scope) {
        *self.scope.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(scope);
        self.fill();
    }

    fn fill(&self) {
        let scope = self.scope();
        let limits = scope.limits();
        self.entries.store(limits.paths, Ordering::Relaxed);
        self.bytes.store(limits.request_bytes, Ordering::Relaxed);
    }

    pub(crate) fn scope(&self) -> Arc<Scope> {
        let scope = self.scope.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&scope)
    }

    /// Runs what changes something: counted and noted in the audit log by itself, because a request may
    /// have several such fields.
    pub(crate) fn change<T>(&self, body: impl FnOnce(&Scope) -> Result<T>) -> Result<T> {
        let scope = self.scope();
        let (caller, repo) = (scope.caller(), scope.repo_name());
        self.count(1)?;
        self.server.run_here(caller, repo, scope.deadline(), body)
    }

    /// Returns the time by the server's clock.
    pub(crate) fn now(&self) -> Time {
        Time::utc(i64::try_from(self.server.now() / 1000).unwrap_or(i64::MAX))
    }

    /// Counts commits, branches or entries of the answer; fails when they are too many, or when the
    /// request's time is over.
    pub(crate) fn count(&self, entries: usize) -> Result<()> {
        self.scope().check_time()?;
        let take = |left: usize| left.checked_sub(entries);
        let taken = self
            .entries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(|_| ()).map_err(|_| {
            let max = self.scope().limits().paths;
            too_large(format!(
                "an answer has at most {max} commits, branches and entries; ask for pages with \
                 'first' and 'after'"
            ))
        })
    }

    /// Reads a value, if there is room for it in the answer.
    pub(crate) fn read(&self, blob: &Blob) -> Result<Bytes> {
        self.scope().check_time()?;
        let size = usize::try_from(blob.size()).unwrap_or(usize::MAX);
        let take = |left: usize| left.checked_sub(size);
        let taken = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if taken.is_err() {
            let max = self.scope().limits().request_bytes;
            return Err(too_large(format!(
                "the values of an answer have at most {max} bytes; ask for fewer, or for large ones \
                 over REST"
            )));
        }
        Ok(blob.bytes()?)
    }
}

fn too_large(message: String) -> ServiceError {
    ServiceError::new(ErrorKind::TooLarge, message)
}
