//! Holds: commits that are kept from being collected as long as a call lasts.

use irmin_proto::v1;
use irminsule::Hold;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use super::call::{Call, named};
use super::stream::Answers;
use super::wire;
use crate::service::{Result, Server};

/// Holds what the first message names, and what later ones do, until the caller closes its side.
pub(super) async fn open(
    server: &Server,
    call: Call,
    mut messages: Streaming<v1::HoldRequest>,
) -> Result<Response<Answers<v1::HoldResponse>>, Status> {
    let first = messages.message().await?.unwrap_or_default();
    let repository = named(&first.repository).to_owned();
    let held = hold(server, &call, &repository, first).await?;
    let (sender, receiver) = mpsc::channel(1);
    let server = server.clone();
    tokio::spawn(async move {
        let mut holds = vec![held];
        while sender.send(Ok(v1::HoldResponse {})).await.is_ok() {
            let next = tokio::select! {
                next = messages.message() => next,
                () = sender.closed() => return,
                () = server.stopping() => return,
            };
            // A caller that is gone is as good as one that has ended the call.
            let Ok(Some(message)) = next else {
                return;
            };
            match hold(&server, &call, &repository, message).await {
                Ok(held) => holds.push(held),
                Err(error) => {
                    let _ = sender.send(Err(error.into())).await;
                    return;
                }
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(receiver)))
}

async fn hold(
    server: &Server,
    call: &Call,
    repository: &str,
    message: v1::HoldRequest,
) -> Result<Hold> {
    let body = move |scope: &crate::service::Scope| scope.hold(&wire::ids(&message.commits)?);
    server
        .run(&call.caller, repository, call.deadline, body)
        .await
}
