//! TCP, and what a proxy in front says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use conduit::{
    Context, Endpoint, Error, Host, HostName, ListenOptions, Listener, NoLookup, ProxyProtocol,
    Resolver,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{listen, pair};

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Returns host and port of a TCP endpoint.
fn only_host(endpoint: &Endpoint) -> (Host, u16) {
    match endpoint.carrier() {
        Endpoint::Tcp(hosts) => (hosts[0].host.clone(), hosts[0].port),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_star_is_both_families_on_one_port() {
    let context = Context::new();
    let star = parse("tcp://*:0");
    let mut listener = Listener::bind(&context, &star, ListenOptions::default())
        .await
        .unwrap();
    let bound: Vec<_> = listener.endpoints().iter().map(only_host).collect();
    let port = bound[0].1;
    assert_ne!(port, 0);
    assert_eq!(
        bound,
        [
            (Host::from(IpAddr::from(Ipv6Addr::UNSPECIFIED)), port),
            (Host::from(IpAddr::from(Ipv4Addr::UNSPECIFIED)), port),
        ]
    );
    assert!(listener.skipped().is_empty());
    for (host, shown) in [("127.0.0.1", "127.0.0.1:"), ("[::1]", "[::1]:")] {
        let _client = context
            .connect(&parse(&format!("tcp://{host}:{port}")))
            .await
            .unwrap();
        let peer = listener.accept().await.unwrap().peer().to_string();
        assert!(peer.starts_with(shown), "{peer}");
    }
}

#[tokio::test]
async fn a_socket_for_ipv6_takes_ipv4_only_when_asked_to() {
    let context = Context::builder()
        .connect_timeout(Duration::from_secs(5))
        .build();
    for v6_only in [true, false] {
        let options = ListenOptions {
            v6_only,
            ..ListenOptions::default()
        };
        let mut listener = Listener::bind(&context, &parse("tcp://[::]:0"), options)
            .await
            .unwrap();
        let (_, port) = only_host(&listener.endpoints()[0]);
        for target in ["127.0.0.1", "[::ffff:127.0.0.1]"] {
            let client = context
                .connect(&parse(&format!("tcp://{target}:{port}")))
                .await;
            assert_eq!(client.is_err(), v6_only, "{target}");
            if client.is_ok() {
                let flow = listener.accept().await.unwrap();
                // The peer is who it is, whatever the socket.
                assert_eq!(flow.peer().ip(), Some(Ipv4Addr::LOCALHOST.into()));
                assert!(flow.peer().to_string().starts_with("127.0.0.1:"));
            }
        }
    }
}

#[tokio::test]
async fn the_first_address_that_answers_is_taken() {
    let context = Context::new();
    let mut listener = listen(&context, "tcp://127.0.0.1:0").await.unwrap();
    let (_, port) = only_host(&listener.endpoints()[0]);
    let name: HostName = "two.test".parse().unwrap();
    let addresses = ["::1", "127.0.0.1"].map(|ip| ip.parse().unwrap());
    let resolver = Resolver::new().host(name, addresses).lookup(NoLookup);
    let context = Context::builder().resolver(resolver).build();
    let client = context
        .connect(&parse(&format!("tcp://two.test:{port}")))
        .await
        .unwrap();
    assert_eq!(client.peer().to_string(), format!("127.0.0.1:{port}"));
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_failure_to_connect_tells_each_address() {
    let context = Context::new();
    let both = parse("tcp://127.0.0.1:0,[::1]:0");
    let listener = Listener::bind(&context, &both, ListenOptions::default())
        .await
        .unwrap();
    let bound = listener.endpoints().to_vec();
    let handle = listener.handle();
    drop(listener);
    handle.drain(Duration::from_secs(5)).await;
    let text: Vec<_> = bound
        .iter()
        .map(|at| at.to_string().replace("tcp://", ""))
        .collect();
    let endpoint = parse(&format!("tcp://{}", text.join(",")));
    let error = loop {
        // The sockets close a moment later.
        match context.connect(&endpoint).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    let Error::Connect { attempts, .. } = &error else {
        panic!("{error}")
    };
    let targets: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.target.clone())
        .collect();
    assert_eq!(targets, text);
    assert_eq!(error.io_kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_address_in_use_or_not_here_is_named() {
    let context = Context::new();
    let first = listen(&context, "tcp://127.0.0.1:0").await.unwrap();
    let at = first.endpoints()[0].clone();
    let error = Listener::bind(&context, &at, ListenOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.io_kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error
            .to_string()
            .contains(&at.to_string().replace("tcp://", "")),
        "{error}"
    );
    let absent = parse("tcp://192.0.2.1:0,127.0.0.1:0");
    let error = Listener::bind(&context, &absent, ListenOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("192.0.2.1:0"), "{error}");
}

#[tokio::test]
async fn a_name_is_listened_at_where_its_addresses_are_here() {
    let name: HostName = "me.test".parse().unwrap();
    let addresses = ["2001:db8::1", "127.0.0.1"].map(|ip| ip.parse().unwrap());
    let resolver = Resolver::new().host(name, addresses);
    let context = Context::builder().resolver(resolver).build();
    let listener = listen(&context, "tcp://me.test:0").await.unwrap();
    assert_eq!(listener.endpoints().len(), 1);
    assert_eq!(listener.skipped().len(), 1);
    assert_eq!(listener.skipped()[0].target, "[2001:db8::1]:0");
}

#[tokio::test]
async fn the_own_address_can_be_chosen() {
    let context = Context::builder()
        .source("127.0.0.7".parse().unwrap())
        .build();
    let plain = ListenOptions::default();
    let (_client, server, _listener) = pair(&context, &parse("tcp://127.0.0.1:0"), plain).await;
    assert!(server.peer().to_string().starts_with("127.0.0.7:"));
    let error = context
        .connect(&parse("tcp://[::1]:1"))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("the source address is of the other family"),
        "{error}"
    );
}

#[tokio::test]
async fn a_proxy_says_who_its_client_is() {
    let context = Context::new();
    let options = ListenOptions {
        proxy: ProxyProtocol::From(vec!["127.0.0.0/8".parse().unwrap()]),
        ..ListenOptions::default()
    };
    let both = parse("tcp://127.0.0.1:0,[::1]:0");
    let mut listener = Listener::bind(&context, &both, options).await.unwrap();
    let at = listener.endpoints().to_vec();
    let mut proxy = context.connect(&at[0]).await.unwrap();
    proxy
        .write_all(b"PROXY TCP6 2001:db8::7 fd00::1 1234 80\r\nhello")
        .await
        .unwrap();
    let mut flow = listener.accept().await.unwrap();
    let mut said = [0; 5];
    flow.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
    let peer = flow.peer();
    assert_eq!(peer.ip(), Some("2001:db8::7".parse().unwrap()));
    let shown = peer.to_string();
    assert!(
        shown.starts_with("[2001:db8::7]:1234 via 127.0.0.1:"),
        "{shown}"
    );
    // Who is not a proxy is taken by its word: these are its first bytes.
    let mut direct = context.connect(&at[1]).await.unwrap();
    direct
        .write_all(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n")
        .await
        .unwrap();
    let mut flow = listener.accept().await.unwrap();
    assert_eq!(flow.peer().ip(), Some(Ipv6Addr::LOCALHOST.into()));
    assert_eq!(flow.read_u8().await.unwrap(), b'P');
    // And a proxy that says nothing is refused.
    let mut silent = context.connect(&at[0]).await.unwrap();
    silent.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let read = silent.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)));
}
