use std::sync::Mutex;

use super::*;

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// DNS that knows one name, and remembers who was asked for.
#[derive(Clone, Default)]
struct OneName(Arc<Mutex<Vec<String>>>);

impl Lookup for OneName {
    fn lookup<'a>(&'a self, name: &'a HostName, port: u16) -> LookupFuture<'a> {
        self.0.lock().unwrap().push(name.to_string());
        Box::pin(async move {
            match name.as_str() {
                "known" => Ok(vec![
                    ([192, 0, 2, 1], port).into(),
                    ([192, 0, 2, 2], port).into(),
                ]),
                "empty" => Ok(Vec::new()),
                _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            }
        })
    }
}

async fn addresses(resolver: &Resolver, text: &str) -> Vec<String> {
    let resolved = resolver.resolve(&parse(text)).await.unwrap();
    resolved
        .addresses
        .iter()
        .map(SocketAddr::to_string)
        .collect()
}

async fn attempts(resolver: &Resolver, text: &str) -> (String, Vec<String>) {
    match resolver.resolve(&parse(text)).await.unwrap_err() {
        Error::Resolve { uri, attempts } => {
            (uri, attempts.iter().map(Attempt::to_string).collect())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_static_table_is_asked_before_dns_and_literals_ask_nobody() {
    let dns = OneName::default();
    let known = ["fd00::1", "fd00::2", "10.0.0.1"].map(|ip| ip.parse().unwrap());
    let resolver = Resolver::new()
        .host(name("known"), known)
        .lookup(dns.clone());
    let found = addresses(&resolver, "tls+tcp://KNOWN:7").await;
    assert_eq!(found, ["[fd00::1]:7", "10.0.0.1:7", "[fd00::2]:7"]);
    let found = addresses(&resolver, "tcp://1.2.3.4:1,[::1%7]:2,[::ffff:1.2.3.4]:3").await;
    assert_eq!(found, ["1.2.3.4:1", "[::1%7]:2", "[::ffff:1.2.3.4]:3"]);
    assert_eq!(addresses(&resolver, "pipe:x").await, Vec::<String>::new());
    assert!(dns.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn dns_is_asked_for_what_is_in_no_table() {
    let resolver = Resolver::new().lookup(OneName::default());
    let found = addresses(&resolver, "tcp://known:7,missing:8").await;
    assert_eq!(found, ["192.0.2.1:7", "192.0.2.2:7"]);
}

#[tokio::test]
async fn a_failure_carries_the_uri_and_each_attempt() {
    let resolver = Resolver::new().lookup(OneName::default());
    let (uri, attempts_made) = attempts(&resolver, "tls+tcp://a.example:1,empty:2,*:3").await;
    assert_eq!(uri, "tls+tcp://a.example:1,empty:2,*:3");
    assert_eq!(
        attempts_made,
        [
            "static table: no a.example",
            "a.example:1: no such name",
            "static table: no empty",
            "empty: DNS has no address",
            "*:3: '*' is a place to listen at, not to connect to",
        ]
    );
    let error = resolver
        .resolve(&parse("tcp://a.example:1"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "tcp://a.example:1 leads to no address: static table: no a.example; a.example:1: no such name"
    );
    assert_eq!(error.io_kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn without_dns_nothing_leaves_the_process() {
    let resolver = Resolver::new().lookup(NoLookup);
    let (_, attempts) = attempts(&resolver, "tcp://localhost:1").await;
    assert_eq!(attempts.last().unwrap(), "localhost:1: DNS is not asked");
}

#[tokio::test]
async fn a_zone_is_an_interface_of_this_machine() {
    let resolver = Resolver::new();
    assert_eq!(
        addresses(&resolver, "tcp://[fe80::1%25lo]:1").await,
        ["[fe80::1%1]:1"]
    );
    let (_, attempts) = attempts(&resolver, "tcp://[fe80::1%nosuch]:1").await;
    assert_eq!(attempts, ["[fe80::1%25nosuch]:1: no interface 'nosuch'"]);
}

#[tokio::test]
async fn aliases_and_domains_rewrite_the_carrier_beneath_layers() {
    let resolver = Resolver::new()
        .alias(parse("pipe:db"), parse("unix:///run/db"))
        .domain(name("mesh.test"), parse("tcp://10.0.0.1:99"))
        .domain(name("a.mesh.test"), parse("pipe:db"));
    for (from, to) in [
        ("tls+pipe:db", "tls+unix:///run/db"),
        ("pipe:other", "pipe:other"),
        ("wss://x.mesh.test/p", "wss://10.0.0.1:99/p"),
        ("tcp://mesh.test:1", "tcp://10.0.0.1:99"),
        ("tcp://xmesh.test:1,a:1", "tcp://xmesh.test:1,a:1"),
        ("tcp://b.a.mesh.test:1", "unix:///run/db"),
    ] {
        let rewritten = resolver.rewrite(&parse(from)).unwrap();
        assert_eq!(rewritten.to_string(), to, "{from}");
    }
}

#[tokio::test]
async fn rewrites_that_lead_in_a_circle_end() {
    let resolver = Resolver::new()
        .alias(parse("pipe:a"), parse("pipe:b"))
        .alias(parse("pipe:b"), parse("pipe:a"));
    let (_, attempts) = attempts(&resolver, "pipe:a").await;
    assert_eq!(attempts.first().unwrap(), "pipe:a: means pipe:b");
    assert_eq!(
        attempts.last().unwrap(),
        "rewrites: rewritten more than 8 times"
    );
}

#[test]
fn services_give_schemes_a_meaning() {
    let resolver = Resolver::new()
        .service("irmin", "tcp", Some(7464))
        .service("irmin+tls", "tls+tcp", Some(7464))
        .service("irmin+unix", "unix", None);
    for (uri, endpoint) in [
        ("irmin://db", "tcp://db:7464"),
        ("irmin://[::1]", "tcp://[::1]:7464"),
        ("irmin://[::1]:1,b", "tcp://[::1]:1,b:7464"),
        ("irmin+tls://db?name=x", "tls+tcp://db:7464?name=x"),
        ("irmin+unix:///run/a", "unix:///run/a"),
        ("tcp://a:1", "tcp://a:1"),
    ] {
        assert_eq!(
            resolver.endpoint(uri).unwrap().to_string(),
            endpoint,
            "{uri}"
        );
    }
    let error = resolver.endpoint("irmni://db").unwrap_err().to_string();
    assert!(error.contains("irmin, irmin+tls, irmin+unix"), "{error}");
    let error = resolver.endpoint("irmin://").unwrap_err().to_string();
    assert!(
        error.starts_with("'irmin://' is not an endpoint"),
        "{error}"
    );
}
