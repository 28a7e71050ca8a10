use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn peer(address: &str) -> Peer {
    Peer {
        address: Some(address.parse().unwrap()),
        text: address.into(),
    }
}

struct World {
    access: Access,
    now: Arc<AtomicU64>,
    _dir: tempfile::TempDir,
}

fn world(config: AccessConfig) -> World {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(1_000_000));
    let time = Arc::clone(&now);
    let clock: Clock = Arc::new(move || time.load(Ordering::Relaxed));
    let tokens = dir.path().join("tokens.json");
    World {
        access: Access::new(config, Some(tokens), 3, clock),
        now,
        _dir: dir,
    }
}

fn bearer(text: &str) -> Credentials<'_> {
    Credentials {
        bearer: Some(text),
        certificate: None,
    }
}

#[test]
fn a_good_token_tells_who_asks_and_a_bad_one_is_refused_even_where_all_is_open() {
    let world = world(AccessConfig {
        entry: Entry::Open,
        ..AccessConfig::default()
    });
    let ada = principal("ada");
    let (_, text) = world
        .access
        .tokens()
        .unwrap()
        .create(&ada, 0, None)
        .unwrap();
    let at = peer("192.0.2.1");
    let caller = world
        .access
        .authenticate(&bearer(&text), Transport::Rest, at.clone())
        .unwrap();
    assert_eq!(caller.principal, Some(ada));
    let error = world
        .access
        .authenticate(&bearer("x"), Transport::Rest, at.clone())
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    let nobody = world
        .access
        .authenticate(&Credentials::default(), Transport::Rest, at)
        .unwrap();
    assert_eq!(nobody.principal, None);
    assert!(world.access.grants(&nobody, "main").on_repo(Right::Admin));
}

#[test]
fn a_peer_that_fails_too_often_is_refused_whatever_it_shows_until_a_minute_is_over() {
    let world = world(AccessConfig::default());
    let (_, good) = world
        .access
        .tokens()
        .unwrap()
        .create(&principal("ada"), 0, None)
        .unwrap();
    let show = |text: &str, from: &str| {
        let done = world
            .access
            .authenticate(&bearer(text), Transport::Grpc, peer(from));
        done.map(|_| ()).map_err(|error| error.kind)
    };
    for _ in 0..3 {
        assert_eq!(show("bad", "192.0.2.1"), Err(ErrorKind::Unauthenticated));
    }
    assert_eq!(show(&good, "192.0.2.1"), Err(ErrorKind::RateLimited));
    assert_eq!(show(&good, "192.0.2.2"), Ok(()));
    world.now.fetch_add(60_000, Ordering::Relaxed);
    assert_eq!(show(&good, "192.0.2.1"), Ok(()));
}

#[test]
fn a_certificate_is_its_owners_and_one_that_could_be_two_peoples_is_refused() {
    let certificates = [
        ("host", "machine"),
        ("DNS:host.example", "machine"),
        ("URI:x", "other"),
    ];
    let certificates = certificates.map(|(name, owner)| (name.to_owned(), principal(owner)));
    let world = world(AccessConfig {
        certificates: certificates.into_iter().collect(),
        entry: Entry::Known,
        ..AccessConfig::default()
    });
    let show = |common: Option<&str>, names: &[&str]| {
        let certificate = Certificate {
            common_name: common.map(str::to_owned),
            alternative_names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        let shown = Credentials {
            bearer: None,
            certificate: Some(&certificate),
        };
        let caller = world
            .access
            .authenticate(&shown, Transport::Grpc, peer("::1"));
        caller
            .map(|caller| caller.principal.unwrap().to_string())
            .ok()
    };
    assert_eq!(
        show(Some("host"), &["DNS:host.example"]).as_deref(),
        Some("machine")
    );
    assert_eq!(show(None, &["URI:x"]).as_deref(), Some("other"));
    assert_eq!(show(Some("host"), &["URI:x"]), None);
    assert_eq!(show(Some("DNS"), &[]), None);
}

#[test]
fn rules_deny_what_they_do_not_grant_and_hold_from_when_they_are_loaded() {
    let world = world(AccessConfig {
        entry: Entry::Rules,
        ..AccessConfig::default()
    });
    let ada = Caller::known(Some(principal("ada")), Transport::Grpc, peer("::1"));
    assert!(world.access.grants(&ada, "main").is_empty());
    assert!(!world.access.is_server_admin(&ada));
    let rules = Rules::parse("[[rule]]\nprincipal = 'ada'\nright = 'admin'").unwrap();
    world.access.reload(AccessConfig {
        rules,
        entry: Entry::Rules,
        ..AccessConfig::default()
    });
    assert!(world.access.grants(&ada, "main").on_repo(Right::Admin));
    assert!(world.access.is_server_admin(&ada));
    assert!(
        world
            .access
            .grants(&Caller::local(), "main")
            .on_repo(Right::Admin)
    );
}
