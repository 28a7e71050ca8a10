//! The service `Watches`: streams of what happens.

use irmin_proto::v1;
use irmin_proto::v1::watches_server::Watches;
use irminsule::{NameChange, Since, WatchKind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::Handler;
use super::call::{Call, named};
use super::stream::Answers;
use super::wire::{self, Room};
use crate::service::{
    ErrorKind, Result as ServiceResult, ServiceError, WatchOptions, Watched, Watching,
};

#[tonic::async_trait]
impl Watches for Handler {
    type WatchStream = Answers<v1::WatchEvent>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (call, message) = Call::open(request)?;
        let options = WatchOptions {
            path: wire::path_of(&message.path)?,
            since: since(message.since)?,
            every_commit: message.every_commit,
            changes: message.changes,
            branch: message.branch,
        };
        let repository = named(&message.repository);
        let watching = self.0.watch(&call.caller, repository, options).await?;
        // One event waits; the next one is looked for when that is taken.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(tell(watching, message.data_limit, sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type WatchRefsStream = Answers<v1::WatchRefsEvent>;

    async fn watch_refs(
        &self,
        request: Request<v1::WatchRefsRequest>,
    ) -> Result<Response<Self::WatchRefsStream>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = named(&message.repository);
        let mut watching = self
            .0
            .watch_refs(&call.caller, repository, &message.prefix)
            .await?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut ready = true;
            loop {
                let next = tokio::select! {
                    next = watching.next() => next,
                    () = sender.closed() => return,
                };
                let is_over = next.is_err();
                let event = next.map(|changes| names_event(changes, ready));
                if sender.send(event.map_err(Status::from)).await.is_err() || is_over {
                    return;
                }
                ready = false;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// Tells what happens until the client ends the call, the server stops, or the watch cannot go on.
async fn tell(
    mut watching: Watching,
    data_limit: u64,
    sender: mpsc::Sender<Result<v1::WatchEvent, Status>>,
) {
    let mut event = Ok(v1::WatchEvent {
        kind: v1::watch_event::Kind::Ready.into(),
        resume: wire_since(watching.cursor()),
        ..v1::WatchEvent::default()
    });
    loop {
        let is_over = event.is_err();
        if sender.send(event.map_err(Status::from)).await.is_err() || is_over {
            return;
        }
        let next = tokio::select! {
            next = watching.next() => next,
            () = sender.closed() => return,
        };
        event = match next {
            Ok(watched) => written(watched, data_limit).await,
            Err(error) => Err(error),
        };
    }
}

/// Writes an event down on a thread that may block: values may have to be read.
async fn written(watched: Watched, data_limit: u64) -> ServiceResult<v1::WatchEvent> {
    let written = tokio::task::spawn_blocking(move || event(&watched, data_limit)).await;
    written.unwrap_or_else(|error| {
        let message = format!("the watch failed: {error}");
        Err(ServiceError::new(ErrorKind::Internal, message))
    })
}

fn event(watched: &Watched, data_limit: u64) -> ServiceResult<v1::WatchEvent> {
    use v1::watch_event::Kind;
    let kind = match watched.kind {
        WatchKind::Commit => Kind::Commit,
        WatchKind::Created => Kind::Created,
        WatchKind::Reset => Kind::Reset,
        WatchKind::Removed => Kind::Removed,
        _ => Kind::Unspecified,
    };
    let mut room = Room::new(data_limit);
    let changes = watched
        .changes
        .iter()
        .map(|change| wire::change(change, &mut room));
    Ok(v1::WatchEvent {
        kind: kind.into(),
        changes: changes.collect::<ServiceResult<_>>()?,
        commit: watched.commit.as_ref().map(wire::commit).transpose()?,
        before: watched.before.map(wire::id),
        more: watched.more,
        resume: wire_since(watched.cursor),
    })
}

fn names_event(changes: Vec<NameChange>, ready: bool) -> v1::WatchRefsEvent {
    let changes = changes.into_iter().map(|change| v1::RefChange {
        name: change.name,
        before: change.before.map(wire::id),
        after: change.after.map(wire::id),
    });
    v1::WatchRefsEvent {
        changes: changes.collect(),
        ready,
    }
}

fn since(since: Option<v1::Since>) -> ServiceResult<Since> {
    use v1::since::Is;
    Ok(match since.and_then(|since| since.is) {
        None | Some(Is::Now(_)) => Since::Now,
        Some(Is::Start(_)) => Since::Start,
        Some(Is::Absent(_)) => Since::Absent,
        Some(Is::Commit(commit)) => Since::Commit(wire::id_of(&commit)?),
    })
}

fn wire_since(since: Since) -> Option<v1::Since> {
    use v1::since::{Absent, Is, Now, Start};
    let is = match since {
        Since::Now => Is::Now(Now {}),
        Since::Start => Is::Start(Start {}),
        Since::Absent => Is::Absent(Absent {}),
        Since::Commit(commit) => Is::Commit(wire::id(commit)),
        _ => return None,
    };
    Some(v1::Since { is: Some(is) })
}
