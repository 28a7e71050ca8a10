//! A client that tries again, over a network that may be bad.

use conduit::{BoxFlow, Context, Endpoint};
use tokio::sync::watch;
use tonic::{Response, Status};

use super::support::Wire;

/// How often a call is tried: far more than any fault needs.
pub(crate) const TRIES_MAX: u32 = 1000;

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Way {
    context: Context,
    pub(crate) endpoint: Endpoint,
    /// Whether the server is there.
    up: Option<watch::Receiver<bool>>,
}

impl Way {
    pub(crate) fn new(context: Context, endpoint: &Endpoint) -> Self {
        Self {
            context,
            endpoint: endpoint.clone(),
            up: None,
        }
    }

    /// Waits for the server before it connects, when this says that it is away.
    pub(crate) fn when(self, up: watch::Receiver<bool>) -> Self {
        Self {
            up: Some(up),
            ..self
        }
    }

    /// Connects; `None` if the server cannot be reached.
    pub(crate) async fn flow(&mut self) -> Option<BoxFlow> {
        if let Some(up) = &mut self.up {
            up.wait_for(|up| *up).await.ok()?;
        }
        self.context.connect(&self.endpoint).await.ok()
    }
}

/// A connection for gRPC that is made again when it breaks.
pub(crate) struct Line {
    way: Way,
    wire: Option<Wire>,
    has_retried: bool,
    retries: u64,
}

impl Line {
    pub(crate) const fn new(way: Way) -> Self {
        Self {
            way,
            wire: None,
            has_retried: false,
            retries: 0,
        }
    }

    /// Tells whether the last call was tried more than once.
    pub(crate) const fn has_retried(&self) -> bool {
        self.has_retried
    }

    /// Returns how often calls were tried again, all in all.
    pub(crate) const fn retries(&self) -> u64 {
        self.retries
    }

    /// Calls until an answer comes, or an error that the server said.
    pub(crate) async fn call<T>(
        &mut self,
        call: impl AsyncFn(Wire) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        self.has_retried = false;
        for _ in 0..TRIES_MAX {
            let Some(wire) = self.wire().await else {
                continue;
            };
            match call(wire).await {
                Ok(answer) => return Ok(answer.into_inner()),
                // What the server says has details; what has none was lost on the way.
                Err(status) if !status.details().is_empty() => return Err(status),
                Err(_) => {
                    self.forget();
                    self.has_retried = true;
                    self.retries += 1;
                }
            }
        }
        panic!("no answer came from {}", self.way.endpoint);
    }

    /// Drops a connection that is broken.
    pub(crate) fn forget(&mut self) {
        self.wire = None;
    }

    /// Returns the connection, or a new one; `None` if the server cannot be reached.
    pub(crate) async fn wire(&mut self) -> Option<Wire> {
        if self.wire.is_none() {
            let flow = self.way.flow().await?;
            self.wire = Wire::try_on(flow).await;
        }
        self.wire.clone()
    }
}

/// A choice of numbers, the same for the same seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % limit as u64).expect("it is less")
    }
}
