//! Version 2: binary.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{FIRST_BYTES, ProxyHeader};
use crate::peer::Proxied;

/// What every header begins with.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes before the addresses.
const FIXED_BYTES: usize = 16;

/// The most bytes behind the fixed part: addresses, and extensions, which are skipped. A header may have 65,535; proxies send
/// some hundred.
const REST_BYTES_MAX: usize = 4096;

/// Reads a header of which at least the beginning is right.
pub(super) fn parse(bytes: &[u8]) -> Result<ProxyHeader, String> {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED_BYTES) else {
        let wanted = if bytes.len() < FIRST_BYTES {
            FIRST_BYTES
        } else {
            FIXED_BYTES
        };
        return Ok(ProxyHeader::Needs(wanted - bytes.len()));
    };
    let &[version, family, high, low] = fixed.get(SIGNATURE.len()..).unwrap_or_default() else {
        return Err("the PROXY header is malformed".to_owned());
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > REST_BYTES_MAX {
        return Err(format!(
            "the PROXY header has {length} bytes behind its fixed part, at most {REST_BYTES_MAX} are read"
        ));
    }
    match rest.len() {
        too_few if too_few < length => return Ok(ProxyHeader::Needs(length - too_few)),
        too_many if too_many > length => return Err("bytes behind the PROXY header".to_owned()),
        _ => {}
    }
    match version {
        0x20 => Ok(ProxyHeader::Complete(None)), // the proxy's own connection
        0x21 => proxied(family, rest),
        _ => Err(format!(
            "the PROXY header has version and command {version:#04x}; 0x20 and 0x21 are known"
        )),
    }
}

fn proxied(family: u8, rest: &[u8]) -> Result<ProxyHeader, String> {
    let proxied = match family {
        0x11 => split(rest).map(|(source, destination, ports): ([u8; 4], _, _)| {
            pair(Ipv4Addr::from(source), Ipv4Addr::from(destination), ports)
        }),
        0x21 => split(rest).map(|(source, destination, ports): ([u8; 16], _, _)| {
            pair(Ipv6Addr::from(source), Ipv6Addr::from(destination), ports)
        }),
        // No stream over IP: the client has no address that means something here.
        _ => return Ok(ProxyHeader::Complete(None)),
    };
    let proxied = proxied.ok_or("the PROXY header is shorter than its addresses")?;
    Ok(ProxyHeader::Complete(Some(proxied)))
}

/// Takes two addresses and two ports apart.
fn split<const N: usize>(rest: &[u8]) -> Option<([u8; N], [u8; N], [u8; 4])> {
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    Some((*source, *destination, *rest.first_chunk()?))
}

fn pair<A: Into<std::net::IpAddr>>(source: A, destination: A, ports: [u8; 4]) -> Proxied {
    let [a, b, c, d] = ports;
    Proxied {
        source: SocketAddr::new(source.into(), u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination.into(), u16::from_be_bytes([c, d])),
    }
}
