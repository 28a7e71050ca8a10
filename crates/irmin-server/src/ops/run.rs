//! A server from its start to its end.

use std::path::PathBuf;
use std::time::Duration;

use conduit::{BoxFlow, Endpoint, Listener};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use super::doors::Doors;
use super::health::{self, Health};
use super::lock::DataLock;
use super::reload::{self, Reloader};
use super::{log, notify, welcome};
use crate::config::{Audience, Settings, Sources};
use crate::http::{self, Connections};
use crate::service::{Config, Data, Entry, ErrorKind, Result, Server, ServiceError};

/// A server that has begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Started {
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
    /// Where it listens for metrics and health only.
    pub metrics: Vec<Endpoint>,
    /// The data directory.
    pub data: PathBuf,
    /// The repositories, in order.
    pub repositories: Vec<String>,
    /// Who may come in.
    pub entry: Entry,
    /// Whether nobody named a data directory: somebody is trying it out.
    pub is_trial: bool,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What was under way was answered, or cut off after its time.
    Drained,
    /// Somebody did not want to wait. What was acknowledged is durable all the same.
    AtOnce,
}

/// Serves as `sources` say until SIGTERM or SIGINT; a second one of them ends it at once. SIGHUP has
/// rules and certificates read again. Calls `started` when all repositories are open.
///
/// Logs to stderr for the rest of the process.
///
/// # Errors
/// [`ServiceError`] when the settings are wrong, the directory or an address is taken, a repository
/// cannot be opened, or the server would be open to those whom it should not be.
pub fn run(sources: &Sources, started: impl FnOnce(&Started)) -> Result<End> {
    let values = sources.read()?;
    let settings = Settings::new(&values)?;
    log::begin(&settings);
    let _lock = DataLock::take(&settings.data)?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| system("start threads", &error))?;
    let ended = (|| {
        let signals = runtime.block_on(async { Signals::new() })?;
        let doors = runtime.block_on(Doors::open(&settings))?;
        let reach = doors.reach();
        let access = reload::access(&settings, &reach)?;
        let server = Server::open(Config {
            default_repo: Some(settings.repository.clone()),
            access,
            audit: settings.audit.clone(),
            limits: settings.limits.clone(),
            ..Config::new(Data::Dir(settings.data.clone()))
        })?;
        let reloader = Reloader {
            sources: sources.clone(),
            values,
            reach,
            tls: doors.tls.clone(),
            server: server.clone(),
        };
        let running = Running {
            server,
            health: Health::default(),
            settings,
            signals,
        };
        runtime.block_on(running.serve(doors, reloader, started))
    })();
    end(runtime);
    ended
}

/// Ends without waiting for what was cut off.
fn end(runtime: Runtime) {
    runtime.shutdown_background();
}

fn system(action: &str, error: &std::io::Error) -> ServiceError {
    ServiceError::new(ErrorKind::Unavailable, format!("cannot {action}: {error}"))
}

/// The signals that a server hears.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Must be called inside a tokio runtime.
    fn new() -> Result<Self> {
        let hear = |kind| signal(kind).map_err(|error| system("hear signals", &error));
        Ok(Self {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
            hang_up: hear(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::Reload,
        }
    }

    /// Waits until somebody wants the end.
    async fn stop(&mut self) {
        while self.next().await == Heard::Reload {}
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Stop,
    Reload,
}

struct Running {
    server: Server,
    health: Health,
    settings: Settings,
    signals: Signals,
}

/// What `serve` does, on its own.
type Serving = JoinHandle<Result<()>>;

impl Running {
    async fn serve(
        mut self,
        doors: Doors,
        reloader: Reloader,
        started: impl FnOnce(&Started),
    ) -> Result<End> {
        let beginning = self.beginning(&doors);
        let watching = self.watch(doors.metrics);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = self.answer(doors.listeners, stopped);
        let opened = spawn_blocking({
            let (server, settings) = (self.server.clone(), self.settings.clone());
            move || open_all(&server, &settings)
        });
        let done = self
            .steer(serving, opened, reloader, beginning, started, stop)
            .await;
        drop(watching);
        done
    }

    fn beginning(&self, doors: &Doors) -> Started {
        let endpoints = |listeners: &[Listener]| {
            let all = listeners.iter().flat_map(Listener::endpoints);
            all.cloned().collect::<Vec<_>>()
        };
        Started {
            endpoints: endpoints(&doors.listeners),
            metrics: endpoints(&doors.metrics),
            data: self.settings.data.clone(),
            repositories: self.server.repos().names(),
            entry: self.server.access().config().entry,
            is_trial: self.settings.is_trial,
        }
    }

    /// Begins to answer all requests.
    fn answer(&self, listeners: Vec<Listener>, stopped: oneshot::Receiver<()>) -> Serving {
        let own = health::routes(&self.server, &self.health, self.settings.metrics_for);
        let router = http::router(&self.server).merge(own);
        let (server, drain) = (self.server.clone(), self.settings.drain);
        tokio::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            http::serve(&server, router, listeners, shutdown, drain).await
        })
    }

    /// Begins to answer about metrics and health, until what is returned is dropped.
    fn watch(&self, listeners: Vec<Listener>) -> JoinSet<()> {
        let routes = health::routes(&self.server, &self.health, Audience::Everybody);
        let connections = Connections::new(self.server.clone(), routes);
        let mut watching = JoinSet::new();
        for listener in listeners {
            let connections = connections.clone();
            watching.spawn(async move {
                let handler = |flow: BoxFlow, mut drain: conduit::Drain| {
                    let (connections, who) = (connections.clone(), http::who(flow.peer()));
                    async move { connections.serve(flow, who, drain.wait()).await }
                };
                let never = std::future::pending::<()>();
                listener.serve(handler, never, Duration::ZERO).await;
            });
        }
        watching
    }

    /// Goes from the start to the end as signals say.
    async fn steer(
        &mut self,
        mut serving: Serving,
        mut opened: JoinHandle<Result<()>>,
        reloader: Reloader,
        beginning: Started,
        started: impl FnOnce(&Started),
        stop: oneshot::Sender<()>,
    ) -> Result<End> {
        let reloader = std::sync::Arc::new(reloader);
        let mut started = Some(started);
        let failed = loop {
            tokio::select! {
                done = &mut serving => return ended(done).map(|()| End::Drained),
                done = &mut opened, if started.is_some() => match ended(done) {
                    Err(error) => break Some(error),
                    Ok(()) => {
                        self.health.begin();
                        notify::tell("READY=1");
                        if let Some(started) = started.take() {
                            started(&beginning);
                        }
                    }
                },
                heard = self.signals.next() => match heard {
                    Heard::Stop => break None,
                    Heard::Reload => {
                        let reloader = std::sync::Arc::clone(&reloader);
                        // That it panicked is in the log.
                        let _ = spawn_blocking(move || reloader.reload()).await;
                    }
                },
            }
        };
        let end = self.stop(serving, stop, failed.is_some()).await;
        failed.map_or(end, Err)
    }

    /// Stops in order, unless somebody is in a hurry.
    async fn stop(
        &mut self,
        serving: Serving,
        stop: oneshot::Sender<()>,
        has_failed: bool,
    ) -> Result<End> {
        self.health.end();
        notify::tell("STOPPING=1");
        tracing::info!("stopping; a second signal ends it at once");
        if !has_failed && !self.settings.drain_delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.settings.drain_delay) => {}
                () = self.signals.stop() => return Ok(End::AtOnce),
            }
        }
        drop(stop);
        tokio::select! {
            done = serving => ended(done).map(|()| End::Drained),
            () = self.signals.stop() => Ok(End::AtOnce),
        }
    }
}

fn ended(done: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    done.unwrap_or_else(|error| {
        let message = format!("the server failed: {error}");
        Err(ServiceError::new(ErrorKind::Internal, message))
    })
}

/// Opens all repositories, so that a damaged one is known at the start and not at the first request.
fn open_all(server: &Server, settings: &Settings) -> Result<()> {
    for name in server.repos().names() {
        if let Err(error) = server.repos().get(&name) {
            let dir = settings.data.join(&name);
            let message = format!(
                "cannot open the repository '{name}': {error}; 'irmin salvage' copies what can be read, \
                 and the server starts without it once '{}' is elsewhere",
                dir.display()
            );
            return Err(ServiceError::new(error.kind, message));
        }
    }
    match settings.is_trial {
        true => welcome::fill(server, &settings.repository).map(|_| ()),
        false => Ok(()),
    }
}
