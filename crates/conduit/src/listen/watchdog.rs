//! What one direction of a connection waits for besides bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::drain::{Phase, Shared};

/// A timer, and news of the cut. Both are made when first needed: a connection that never waits pays nothing.
#[derive(Default)]
pub(super) struct Watchdog {
    timer: Option<Pin<Box<Sleep>>>,
    cut: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Watchdog {
    /// Is ready when the listener's connections are cut off.
    pub(super) fn poll_cut(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<()> {
        let cut = self
            .cut
            .get_or_insert_with(|| Box::pin(shared.reached(Phase::Cut)));
        let polled = cut.as_mut().poll(cx);
        if polled.is_ready() {
            self.cut = None;
        }
        polled
    }

    /// Is ready when the deadline has passed.
    ///
    /// The timer is not moved each time a byte moves the deadline, but when it fires too early.
    pub(super) fn poll_deadline(
        &mut self,
        deadline: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
