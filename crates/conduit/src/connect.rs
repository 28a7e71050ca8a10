//! Connecting.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::context::Settings;
use crate::endpoint::HostName;
use crate::error::Attempt;
use crate::flow::{BoxFlow, WithPeer};
use crate::peer::{Peer, PeerAddress};
use crate::resolver::Resolved;
use crate::{Context, Endpoint, Error, eyeballs, unix};

impl Context {
    /// Connects to an endpoint.
    ///
    /// A carrier of several addresses is connected to whichever answers first, as RFC 8305 says. TLS expects a certificate
    /// for the host that the endpoint names (the first one, if it names several), also where tables lead elsewhere.
    ///
    /// # Errors
    /// [`Error::Resolve`], [`Error::Connect`], [`Error::Handshake`], [`Error::Timeout`]; [`Error::Unsupported`] where there is
    /// nothing to connect to.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<BoxFlow, Error> {
        let settings = &self.0.settings;
        let late = |after: Duration| {
            let endpoint = endpoint.clone();
            Error::Timeout { endpoint, after }
        };
        let limit = settings.connect_timeout;
        let connected = timeout(limit, self.carry(endpoint)).await;
        let (resolved, mut flow) = connected.map_err(|_| late(limit))??;
        if let Some(faults) = &settings.faults {
            flow = faults.wrap(flow);
        }
        let limit = settings.handshake_timeout;
        let agreed = timeout(limit, self.agree(endpoint, &resolved.endpoint, flow)).await;
        agreed.map_err(|_| late(limit))?
    }

    /// Connects to the endpoint that a URI means, by the resolver's tables.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`Error::Parse`].
    pub async fn connect_uri(&self, uri: &str) -> Result<BoxFlow, Error> {
        self.connect(&self.resolver().endpoint(uri)?).await
    }

    async fn carry(&self, endpoint: &Endpoint) -> Result<(Resolved, BoxFlow), Error> {
        let settings = &self.0.settings;
        let resolved = settings.resolver.resolve(endpoint).await?;
        let failed = |attempts| {
            let endpoint = endpoint.clone();
            Error::Connect { endpoint, attempts }
        };
        let carrier = resolved.endpoint.carrier();
        let connected = match carrier {
            Endpoint::Tcp(_) => tcp(settings, &resolved.addresses).await.map_err(failed)?,
            Endpoint::Unix(_) | Endpoint::Abstract(_) => unix::connect(carrier)
                .await
                .map_err(|error| failed(vec![Attempt::failed(carrier, &error)]))?,
            Endpoint::Pipe(name) => settings
                .pipes
                .connect(name)
                .await
                .map_err(|error| failed(vec![Attempt::failed(carrier, &error)]))?,
            #[cfg(feature = "vsock")]
            Endpoint::Vsock { cid, port } => crate::vsock::connect(*cid, *port)
                .await
                .map_err(|error| failed(vec![Attempt::failed(carrier, &error)]))?,
            #[cfg(not(feature = "vsock"))]
            Endpoint::Vsock { .. } => return Err(unsupported(endpoint, NO_VSOCK)),
            _ => return Err(unsupported(endpoint, "an inherited socket only listens")),
        };
        Ok((resolved, connected))
    }

    /// Puts the layers around a connected carrier, from the inside out.
    async fn agree(
        &self,
        asked: &Endpoint,
        resolved: &Endpoint,
        mut flow: BoxFlow,
    ) -> Result<BoxFlow, Error> {
        let host = host_name(asked.carrier());
        for (layer, carries_web_socket) in crate::layers::inside_out(resolved) {
            let (agreed, name) = match layer {
                Endpoint::Tls { name, .. } => {
                    let name = name.as_ref().unwrap_or(&host);
                    let tls = self.tls()?;
                    (tls.connect(flow, name, carries_web_socket).await, "TLS")
                }
                #[cfg(feature = "ws")]
                Endpoint::Ws { path, .. } => {
                    let host = web_socket_host(asked.carrier());
                    (crate::ws::connect(flow, &host, path).await, "WebSocket")
                }
                _ => return Err(unsupported(asked, NO_WS)),
            };
            flow = agreed.map_err(|error| Error::Handshake {
                endpoint: asked.clone(),
                layer: name,
                problem: error.to_string(),
            })?;
        }
        Ok(flow)
    }
}

/// What a build without the feature says.
pub(crate) const NO_WS: &str = "this build has no WebSocket (feature 'ws')";
#[cfg(not(feature = "vsock"))]
pub(crate) const NO_VSOCK: &str = "this build has no vsock (feature 'vsock')";

pub(crate) fn unsupported(endpoint: &Endpoint, problem: &str) -> Error {
    Error::Unsupported {
        endpoint: endpoint.clone(),
        problem: problem.to_owned(),
    }
}

/// Returns whose certificate is expected where the endpoint does not say.
fn host_name(carrier: &Endpoint) -> HostName {
    let named = match carrier {
        Endpoint::Tcp(hosts) => hosts.first().and_then(|at| at.host.name()),
        _ => None,
    };
    named.unwrap_or_else(HostName::localhost)
}

/// Returns what a WebSocket's request names as host and port.
#[cfg(feature = "ws")]
fn web_socket_host(carrier: &Endpoint) -> String {
    match carrier {
        Endpoint::Tcp(hosts) => match hosts.first() {
            // A zone means nothing at the other end.
            Some(at) => match &at.host {
                crate::Host::V6 { address, .. } => format!("[{address}]:{}", at.port),
                host => format!("{host}:{}", at.port),
            },
            None => "localhost".to_owned(),
        },
        _ => "localhost".to_owned(),
    }
}

async fn tcp(settings: &Settings, addresses: &[SocketAddr]) -> Result<BoxFlow, Vec<Attempt>> {
    let connect = |address| connect_to(settings, address);
    let raced = eyeballs::race(addresses, settings.attempt_delay, connect).await;
    let (address, stream) = raced.map_err(|failed| {
        let failed = failed.into_iter();
        failed
            .map(|(address, error)| Attempt::failed(address, &error))
            .collect::<Vec<_>>()
    })?;
    Ok(WithPeer::boxed(stream, Peer::at(PeerAddress::Tcp(address))))
}

async fn connect_to(settings: &Settings, address: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    let source = source(settings, address)?;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    set_options(&stream, settings.keepalive)?;
    Ok(stream)
}

/// Returns the own address for a connection to this one.
fn source(settings: &Settings, to: SocketAddr) -> io::Result<Option<IpAddr>> {
    let (v4, v6) = (settings.source_v4, settings.source_v6);
    let source = match to {
        SocketAddr::V4(_) => v4.map(IpAddr::V4),
        SocketAddr::V6(_) => v6.map(IpAddr::V6),
    };
    if source.is_none() && (v4.is_some() || v6.is_some()) {
        let problem = "the source address is of the other family";
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, problem));
    }
    Ok(source)
}

/// Sets what both ends want of TCP: no waiting for more to send, and a question when it is silent for long.
pub(crate) fn set_options(
    stream: &tokio::net::TcpStream,
    keepalive: Option<Duration>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(after) = keepalive {
        let probes = socket2::TcpKeepalive::new()
            .with_time(after)
            .with_interval(after);
        socket2::SockRef::from(stream).set_tcp_keepalive(&probes)?;
    }
    Ok(())
}
