//! Hosts and ports of TCP.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{HostName, escape};

/// The most bytes of an interface's name on Linux.
const ZONE_BYTES_MAX: usize = 15;

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// All addresses of this machine, of both families, to listen at; `*` in text.
    Any,
    /// A name, to be looked up.
    Name(HostName),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6 {
        /// The address. One that maps an IPv4 address (`::ffff:1.2.3.4`) stays what it is.
        address: Ipv6Addr,
        /// The interface, for an address that means something on one link only.
        zone: Option<Zone>,
    },
}

/// An IPv6 zone: an interface's name or number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone(String);

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port; 0, to listen at, is any that is free.
    pub port: u16,
}

impl Host {
    /// Tells whether the host is this machine, seen from itself.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Name(name) => name.as_str().trim_end_matches('.') == "localhost",
            Self::V4(address) => address.is_loopback(),
            Self::V6 { address, .. } => address.to_canonical().is_loopback(),
        }
    }

    /// Returns the name by which a certificate knows the host, if it has one.
    pub fn name(&self) -> Option<HostName> {
        match self {
            Self::Any => None,
            Self::Name(name) => Some(name.clone()),
            Self::V4(address) => address.to_string().parse().ok(),
            Self::V6 { address, .. } => address.to_string().parse().ok(),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6 {
                address,
                zone: None,
            },
        }
    }
}

impl From<HostName> for Host {
    /// A name that is an address becomes the address.
    fn from(name: HostName) -> Self {
        match name.as_str().parse::<IpAddr>() {
            Ok(address) => address.into(),
            Err(_) => Self::Name(name),
        }
    }
}

impl Zone {
    /// Returns the interface's name, or its number in digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '/' && c != '%';
        if text.is_empty() || text.len() > ZONE_BYTES_MAX || !text.chars().all(is_plain) {
            return Err(format!("'{text}' is not the name of an interface"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']');
            return v6(inner.ok_or_else(|| format!("'{text}' has no closing bracket"))?);
        }
        if text.contains(':') {
            return Err(format!("an IPv6 address needs brackets: [{text}]"));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        text.parse().map(Self::Name)
    }
}

/// Reads what is between brackets. The `%` before a zone is `%25` in a URL (RFC 6874); people write it plain.
fn v6(text: &str) -> Result<Host, String> {
    let (address, zone) = match text.split_once('%') {
        None => (text, None),
        Some((address, zone)) => {
            let zone = match zone.strip_prefix("25") {
                Some(escaped) if !escaped.is_empty() => escape::read_text(escaped)?,
                _ => zone.to_owned(),
            };
            (address, Some(zone.parse()?))
        }
    };
    let parsed = address.parse();
    let address = parsed.map_err(|_| format!("'{address}' is not an IPv6 address"))?;
    Ok(Host::V6 { address, zone })
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, None)
    }
}

impl HostPort {
    /// Reads a host and a port, which may be left out where there is a default.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, String> {
        let after_brackets = text.rfind(']').map_or(0, |end| end + 1);
        let colon = text
            .get(after_brackets..)
            .and_then(|rest| rest.rfind(':'))
            .map(|at| after_brackets + at);
        let (host, port) = match (colon, default_port) {
            (Some(at), _) => (text.get(..at), parse_port(text.get(at + 1..))?),
            (None, Some(port)) => (Some(text), port),
            (None, None) => return Err(format!("'{text}' has no port")),
        };
        let host = host.unwrap_or_default();
        if host.is_empty() {
            return Err("the host is missing; '*' is any address".to_owned());
        }
        let host = host.parse()?;
        Ok(Self { host, port })
    }
}

fn parse_port(text: Option<&str>) -> Result<u16, String> {
    let text = text.unwrap_or_default();
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| is_digits);
    port.ok_or_else(|| format!("'{text}' is not a port (0 to 65535)"))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => name.fmt(f),
            Self::V4(address) => address.fmt(f),
            Self::V6 { address, zone } => {
                write!(f, "[{address}")?;
                if let Some(zone) = zone {
                    f.write_str("%25")?;
                    escape::write(f, zone.as_str().as_bytes(), b"")?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
