//! Values that come in pieces.

use irmin_proto::v1;
use irminsule::Id;
use prost::Message;
use tonic::{Response, Status, Streaming};

use super::call::{Call, named};
use super::{outcome, wire};
use crate::service::{
    ByteSender, RequestKey, Result, Scope, Server, StreamReader, Transaction, Write, byte_stream_in,
};

/// Takes a value and commits it, when all of it has come.
pub(super) async fn write_blob(
    server: &Server,
    call: Call,
    mut pieces: Streaming<v1::WriteBlobRequest>,
) -> Result<Response<v1::CommitResponse>, Status> {
    let first = pieces.message().await?.unwrap_or_default();
    let missing =
        || Status::invalid_argument("the first message does not say where the value goes");
    let start = first.start.ok_or_else(missing)?;
    let repository = named(&start.repository).to_owned();
    let (sender, mut reader) = byte_stream_in(server);
    let run = server.run_long(&call.caller, &repository, call.deadline, move |scope| {
        commit(scope, start, &mut reader)
    });
    tokio::pin!(run);
    // The hop may end before all has come: then what it says counts, and the rest is not read.
    let done = tokio::select! {
        biased;
        done = &mut run => done,
        sent = send(sender, first.data, pieces) => match sent {
            Ok(()) => run.await,
            Err(Broken::Client(status)) => return Err(status),
            Err(Broken::Reader) => run.await,
        },
    };
    Ok(Response::new(done?))
}

/// Why a value did not come to its end.
enum Broken {
    Client(Status),
    /// Nobody reads it any more, and says why.
    Reader,
}

async fn send(
    sender: ByteSender,
    first: bytes::Bytes,
    mut pieces: Streaming<v1::WriteBlobRequest>,
) -> Result<(), Broken> {
    sender.send(first).await.map_err(|_| Broken::Reader)?;
    while let Some(piece) = pieces.message().await.map_err(Broken::Client)? {
        if piece.start.is_some() {
            let message = "only the first message may say where the value goes";
            return Err(Broken::Client(Status::invalid_argument(message)));
        }
        sender.send(piece.data).await.map_err(|_| Broken::Reader)?;
    }
    sender.finish().await.map_err(|_| Broken::Reader)
}

fn commit(
    scope: &Scope,
    start: v1::WriteBlobStart,
    reader: &mut StreamReader,
) -> Result<v1::CommitResponse> {
    let path = wire::path_of(&start.path)?;
    let mode = wire::mode_of(start.mode)?;
    let encoded = start.encode_to_vec();
    let preconditions = start.preconditions.into_iter().map(wire::precondition_of);
    let preconditions = preconditions.collect::<Result<Vec<_>>>()?;
    let blob = scope.write_blob(&start.branch, &path, mode, reader)?;
    let key = match start.idempotency_key.as_str() {
        "" => None,
        key => {
            let body = Id::of_parts(&[b"WriteBlob\n", &encoded, blob.id().as_bytes()]);
            Some(RequestKey::new(key, body)?)
        }
    };
    let options = wire::commit_options(scope, start.info, start.durability, key)?;
    let transaction = Transaction {
        preconditions,
        writes: vec![Write::Put { path, blob }],
    };
    outcome::committed(scope, scope.apply(&start.branch, &transaction, &options))
}
