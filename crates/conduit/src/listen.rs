//! Listening.

mod accept;
mod active;
mod bind;
mod drain;
mod handshake;
mod inherited;
mod options;
mod serve;
mod socket;
mod watchdog;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

pub use drain::{Drain, Drained, ListenerHandle};
pub use options::{Event, EventSink, ListenOptions, ProxyProtocol};

use crate::error::Attempt;
use crate::flow::BoxFlow;
use crate::{Context, Endpoint, Error};
use accept::Acceptor;
use drain::Shared;
#[cfg(feature = "vsock")]
pub(crate) use socket::Socket;

/// How many flows may be ready for [`Listener::accept`] before handshakes wait.
const READY_MAX: usize = 64;

/// A listener at an endpoint, which may be several sockets.
///
/// It accepts by itself, as a task, and shakes hands with several clients at a time: what [`accept`](Self::accept) returns
/// is ready to be served. Errors of accepting and of handshakes never end it; they go to [`ListenOptions::events`].
///
/// There are three ways to serve: a loop around [`accept`](Self::accept); [`incoming`](Self::incoming), a stream for
/// `hyper` and `tonic`; [`serve`](Self::serve), which runs a task for each flow. Dropping the listener stops
/// listening; flows that were accepted stay.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use conduit::{Context, ListenOptions, Listener};
///
/// let options = ListenOptions { max_active: 100, ..ListenOptions::default() };
/// let listener = Listener::bind(&Context::new(), &"tcp://127.0.0.1:0".parse()?, options).await?;
/// println!("listening at {}", listener.endpoints()[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Listener {
    endpoints: Vec<Endpoint>,
    skipped: Vec<Attempt>,
    ready: mpsc::Receiver<BoxFlow>,
    shared: Arc<Shared>,
}

impl Listener {
    /// Listens at an endpoint. Must be called within a tokio runtime.
    ///
    /// A name is looked up, and all its addresses are listened at; `*` is all addresses of both families. With port 0 any
    /// free port is taken, the same one for all addresses.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Listen`] when an address that the endpoint names cannot be listened at, or none of those
    /// that a name or `*` leads to; [`Error::TlsSetup`] when TLS has no certificate.
    pub async fn bind(
        context: &Context,
        endpoint: &Endpoint,
        options: ListenOptions,
    ) -> Result<Self, Error> {
        let bound = bind::bind(context, endpoint, &options).await?;
        let tls = handshake::tls(context, endpoint, &options)?;
        let shared = Arc::new(Shared::new(options));
        let handshake = handshake::Plan::new(bound.endpoint, tls, Arc::clone(&shared))?;
        let (sender, ready) = mpsc::channel(READY_MAX);
        let acceptor = Acceptor::new(bound.sockets, handshake, sender, Arc::clone(&shared));
        tokio::spawn(acceptor.run());
        Ok(Self {
            endpoints: bound.endpoints,
            skipped: bound.skipped,
            ready,
            shared,
        })
    }

    /// Returns where it listens: an endpoint for each socket, with the port that was taken.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Returns the addresses that it does not listen at although a name or `*` led to them, and why: on a machine without
    /// IPv6, say. Worth a line in the log.
    pub fn skipped(&self) -> &[Attempt] {
        &self.skipped
    }

    /// Returns a handle to close and drain it with, from elsewhere.
    pub fn handle(&self) -> ListenerHandle {
        ListenerHandle::new(Arc::clone(&self.shared))
    }

    /// Waits for the next flow. `None` once the listener was closed.
    ///
    /// Safe to cancel: no flow is lost.
    pub async fn accept(&mut self) -> Option<BoxFlow> {
        self.ready.recv().await
    }

    /// Returns the flows as a stream that ends when the listener is closed.
    pub fn incoming(self) -> Incoming {
        Incoming(self)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The flows of a [`Listener`] as a stream, never with an error.
#[derive(Debug)]
pub struct Incoming(Listener);

impl Stream for Incoming {
    type Item = std::io::Result<BoxFlow>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.0.ready.poll_recv(cx).map(|flow| flow.map(Ok))
    }
}
