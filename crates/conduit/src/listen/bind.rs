//! Binding the sockets of an endpoint.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use socket2::{Domain, Protocol, SockAddr, Type};
use tokio::net::TcpListener;

use super::inherited::{self, Inherited};
use super::options::ListenOptions;
use super::socket::{Socket, TcpSocket};
use crate::connect::unsupported;
use crate::endpoint::{Host, HostPort, Zone};
use crate::error::Attempt;
use crate::unix::UnixSocket;
use crate::{Context, Endpoint, Error};

/// How often a free port is looked for that all addresses can have.
const PORT_TRIES_MAX: usize = 32;

/// What a listener is made of.
pub(super) struct Bound {
    /// What was asked for, after rewrites.
    pub(super) endpoint: Endpoint,
    /// Where each socket listens.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) sockets: Vec<Box<dyn Socket>>,
    pub(super) skipped: Vec<Attempt>,
}

impl Bound {
    fn one(endpoint: &Endpoint, carrier: Endpoint, socket: impl Socket + 'static) -> Self {
        Self {
            endpoint: endpoint.clone(),
            endpoints: vec![endpoint.with_carrier(carrier)],
            sockets: vec![Box::new(socket)],
            skipped: Vec::new(),
        }
    }
}

pub(super) async fn bind(
    context: &Context,
    endpoint: &Endpoint,
    options: &ListenOptions,
) -> Result<Bound, Error> {
    let carrier = endpoint.carrier();
    let failed = |error: io::Error| Error::Listen {
        endpoint: endpoint.clone(),
        attempts: vec![Attempt::failed(carrier, &error)],
    };
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    match carrier {
        Endpoint::Tcp(hosts) => bind_tcp(context, endpoint, hosts, options).await,
        Endpoint::Unix(path) => {
            let socket = UnixSocket::bind(path, options.mode, backlog).map_err(failed)?;
            Ok(Bound::one(endpoint, carrier.clone(), socket))
        }
        Endpoint::Abstract(name) => {
            let socket = UnixSocket::bind_abstract(name, backlog).map_err(failed)?;
            Ok(Bound::one(endpoint, carrier.clone(), socket))
        }
        Endpoint::Pipe(name) => {
            let listener = context.0.settings.pipes.listen(name).map_err(failed)?;
            Ok(Bound::one(endpoint, carrier.clone(), listener))
        }
        Endpoint::Inherited(_) | Endpoint::InheritedName(_) => {
            take_inherited(endpoint, options).map_err(failed)
        }
        #[cfg(feature = "vsock")]
        Endpoint::Vsock { cid, port } => {
            let (socket, carrier) = crate::vsock::listen(*cid, *port, backlog).map_err(failed)?;
            Ok(Bound::one(endpoint, carrier, socket))
        }
        #[cfg(not(feature = "vsock"))]
        Endpoint::Vsock { .. } => Err(unsupported(endpoint, crate::connect::NO_VSOCK)),
        Endpoint::Tls { .. } | Endpoint::Ws { .. } => {
            Err(unsupported(endpoint, "it has no carrier"))
        }
    }
}

fn take_inherited(endpoint: &Endpoint, options: &ListenOptions) -> io::Result<Bound> {
    match inherited::take(endpoint.carrier())? {
        Inherited::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let carrier = tcp_endpoint(listener.local_addr()?);
            let keepalive = options.keepalive;
            Ok(Bound::one(
                endpoint,
                carrier,
                TcpSocket {
                    listener,
                    keepalive,
                },
            ))
        }
        Inherited::Unix(listener) => {
            let address = listener.local_addr()?;
            let path = address.as_pathname().map(Path::to_owned);
            let carrier = path.map_or_else(|| endpoint.carrier().clone(), Endpoint::Unix);
            Ok(Bound::one(
                endpoint,
                carrier,
                UnixSocket::inherited(listener)?,
            ))
        }
    }
}

/// An address to listen at.
struct Wanted {
    address: SocketAddr,
    /// Whether the endpoint names this very address, so that leaving it out would surprise.
    is_literal: bool,
}

async fn bind_tcp(
    context: &Context,
    endpoint: &Endpoint,
    hosts: &[HostPort],
    options: &ListenOptions,
) -> Result<Bound, Error> {
    let mut wanted = Vec::new();
    for host in hosts {
        wanted.extend(addresses(context, host).await?);
    }
    let listen_error = |attempts| {
        let endpoint = endpoint.clone();
        Error::Listen { endpoint, attempts }
    };
    let mut tries = 0;
    let (listeners, skipped) = loop {
        tries += 1;
        match bind_all(&wanted, options) {
            Ok(bound) => break bound,
            Err(BindError::PortTaken) if tries < PORT_TRIES_MAX => {}
            Err(BindError::PortTaken) => {
                let problem = "no port is free at all addresses";
                return Err(listen_error(vec![Attempt::missing("port 0", problem)]));
            }
            Err(BindError::Failed(attempts)) => return Err(listen_error(attempts)),
        }
    };
    let mut bound = Bound {
        endpoint: endpoint.clone(),
        endpoints: Vec::new(),
        sockets: Vec::new(),
        skipped,
    };
    for listener in listeners {
        let address = listener.local_addr();
        let address =
            address.map_err(|error| listen_error(vec![Attempt::failed(endpoint, &error)]))?;
        bound
            .endpoints
            .push(endpoint.with_carrier(tcp_endpoint(address)));
        let keepalive = options.keepalive;
        bound.sockets.push(Box::new(TcpSocket {
            listener,
            keepalive,
        }));
    }
    Ok(bound)
}

/// Returns the addresses of one host of an endpoint.
async fn addresses(context: &Context, at: &HostPort) -> Result<Vec<Wanted>, Error> {
    let wanted = |is_literal| {
        move |address| Wanted {
            address,
            is_literal,
        }
    };
    if at.host == Host::Any {
        let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, at.port));
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, at.port));
        return Ok([v6, v4].into_iter().map(wanted(false)).collect());
    }
    let endpoint = Endpoint::Tcp(vec![at.clone()]);
    let resolved = context.resolver().resolve(&endpoint).await?;
    let is_literal = !matches!(at.host, Host::Name(_));
    Ok(resolved
        .addresses
        .into_iter()
        .map(wanted(is_literal))
        .collect())
}

enum BindError {
    /// The port that one address chose is taken at another one.
    PortTaken,
    Failed(Vec<Attempt>),
}

type Listeners = (Vec<TcpListener>, Vec<Attempt>);

/// Binds all addresses; those that a name led to may be missing on this machine, but not all of them.
fn bind_all(wanted: &[Wanted], options: &ListenOptions) -> Result<Listeners, BindError> {
    let (mut listeners, mut skipped) = (Vec::new(), Vec::new());
    let mut chosen = None;
    for Wanted {
        address,
        is_literal,
    } in wanted
    {
        let has_free_port = address.port() == 0;
        let mut address = *address;
        if let Some(port) = chosen.filter(|_| has_free_port) {
            address.set_port(port);
        }
        match bind_one(address, options) {
            Ok(listener) => {
                if has_free_port {
                    chosen = listener.local_addr().ok().map(|address| address.port());
                }
                listeners.push(listener);
            }
            Err(error) => {
                let attempt = Attempt::failed(address, &error);
                if error.kind() == io::ErrorKind::AddrInUse && has_free_port && chosen.is_some() {
                    return Err(BindError::PortTaken);
                }
                if *is_literal || !is_absent(&error) {
                    return Err(BindError::Failed(vec![attempt]));
                }
                skipped.push(attempt);
            }
        }
    }
    if listeners.is_empty() {
        return Err(BindError::Failed(skipped));
    }
    Ok((listeners, skipped))
}

/// Tells whether the machine does not have the address, or not its family.
fn is_absent(error: &io::Error) -> bool {
    let no_family = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(no_family)
}

fn bind_one(address: SocketAddr, options: &ListenOptions) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(options.v6_only)?;
    }
    // Connections of a listener before this one may still be closing.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(std::net::TcpListener::from(OwnedFd::from(socket)))
}

/// Returns the endpoint of a bound socket.
fn tcp_endpoint(address: SocketAddr) -> Endpoint {
    let host = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => Host::V6 {
            address: *v6.ip(),
            zone: v6.scope_id().to_string().parse::<Zone>().ok(),
        },
        address => address.ip().into(),
    };
    Endpoint::tcp(host, address.port())
}
