//! Clients that do not send what they announced.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// Returns the body of a request, which fails when nothing of it comes for so long.
pub(super) fn with_patience(body: Body, limit: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Patient {
        timer: Box::pin(sleep(limit)),
        body,
        limit,
    })
}

struct Patient {
    body: Body,
    timer: Pin<Box<Sleep>>,
    limit: Duration,
}

impl HttpBody for Patient {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let next = Instant::now() + self.limit;
            self.timer.as_mut().reset(next);
            return Poll::Ready(frame);
        }
        ready!(self.timer.as_mut().poll(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the client stopped sending");
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_given_up() {
        let (mut client, body) = http_body_util::Channel::<Bytes, io::Error>::new(1);
        let mut body = with_patience(Body::new(body), Duration::from_secs(30));
        client
            .send_data(Bytes::from_static(b"first"))
            .await
            .expect("it is read");
        assert!(body.frame().await.expect("a frame").is_ok());
        let start = Instant::now();
        assert!(body.frame().await.expect("a frame").is_err());
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
