//! Watches: what happens to a branch, through all lost connections.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use irmin_core::{Id, Path, Since, WatchKind};
use irmin_proto::v1;
use tokio::sync::mpsc;
use tonic::Status;

use super::Client;
use crate::connection::Connection;
use crate::error::{ClientError, Result};
use crate::values::{RemoteChange, RemoteCommit};
use crate::wire;

const CALL: &str = "Watches.Watch";

/// How many events wait here until they are taken; more wait on the server.
const WAITING_MAX: usize = 16;

/// What a watch tells.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    /// Also commits that change nothing at and below the path.
    pub every_commit: bool,
    /// What changed, as far as the server's limit goes.
    pub changes: bool,
    /// With values of at most so many bytes.
    pub data_limit: u64,
}

/// One step of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteEvent {
    /// What happened.
    pub kind: WatchKind,
    /// Where the branch is now; `None` if it was removed.
    pub commit: Option<RemoteCommit>,
    /// Where it was.
    pub before: Option<Id>,
    /// What changed, if that was asked for.
    pub changes: Vec<RemoteChange>,
    /// Whether there are more changes than the server tells: ask for the diff.
    pub more: bool,
    /// Where to go on behind this event.
    pub resume: Since,
}

/// What happens to a branch at and below a path, in order, each step once. Goes on by itself when the
/// connection broke, behind the last event that was received; ends only with an error that asking
/// again does not help against. Dropping it ends the watch.
#[derive(Debug)]
pub struct WatchStream {
    events: mpsc::Receiver<Result<RemoteEvent>>,
}

impl WatchStream {
    /// Returns the next event, once it has happened; `None` behind an error.
    pub async fn next(&mut self) -> Option<Result<RemoteEvent>> {
        self.events.recv().await
    }
}

impl Stream for WatchStream {
    type Item = Result<RemoteEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx)
    }
}

impl Client {
    /// Watches what is at and below a path of a branch. Returns when the server watches: what happens
    /// from then on is told, and with [`Since::Start`] or a commit what happened before.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn watch(
        &self,
        branch: &str,
        path: &Path,
        since: Since,
        options: &WatchOptions,
    ) -> Result<WatchStream> {
        let request = v1::WatchRequest {
            repository: self.repository(),
            branch: branch.to_owned(),
            path: wire::to_path(path),
            since: Some(to_since(since)),
            every_commit: options.every_commit,
            changes: options.changes,
            data_limit: options.data_limit,
        };
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let watcher = Watcher {
            connection: self.0.clone(),
            request,
            sender,
            ready: Some(ready),
            failures: 0,
        };
        tokio::spawn(watcher.run());
        // One that failed says so as its first event.
        let _failed = is_ready.await;
        Ok(WatchStream { events })
    }
}

/// Brings events through one connection after the other.
struct Watcher {
    connection: Connection,
    /// What to ask for: where the watch stands is in it.
    request: v1::WatchRequest,
    sender: mpsc::Sender<Result<RemoteEvent>>,
    ready: Option<tokio::sync::oneshot::Sender<()>>,
    failures: u32,
}

/// Why a connection was left.
enum Left {
    Broken(ClientError),
    /// Nobody takes the events any more.
    Unwatched,
}

impl Watcher {
    async fn run(mut self) {
        loop {
            self.connection.count();
            let left = self.listen().await;
            let Left::Broken(error) = left else { return };
            if !error.is_transient() {
                let _unwatched = self.sender.send(Err(error)).await;
                return;
            }
            self.failures += 1;
            let closed = self.sender.clone();
            tokio::select! {
                () = closed.closed() => return,
                () = self.connection.back_off(self.failures) => {}
            }
        }
    }

    async fn listen(&mut self) -> Left {
        let request = self.request.clone();
        let mut events = match self.connection.watches().watch(request).await {
            Ok(events) => events.into_inner(),
            Err(status) => return self.broken(&status),
        };
        loop {
            let closed = self.sender.clone();
            let event = tokio::select! {
                () = closed.closed() => return Left::Unwatched,
                event = events.message() => event,
            };
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => return self.broken(&Status::unavailable("the server ended the watch")),
                Err(status) => return self.broken(&status),
            };
            self.failures = 0;
            // A watch that begins now begins where the server said that it stands.
            if event.resume.is_some() {
                self.request.since.clone_from(&event.resume);
            }
            if event.kind() == v1::watch_event::Kind::Ready {
                self.ready.take().map(|ready| ready.send(()));
                continue;
            }
            let event = match read(event) {
                Ok(event) => Ok(event),
                Err(problem) => Err(self.connection.broken(CALL, problem)),
            };
            if self.sender.send(event).await.is_err() {
                return Left::Unwatched;
            }
        }
    }

    fn broken(&self, status: &Status) -> Left {
        Left::Broken(self.connection.failed(CALL, status))
    }
}

fn read(event: v1::WatchEvent) -> Result<RemoteEvent, String> {
    use v1::watch_event::Kind;
    Ok(RemoteEvent {
        kind: match event.kind() {
            Kind::Commit => WatchKind::Commit,
            Kind::Created => WatchKind::Created,
            Kind::Reset => WatchKind::Reset,
            Kind::Removed => WatchKind::Removed,
            Kind::Ready | Kind::Unspecified => return Err("an event of no kind".to_owned()),
        },
        before: wire::maybe_id(event.before.as_ref())?,
        changes: RemoteChange::read_all(event.changes)?,
        more: event.more,
        resume: from_since(event.resume.as_ref())?,
        commit: RemoteCommit::maybe(event.commit)?,
    })
}

fn to_since(since: Since) -> v1::Since {
    use v1::since::{Absent, Is, Now, Start};
    let is = match since {
        Since::Start => Is::Start(Start {}),
        Since::Absent => Is::Absent(Absent {}),
        Since::Commit(id) => Is::Commit(wire::object_id(&id)),
        _ => Is::Now(Now {}),
    };
    v1::Since { is: Some(is) }
}

fn from_since(since: Option<&v1::Since>) -> Result<Since, String> {
    use v1::since::Is;
    match since.and_then(|since| since.is.as_ref()) {
        Some(Is::Now(_)) => Ok(Since::Now),
        Some(Is::Start(_)) => Ok(Since::Start),
        Some(Is::Absent(_)) => Ok(Since::Absent),
        Some(Is::Commit(id)) => wire::id(id).map(Since::Commit),
        None => Err("an event that does not say where it stands".to_owned()),
    }
}
