//! TLS: who is who, and certificates that change.

use std::sync::{Arc, Mutex};

use conduit::{
    Certificate, ClientAuth, Context, Endpoint, EventSink, ListenOptions, Listener, Pipes,
    SubjectName, TlsServer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Authority, context, listen, pair, tls_options};

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

#[tokio::test]
async fn both_ends_learn_each_others_certificate_name_and_protocol() {
    let authority = Authority::new("test");
    let (server_identity, alice) = (authority.server(&["db.example"]), authority.client("alice"));
    let clients = ClientAuth::Required(authority.trust());
    let tls = TlsServer::new(&server_identity, &clients, &[b"h2", b"x/1"]).unwrap();
    let options = ListenOptions {
        tls: Some(tls),
        ..ListenOptions::default()
    };
    let context = Context::builder()
        .pipes(Pipes::new())
        .trust(authority.trust())
        .identity(alice)
        .alpn(&[b"x/1"])
        .build();
    let endpoint = parse("tls+pipe:a?name=db.example");
    let (client, server, _listener) = pair(&context, &endpoint, options).await;
    let of_client = server.peer().tls.as_ref().unwrap();
    assert_eq!(of_client.server_name.as_deref(), Some("db.example"));
    assert_eq!(of_client.alpn.as_deref(), Some(b"x/1".as_slice()));
    let certificate = server.peer().certificate().unwrap();
    assert_eq!(certificate.subject(), "O=Example\\, Inc.,CN=alice");
    assert_eq!(certificate.common_name(), Some("alice"));
    assert_eq!(
        certificate.names(),
        [
            SubjectName::Dns("alice.example".into()),
            SubjectName::Uri("spiffe://example/alice".into()),
            SubjectName::Email("alice@example".into()),
            SubjectName::Ip("fd00::1".parse().unwrap()),
        ]
    );
    assert_eq!(certificate.fingerprint_hex().len(), 64);
    let of_server = client.peer().tls.as_ref().unwrap();
    assert_eq!(of_server.alpn.as_deref(), Some(b"x/1".as_slice()));
    let names = client.peer().certificate().unwrap().names();
    assert_eq!(names, [SubjectName::Dns("db.example".into())]);
}

/// Listens with these options; returns what a client is told and what the listener says.
async fn refusal(context: &Context, endpoint: &str, options: ListenOptions) -> (String, String) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&log);
    let sink = EventSink::new(move |event| events.lock().unwrap().push(event.to_string()));
    let options = ListenOptions {
        events: Some(sink),
        ..options
    };
    let endpoint = parse(endpoint);
    let _listener = Listener::bind(context, &endpoint, options).await.unwrap();
    let told = match context.connect(&endpoint).await {
        Err(error) => error.to_string(),
        // With TLS 1.3 a client hears of its certificate's fate when it reads.
        Ok(mut flow) => flow.read_u8().await.unwrap_err().to_string(),
    };
    while log.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let said = log.lock().unwrap().join("\n");
    (told, said)
}

#[tokio::test]
async fn strangers_are_refused_on_both_sides() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let options = || tls_options(&ours);
    let (told, _) = refusal(&context(&ours), "tls+pipe:a?name=other.example", options()).await;
    assert!(
        told.contains("on TLS") && told.contains("not valid for name"),
        "{told}"
    );
    let (told, _) = refusal(&context(&theirs), "tls+pipe:a", options()).await;
    assert!(told.contains("UnknownIssuer"), "{told}");
    let clients = ClientAuth::Required(ours.trust());
    let tls = TlsServer::new(&ours.server(&["localhost"]), &clients, &[]).unwrap();
    let with_clients = || ListenOptions {
        tls: Some(tls.clone()),
        ..ListenOptions::default()
    };
    let (_, said) = refusal(&context(&ours), "tls+pipe:a", with_clients()).await;
    assert!(said.contains("sent no certificates"), "{said}");
    let stranger = Context::builder()
        .pipes(Pipes::new())
        .trust(ours.trust())
        .identity(theirs.client("mallory"))
        .build();
    let (_, said) = refusal(&stranger, "tls+pipe:a", with_clients()).await;
    assert!(said.contains("UnknownIssuer"), "{said}");
    let other_protocol = Context::builder()
        .pipes(Pipes::new())
        .trust(ours.trust())
        .alpn(&[b"other"])
        .build();
    let (told, _) = refusal(&other_protocol, "tls+pipe:a", options()).await;
    assert!(told.contains("NoApplicationProtocol"), "{told}");
}

#[tokio::test]
async fn clients_may_come_without_a_certificate_where_it_is_optional() {
    let authority = Authority::new("test");
    let clients = ClientAuth::Optional(authority.trust());
    let tls = TlsServer::new(&authority.server(&["localhost"]), &clients, &[]).unwrap();
    for identity in [None, Some(authority.client("alice"))] {
        let options = ListenOptions {
            tls: Some(tls.clone()),
            ..ListenOptions::default()
        };
        let mut builder = Context::builder()
            .pipes(Pipes::new())
            .trust(authority.trust());
        if let Some(identity) = &identity {
            builder = builder.identity(identity.clone());
        }
        let (_client, server, _listener) =
            pair(&builder.build(), &parse("tls+pipe:a"), options).await;
        assert_eq!(server.peer().certificate().is_some(), identity.is_some());
    }
}

#[tokio::test]
async fn a_certificate_is_changed_while_serving() {
    let authority = Authority::new("test");
    let tls = TlsServer::new(&authority.server(&["localhost"]), &ClientAuth::None, &[]).unwrap();
    let options = ListenOptions {
        tls: Some(tls.clone()),
        ..ListenOptions::default()
    };
    let context = context(&authority);
    let at = parse("tls+pipe:a");
    let mut listener = Listener::bind(&context, &at, options).await.unwrap();
    let fingerprint = |certificate: &Certificate| *certificate.fingerprint();
    let (old, old_server) = tokio::join!(context.connect(&at), listener.accept());
    let (mut old, mut old_server) = (old.unwrap(), old_server.unwrap());
    tls.reload(&authority.server(&["localhost"]), &ClientAuth::None)
        .unwrap();
    let (new, _) = tokio::join!(context.connect(&at), listener.accept());
    let new = new.unwrap();
    let seen = [&old, &new].map(|flow| fingerprint(flow.peer().certificate().unwrap()));
    assert_ne!(seen[0], seen[1]);
    // What is connected stays so.
    old_server.write_all(b"x").await.unwrap();
    old_server.flush().await.unwrap();
    assert_eq!(old.read_u8().await.unwrap(), b'x');
    // From now on clients must show a certificate.
    let clients = ClientAuth::Required(authority.trust());
    tls.reload(&authority.server(&["localhost"]), &clients)
        .unwrap();
    if let Ok(mut flow) = context.connect(&at).await {
        assert!(flow.read_u8().await.is_err());
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error_and_not_an_end() {
    let authority = Authority::new("test");
    let (client, mut server, _listener) = pair(
        &context(&authority),
        &parse("tls+pipe:a"),
        tls_options(&authority),
    )
    .await;
    drop(client);
    let error = server.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn listening_with_tls_needs_a_certificate_and_the_contexts_will_do() {
    let authority = Authority::new("test");
    let error = listen(&context(&authority), "tls+pipe:a")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("tls+pipe:a needs a certificate and its key"),
        "{error}"
    );
    let context = Context::builder()
        .pipes(Pipes::new())
        .trust(authority.trust())
        .identity(authority.server(&["localhost"]))
        .build();
    pair(&context, &parse("tls+pipe:a"), ListenOptions::default()).await;
}

#[test]
fn certificates_and_keys_that_are_none_are_named() {
    use conduit::{Identity, Trust};
    for (certificate, key, problem) in [
        ("", "", "there is no certificate"),
        ("-----BEGIN CERTIFICATE-----\n?", "", "the certificate: "),
    ] {
        let error = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
    let error = Trust::from_pem(b"nothing").unwrap_err().to_string();
    assert!(error.contains("there is no trusted certificate"), "{error}");
    let error = Identity::from_files("/nonexistent/a".as_ref(), "b".as_ref()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/a: "), "{error}");
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_where_it_is_known() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = conduit::Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let context = Context::builder()
        .pipes(Pipes::new())
        .trust(conduit::Trust::from_pem(certificate.as_bytes()).unwrap())
        .identity(identity)
        .build();
    pair(&context, &parse("tls+pipe:a"), ListenOptions::default()).await;
}
