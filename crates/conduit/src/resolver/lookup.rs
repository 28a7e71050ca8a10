//! Who is asked for names that are in no table.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use crate::HostName;

/// What [`Lookup::lookup`] returns.
pub type LookupFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Who is asked for the addresses of a name.
pub trait Lookup: Send + Sync {
    /// Returns the addresses of a name, with this port, best first.
    fn lookup<'a>(&'a self, name: &'a HostName, port: u16) -> LookupFuture<'a>;
}

/// The system's resolver (`getaddrinfo`, on a thread): `/etc/hosts`, DNS, and whatever else the machine is set up for. It
/// asks for both families and orders the addresses by RFC 6724.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup<'a>(&'a self, name: &'a HostName, port: u16) -> LookupFuture<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), port)).await?;
            Ok(found.collect())
        })
    }
}

/// Nobody: only the tables are used.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn lookup<'a>(&'a self, _: &'a HostName, _: u16) -> LookupFuture<'a> {
        Box::pin(async { Err(io::Error::new(io::ErrorKind::NotFound, "DNS is not asked")) })
    }
}
