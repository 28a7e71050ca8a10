//! Clients that do not read what they asked for.
//!
//! A client may stop reading one stream of a connection and go on with the others, so nothing that
//! the kernel sees tells it. What tells is that nobody asks the answer's body for more: each body
//! notes when it gave something away and forgets that when it is asked again.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The largest piece that a body gives away. What is given away waits in the connection, out of
/// sight, until the client takes it.
const PIECE_BYTES: usize = 64 * 1024;

/// When the bodies of a connection gave away what they were not asked to follow up yet.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    given: Mutex<Given>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Given {
    next: u64,
    since: HashMap<u64, Instant>,
}

impl Stalls {
    /// Returns the body with its progress noted here.
    pub(super) fn note(self: &Arc<Self>, body: Body) -> Body {
        let mut given = self.lock();
        given.next += 1;
        Body::new(Noted {
            number: given.next,
            stalls: Arc::clone(self),
            rest: Bytes::new(),
            body,
        })
    }

    /// Waits until a body was not asked for more for so long. Costs nothing while none waits.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            let oldest = self.lock().since.values().min().copied();
            let Some(oldest) = oldest else {
                self.changed.notified().await;
                continue;
            };
            sleep_until(oldest + limit).await;
            if self.lock().since.values().any(|&since| since <= oldest) {
                return;
            }
        }
    }

    fn gave(&self, number: u64) {
        let mut given = self.lock();
        given.since.insert(number, Instant::now());
        if given.since.len() == 1 {
            self.changed.notify_one();
        }
    }

    fn asked(&self, number: u64) {
        self.lock().since.remove(&number);
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body whose progress is noted.
struct Noted {
    body: Body,
    rest: Bytes,
    number: u64,
    stalls: Arc<Stalls>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.stalls.asked(self.number);
    }
}

impl HttpBody for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.stalls.asked(self.number);
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let end = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(end);
        self.stalls.gave(self.number);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(inner.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_piece_and_asks_for_no_more_is_found() {
        let stalls = Arc::new(Stalls::default());
        let mut body = stalls.note(Body::from(vec![0; 3 * PIECE_BYTES]));
        let first = body.frame().await.expect("a frame").expect("no error");
        assert_eq!(
            first.into_data().map(|data| data.len()).ok(),
            Some(PIECE_BYTES)
        );
        let start = Instant::now();
        stalls.stalled(LIMIT).await;
        assert_eq!(start.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_nothing_to_give_does_not_stall() {
        let stalls = Arc::new(Stalls::default());
        let body = stalls.note(Body::new(http_body_util::Empty::new()));
        let waited = tokio::time::timeout(100 * LIMIT, stalls.stalled(LIMIT)).await;
        assert!(waited.is_err());
        drop(body);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_reading_slowly_is_not_disconnected() {
        let stalls = Arc::new(Stalls::default());
        let mut body = stalls.note(Body::from(vec![7; 5 * PIECE_BYTES + 1]));
        let read = async {
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                bytes += frame.expect("no error").into_data().expect("data").len();
                tokio::time::sleep(LIMIT / 2).await;
            }
            bytes
        };
        tokio::select! {
            bytes = read => assert_eq!(bytes, 5 * PIECE_BYTES + 1),
            () = stalls.stalled(LIMIT) => panic!("it was not stalled"),
        }
    }
}
