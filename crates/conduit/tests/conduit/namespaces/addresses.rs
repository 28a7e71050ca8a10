//! Kinds of addresses, and sockets for both families.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use conduit::{Context, Host, ListenOptions};

use super::machine::{Families, Machine, pair};
use super::server::{Server, ask, exchange, host_and_port};

#[test]
fn without_ipv4_global_and_link_local_addresses_are_reached() {
    let Some((left, right)) = pair(Families::V6) else {
        return;
    };
    let context = Context::new();
    let server = Server::start(&right, "tcp://[::]:0");
    let port = server.port();
    let peer = ask(&left, &context, &format!("tcp://[fd00:2014::2]:{port}")).unwrap();
    assert!(peer.starts_with("[fd00:2014::1]:"), "{peer}");
    // A link's addresses need the link's name or number.
    let number = left.ip(&["-o", "link", "show", "va"]);
    let number = number.split(':').next().unwrap();
    for zone in ["25va", "va", &format!("25{number}")] {
        let peer = ask(&left, &context, &format!("tcp://[fe80::2%{zone}]:{port}")).unwrap();
        assert!(
            peer.starts_with("[fe80::1%") && peer.contains("]:"),
            "{peer}"
        );
    }
    for endpoint in [
        format!("tcp://[fe80::2]:{port}"),
        format!("tcp://[fe80::2%lo]:{port}"),
    ] {
        let error = ask(&left, &context, &endpoint).unwrap_err().to_string();
        assert!(error.contains("[fe80::2"), "{error}");
    }
}

#[test]
fn a_link_local_address_is_listened_at_in_its_zone() {
    let Some((left, right)) = pair(Families::V6) else {
        return;
    };
    let server = Server::start(&right, "tcp://[fe80::2%25vb]:0");
    let (host, port) = host_and_port(&server.endpoints[0]);
    assert!(matches!(host, Host::V6 { zone: Some(_), .. }), "{host}");
    ask(
        &left,
        &Context::new(),
        &format!("tcp://[fe80::2%25va]:{port}"),
    )
    .unwrap();
    let error = ask(
        &left,
        &Context::new(),
        &format!("tcp://[fd00:2014::2]:{port}"),
    )
    .unwrap_err();
    assert_eq!(error.io_kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn mapped_addresses_are_ipv4_and_need_it() {
    let Some((left, right)) = pair(Families::Both) else {
        return;
    };
    let context = Context::new();
    for v6_only in [false, true] {
        let options = ListenOptions {
            v6_only,
            ..ListenOptions::default()
        };
        let server = Server::with(&right, Context::new(), "tcp://[::]:0", options);
        let port = server.port();
        ask(&left, &context, &format!("tcp://[fd00:2014::2]:{port}")).unwrap();
        for host in ["10.99.0.2", "[::ffff:10.99.0.2]"] {
            let asked = ask(&left, &context, &format!("tcp://{host}:{port}"));
            match asked {
                Ok(peer) => assert!(!v6_only && peer.starts_with("10.99.0.1:"), "{peer}"),
                Err(error) => assert!(v6_only && error.io_kind() == ErrorKind::ConnectionRefused),
            }
        }
    }
    let Some((left, _right)) = pair(Families::V6) else {
        return;
    };
    let error = ask(&left, &context, "tcp://[::ffff:10.99.0.2]:1").unwrap_err();
    assert_eq!(error.io_kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn both_families_are_listened_at_on_one_port() {
    let Some((left, right)) = pair(Families::Both) else {
        return;
    };
    let context = Context::new();
    for text in ["tcp://*:0", "tcp://[::]:0,0.0.0.0:0"] {
        let server = Server::start(&right, text);
        assert_eq!(server.endpoints.len(), 2);
        let port = server.port();
        let peer = ask(&left, &context, &format!("tcp://[fd00:2014::2]:{port}")).unwrap();
        assert!(peer.starts_with("[fd00:2014::1]:"), "{peer}");
        let peer = ask(&left, &context, &format!("tcp://10.99.0.2:{port}")).unwrap();
        assert!(peer.starts_with("10.99.0.1:"), "{peer}");
    }
    // Two listeners share a port, each with a family of its own, whatever the system's default says.
    for default in ["0", "1"] {
        right.sysctl(&format!("net.ipv6.bindv6only={default}"));
        let v6 = Server::start(&right, "tcp://[::]:0");
        let _v4 = Server::start(&right, &format!("tcp://0.0.0.0:{}", v6.port()));
    }
}

#[test]
fn a_machine_without_ipv6_falls_back_and_says_so() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.ip(&["addr", "add", "127.0.0.1/8", "dev", "lo"]);
    machine.sysctl("net.ipv6.conf.all.disable_ipv6=1");
    let addresses = [
        IpAddr::from(Ipv6Addr::LOCALHOST),
        IpAddr::from(Ipv4Addr::LOCALHOST),
    ];
    let resolver = conduit::Resolver::new().host("me.test".parse().unwrap(), addresses);
    let context = Context::builder().resolver(resolver).build();
    let server = Server::with(
        &machine,
        context.clone(),
        "tcp://me.test:0",
        ListenOptions::default(),
    );
    assert_eq!(server.endpoints.len(), 1);
    assert_eq!(server.skipped.len(), 1);
    assert_eq!(server.skipped[0].target, "[::1]:0");
    assert_eq!(server.skipped[0].kind, ErrorKind::AddrNotAvailable);
    let peer = ask(
        &machine,
        &context,
        &format!("tcp://me.test:{}", server.port()),
    )
    .unwrap();
    assert!(peer.starts_with("127.0.0.1:"), "{peer}");
    let everywhere = Server::start(&machine, "tcp://*:0");
    ask(
        &machine,
        &context,
        &format!("tcp://127.0.0.1:{}", everywhere.port()),
    )
    .unwrap();
}

#[test]
fn many_bytes_pass_through_the_smallest_mtu() {
    let Some((left, right)) = pair(Families::V6) else {
        return;
    };
    left.ip(&["link", "set", "va", "mtu", "1280"]);
    right.ip(&["link", "set", "vb", "mtu", "1280"]);
    let server = Server::start(&right, "tcp://[fd00:2014::2]:0");
    let endpoint = server.endpoints[0].clone();
    let bytes = (0..=250).collect::<Vec<u8>>().repeat(20_000);
    left.run(async move || {
        let flow = Context::new().connect(&endpoint).await.unwrap();
        exchange(flow, b"", &bytes).await
    });
}

#[test]
fn the_own_ipv6_address_can_be_chosen() {
    let Some((left, right)) = pair(Families::V6) else {
        return;
    };
    left.ip(&["addr", "add", "fd00:2014::77/64", "dev", "va", "nodad"]);
    let server = Server::start(&right, "tcp://[::]:0");
    let context = Context::builder()
        .source("fd00:2014::77".parse().unwrap())
        .build();
    let peer = ask(
        &left,
        &context,
        &format!("tcp://[fd00:2014::2]:{}", server.port()),
    )
    .unwrap();
    assert!(peer.starts_with("[fd00:2014::77]:"), "{peer}");
}
