use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn problem(text: &str) -> String {
    text.parse::<Endpoint>().unwrap_err().problem
}

fn host_name() -> impl Strategy<Value = HostName> {
    "[a-z][a-z0-9_]{0,8}(-[a-z0-9]{1,3})?(\\.[a-z][a-z0-9]{0,5}){0,3}\\.?"
        .prop_map(|text| text.parse().unwrap())
}

fn host() -> impl Strategy<Value = Host> {
    let zone = "[!-$&-.0-~é]{1,7}".prop_map(|text| text.parse::<Zone>().unwrap());
    prop_oneof![
        Just(Host::Any),
        host_name().prop_map(Host::Name),
        any::<std::net::Ipv4Addr>().prop_map(Host::V4),
        (any::<std::net::Ipv6Addr>(), prop::option::of(zone))
            .prop_map(|(address, zone)| Host::V6 { address, zone }),
        any::<std::net::Ipv4Addr>().prop_map(|v4| Host::V6 {
            address: v4.to_ipv6_mapped(),
            zone: None
        }),
    ]
}

fn carrier() -> impl Strategy<Value = Endpoint> {
    let at = (host(), any::<u16>()).prop_map(|(host, port)| HostPort { host, port });
    let text = "[ -~äß]{1,20}";
    let path = prop::collection::vec(1..=255_u8, 0..60);
    prop_oneof![
        prop::collection::vec(at, 1..4).prop_map(Endpoint::Tcp),
        path.prop_map(|bytes| {
            use std::os::unix::ffi::OsStringExt;
            let bytes = [b"/".as_slice(), &bytes].concat();
            Endpoint::Unix(std::ffi::OsString::from_vec(bytes).into())
        }),
        prop::collection::vec(any::<u8>(), 1..60).prop_map(Endpoint::Abstract),
        text.prop_map(Endpoint::Pipe),
        (any::<u32>(), any::<u32>()).prop_map(|(cid, port)| Endpoint::Vsock { cid, port }),
        any::<u32>().prop_map(Endpoint::Inherited),
        "[a-z?&%=+ ][ -9;-~]{0,9}".prop_map(Endpoint::InheritedName),
    ]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let certificate_name = prop_oneof![
        host_name(),
        any::<std::net::IpAddr>().prop_map(|ip| ip.to_string().parse().unwrap())
    ];
    let layer = prop_oneof![
        prop::option::of(certificate_name).prop_map(Ok),
        "/[ -~ü]{0,9}".prop_map(Err)
    ];
    let layers = prop::collection::vec(layer, 0..LAYERS_MAX);
    (carrier(), layers).prop_map(|(carrier, layers)| {
        layers
            .into_iter()
            .fold(carrier, |inner, layer| match layer {
                Ok(name) => inner.with_tls(name),
                Err(path) => inner.with_ws(&path),
            })
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(endpoint in endpoint()) {
        let text = endpoint.to_string();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{}", text);
        prop_assert_eq!(parse(&text), endpoint, "{}", text);
    }

    #[test]
    fn reading_never_panics_and_is_stable(text in "(tls\\+|ws\\+){0,3}(tcp|unix|pipe|ws|wss|vsock|inherited|x)?:?[!-~]{0,30}") {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(parse(&endpoint.to_string()), endpoint);
        }
    }

    #[test]
    fn a_carrier_can_be_replaced_beneath_its_layers(endpoint in endpoint(), other in carrier()) {
        let replaced = endpoint.with_carrier(other.clone());
        prop_assert_eq!(replaced.carrier(), &other);
        prop_assert_eq!(replaced.with_carrier(endpoint.carrier().clone()), endpoint);
    }
}

#[test]
fn text_is_printed_in_one_way() {
    for (text, printed) in [
        ("tcp://Example.ORG:80", "tcp://example.org:80"),
        ("tcp://[::1]:80", "tcp://[::1]:80"),
        ("tcp://[0:0:0:0:0:0:0:1]:80", "tcp://[::1]:80"),
        ("tcp://[FE80::A%eth0]:80", "tcp://[fe80::a%25eth0]:80"),
        ("tcp://[fe80::a%25eth0]:80", "tcp://[fe80::a%25eth0]:80"),
        ("tcp://[::ffff:1.2.3.4]:80", "tcp://[::ffff:1.2.3.4]:80"),
        ("tcp://*:0", "tcp://*:0"),
        ("tcp://a:1,[::1]:2,1.2.3.4:3", "tcp://a:1,[::1]:2,1.2.3.4:3"),
        ("unix:/run/a", "unix:///run/a"),
        ("unix:///run/a%20b", "unix:///run/a%20b"),
        ("unix:@a/b", "unix:@a/b"),
        ("vsock://2:99", "vsock://2:99"),
        ("vsock://*:4294967295", "vsock://*:*"),
        ("inherited:007", "inherited:7"),
        ("inherited:http", "inherited:http"),
        ("ws://a", "ws://a:80/"),
        ("wss://a/x", "wss://a:443/x"),
        ("ws+tcp://a:1", "ws://a:1/"),
        ("ws+tls+tcp://a:1?path=/p&name=b", "wss://a:1/p?name=b"),
        ("tls+ws://a:1/p", "tls+ws://a:1/p"),
        ("ws+unix:///a?path=/b", "ws+unix:///a?path=/b"),
        (
            "tls+tls+unix:@a?name=&name=b",
            "tls+tls+unix:@a?name=&name=b",
        ),
        ("tls+pipe:a?name=1.2.3.4", "tls+pipe:a?name=1.2.3.4"),
    ] {
        assert_eq!(parse(text).to_string(), printed, "{text}");
    }
}

#[test]
fn text_that_is_wrong_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "no scheme"),
        ("a", "no scheme"),
        ("http://a:1", "'http' is not one of"),
        ("tcp:a:1", "'//'"),
        ("tcp://a", "no port"),
        ("tcp://:1", "the host is missing"),
        ("tcp://a:65536", "not a port"),
        ("tcp://a:+1", "not a port"),
        ("tcp://a:", "not a port"),
        ("tcp://::1:80", "needs brackets"),
        ("tcp://[::1:80", "no closing bracket"),
        ("tcp://[1.2.3.4]:80", "not an IPv6 address"),
        ("tcp://[::1]80", "has no port"),
        ("tcp://[::1%]:80", "not the name of an interface"),
        (
            "tcp://[::1%abcdefghijklmnop]:80",
            "not the name of an interface",
        ),
        ("tcp://1.2.3:80", "neither a name nor an IPv4 address"),
        ("tcp://0x7f.1:80", "neither a name nor an IPv4 address"),
        ("tcp://a b:80", "not the name of a host"),
        ("tcp://-a:80", "not the name of a host"),
        ("tcp://a..b:80", "not the name of a host"),
        ("tcp://a:1/x", "not a port"),
        ("tcp://a:1,,b:2", "no port"),
        ("tcp://a:1?name=b", "without a layer"),
        ("tls+tcp://a:1?path=/b", "without a layer"),
        ("tls+tcp://a:1?nme=b", "not a parameter"),
        ("ws+tcp://a:1?path=b", "must begin with '/'"),
        ("unix:a", "must begin with '/'"),
        ("unix://host/a", "must begin with '/'"),
        ("unix:///a%00", "no NUL"),
        ("unix:///a%0", "two hexadecimal digits"),
        ("unix:@", "needs a name"),
        ("pipe:", "needs a name"),
        ("vsock://2", "the port is missing"),
        ("vsock://-1:1", "not a number"),
        ("inherited:", "a number from 0 on"),
    ] {
        let problem = problem(text);
        assert!(problem.contains(reason), "{text}: {problem}");
    }
}

#[test]
fn the_limits_of_sizes_and_layers_are_kept() {
    assert!(problem(&format!("unix:///{}", "a".repeat(107))).contains("107"));
    assert!(parse(&format!("unix:///{}", "a".repeat(106))).is_local());
    assert!(problem(&format!("unix:@{}", "a".repeat(107))).contains("107"));
    assert!(problem(&format!("{}pipe:a", "tls+".repeat(9))).contains("layers"));
    assert!(problem(&format!("{}wss://a", "tls+".repeat(7))).contains("layers"));
    assert!(problem(&format!("tcp://{}a:1", "a:1,".repeat(64))).contains("hosts"));
}

#[test]
fn what_is_local_is_known_without_looking_names_up() {
    for local in [
        "tcp://127.0.0.1:1",
        "tcp://[::1]:1,localhost:2",
        "tls+tcp://[::ffff:127.0.0.1]:1",
        "unix:@a",
        "ws+unix:///a",
        "pipe:a",
    ] {
        assert!(parse(local).is_local(), "{local}");
    }
    for remote in [
        "tcp://*:1",
        "tcp://[::]:1",
        "tcp://[::1]:1,a:2",
        "vsock://2:1",
        "inherited:0",
    ] {
        assert!(!parse(remote).is_local(), "{remote}");
    }
}
