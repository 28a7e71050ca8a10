//! Version 1: a line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{FIRST_BYTES, ProxyHeader};
use crate::peer::Proxied;

/// What every line begins with.
pub(super) const PREFIX: &[u8] = b"PROXY ";

/// The most bytes of a line, its end included.
const LINE_BYTES_MAX: usize = 107;

/// Reads a line of which at least the beginning is right.
pub(super) fn parse(bytes: &[u8]) -> Result<ProxyHeader, String> {
    if bytes.len() < FIRST_BYTES {
        return Ok(ProxyHeader::Needs(FIRST_BYTES - bytes.len()));
    }
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let Some(end) = end else {
        return match bytes.len() {
            LINE_BYTES_MAX.. => Err(format!(
                "the PROXY line has more than {LINE_BYTES_MAX} bytes"
            )),
            // The end is two bytes, of which one may be there.
            _ => Ok(ProxyHeader::Needs(if bytes.ends_with(b"\r") {
                1
            } else {
                2
            })),
        };
    };
    let (line, behind) = bytes.split_at_checked(end + 1).unwrap_or_default();
    let line = line
        .strip_suffix(b"\r\n")
        .and_then(|line| std::str::from_utf8(line).ok());
    match line {
        Some(line) if behind.is_empty() && end < LINE_BYTES_MAX => parse_line(line)
            .ok_or_else(|| format!("the PROXY line '{}' is malformed", line.escape_debug())),
        _ => Err("the PROXY line is malformed".to_owned()),
    }
}

fn parse_line(line: &str) -> Option<ProxyHeader> {
    let mut words = line.split(' ');
    words.next()?; // PROXY
    match words.next()? {
        // Whatever follows is to be ignored.
        "UNKNOWN" => return Some(ProxyHeader::Complete(None)),
        "TCP4" => addresses::<Ipv4Addr>(&mut words),
        "TCP6" => addresses::<Ipv6Addr>(&mut words),
        _ => None,
    }
    .filter(|_| words.next().is_none())
    .map(|proxied| ProxyHeader::Complete(Some(proxied)))
}

fn addresses<'a, A: FromStr + Into<IpAddr>>(
    words: &mut impl Iterator<Item = &'a str>,
) -> Option<Proxied> {
    let source = words.next()?.parse::<A>().ok()?.into();
    let destination = words.next()?.parse::<A>().ok()?.into();
    Some(Proxied {
        source: SocketAddr::new(source, port(words.next()?)?),
        destination: SocketAddr::new(destination, port(words.next()?)?),
    })
}

fn port(text: &str) -> Option<u16> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}
