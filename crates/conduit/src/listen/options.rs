//! How to listen.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::{Faults, Peer, Prefix, TlsServer};

/// How to listen.
///
/// ```
/// use std::time::Duration;
/// use conduit::ListenOptions;
///
/// let options = ListenOptions {
///     max_active: 100,
///     idle_timeout: Some(Duration::from_secs(600)),
///     ..ListenOptions::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// The most connections at a time, those that shake hands included. More wait in the kernel's queue. Default: 10,000.
    pub max_active: u32,
    /// How many connections the kernel's queue holds (it may hold fewer: `net.core.somaxconn`). Default: 1,024.
    pub backlog: u32,
    /// How long PROXY header, TLS and WebSocket may take together. Default: 10 s.
    pub handshake_timeout: Duration,
    /// How long a connection may live without a byte in either direction. Default: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long a write may wait without a byte taken by the other end. Default: for ever.
    pub stall_timeout: Option<Duration>,
    /// Whether a socket at an IPv6 address refuses IPv4 clients. It is always set, whatever the system's default; `tcp://*`
    /// listens at one socket for each family. `false`: `[::]` serves IPv4 clients, too, with mapped addresses. Default: true.
    pub v6_only: bool,
    /// The mode of a Unix socket's file. Default: 0600, its owner only.
    pub mode: u32,
    /// Who sends a PROXY header. Default: nobody.
    pub proxy: ProxyProtocol,
    /// The certificate, for endpoints with TLS. Default: the context's identity, without asking clients for theirs.
    pub tls: Option<TlsServer>,
    /// How long a TCP connection is silent before the kernel asks whether the other end is still there. Default: 60 s.
    pub keepalive: Option<Duration>,
    /// Who hears of what goes wrong. Default: nobody.
    pub events: Option<EventSink>,
    /// Faults to inject into all connections: for tests.
    pub faults: Option<Faults>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            max_active: 10_000,
            backlog: 1024,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: None,
            stall_timeout: None,
            v6_only: true,
            mode: 0o600,
            proxy: ProxyProtocol::Off,
            tls: None,
            keepalive: Some(Duration::from_secs(60)),
            events: None,
            faults: None,
        }
    }
}

/// Who sends a PROXY header before anything else. Whoever should and does not is refused; it is never guessed, since
/// anybody could send one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// Nobody.
    #[default]
    Off,
    /// Everybody: only proxies can get here.
    Everybody,
    /// Those at addresses with these prefixes. All others are clients themselves.
    From(Vec<Prefix>),
}

impl ProxyProtocol {
    /// Tells whether this peer has to send a header.
    pub(super) fn applies_to(&self, peer: &Peer) -> bool {
        match self {
            Self::Off => false,
            Self::Everybody => true,
            Self::From(prefixes) => peer
                .ip()
                .is_some_and(|ip| prefixes.iter().any(|prefix| prefix.contains(ip))),
        }
    }
}

/// What went wrong while a listener went on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Accepting failed, most often for want of file descriptors or memory; it is tried again after a pause.
    AcceptFailed {
        /// The error.
        error: io::Error,
        /// How long the pause is.
        pause: Duration,
    },
    /// A client was gone before it was accepted.
    Gone {
        /// The error.
        error: io::Error,
    },
    /// A client was refused: its PROXY header, TLS or WebSocket was wrong or took too long.
    HandshakeFailed {
        /// Who.
        peer: Peer,
        /// The error.
        error: io::Error,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcceptFailed { error, pause } => {
                write!(f, "cannot accept: {error}; next try in {pause:?}")
            }
            Self::Gone { error } => write!(f, "a client was gone before it was accepted: {error}"),
            Self::HandshakeFailed { peer, error } => write!(f, "{peer} was refused: {error}"),
        }
    }
}

/// Who hears of events: a function that must not block.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(&Event) + Send + Sync>);

impl EventSink {
    /// Returns a sink that calls a function.
    pub fn new(function: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    pub(super) fn send(&self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}
