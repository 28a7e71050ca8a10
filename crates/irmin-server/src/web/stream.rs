//! Answers that are sent piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::service::{ByteReceiver, ServiceError};

/// The pieces that somebody sends; the answer ends when the sender is dropped.
struct Pieces(mpsc::Receiver<Result<Bytes, ServiceError>>);

impl Stream for Pieces {
    type Item = Result<Bytes, ServiceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// Makes a body of what is sent; a second piece waits until the first was taken.
pub(super) fn body() -> (mpsc::Sender<Result<Bytes, ServiceError>>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Body::from_stream(Pieces(receiver)))
}

/// Makes a body of a download.
pub(super) fn download(mut bytes: ByteReceiver) -> Body {
    let (sender, body) = body();
    tokio::spawn(async move {
        while let Some(piece) = bytes.next().await {
            if sender.send(piece).await.is_err() {
                // The browser has gone, and the thread that reads hears of it.
                break;
            }
        }
    });
    body
}
