//! The server: all that requests share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use irminsule::{Env, system_env};
use tokio::sync::watch as signal;

use super::access::{Access, AccessConfig, Caller, Clock, Credentials, Entry, Peer, Transport};
use super::audit::{Audit, AuditConfig};
use super::error::{ErrorKind, Result};
use super::hop::{Admission, Deadline};
use super::limits::Limits;
use super::metrics::Metrics;
use super::pool::Pool;
use super::repos::{Data, Repos};
use super::scope::Scope;
use super::sessions::Sessions;
use super::verb::Verb;

/// What a server is made of.
#[derive(Clone)]
pub struct Config {
    /// Where the repositories are.
    pub data: Data,
    /// The repository that is made when there is none; `None`: none is.
    pub default_repo: Option<String>,
    /// Who may come in, and what rules say.
    pub access: AccessConfig,
    /// The audit log; `None`: none is written.
    pub audit: Option<AuditConfig>,
    /// What it takes at once.
    pub limits: Limits,
    /// Who makes the commits of callers who did not say who they are, and the clock of commits.
    pub env: Env,
    /// The clock of tokens, sessions and the audit log.
    pub clock: Clock,
}

impl Config {
    /// Returns the defaults for a data directory: a repository `main`, nobody let in but by rules (of
    /// which there are none), no audit log.
    #[must_use]
    pub fn new(data: Data) -> Self {
        Self {
            data,
            default_repo: Some("main".to_owned()),
            access: AccessConfig::default(),
            audit: None,
            limits: Limits::default(),
            env: system_env(),
            clock: Arc::new(system_clock),
        }
    }

    /// Returns the defaults for a server in memory that is open to all: for tests and demonstrations.
    #[must_use]
    pub fn open_in_memory() -> Self {
        let access = AccessConfig {
            entry: Entry::Open,
            ..AccessConfig::default()
        };
        Self {
            access,
            ..Self::new(Data::Memory)
        }
    }
}

fn system_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// A server, without its transports. Cheap to clone; all clones are one.
///
/// ```
/// use irmin_server::service::{Caller, CommitOptions, Config, Server};
/// use irminsule::Path;
///
/// let server = Server::open(Config::open_in_memory())?;
/// let scope = server.scope(&Caller::local(), "main")?;
/// let greeting = Path::parse("greeting")?;
/// scope.transact("main", &CommitOptions::new("say hello"), |view| view.set(&greeting, "hello"))?;
/// let head = scope.resolve("main")?;
/// assert_eq!(head.tree()?.get_bytes(&greeting)?.unwrap(), "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) repos: Repos,
    pub(crate) access: Access,
    pub(crate) metrics: Metrics,
    pub(crate) audit: Audit,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) admission: Admission,
    pub(super) pool: Pool,
    pub(crate) sessions: Sessions,
    stop: signal::Sender<bool>,
}

impl Server {
    /// Opens a server: looks at the data directory, and makes the default repository in an empty one.
    ///
    /// # Errors
    /// [`ServiceError`](super::ServiceError) when the directory, a store or the audit log cannot be
    /// opened or made.
    pub fn open(config: Config) -> Result<Self> {
        let tokens = match &config.data {
            Data::Dir(dir) => Some(dir.join("tokens.json")),
            Data::Memory => None,
        };
        let repos = Repos::open(config.data, config.env, config.limits.answers)?;
        if let Some(name) = config.default_repo
            && repos.names().is_empty()
        {
            repos.create(&name)?;
        }
        let (clock, limits) = (config.clock, config.limits);
        let access = Access::new(config.access, tokens, limits.failures, Arc::clone(&clock));
        Ok(Self(Arc::new(Inner {
            audit: Audit::open(config.audit, Arc::clone(&clock))?,
            sessions: Sessions::default(),
            admission: Admission::new(&limits),
            pool: Pool::default(),
            metrics: Metrics::default(),
            stop: signal::Sender::new(false),
            repos,
            access,
            limits,
            clock,
        })))
    }

    /// Returns the repositories, which know nothing of rights.
    #[must_use]
    pub fn repos(&self) -> &Repos {
        &self.0.repos
    }

    /// Returns who may come in and do what.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// Finds out who asks; see [`Access::authenticate`]. Failures are counted and noted in the audit
    /// log.
    ///
    /// # Errors
    /// As [`Access::authenticate`].
    pub fn authenticate(
        &self,
        shown: &Credentials<'_>,
        via: Transport,
        peer: Peer,
    ) -> Result<Caller> {
        self.authenticate_request(shown, via, peer, &Arc::from(""))
    }

    /// As [`authenticate`](Self::authenticate), for a request with an id, which is in the log and in
    /// the caller.
    ///
    /// # Errors
    /// As [`Access::authenticate`].
    pub fn authenticate_request(
        &self,
        shown: &Credentials<'_>,
        via: Transport,
        peer: Peer,
        request_id: &Arc<str>,
    ) -> Result<Caller> {
        let from = peer.clone();
        let found = self.0.access.authenticate(shown, via, peer);
        if let Err(error) = &found {
            self.0.metrics.unauthenticated.add(1);
            // Those that come too often are not noted, so that nobody can flood the log.
            if error.kind == ErrorKind::Unauthenticated {
                let stranger = Caller::known(None, via, from);
                let stranger = stranger.with_request_id(Arc::clone(request_id));
                self.0.audit.note_stranger(&stranger);
            }
        }
        Ok(found?.with_request_id(Arc::clone(request_id)))
    }

    /// Returns what is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Returns the audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Returns the time by the server's clock, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.0.clock)()
    }

    /// Returns a repository as a caller may see it, for use on a thread that may block: what
    /// [`run`](Self::run) gives to its closure. Nothing is counted or noted in the audit log.
    ///
    /// # Errors
    /// [`ServiceError`](super::ServiceError) of kind `NotFound` when there is no such repository, or
    /// none that the caller may see anything of.
    pub fn scope(&self, caller: &Caller, repo: &str) -> Result<Scope> {
        Scope::open(self, caller, repo, Deadline::never())
    }

    /// Begins to stop: streams and watches end, new requests are refused as `Unavailable`, those that
    /// run go on. [`drained`](Self::drained) waits for these.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
        self.0.admission.close();
    }

    /// Tells whether the server is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.stop.borrow()
    }

    /// Waits until the server is told to stop.
    pub async fn stopping(&self) {
        let mut told = self.0.stop.subscribe();
        // The sender lives as long as this server does.
        let _ = told.wait_for(|stop| *stop).await;
    }

    /// Waits until no request runs, and closes the repositories. Give it a time limit of your own.
    ///
    /// # Errors
    /// [`ServiceError`](super::ServiceError) when an engine cannot sync.
    pub async fn drained(&self) -> Result<()> {
        self.0.admission.drained().await;
        self.0.sessions.clear();
        let server = self.clone();
        let closed = tokio::task::spawn_blocking(move || server.0.repos.close()).await;
        closed.unwrap_or(Ok(()))
    }

    /// Notes a request that never came to its hop, in metrics and audit log: one that was refused.
    pub fn note_refused(&self, caller: &Caller, verb: Verb, repo: &str, kind: ErrorKind) {
        self.0
            .metrics
            .ran(verb, caller.via, Some(kind), std::time::Duration::ZERO);
        self.0.audit.note(caller, verb, repo, None, Some(kind));
    }
}
