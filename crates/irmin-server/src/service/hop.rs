//! The one hop: how a request gets from the threads that wait for sockets to one that may block.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access::{Caller, Principal};
use super::error::{Details, ErrorKind, Result, ServiceError};
use super::limits::Limits;
use super::scope::Scope;
use super::server::Server;
use super::verb::Verb;

/// When a request's time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The server's limit holds.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// So much time from now on; the server's limit if that is less.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// Returns the moment, if there is one.
    #[must_use]
    pub const fn at(self) -> Option<Instant> {
        self.0
    }

    fn within(self, limit: Duration) -> Self {
        let limit = Instant::now().checked_add(limit);
        Self(match (self.0, limit) {
            (Some(own), Some(limit)) => Some(own.min(limit)),
            (own, limit) => own.or(limit),
        })
    }

    /// Fails when the time is over.
    pub(crate) fn check(self) -> Result<()> {
        match self.0 {
            Some(at) if Instant::now() >= at => Err(too_late()),
            _ => Ok(()),
        }
    }
}

fn too_late() -> ServiceError {
    ServiceError::new(
        ErrorKind::DeadlineExceeded,
        "the time that the request had is over",
    )
}

/// Runs what is about the server, and no repository, on a thread that may block. Not on those of
/// requests, whose number the turns bound, but on those of the runtime, which are bounded by themselves.
pub(crate) async fn blocking<T: Send + 'static>(
    body: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(body).await;
    done.unwrap_or_else(|error| {
        let message = format!("the request failed: {error}");
        Err(ServiceError::new(ErrorKind::Internal, message))
    })
}

/// When a client that was sent away had better come back.
const RETRY: Duration = Duration::from_millis(500);

/// Who may run, and who waits.
pub(crate) struct Admission {
    running: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    per_principal: usize,
    of_principal: Mutex<HashMap<Option<Principal>, usize>>,
    permits: (u32, u32),
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let permits = |count: usize| {
            u32::try_from(count.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX)
        };
        let permits = (permits(limits.running), permits(limits.streams));
        Self {
            running: Arc::new(Semaphore::new(permits.0 as usize)),
            streams: Arc::new(Semaphore::new(permits.1 as usize)),
            looks: Arc::new(Semaphore::new(LOOKS)),
            waiting: AtomicUsize::new(0),
            waiting_max: limits.waiting,
            per_principal: limits.per_principal,
            of_principal: Mutex::default(),
            permits,
        }
    }

    pub(crate) fn close(&self) {
        // Those that wait for a permit are sent away, and so are all who come.
        self.waiting.fetch_add(CLOSED, Ordering::SeqCst);
    }

    /// Waits for a turn to look at what a watch has to tell. They wait in order, and each is short.
    pub(crate) async fn look(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.looks).acquire_owned().await.ok()
    }

    fn is_closed(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) >= CLOSED
    }

    /// Waits until nobody runs.
    pub(crate) async fn drained(&self) {
        // Neither is ever closed.
        let _ = self.running.acquire_many(self.permits.0).await;
        let _ = self.streams.acquire_many(self.permits.1).await;
    }
}

/// How many watches look at the same time.
const LOOKS: usize = 8;

/// What is added to the number of those who wait when nobody may any more.
const CLOSED: usize = usize::MAX / 2;

/// The right to run, until it is dropped.
struct Ticket {
    server: Server,
    is_stream: bool,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let metrics = &self.server.0.metrics;
        match self.is_stream {
            true => metrics.streams.sub(1),
            false => metrics.running.sub(1),
        }
    }
}

/// Counts a principal's request until it is dropped.
struct Counted {
    server: Server,
    principal: Option<Principal>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let of = &self.server.0.admission.of_principal;
        let mut of = of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                of.remove(&self.principal);
            }
        }
    }
}

/// Counts one who waits until it is dropped.
struct Waiting<'a>(&'a Server);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.admission.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.0.metrics.waiting.sub(1);
    }
}

impl Server {
    /// Runs `body` on a thread that may block, with the repository as the caller may see it: the one
    /// hop of a request.
    ///
    /// Waits for its turn when too many run. Dropped while it waits, nothing has happened; dropped
    /// later, `body` runs to its end and its answer is thrown away. Must be called inside a tokio
    /// runtime. Costs two changes of threads (10 to 30 µs: ADR 0032) and counts as one request, of
    /// the verb that `body` asks for first.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Unavailable` when too many wait or the server stops, `RateLimited`
    /// when the principal has too many requests, `DeadlineExceeded` when the time is over (what it
    /// wrote may have been committed), `NotFound` for the repository; what `body` returns.
    pub async fn run<T: Send + 'static>(
        &self,
        caller: &Caller,
        repo: &str,
        deadline: Deadline,
        body: impl FnOnce(&Scope) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.hop(
            caller,
            repo,
            deadline.within(self.0.limits.time),
            false,
            body,
        )
        .await
    }

    /// As [`run`](Self::run), for what takes long: uploads, downloads, and what administrators ask
    /// for. Such requests have turns and a time limit of their own.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_long<T: Send + 'static>(
        &self,
        caller: &Caller,
        repo: &str,
        deadline: Deadline,
        body: impl FnOnce(&Scope) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.hop(
            caller,
            repo,
            deadline.within(self.0.limits.stream_time),
            true,
            body,
        )
        .await
    }

    async fn hop<T: Send + 'static>(
        &self,
        caller: &Caller,
        repo: &str,
        deadline: Deadline,
        is_stream: bool,
        body: impl FnOnce(&Scope) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let counted = self.count(caller)?;
        let ticket = self.ticket(caller, deadline, is_stream).await?;
        let (server, caller, repo) = (self.clone(), caller.clone(), repo.to_owned());
        let running = self.0.pool.run(move || {
            let _held = (ticket, counted);
            server.run_here(&caller, &repo, deadline, body)
        });
        let done = match deadline.at() {
            None => running.await,
            Some(at) => match tokio::time::timeout_at(at.into(), running).await {
                Ok(done) => done,
                Err(_) => return Err(too_late()),
            },
        };
        done.unwrap_or_else(|| {
            let message = "the request failed; the server's log says where";
            Err(ServiceError::new(ErrorKind::Internal, message))
        })
    }

    /// Runs `body` on this thread, which may block, and counts it as a request: what [`run`](Self::run)
    /// does on another thread.
    ///
    /// # Errors
    /// As [`run`](Self::run), but nothing waits for a turn.
    pub fn run_here<T>(
        &self,
        caller: &Caller,
        repo: &str,
        deadline: Deadline,
        body: impl FnOnce(&Scope) -> Result<T>,
    ) -> Result<T> {
        let start = Instant::now();
        let scope = match deadline
            .check()
            .and_then(|()| Scope::open(self, caller, repo, deadline))
        {
            Ok(scope) => scope,
            Err(error) => {
                self.0
                    .metrics
                    .ran(Verb::Resolve, caller.via, Some(error.kind), start.elapsed());
                self.0
                    .audit
                    .note(caller, Verb::Resolve, repo, None, Some(error.kind));
                return Err(error);
            }
        };
        let done = body(&scope);
        let failed = done.as_ref().err().map(|error| error.kind);
        let (verb, branch) = scope.noted();
        self.0
            .metrics
            .ran(verb, caller.via, failed, start.elapsed());
        self.0
            .audit
            .note(caller, verb, repo, branch.as_deref(), failed);
        done
    }

    fn count(&self, caller: &Caller) -> Result<Counted> {
        let admission = &self.0.admission;
        let mut of = admission
            .of_principal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = of.entry(caller.principal.clone()).or_default();
        if *count >= admission.per_principal {
            self.0.metrics.refused.add(1);
            let message = format!("you have {count} requests under way; wait for some of them");
            let error = ServiceError::new(ErrorKind::RateLimited, message);
            return Err(error.with(Details::RetryAfter(RETRY)));
        }
        *count += 1;
        Ok(Counted {
            server: self.clone(),
            principal: caller.principal.clone(),
        })
    }

    async fn ticket(&self, caller: &Caller, deadline: Deadline, is_stream: bool) -> Result<Ticket> {
        let admission = &self.0.admission;
        let turns = match is_stream {
            true => &admission.streams,
            false => &admission.running,
        };
        let permit = if admission.is_closed() {
            return Err(self.refuse("the server is stopping"));
        } else if let Ok(permit) = Arc::clone(turns).try_acquire_owned() {
            permit
        } else {
            self.wait(turns, deadline).await?
        };
        let metrics = &self.0.metrics;
        match is_stream {
            true => metrics.streams.add(1),
            false => metrics.running.add(1),
        }
        if let Some(count) = metrics.doors.get(caller.via as usize) {
            count.add(1);
        }
        Ok(Ticket {
            server: self.clone(),
            is_stream,
            _permit: permit,
        })
    }

    async fn wait(
        &self,
        turns: &Arc<Semaphore>,
        deadline: Deadline,
    ) -> Result<OwnedSemaphorePermit> {
        let admission = &self.0.admission;
        let before = admission.waiting.fetch_add(1, Ordering::SeqCst);
        self.0.metrics.waiting.add(1);
        let waiting = Waiting(self);
        if before >= admission.waiting_max {
            return Err(self.refuse("too many requests wait already"));
        }
        let start = Instant::now();
        let turn = Arc::clone(turns).acquire_owned();
        let limited = async {
            match deadline.at() {
                None => Ok(turn.await),
                Some(at) => tokio::time::timeout_at(at.into(), turn)
                    .await
                    .map_err(|_| too_late()),
            }
        };
        let permit = tokio::select! {
            permit = limited => permit?,
            () = self.stopping() => return Err(self.refuse("the server is stopping")),
        };
        drop(waiting);
        self.0.metrics.wait.note(start.elapsed());
        permit.map_err(|_| self.refuse("the server is stopping"))
    }

    fn refuse(&self, why: &str) -> ServiceError {
        self.0.metrics.refused.add(1);
        ServiceError::unavailable(format!("{why}; try again"), RETRY)
    }
}
