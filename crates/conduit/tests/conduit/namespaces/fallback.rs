//! From a family that does not answer to the other one.
//!
//! A dead address is one on the link that nobody has: the kernel asks for it for three seconds before it gives up.

use std::time::{Duration, Instant};

use conduit::{Context, ContextBuilder, Error, NoLookup, Resolver};

use super::machine::{Families, pair};
use super::server::{Server, ask};

/// Less than a dead address takes to fail.
const BEFORE_IT_FAILS: Duration = Duration::from_secs(2);

/// A context in which `two.test` has these addresses.
fn two(addresses: [&str; 2]) -> ContextBuilder {
    let addresses = addresses.map(|address| address.parse().unwrap());
    let name = "two.test".parse().unwrap();
    let resolver = Resolver::new().host(name, addresses).lookup(NoLookup);
    Context::builder()
        .resolver(resolver)
        .connect_timeout(BEFORE_IT_FAILS)
}

#[test]
fn the_other_family_is_tried_while_the_first_one_is_silent() {
    let Some((left, right)) = pair(Families::Both) else {
        return;
    };
    let server = Server::start(&right, "tcp://*:0");
    let endpoint = format!("tcp://two.test:{}", server.port());
    for (addresses, seen) in [
        (["fd00:2014::dead", "10.99.0.2"], "10.99.0.1:"),
        (["10.99.0.99", "fd00:2014::2"], "[fd00:2014::1]:"),
    ] {
        let begin = Instant::now();
        let peer = ask(&left, &two(addresses).build(), &endpoint).unwrap();
        assert!(peer.starts_with(seen), "{peer}");
        assert!(begin.elapsed() >= Duration::from_millis(250));
        // It was the timer that saved it.
        let patient = two(addresses)
            .attempt_delay(Duration::from_secs(3600))
            .build();
        let error = ask(&left, &patient, &endpoint).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
    }
}

#[test]
fn a_client_with_ipv6_only_reaches_a_server_with_both() {
    let Some((left, right)) = pair(Families::V6AndBoth) else {
        return;
    };
    let server = Server::start(&right, "tcp://*:0");
    let endpoint = format!("tcp://two.test:{}", server.port());
    // No route is an error at once: nobody waits for the timer.
    let context = two(["10.99.0.2", "fd00:2014::2"]).attempt_delay(Duration::from_secs(3600));
    let peer = ask(&left, &context.build(), &endpoint).unwrap();
    assert!(peer.starts_with("[fd00:2014::1]:"), "{peer}");
}

#[test]
fn when_nobody_answers_each_address_is_told() {
    let Some((left, _right)) = pair(Families::Both) else {
        return;
    };
    let error = ask(
        &left,
        &two(["fd00:2014::2", "10.99.0.2"]).build(),
        "tcp://two.test:1",
    );
    let Err(Error::Connect { attempts, .. }) = error else {
        panic!("{error:?}")
    };
    let targets: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.target.as_str())
        .collect();
    assert_eq!(targets, ["[fd00:2014::2]:1", "10.99.0.2:1"]);
}
