//! What connecting and listening have in common: names, trust, timeouts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::tls::TlsClient;
use crate::{Error, Faults, Identity, Pipes, Resolver, Trust};

/// What connecting and listening have in common. Cheap to clone.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use conduit::{Context, Endpoint, ListenOptions, Listener, Pipes};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let context = Context::builder().pipes(Pipes::new()).build();
/// let endpoint: Endpoint = "pipe:greeter".parse()?;
/// let mut listener = Listener::bind(&context, &endpoint, ListenOptions::default()).await?;
///
/// let mut client = context.connect(&endpoint).await?;
/// let mut server = listener.accept().await.expect("nobody has closed it");
/// client.write_all(b"hello").await?;
/// client.shutdown().await?;
/// let mut said = String::new();
/// server.read_to_string(&mut said).await?;
/// assert_eq!(said, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Context(pub(crate) Arc<Shared>);

/// What a context knows.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    tls: OnceLock<Result<TlsClient, Error>>,
}

/// Makes a [`Context`].
#[derive(Clone, Debug)]
pub struct ContextBuilder(Settings);

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) resolver: Resolver,
    pub(crate) trust: Trust,
    pub(crate) identity: Option<Identity>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) source_v4: Option<Ipv4Addr>,
    pub(crate) source_v6: Option<Ipv6Addr>,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) attempt_delay: Duration,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) pipes: Pipes,
    pub(crate) faults: Option<Faults>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self(Settings {
            resolver: Resolver::new(),
            trust: Trust::default(),
            identity: None,
            alpn: Vec::new(),
            source_v4: None,
            source_v6: None,
            connect_timeout: CONNECT_TIMEOUT,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            attempt_delay: ATTEMPT_DELAY,
            keepalive: Some(KEEPALIVE),
            pipes: Pipes::of_process(),
            faults: None,
        })
    }
}

impl Context {
    /// Returns a context with all defaults: the system's resolver and trust, no identity.
    pub fn new() -> Self {
        ContextBuilder::default().build()
    }

    /// Returns a builder with all defaults.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// Returns the resolver.
    pub fn resolver(&self) -> &Resolver {
        &self.0.settings.resolver
    }

    /// Returns what TLS needs, made when first asked for.
    pub(crate) fn tls(&self) -> Result<&TlsClient, Error> {
        let settings = &self.0.settings;
        let made = self.0.tls.get_or_init(|| {
            TlsClient::new(&settings.trust, settings.identity.as_ref(), &settings.alpn)
        });
        made.as_ref().map_err(Error::clone)
    }
}

impl ContextBuilder {
    /// Returns the context.
    pub fn build(self) -> Context {
        let tls = OnceLock::new();
        let settings = self.0;
        Context(Arc::new(Shared { settings, tls }))
    }

    /// Sets how names are found.
    #[must_use]
    pub fn resolver(mut self, resolver: Resolver) -> Self {
        self.0.resolver = resolver;
        self
    }

    /// Sets whose certificates are believed. Default: what the system trusts.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.0.trust = trust;
        self
    }

    /// Sets the own certificate: a client's, and that of listeners that are given no other.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.0.identity = Some(identity);
        self
    }

    /// Sets the application's protocols that TLS offers, the preferred one first (ALPN), such as `h2`.
    #[must_use]
    pub fn alpn(mut self, protocols: &[&[u8]]) -> Self {
        self.0.alpn = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }

    /// Sets the own address that TCP connections come from. Once for each family: if it is set for one only, the
    /// other one is not used.
    #[must_use]
    pub fn source(mut self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.0.source_v4 = Some(address),
            IpAddr::V6(address) => self.0.source_v6 = Some(address),
        }
        self
    }

    /// Sets how long resolving and connecting may take together. Default: 30 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.connect_timeout = timeout;
        self
    }

    /// Sets how long the handshakes of TLS and WebSocket may take together. Default: 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.0.handshake_timeout = timeout;
        self
    }

    /// Sets how long one address has before the next is tried, too. Default: 250 ms (RFC 8305).
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.0.attempt_delay = delay;
        self
    }

    /// Sets how long a TCP connection is silent before the kernel asks whether the other end is still there. Default: 60 s.
    #[must_use]
    pub fn keepalive(mut self, after: Option<Duration>) -> Self {
        self.0.keepalive = after;
        self
    }

    /// Sets where the names of pipes are looked up. Default: those of the process.
    #[must_use]
    pub fn pipes(mut self, pipes: Pipes) -> Self {
        self.0.pipes = pipes;
        self
    }

    /// Injects faults into all connections that are made: for tests.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.0.faults = Some(faults);
        self
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
const KEEPALIVE: Duration = Duration::from_secs(60);
