//! Endpoints: where somebody listens, as a value and as text.

mod escape;
mod host;
mod name;
mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use host::{Host, HostPort, Zone};
pub use name::HostName;
pub use parse::ParseEndpointError;

/// The most layers (`tls+`, `ws+`) around an endpoint that text may have.
pub const LAYERS_MAX: usize = 8;

/// Where somebody listens, and how to talk to them.
///
/// What is printed reads back as the same value, for every value that can be read.
///
/// | text | meaning |
/// |---|---|
/// | `tcp://host:port` | TCP; the host is a name, an IPv4 address, an IPv6 address in brackets, or `*`. Several, with commas between them, are one endpoint: a client takes the first that answers, a listener listens at all |
/// | `unix:///path`, `unix:@name` | a Unix socket in the file system, or in Linux's abstract name space |
/// | `pipe:name` | a pipe in this process |
/// | `vsock://cid:port` | between a virtual machine and its host (feature `vsock`); `*` is any |
/// | `inherited:0`, `inherited:name` | a socket that was open when the program started (systemd), by number from 0 or by name |
/// | `tls+…` | TLS through any of these; `?name=db.example` says whose certificate is expected if that is not the host |
/// | `ws://host:port/path`, `wss://…` | WebSocket over TCP, or over TLS over TCP |
/// | `ws+…?path=/path` | WebSocket through any of these |
///
/// Bytes that have a meaning in URLs are written as `%41`. With several layers of TLS or WebSocket, the
/// parameters `name` and `path` come once for each layer, from the outside in.
///
/// ```
/// use conduit::{Endpoint, Host};
///
/// let endpoint: Endpoint = "tls+tcp://[fe80::1%25eth0]:8443?name=db.example".parse()?;
/// let Endpoint::Tls { inner, name } = &endpoint else { panic!() };
/// assert_eq!(name.as_ref().unwrap().as_str(), "db.example");
/// let Endpoint::Tcp(hosts) = &**inner else { panic!() };
/// assert!(matches!(hosts[0].host, Host::V6 { .. }));
/// assert_eq!(endpoint.to_string(), "tls+tcp://[fe80::1%25eth0]:8443?name=db.example");
/// # Ok::<(), conduit::ParseEndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// TCP, at any of these hosts; not empty.
    Tcp(Vec<HostPort>),
    /// A Unix stream socket at an absolute path.
    Unix(PathBuf),
    /// A Unix stream socket with a name in Linux's abstract name space, which may be any bytes.
    Abstract(Vec<u8>),
    /// A pipe in this process.
    Pipe(String),
    /// A socket between a virtual machine and its host.
    Vsock {
        /// Whose: 2 is the host, `u32::MAX` any (to listen at).
        cid: u32,
        /// The port.
        port: u32,
    },
    /// A listening socket that was open when the program started, by number from 0.
    Inherited(u32),
    /// A listening socket that was open when the program started, by name (`LISTEN_FDNAMES`).
    InheritedName(String),
    /// TLS through another endpoint.
    Tls {
        /// What carries it.
        inner: Box<Self>,
        /// Whose certificate is expected. `None`: that of the host that `inner` names, else of `localhost`.
        name: Option<HostName>,
    },
    /// WebSocket, with binary messages, through another endpoint.
    Ws {
        /// What carries it.
        inner: Box<Self>,
        /// The path that is asked for; begins with `/`.
        path: String,
    },
}

impl Endpoint {
    /// Returns TCP at one host and port.
    pub fn tcp(host: impl Into<Host>, port: u16) -> Self {
        let host = host.into();
        Self::Tcp(vec![HostPort { host, port }])
    }

    /// Returns TLS through this endpoint.
    #[must_use]
    pub fn with_tls(self, name: Option<HostName>) -> Self {
        let inner = Box::new(self);
        Self::Tls { inner, name }
    }

    /// Returns WebSocket through this endpoint.
    #[must_use]
    pub fn with_ws(self, path: &str) -> Self {
        let (inner, path) = (Box::new(self), path.to_owned());
        Self::Ws { inner, path }
    }

    /// Returns what carries the bytes, beneath all layers.
    pub fn carrier(&self) -> &Self {
        let mut endpoint = self;
        while let Self::Tls { inner, .. } | Self::Ws { inner, .. } = endpoint {
            endpoint = inner;
        }
        endpoint
    }

    /// Returns this endpoint with the same layers around another carrier.
    #[must_use]
    pub fn with_carrier(&self, carrier: Self) -> Self {
        let mut layers = Vec::new();
        let mut endpoint = self;
        while let Self::Tls { inner, .. } | Self::Ws { inner, .. } = endpoint {
            layers.push(endpoint);
            endpoint = inner;
        }
        let wrap = |inner: Self, layer: &&Self| match layer {
            Self::Ws { path, .. } => inner.with_ws(path),
            Self::Tls { name, .. } => inner.with_tls(name.clone()),
            _ => inner,
        };
        layers.iter().rev().fold(carrier, wrap)
    }

    /// Tells whether TLS is one of the layers.
    pub fn has_tls(&self) -> bool {
        let mut endpoint = self;
        loop {
            match endpoint {
                Self::Tls { .. } => return true,
                Self::Ws { inner, .. } => endpoint = inner,
                _ => return false,
            }
        }
    }

    /// Tells whether only this machine can reach it: Unix sockets, pipes, loopback addresses.
    ///
    /// A host's name is not looked up, and counts as local only if it is `localhost`. An inherited
    /// socket's address is not known before it is bound: it does not count as local.
    pub fn is_local(&self) -> bool {
        match self.carrier() {
            Self::Tcp(hosts) => hosts.iter().all(|at| at.host.is_loopback()),
            Self::Unix(_) | Self::Abstract(_) | Self::Pipe(_) => true,
            _ => false,
        }
    }
}

/// Returns a path as it stands in a URL.
#[cfg(feature = "ws")]
pub(crate) fn escape_path(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    // Writing to a `String` cannot fail.
    let _ = escape::write(&mut text, path.as_bytes(), print::PATH);
    text
}

/// Returns the path that [`escape_path`] wrote.
#[cfg(feature = "ws")]
pub(crate) fn unescape_path(text: &str) -> Option<String> {
    escape::read_text(text).ok()
}
