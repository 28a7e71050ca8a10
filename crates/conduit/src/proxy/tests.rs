use std::net::SocketAddr;

use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::*;

/// Writes version 1.
fn version_1(proxied: &Proxied) -> Vec<u8> {
    let family = if proxied.source.is_ipv4() {
        "TCP4"
    } else {
        "TCP6"
    };
    let (source, destination) = (proxied.source, proxied.destination);
    let (from, to) = (source.ip(), destination.ip());
    let (from_port, to_port) = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

/// Writes version 2, with some bytes of extensions.
fn version_2(proxied: &Proxied, extensions: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    for address in [proxied.source, proxied.destination] {
        match address.ip() {
            std::net::IpAddr::V4(ip) => rest.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => rest.extend(ip.octets()),
        }
    }
    rest.extend(proxied.source.port().to_be_bytes());
    rest.extend(proxied.destination.port().to_be_bytes());
    rest.extend(extensions);
    let family = if proxied.source.is_ipv4() { 0x11 } else { 0x21 };
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [
        b"\r\n\r\n\0\r\nQUIT\n",
        [0x21, family].as_slice(),
        &length,
        &rest,
    ]
    .concat()
}

fn proxied() -> impl Strategy<Value = Proxied> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let v4 = any::<[(Ipv4Addr, u16); 2]>().prop_map(|ends| ends.map(SocketAddr::from));
    let v6 = any::<[(Ipv6Addr, u16); 2]>().prop_map(|ends| ends.map(SocketAddr::from));
    prop_oneof![v4, v6].prop_map(|[source, destination]| Proxied {
        source,
        destination,
    })
}

/// Reads bytes that come one after the other, as a driver does; returns what was left.
fn read_all(bytes: &[u8]) -> (io::Result<Option<Proxied>>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut flow = bytes;
        let result = read(&mut flow).await;
        let mut left = Vec::new();
        flow.read_to_end(&mut left).await.unwrap();
        (result, left)
    })
}

proptest! {
    #[test]
    fn both_versions_are_read_and_nothing_behind_them(
        proxied in proxied(),
        extensions in prop::collection::vec(any::<u8>(), 0..200),
        behind in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        for header in [version_1(&proxied), version_2(&proxied, &extensions)] {
            let (read, left) = read_all(&[header, behind.clone()].concat());
            prop_assert_eq!(read.unwrap(), Some(proxied.clone()));
            prop_assert_eq!(&left, &behind);
        }
    }

    #[test]
    fn a_header_that_is_cut_needs_no_more_than_it_has(proxied in proxied(), cut in any::<prop::sample::Index>()) {
        for header in [version_1(&proxied), version_2(&proxied, b"")] {
            let cut = cut.index(header.len());
            match parse_proxy_header(&header[..cut]) {
                Ok(ProxyHeader::Needs(more)) => prop_assert!((1..=header.len() - cut).contains(&more)),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..60), version in 0..3_usize) {
        let start: &[u8] = [b"".as_slice(), b"PROXY TCP", b"\r\n\r\n\0\r\nQUIT\n\x21"][version];
        bytes.splice(0..0, start.iter().copied());
        let _ = parse_proxy_header(&bytes);
    }
}

#[test]
fn what_has_no_address_is_the_proxy_itself() {
    for header in [
        b"PROXY UNKNOWN\r\n".as_slice(),
        b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
        b"\r\n\r\n\0\r\nQUIT\n\x20\x11\x00\x01x",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x00",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\x02xx",
    ] {
        let (read, left) = read_all(header);
        assert_eq!(read.unwrap(), None);
        assert!(left.is_empty());
    }
}

#[test]
fn malformed_headers_are_refused() {
    for (header, reason) in [
        (b"GET / HTTP/1.1\r\n\r\n".as_slice(), "no PROXY header"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "malformed"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", "malformed"),
        (b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "malformed"),
        (b"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "malformed"),
        (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "malformed"),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\x00\x00",
            "version and command 0x11",
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x22\x11\x00\x00",
            "version and command 0x22",
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x01x",
            "shorter than its addresses",
        ),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "at most 4096"),
    ] {
        let problem = read_all(header).0.unwrap_err().to_string();
        assert!(
            problem.contains(reason),
            "{}: {problem}",
            header.escape_ascii()
        );
    }
    let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
    let (read, left) = read_all(&long);
    assert!(read.unwrap_err().to_string().contains("more than 107"));
    assert_eq!(left.len(), long.len() - 107);
}
