//! The PROXY protocol, versions 1 and 2: what a proxy says of its client before anything else.
//!
//! The header is read byte for byte as it is long, so that nothing of what follows is taken.

#[cfg(test)]
mod tests;
mod v1;
mod v2;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::peer::Proxied;

/// As many bytes as every header has: `PROXY UNKNOWN\r\n`, or one less than version 2's first part.
const FIRST_BYTES: usize = 15;

/// How far a header is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// At least so many bytes more belong to it.
    Needs(usize),
    /// All of it is there. `None`: the proxy speaks for itself (a health check, say), or its client has no IP address.
    Complete(Option<Proxied>),
}

/// Reads the beginning of a header, with no byte behind it. Cost: linear; nothing is allocated.
///
/// ```
/// use conduit::{ProxyHeader, parse_proxy_header};
///
/// assert_eq!(parse_proxy_header(b"PROXY "), Ok(ProxyHeader::Needs(9)));
/// assert_eq!(parse_proxy_header(b"PROXY UNKNOWN\r\n"), Ok(ProxyHeader::Complete(None)));
/// assert!(parse_proxy_header(b"GET / HTTP/1.1\r\n").is_err());
/// ```
///
/// # Errors
/// What is wrong, when no bytes behind these could make a header of them.
pub fn parse_proxy_header(bytes: &[u8]) -> Result<ProxyHeader, String> {
    if v2::SIGNATURE.starts_with(bytes.get(..v2::SIGNATURE.len()).unwrap_or(bytes)) {
        return v2::parse(bytes);
    }
    if v1::PREFIX.starts_with(bytes.get(..v1::PREFIX.len()).unwrap_or(bytes)) {
        return v1::parse(bytes);
    }
    Err("there is no PROXY header".to_owned())
}

/// Reads a header, and nothing behind it.
pub(crate) async fn read(flow: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Proxied>> {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    loop {
        let parsed = parse_proxy_header(&bytes);
        let parsed =
            parsed.map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
        match parsed {
            ProxyHeader::Complete(proxied) => return Ok(proxied),
            ProxyHeader::Needs(more) => {
                let start = bytes.len();
                bytes.resize(start + more, 0);
                flow.read_exact(bytes.get_mut(start..).unwrap_or_default())
                    .await?;
            }
        }
    }
}
