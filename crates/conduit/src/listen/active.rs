//! A connection that is being served: it counts, it may be idle for so long, and it can be cut off.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::drain::{Counted, Phase};
use super::watchdog::Watchdog;
use crate::Peer;
use crate::flow::{BoxFlow, Flow};

pub(super) struct Active {
    flow: BoxFlow,
    counted: Counted,
    /// When a byte was last moved, in either direction.
    last: Instant,
    /// Since when a write waits.
    stalled: Option<Instant>,
    /// One for each direction: they may be polled by different tasks.
    reads: Watchdog,
    writes: Watchdog,
}

impl Active {
    pub(super) fn boxed(flow: BoxFlow, counted: Counted) -> BoxFlow {
        Box::new(Self {
            flow,
            counted,
            last: Instant::now(),
            stalled: None,
            reads: Watchdog::default(),
            writes: Watchdog::default(),
        })
    }

    /// Fails when the connection was cut off.
    fn check(&self) -> io::Result<()> {
        match self.counted.shared.phase() {
            Phase::Cut => Err(cut()),
            _ => Ok(()),
        }
    }

    /// Goes on waiting for a read, unless for too long.
    fn wait_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let shared = &self.counted.shared;
        let idle_end = shared.options.idle_timeout.map(|after| self.last + after);
        if self.reads.poll_cut(shared, cx).is_ready() {
            return Poll::Ready(cut());
        }
        self.reads
            .poll_deadline(idle_end, cx)
            .map(|()| late("idle for too long"))
    }

    /// Goes on waiting for a write, unless for too long.
    fn wait_to_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let shared = &self.counted.shared;
        let stalled = *self.stalled.get_or_insert_with(Instant::now);
        let idle_end = shared.options.idle_timeout.map(|after| self.last + after);
        let stall_end = shared.options.stall_timeout.map(|after| stalled + after);
        let end = match (idle_end, stall_end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if self.writes.poll_cut(shared, cx).is_ready() {
            return Poll::Ready(cut());
        }
        let late = || late("the other end takes no more bytes");
        self.writes.poll_deadline(end, cx).map(|()| late())
    }

    /// Handles what a write has come to.
    fn written<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(result) => {
                self.last = self.now_if_timed();
                self.stalled = None;
                Poll::Ready(result)
            }
            Poll::Pending => self.wait_to_write(cx).map(Err),
        }
    }

    /// The clock is read only where somebody wants to know.
    fn now_if_timed(&self) -> Instant {
        match self.counted.shared.options.idle_timeout {
            Some(_) => Instant::now(),
            None => self.last,
        }
    }
}

fn cut() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the listener has shut down",
    )
}

fn late(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, problem.to_owned())
}

impl Flow for Active {
    fn peer(&self) -> &Peer {
        self.flow.peer()
    }
}

impl AsyncRead for Active {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        match Pin::new(&mut self.flow).poll_read(cx, buf) {
            Poll::Ready(result) => {
                self.last = self.now_if_timed();
                Poll::Ready(result)
            }
            Poll::Pending => self.wait_to_read(cx).map(Err),
        }
    }
}

impl AsyncWrite for Active {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let polled = Pin::new(&mut self.flow).poll_write(cx, bytes);
        self.written(polled, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        match Pin::new(&mut self.flow).poll_flush(cx) {
            Poll::Pending => self.wait_to_write(cx).map(Err),
            ready => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        match Pin::new(&mut self.flow).poll_shutdown(cx) {
            Poll::Pending => self.wait_to_write(cx).map(Err),
            ready => ready,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let polled = Pin::new(&mut self.flow).poll_write_vectored(cx, bytes);
        self.written(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.flow.is_write_vectored()
    }
}
