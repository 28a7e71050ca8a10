//! Sessions: views that live on the server between the requests of one client.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use irminsule::{Commit, Hold, Id, Isolation, Tree, View};

use super::access::{Principal, hex};
use super::error::{Details, ErrorKind, Result, ServiceError};
use super::lock::lock;
use super::requests::Answer;
use super::scope::{CommitOptions, Committed, Scope, ScopedView, Write, check_outside, write_one};
use super::server::Server;
use super::verb::Verb;

/// The secret by which a client knows its session: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Takes the bytes that a client sent.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` unless there are 16.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into();
        bytes
            .map(Self)
            .map_err(|_| ServiceError::invalid("a session's id has 16 bytes"))
    }

    fn fresh() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            ServiceError::new(ErrorKind::Internal, format!("no randomness: {error}"))
        })?;
        Ok(Self(bytes))
    }
}

impl FromStr for SessionId {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || ServiceError::invalid("a session's id has 32 hexadecimal digits");
        if text.len() != 32 || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or_else(bad)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest is the client's secret.
        write!(f, "SessionId({}…)", hex(&self.0[..2]))
    }
}

/// How a session is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionOptions {
    /// Under which isolation it will commit.
    pub isolation: Isolation,
    /// How long it may lie unused; the server's limit if that is less. `None`: that.
    pub time: Option<Duration>,
}

/// A session that was opened.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// What it is called.
    pub id: SessionId,
    /// The head that it sees; `None`: the branch does not exist.
    pub head: Option<Id>,
    /// How long it may lie unused.
    pub time: Duration,
}

/// All sessions of a server.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Arc<Session>>>);

struct Session {
    owner: Option<Principal>,
    repo: String,
    branch: String,
    isolation: Isolation,
    time: Duration,
    expires: AtomicU64,
    /// `None` once it was committed.
    work: Mutex<Option<Work>>,
}

struct Work {
    view: View,
    opened_on: Option<Commit>,
    bytes: usize,
    _hold: Option<Hold>,
}

impl Sessions {
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}

impl Server {
    /// Ends the sessions that lay unused for too long. Each new session does so, too; a timer may.
    pub fn sweep_sessions(&self) {
        let now = self.now();
        let mut sessions = lock(&self.0.sessions.0);
        let before = sessions.len();
        sessions.retain(|_, session| session.expires.load(Ordering::Relaxed) > now);
        self.metrics()
            .sessions
            .sub((before - sessions.len()) as u64);
    }

    fn end_session(&self, id: &SessionId) -> bool {
        let ended = lock(&self.0.sessions.0).remove(id).is_some();
        if ended {
            self.metrics().sessions.sub(1);
        }
        ended
    }
}

impl Scope {
    /// Opens a session on a branch: a view that stays on the server. The head that it sees is kept from
    /// being collected meanwhile.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `PermissionDenied` unless the caller may write something on the branch;
    /// `RateLimited` when it has too many sessions, `Unavailable` when all together have.
    pub fn begin_session(&self, branch: &str, options: SessionOptions) -> Result<Opened> {
        self.begin(Verb::Session, Some(branch))?;
        let server = self.server();
        server.sweep_sessions();
        let head = self.branch(branch)?.head()?;
        let hold = head
            .as_ref()
            .map(|head| self.repo().hold(head))
            .transpose()?;
        let limit = self.limits().session_time;
        let time = options.time.map_or(limit, |time| time.min(limit));
        let base = head
            .as_ref()
            .map_or_else(Tree::empty, |head| head.tree().clone());
        let opened = Opened {
            id: SessionId::fresh()?,
            head: head.as_ref().map(Commit::id),
            time,
        };
        let session = Session {
            owner: self.caller().principal.clone(),
            repo: self.repo_name().to_owned(),
            branch: branch.to_owned(),
            isolation: options.isolation,
            time,
            expires: AtomicU64::new(0),
            work: Mutex::new(Some(Work {
                view: View::new(base),
                opened_on: head,
                bytes: 0,
                _hold: hold,
            })),
        };
        session.touch(server.now());
        let mut sessions = lock(&server.0.sessions.0);
        self.check_sessions(&sessions)?;
        sessions.insert(opened.id, Arc::new(session));
        drop(sessions);
        server.metrics().sessions.add(1);
        Ok(opened)
    }

    fn check_sessions(&self, sessions: &HashMap<SessionId, Arc<Session>>) -> Result<()> {
        let limits = self.limits();
        if sessions.len() >= limits.sessions {
            let message = format!("{} sessions are open; try again later", sessions.len());
            return Err(ServiceError::unavailable(message, Duration::from_secs(1)));
        }
        let own = &self.caller().principal;
        let count = sessions
            .values()
            .filter(|session| session.owner == *own)
            .count();
        if count < limits.sessions_per_principal {
            return Ok(());
        }
        let message = format!("you have {count} sessions open; commit or abort some of them");
        let error = ServiceError::new(ErrorKind::RateLimited, message);
        Err(error.with(Details::RetryAfter(Duration::from_secs(1))))
    }

    /// Runs `body` on the view of a session: all that it writes is kept, or nothing if it fails.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is no such session of this caller, or none any
    /// more; `TooLarge` when it would keep more than [`Limits::session_bytes`]; what `body` returns.
    ///
    /// [`Limits::session_bytes`]: crate::service::Limits::session_bytes
    pub fn in_session<T>(
        &self,
        id: &SessionId,
        body: impl FnOnce(&mut ScopedView<'_>) -> Result<T>,
    ) -> Result<T> {
        let session = self.session(id)?;
        let (read, write) = self.rights_on(&session.branch);
        let mut work = lock(&session.work);
        let work = work.as_mut().ok_or_else(no_session)?;
        let mut nested = work.view.nested();
        let mut view = ScopedView::new(&mut nested, &read, &write);
        let value = body(&mut view)?;
        let bytes = work.bytes.saturating_add(view.spent());
        if bytes > self.limits().session_bytes {
            let limit = self.limits().session_bytes;
            let message = format!("a session keeps at most {limit} bytes in memory; commit it");
            return Err(ServiceError::new(ErrorKind::TooLarge, message));
        }
        work.view.absorb(nested)?;
        work.bytes = bytes;
        Ok(value)
    }

    /// Does writes in a session, in order: all of them, or none.
    ///
    /// # Errors
    /// As [`in_session`](Self::in_session).
    pub fn write_in_session(&self, id: &SessionId, writes: &[Write]) -> Result<()> {
        self.check_count("writes", writes.len(), self.limits().paths)?;
        let grafts = self.grafts(writes)?;
        self.in_session(id, |view| {
            let mut grafts = grafts.iter();
            writes
                .iter()
                .try_for_each(|write| write_one(view, write, &mut grafts))
        })
    }

    /// Commits what a session wrote, under its isolation (that of the options does not count), and ends
    /// it. After an error of kind `Conflict` it has ended, too; after another one it goes on.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is no such session; `Conflict` with
    /// [`Details::Stale`] when what it read has changed, with [`Details::Conflicts`] under snapshot
    /// isolation.
    pub fn commit_session(&self, id: &SessionId, options: &CommitOptions) -> Result<Committed<()>> {
        let session = match self.session(id) {
            Err(error) if error.kind == ErrorKind::NotFound && options.request.is_some() => {
                return self.committed_before(options, error);
            }
            session => session?,
        };
        let branch = &session.branch;
        let running = match self.begin_request(branch, options)? {
            Ok(running) => running,
            Err(known) => return self.repeated(branch, known),
        };
        let mut options = self.transact_options(options)?;
        options.isolation = session.isolation;
        let mut guard = lock(&session.work);
        let work = guard.as_ref().ok_or_else(no_session)?;
        let (read, write) = self.rights_on(branch);
        let mut refused = None;
        let mut check = |old: &Tree, new: &Tree| {
            check_outside(old, new, &write)
                .map_err(|error| super::scope::pass_on(&mut refused, error))
        };
        let opened_on = work.opened_on.as_ref();
        let made = self
            .branch(branch)?
            .commit_view(&options, &work.view, opened_on, &mut check);
        let made =
            made.map_err(|error| refused.unwrap_or_else(|| super::scope::hidden(error, &read)));
        if !matches!(&made, Err(error) if error.kind != ErrorKind::Conflict) {
            *guard = None;
            drop(guard);
            self.server().end_session(id);
        }
        self.committed(branch, running, made?.map(|commit| (commit, 1)), Some(()))
    }

    /// Looks for the answer to a request whose session has ended with it.
    fn committed_before(
        &self,
        options: &CommitOptions,
        otherwise: ServiceError,
    ) -> Result<Committed<()>> {
        let known = options.request.as_ref().and_then(|key| {
            let principal = self.caller().principal.as_ref();
            self.open_repo().requests.known(principal, key)
        });
        let Some(Answer::Commit(commit)) = known else {
            return Err(otherwise);
        };
        // Whoever asks made it: the key is the principal's own.
        let commit = self.seen(commit, &[])?.ok_or(otherwise)?;
        self.server().metrics().repeated.add(1);
        Ok(Committed {
            value: None,
            commit: Some(commit),
            attempts: 0,
            is_repeated: true,
        })
    }

    /// Ends a session without a commit; `false` if there is none.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `PermissionDenied`.
    pub fn abort_session(&self, id: &SessionId) -> Result<bool> {
        match self.session(id) {
            Ok(_) => Ok(self.server().end_session(id)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Finds a session of this caller in this repository.
    fn session(&self, id: &SessionId) -> Result<Arc<Session>> {
        let server = self.server();
        let found = lock(&server.0.sessions.0).get(id).cloned();
        let now = server.now();
        let own = &self.caller().principal;
        let found = found.filter(|session| {
            session.owner == *own
                && session.repo == self.repo_name()
                && session.expires.load(Ordering::Relaxed) > now
        });
        let session = found.ok_or_else(no_session)?;
        self.begin(Verb::Session, Some(&session.branch))?;
        session.touch(now);
        Ok(session)
    }
}

impl Session {
    fn touch(&self, now: u64) {
        let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        self.expires
            .store(now.saturating_add(time), Ordering::Relaxed);
    }
}

fn no_session() -> ServiceError {
    ServiceError::not_found(
        "there is no such session; it was committed, aborted, or unused for long",
    )
}
