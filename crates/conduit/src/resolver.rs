//! From a URI to addresses, in three layers: static tables, rewrites by scheme and domain, the system's DNS.

mod lookup;
mod service;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

pub use lookup::{Lookup, LookupFuture, NoLookup, SystemLookup};

use crate::endpoint::{Host, HostName, HostPort, Zone};
use crate::error::{Attempt, Error};
use crate::{Endpoint, eyeballs};

/// How often one endpoint may be rewritten.
const REWRITES_MAX: usize = 8;

/// From a URI to addresses. Cheap to clone once it is in a [`Context`](crate::Context).
///
/// ```
/// use conduit::{Endpoint, Resolver};
///
/// let resolver = Resolver::new()
///     .host("db.internal".parse()?, ["fd00::7".parse()?, "10.0.0.7".parse()?])
///     .service("irmin", "tcp", Some(7464))
///     .domain("local.test".parse()?, Endpoint::Pipe("test".into()));
/// assert_eq!(resolver.endpoint("irmin://db.internal")?.to_string(), "tcp://db.internal:7464");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Resolver {
    hosts: HashMap<HostName, Vec<IpAddr>>,
    aliases: HashMap<Endpoint, Endpoint>,
    services: HashMap<String, service::Service>,
    domains: Vec<(HostName, Endpoint)>,
    lookup: Arc<dyn Lookup>,
}

/// Where an endpoint leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The endpoint after all rewrites.
    pub endpoint: Endpoint,
    /// For TCP: the addresses, in the order in which they are to be tried. Empty for other carriers.
    pub addresses: Vec<SocketAddr>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver")
            .field("hosts", &self.hosts)
            .field("aliases", &self.aliases)
            .field("domains", &self.domains)
            .finish_non_exhaustive()
    }
}

impl Resolver {
    /// Returns a resolver with empty tables, and the system's DNS behind them.
    pub fn new() -> Self {
        Self {
            hosts: HashMap::new(),
            aliases: HashMap::new(),
            services: HashMap::new(),
            domains: Vec::new(),
            lookup: Arc::new(SystemLookup),
        }
    }

    /// Adds a host with its addresses; DNS is not asked for it.
    #[must_use]
    pub fn host(mut self, name: HostName, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.hosts.insert(name, addresses.into_iter().collect());
        self
    }

    /// Adds a carrier that stands for another endpoint; layers around it stay.
    #[must_use]
    pub fn alias(mut self, from: Endpoint, to: Endpoint) -> Self {
        self.aliases.insert(from, to);
        self
    }

    /// Adds a scheme of an application: `scheme://…` means `target://…`, with a port where none is given.
    ///
    /// The target may have layers (`tls+tcp`), or be followed by what stands for the `//` (`unix`).
    #[must_use]
    pub fn service(mut self, scheme: &str, target: &str, default_port: Option<u16>) -> Self {
        let service = service::Service::new(target, default_port);
        self.services.insert(scheme.to_owned(), service);
        self
    }

    /// Adds a domain whose hosts are all reached at one endpoint, such as a proxy; the longest domain wins.
    #[must_use]
    pub fn domain(mut self, domain: HostName, to: Endpoint) -> Self {
        self.domains.push((domain, to));
        self.domains
            .sort_by_key(|(domain, _)| std::cmp::Reverse(domain.as_str().len()));
        self
    }

    /// Sets who is asked for names that are in no table. [`NoLookup`] asks nobody, so that tests need no network.
    #[must_use]
    pub fn lookup(mut self, lookup: impl Lookup + 'static) -> Self {
        self.lookup = Arc::new(lookup);
        self
    }

    /// Returns the endpoint that a URI means: one in conduit's own text, or one of a service's scheme.
    ///
    /// # Errors
    /// [`Error::Resolve`] for a scheme that nobody knows, [`Error::Parse`] for text that is wrong.
    pub fn endpoint(&self, uri: &str) -> Result<Endpoint, Error> {
        let scheme = uri.split(':').next().unwrap_or_default();
        match self.services.get(scheme) {
            Some(service) => Ok(service.rewrite(uri, scheme)?),
            None => uri.parse().map_err(|error| self.unknown(uri, error)),
        }
    }

    fn unknown(&self, uri: &str, error: crate::ParseEndpointError) -> Error {
        if self.services.is_empty() {
            return error.into();
        }
        let mut services: Vec<_> = self.services.keys().map(String::as_str).collect();
        services.sort_unstable();
        let tables = format!("the table has {}", services.join(", "));
        let attempts = vec![
            Attempt::missing("schemes of services", tables),
            Attempt::missing("endpoints", error.problem),
        ];
        let uri = uri.to_owned();
        Error::Resolve { uri, attempts }
    }

    /// Finds the addresses of an endpoint. Asks DNS for names that are in no table.
    ///
    /// # Errors
    /// [`Error::Resolve`] when there is none: with each table and name that was asked.
    pub async fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved, Error> {
        let rewritten = self.rewrite(endpoint)?;
        let Endpoint::Tcp(hosts) = rewritten.carrier() else {
            let addresses = Vec::new();
            return Ok(Resolved {
                endpoint: rewritten,
                addresses,
            });
        };
        let (mut addresses, mut attempts) = (Vec::new(), Vec::new());
        for host in hosts {
            match self.addresses(host, &mut attempts).await {
                Ok(found) => addresses.extend(found),
                Err(error) => attempts.push(Attempt::failed(host, &error)),
            }
        }
        if addresses.is_empty() {
            let uri = endpoint.to_string();
            return Err(Error::Resolve { uri, attempts });
        }
        let addresses = eyeballs::interleave(addresses);
        Ok(Resolved {
            endpoint: rewritten,
            addresses,
        })
    }

    fn rewrite(&self, endpoint: &Endpoint) -> Result<Endpoint, Error> {
        let mut endpoint = endpoint.clone();
        let mut attempts = Vec::new();
        for _ in 0..REWRITES_MAX {
            let Some(next) = self.rewrite_once(endpoint.carrier()) else {
                return Ok(endpoint);
            };
            attempts.push(Attempt::missing(
                endpoint.carrier(),
                format!("means {next}"),
            ));
            endpoint = endpoint.with_carrier(next.clone());
        }
        let limit = format!("rewritten more than {REWRITES_MAX} times");
        attempts.push(Attempt::missing("rewrites", limit));
        let uri = endpoint.to_string();
        Err(Error::Resolve { uri, attempts })
    }

    fn rewrite_once(&self, carrier: &Endpoint) -> Option<&Endpoint> {
        if let Some(to) = self.aliases.get(carrier) {
            return Some(to);
        }
        let Endpoint::Tcp(hosts) = carrier else {
            return None;
        };
        let [
            HostPort {
                host: Host::Name(name),
                ..
            },
        ] = hosts.as_slice()
        else {
            return None;
        };
        let mut domains = self.domains.iter();
        let found = domains.find(|(domain, to)| name.is_within(domain) && to != carrier);
        found.map(|(_, to)| to)
    }

    async fn addresses(
        &self,
        at: &HostPort,
        attempts: &mut Vec<Attempt>,
    ) -> io::Result<Vec<SocketAddr>> {
        match &at.host {
            Host::Any => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "'*' is a place to listen at, not to connect to",
            )),
            Host::V4(address) => Ok(vec![(*address, at.port).into()]),
            Host::V6 { address, zone } => {
                let scope = zone.as_ref().map_or(Ok(0), interface)?;
                Ok(vec![SocketAddrV6::new(*address, at.port, 0, scope).into()])
            }
            Host::Name(name) => {
                if let Some(known) = self.hosts.get(name) {
                    let known = known.iter().map(|ip| SocketAddr::new(*ip, at.port));
                    return Ok(known.collect());
                }
                attempts.push(Attempt::missing("static table", format!("no {name}")));
                let found = self.lookup.lookup(name, at.port).await?;
                if found.is_empty() {
                    attempts.push(Attempt::missing(name, "DNS has no address"));
                }
                Ok(found)
            }
        }
    }
}

/// Returns the number of an interface.
fn interface(zone: &Zone) -> io::Result<u32> {
    if let Ok(number) = zone.as_str().parse() {
        return Ok(number);
    }
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None)?;
    let number = rustix::net::netdevice::name_to_index(&socket, zone.as_str());
    number.map_err(|error| {
        let kind = io::Error::from(error).kind();
        io::Error::new(kind, format!("no interface '{}'", zone.as_str()))
    })
}
