//! Bodies, both ways.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use irminsule::Id;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::problem::{Problem, Result};
use crate::service::{ByteReceiver, ErrorKind, Server, ServiceError};

/// A JSON body, with the hash of its bytes.
pub(super) struct JsonBody<T> {
    pub(super) value: T,
    pub(super) digest: Id,
}

impl<T: DeserializeOwned> FromRequest<Server> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, server: &Server) -> Result<Self> {
        let bytes = collect(request.into_body(), server.limits().request_bytes).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::invalid(format!(
                "the body is not the JSON that is expected: {error}"
            ))
        })?;
        Ok(Self {
            value,
            digest: Id::of(&bytes),
        })
    }
}

/// Reads a body up to a limit.
pub(super) async fn collect(body: Body, limit: usize) -> Result<Bytes> {
    let mut pieces = body.into_data_stream();
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| broken_off(&error))?;
        if all.len() + piece.len() > limit {
            let message = format!("the body has at most {limit} bytes here");
            return Err(Problem::new(ErrorKind::TooLarge, message));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}

/// Says that a body did not come to its end.
pub(super) fn broken_off(error: &axum::Error) -> Problem {
    Problem::invalid(format!("the body did not come to its end: {error}"))
}

/// Answers with JSON.
pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => Problem::new(ErrorKind::Internal, error.to_string()).into_response(),
    }
}

/// The end of a streamed answer that pieces are sent to.
pub(super) type Pieces = mpsc::Sender<Result<Bytes, ServiceError>>;

/// Makes a body of what is sent; a second piece waits until the first was taken.
pub(super) fn streamed() -> (Pieces, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Body::from_stream(ReceiverStream::new(receiver)))
}

/// Makes a body of a download.
pub(super) fn download(mut bytes: ByteReceiver) -> Body {
    let (sender, body) = streamed();
    tokio::spawn(async move {
        while let Some(piece) = bytes.next().await {
            if sender.send(piece).await.is_err() {
                // The client has gone, and the thread that reads hears of it.
                break;
            }
        }
    });
    body
}
