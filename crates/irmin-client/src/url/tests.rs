use std::net::{Ipv4Addr, Ipv6Addr};

use conduit::Host;
use proptest::prelude::*;

use super::*;

fn host() -> impl Strategy<Value = Host> {
    let zone = proptest::option::of("[a-z][a-z0-9]{0,6}");
    let v6 = (any::<u128>(), zone).prop_map(|(bits, zone)| Host::V6 {
        address: Ipv6Addr::from_bits(bits),
        zone: zone.map(|zone| zone.parse().unwrap()),
    });
    prop_oneof![
        any::<u32>().prop_map(|bits| Host::V4(Ipv4Addr::from_bits(bits))),
        v6,
        "[a-z][a-z0-9]{0,8}(\\.[a-z]{1,5}){0,2}".prop_map(|name| Host::Name(name.parse().unwrap())),
    ]
}

fn hosts() -> impl Strategy<Value = Vec<HostPort>> {
    let port = prop_oneof![Just(DEFAULT_PORT), any::<u16>()];
    let at = (host(), port).prop_map(|(host, port)| HostPort { host, port });
    proptest::collection::vec(at, 1..3)
}

fn place() -> impl Strategy<Value = Place> {
    let bytes = proptest::collection::vec(1_u8.., 1..40);
    let path = bytes.clone().prop_map(|mut bytes| {
        bytes.insert(0, b'/');
        Place::Unix(PathBuf::from(OsString::from_vec(bytes)))
    });
    let name = proptest::option::of("[a-z]{1,9}\\.example");
    let name = name.prop_map(|name| name.map(|name| name.parse().unwrap()));
    prop_oneof![
        hosts().prop_map(Place::Tcp),
        (hosts(), name).prop_map(|(hosts, name)| Place::Tls(hosts, name)),
        path,
        bytes.prop_map(Place::Abstract),
        "\\PC{1,12}".prop_map(Place::Pipe),
    ]
}

fn repository() -> impl Strategy<Value = String> {
    let odd = "\\PC{1,12}".prop_filter("a name", |name| check_repository(name).is_ok());
    prop_oneof![Just("main".to_owned()), "[a-z]{1,9}", odd]
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(place in place(), repository in repository()) {
        let url = RemoteUrl { place, repository };
        let text = url.to_string();
        prop_assert_eq!(text.parse::<RemoteUrl>().unwrap(), url.clone(), "{}", text);
        prop_assert_eq!(RemoteUrl::new(&url.endpoint(), url.repository()).unwrap(), url);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,40}", tail in "[]\\[:/@%?,.a-f0-9=*]{0,30}") {
        for text in [text, format!("irmin:{tail}"), format!("irmin://{tail}"), format!("irmin+unix:{tail}")] {
            if let Ok(url) = text.parse::<RemoteUrl>() {
                prop_assert_eq!(url.to_string().parse::<RemoteUrl>().unwrap(), url);
            }
        }
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let url: RemoteUrl = "irmin://db.example".parse().unwrap();
    assert_eq!(url.repository(), "main");
    assert_eq!(url.endpoint().to_string(), "tcp://db.example:7464");
    for text in ["irmin://db.example/", "irmin://db.example:7464/main"] {
        assert_eq!(text.parse::<RemoteUrl>().unwrap(), url);
    }
}

#[test]
fn a_colon_in_a_socket_s_path_is_escaped() {
    let url: RemoteUrl = "irmin+unix:///run/a%3Ab".parse().unwrap();
    assert_eq!(url.endpoint(), Endpoint::Unix("/run/a:b".into()));
    assert_eq!(url.to_string(), "irmin+unix:///run/a%3Ab");
    let url: RemoteUrl = "irmin+unix:///run/a:b".parse().unwrap();
    assert_eq!(
        (url.repository(), url.endpoint()),
        ("b", Endpoint::Unix("/run/a".into()))
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    let problems = [
        ("irmin://", "host"),
        ("irmin:db", "//"),
        ("irmin://::1", "brackets"),
        ("irmin://db:99999", "port"),
        ("irmin://*:1", "listen"),
        ("irmin://secret@db", "IRMIN_TOKEN"),
        ("irmin://db/a/b", "'/'"),
        ("irmin://db/-x", "'-'"),
        ("irmin+unix://run/x", "'/'"),
        ("irmin+unix:run", "///path"),
        ("irmin+unix:///a%zz", "hexadecimal"),
        ("irmin+ftp://db", "schemes"),
        ("irmin+tls://db?token=1", "name"),
    ];
    for (text, problem) in problems {
        let error = text.parse::<RemoteUrl>().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
