//! What a proxy says, over IPv6.

use conduit::{Context, ListenOptions, ProxyProtocol};

use super::machine::{Families, pair};
use super::server::{Server, exchange};

/// Version 2, TCP over IPv6: from `[2001:db8::9]:4242` to `[fd00:2014::2]:80`.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\
    \xfd\x00\x20\x14\0\0\0\0\0\0\0\0\0\0\0\x02\
    \x10\x92\x00\x50";

#[test]
fn a_header_of_version_2_is_believed_from_the_proxies_prefix_only() {
    let Some((left, right)) = pair(Families::V6) else {
        return;
    };
    left.ip(&["addr", "add", "fd00:2014::77/64", "dev", "va", "nodad"]);
    let options = ListenOptions {
        proxy: ProxyProtocol::From(vec!["fd00:2014::70/124".parse().unwrap()]),
        ..ListenOptions::default()
    };
    let server = Server::with(&right, Context::new(), "tcp://[::]:0", options);
    let endpoint = format!("tcp://[fd00:2014::2]:{}", server.port())
        .parse()
        .unwrap();
    let from = |source: &str| {
        let (source, endpoint) = (source.parse().unwrap(), &endpoint);
        left.run(async move || {
            let context = Context::builder().source(source).build();
            let flow = context.connect(endpoint).await.unwrap();
            match source {
                source if source == "fd00:2014::77".parse::<std::net::IpAddr>().unwrap() => {
                    exchange(flow, HEADER, b"hello").await
                }
                _ => exchange(flow, b"", HEADER).await,
            }
        })
    };
    let peer = from("fd00:2014::77");
    assert!(
        peer.starts_with("[2001:db8::9]:4242 via [fd00:2014::77]:"),
        "{peer}"
    );
    let peer = from("fd00:2014::1");
    assert!(peer.starts_with("[fd00:2014::1]:"), "{peer}");
}
