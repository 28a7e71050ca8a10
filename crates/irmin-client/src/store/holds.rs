//! Holds: a call that is open as long as somebody holds.

use std::time::Duration;

use irmin_core::{Hold, Id};
use irmin_proto::v1;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::RemoteStore;
use crate::connection::{Again, Connection};
use crate::error::Result;
use crate::waiter::Waiter;
use crate::wire;

/// How long whoever lets go waits for the server to have done so. It lets go in any case when it sees
/// that the call ended.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

const CALL: &str = "Objects.Hold";

impl RemoteStore {
    /// Holds commits. When the connection breaks they are not held until it stands again, which is
    /// tried with back-off for as long as the hold lives: a collection in between may remove them, and
    /// who works on them hears then that they are gone.
    pub(super) fn ask_hold(&self, commits: &[Id]) -> Result<Hold> {
        let (Some(handle), false) = (self.waiter.handle(), commits.is_empty()) else {
            return Ok(Hold::new(()));
        };
        let request = v1::HoldRequest {
            repository: self.connection.repository(),
            commits: wire::object_ids(commits),
        };
        let attempt = |_| begin(self.connection.clone(), request.clone());
        let open = self
            .waiter
            .wait(self.connection.call(CALL, Again::Safe, attempt))?;
        let (release, released) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let connection = self.connection.clone();
        handle.spawn(async move {
            keep(connection, request, open, released).await;
            let _nobody_waits = done.send(());
        });
        Ok(Hold::new(Guard {
            release: Some(release),
            is_done: std::sync::Mutex::new(Some(is_done)),
            waiter: self.waiter.clone(),
        }))
    }
}

/// An open call: while the sender lives, the server holds.
struct Open {
    sender: mpsc::Sender<v1::HoldRequest>,
    answers: Streaming<v1::HoldResponse>,
}

async fn begin(connection: Connection, request: v1::HoldRequest) -> Result<Open, Status> {
    let (sender, receiver) = mpsc::channel(1);
    let sent = sender.send(request).await;
    sent.map_err(|_| Status::internal("nobody sends"))?;
    let requests = ReceiverStream::new(receiver);
    let mut answers = connection.objects().hold(requests).await?.into_inner();
    match answers.message().await? {
        Some(v1::HoldResponse {}) => Ok(Open { sender, answers }),
        None => Err(Status::unavailable("the server ended the hold")),
    }
}

/// Keeps the call open, and opens it again when it broke, until it is released.
async fn keep(
    connection: Connection,
    request: v1::HoldRequest,
    mut open: Open,
    mut released: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut released => {
                drop(open.sender);
                let end = async { while let Ok(Some(_)) = open.answers.message().await {} };
                let _late = tokio::time::timeout(RELEASE_TIMEOUT, end).await;
                return;
            }
            answer = open.answers.message() => if matches!(answer, Ok(Some(_))) {
                continue;
            }
        }
        let mut failures = 0;
        open = loop {
            failures += 1;
            tokio::select! {
                _ = &mut released => return,
                () = connection.back_off(failures) => {}
            }
            connection.count();
            tokio::select! {
                _ = &mut released => return,
                again = begin(connection.clone(), request.clone()) => if let Ok(again) = again {
                    break again;
                }
            }
        };
    }
}

/// Lets go when it is dropped.
struct Guard {
    release: Option<oneshot::Sender<()>>,
    is_done: std::sync::Mutex<Option<oneshot::Receiver<()>>>,
    waiter: Waiter,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let released = self.release.take().map(|release| release.send(()));
        let is_done = super::locked(&self.is_done).take();
        if let (Some(Ok(())), Some(is_done)) = (released, is_done) {
            // So that a collection that is asked for next does not find it held.
            let late = async {
                tokio::time::timeout(RELEASE_TIMEOUT, is_done)
                    .await
                    .is_err()
            };
            let _late = self.waiter.wait(late);
        }
    }
}
