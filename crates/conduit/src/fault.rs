//! Faults for tests: a flow that behaves as badly as a network may.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::Peer;
use crate::flow::{BoxFlow, Flow};

/// Which faults to inject: the same seed gives the same faults. The n-th flow that is wrapped, by this value or a clone,
/// gets its own sequence.
///
/// Faults lie on top of the carrier, below TLS and WebSocket, when given to a [`Context`](crate::Context) or to a listener.
///
/// ```
/// use conduit::{Context, Faults};
///
/// let faults = Faults::new(7).bytes_max(3).reset_after(100..=10_000);
/// let context = Context::builder().faults(faults).build();
/// ```
#[derive(Clone)]
pub struct Faults {
    seed: u64,
    flows: Arc<AtomicU64>,
    bytes_max: Option<usize>,
    pauses: Option<(u32, Duration)>,
    reset_after: Option<RangeInclusive<u64>>,
    half_close_after: Option<RangeInclusive<u64>>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults(seed {})", self.seed)
    }
}

impl Faults {
    /// Returns no faults yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            flows: Arc::default(),
            bytes_max: None,
            pauses: None,
            reset_after: None,
            half_close_after: None,
        }
    }

    /// Splits: each read and each write moves 1 to `bytes` bytes.
    #[must_use]
    pub fn bytes_max(mut self, bytes: usize) -> Self {
        self.bytes_max = Some(bytes.max(1));
        self
    }

    /// Delays one of `one_in` reads and writes for up to `longest`.
    #[must_use]
    pub fn pauses(mut self, one_in: u32, longest: Duration) -> Self {
        self.pauses = Some((one_in.max(1), longest));
        self
    }

    /// Breaks the connection after some number of bytes, of both directions together. The other end sees the end of the
    /// stream where it stands.
    #[must_use]
    pub fn reset_after(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.reset_after = Some(bytes);
        self
    }

    /// Ends the direction that is written after some number of bytes: later writes fail, reads go on.
    #[must_use]
    pub fn half_close_after(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.half_close_after = Some(bytes);
        self
    }

    /// Puts the faults around a flow.
    pub fn wrap(&self, flow: BoxFlow) -> BoxFlow {
        let number = self.flows.fetch_add(1, Ordering::Relaxed);
        let mut random = Random(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let reset_in = self.reset_after.clone().map(|range| random.within(range));
        let half_close_in = self
            .half_close_after
            .clone()
            .map(|range| random.within(range));
        let (reads, writes) = (Side::new(&mut random), Side::new(&mut random));
        let peer = flow.peer().clone();
        Box::new(Faulty {
            flow: Some(flow),
            peer,
            bytes_max: self.bytes_max,
            pauses: self.pauses,
            reads,
            writes,
            reset_in,
            half_close_in,
        })
    }
}

struct Faulty {
    /// `None` once the connection is broken.
    flow: Option<BoxFlow>,
    peer: Peer,
    bytes_max: Option<usize>,
    pauses: Option<(u32, Duration)>,
    reads: Side,
    writes: Side,
    /// How many bytes may still pass.
    reset_in: Option<u64>,
    half_close_in: Option<u64>,
}

/// One direction. Each has numbers of its own, so that its faults do not depend on how the two are interleaved.
struct Side {
    random: Random,
    pause: Option<Pin<Box<Sleep>>>,
    may_pause: bool,
}

impl Side {
    fn new(random: &mut Random) -> Self {
        Self {
            random: Random(random.next()),
            pause: None,
            may_pause: true,
        }
    }

    /// Waits before an operation, sometimes.
    fn poll_pause(&mut self, pauses: Option<(u32, Duration)>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((one_in, longest)) = pauses.filter(|_| self.may_pause) {
            self.may_pause = false;
            if self.random.next().is_multiple_of(u64::from(one_in)) {
                let part = self.random.next() % 1001;
                let part = u32::try_from(part).unwrap_or_default();
                self.pause = Some(Box::pin(sleep(longest / 1000 * part)));
            }
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// Returns how many bytes to move of `wanted`.
    fn share(&mut self, bytes_max: Option<usize>, wanted: usize) -> usize {
        self.may_pause = true;
        match bytes_max {
            None => wanted,
            Some(max) => {
                let max = u64::try_from(max).unwrap_or(u64::MAX);
                let share = self.random.within(1..=max);
                wanted.min(usize::try_from(share).unwrap_or(usize::MAX))
            }
        }
    }
}

impl Faulty {
    /// Returns the flow, unless its time has come.
    fn flow(&mut self) -> io::Result<&mut BoxFlow> {
        if self.reset_in == Some(0) {
            self.flow = None;
        }
        let flow = self.flow.as_mut();
        flow.ok_or_else(|| io::Error::new(io::ErrorKind::ConnectionReset, "an injected reset"))
    }

    fn until_reset(&self, bytes: usize) -> usize {
        let left = self.reset_in.unwrap_or(u64::MAX);
        bytes.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.reset_in = self.reset_in.map(|left| left.saturating_sub(bytes));
    }
}

impl Flow for Faulty {
    fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.reads.poll_pause(this.pauses, cx));
        // Decided before the flow is asked, and again if it has nothing: so kept until it has.
        let random = this.reads.random;
        let wanted = this.until_reset(buf.remaining());
        let share = this.reads.share(this.bytes_max, wanted);
        let mut part = buf.take(share);
        let polled = Pin::new(this.flow()?).poll_read(cx, &mut part);
        let (count, initialized) = (part.filled().len(), part.initialized().len());
        if polled.is_pending() {
            this.reads.random = random;
            this.reads.may_pause = false;
            return Poll::Pending;
        }
        let copied = part.filled().to_vec();
        debug_assert!(initialized >= count);
        buf.put_slice(&copied);
        this.count(count);
        polled
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.writes.poll_pause(this.pauses, cx));
        if this.half_close_in == Some(0) {
            ready!(Pin::new(this.flow()?).poll_shutdown(cx))?;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let random = this.writes.random;
        let until_half_close = this.half_close_in.unwrap_or(u64::MAX);
        let wanted = this.until_reset(bytes.len());
        let wanted = wanted.min(usize::try_from(until_half_close).unwrap_or(usize::MAX));
        let share = this.writes.share(this.bytes_max, wanted);
        let part = bytes.get(..share).unwrap_or(bytes);
        let Poll::Ready(written) = Pin::new(this.flow()?).poll_write(cx, part) else {
            this.writes.random = random;
            this.writes.may_pause = false;
            return Poll::Pending;
        };
        let written = written?;
        this.count(written);
        let count = u64::try_from(written).unwrap_or(u64::MAX);
        this.half_close_in = this.half_close_in.map(|left| left.saturating_sub(count));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.flow()?).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.flow()?).poll_shutdown(cx)
    }
}

/// SplitMix64: few lines, good enough for faults, the same everywhere.
#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start());
        let offset = match span.checked_add(1) {
            Some(count) => self.next() % count,
            None => self.next(),
        };
        range.start().saturating_add(offset)
    }
}
