//! Who is at the other end.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::Certificate;

/// Who is at the other end of a flow.
///
/// ```
/// # use conduit::Peer;
/// fn owner(peer: &Peer) -> String {
///     if let Some(certificate) = peer.certificate() {
///         return certificate.subject().to_owned();
///     }
///     match peer.unix {
///         Some(credentials) => format!("user {}", credentials.uid),
///         None => peer.to_string(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Where the flow comes from or goes to, as the kernel says.
    pub address: PeerAddress,
    /// The user and process behind a Unix socket, when it was connected.
    pub unix: Option<UnixCredentials>,
    /// What TLS found out. Of several layers, the outermost.
    pub tls: Option<TlsPeer>,
    /// What a proxy in front says about its own client (PROXY protocol).
    pub proxied: Option<Proxied>,
}

/// An address of the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket: its path, or its name with `@` before it. Clients mostly have none.
    Unix(Option<PathBuf>),
    /// A pipe in this process.
    Pipe(String),
    /// Between a virtual machine and its host.
    Vsock {
        /// Whose.
        cid: u32,
        /// The port.
        port: u32,
    },
}

/// The user and the process behind a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixCredentials {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The process, where the system tells it.
    pub pid: Option<i32>,
}

/// What TLS found out about the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsPeer {
    /// At a server: the name that the client asked for. At a client: the name that the server's certificate was checked against.
    pub server_name: Option<String>,
    /// The application's protocol that both agreed on.
    pub alpn: Option<Vec<u8>>,
    /// The certificate that the other end showed. It was checked against the trusted roots.
    pub certificate: Option<Arc<Certificate>>,
}

/// What a proxy says about its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// Where the proxy's client is.
    pub source: SocketAddr,
    /// What it connected to.
    pub destination: SocketAddr,
}

impl Peer {
    /// Returns a peer of whom only the address is known.
    pub(crate) fn at(address: PeerAddress) -> Self {
        Self {
            address,
            unix: None,
            tls: None,
            proxied: None,
        }
    }

    /// Returns the address of the client, or of the proxy's client; an IPv4 address that came mapped into IPv6 is IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        let proxied = self.proxied.as_ref().map(|proxied| proxied.source);
        let direct = match self.address {
            PeerAddress::Tcp(address) => Some(address),
            _ => None,
        };
        Some(proxied.or(direct)?.ip().to_canonical())
    }

    /// Returns the certificate that TLS has checked.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref()?.certificate.as_deref()
    }
}

/// The address in one word, an IPv6 address in brackets: for logs.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxied) = &self.proxied {
            return write!(f, "{} via {}", canonical(proxied.source), self.address);
        }
        match self.unix {
            Some(unix) => write!(f, "{} uid={}", self.address, unix.uid),
            None => self.address.fmt(f),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => canonical(*address).fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix"),
            Self::Pipe(name) => write!(f, "pipe:{name}"),
            Self::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
        }
    }
}

/// Returns an IPv4 address for one that is mapped into IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
