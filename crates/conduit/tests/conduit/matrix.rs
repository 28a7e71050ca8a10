//! What holds for every transport.

use conduit::{Endpoint, Faults, ListenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Authority, context, pair, tls_options};

/// More than any transport holds on its way.
const MANY: usize = 16 * 1024 * 1024;

/// All kinds of endpoints; `dir` is a directory for sockets.
fn endpoints(dir: &str, test: &str) -> Vec<Endpoint> {
    let texts = [
        "tcp://127.0.0.1:0".to_owned(),
        "tcp://[::1]:0".to_owned(),
        format!("unix://{dir}/plain"),
        format!("unix:@conduit-{test}-{}", std::process::id()),
        "pipe:plain".to_owned(),
        "tls+tcp://127.0.0.1:0".to_owned(),
        "tls+tcp://[::1]:0".to_owned(),
        format!("tls+unix://{dir}/tls?name=localhost"),
        "tls+pipe:tls".to_owned(),
        "ws://127.0.0.1:0/a%20b".to_owned(),
        "wss://[::1]:0/x?name=localhost".to_owned(),
        format!("ws+unix://{dir}/ws?path=/x"),
        "ws+pipe:ws".to_owned(),
        "tls+ws+pipe:both".to_owned(),
        "ws+tls+tls+pipe:three".to_owned(),
    ];
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn bytes_and_ends_travel_both_ways() {
    let authority = Authority::new("test");
    let dir = tempfile::tempdir().unwrap();
    for endpoint in endpoints(dir.path().to_str().unwrap(), "ways") {
        let context = context(&authority);
        let (mut client, mut server, _listener) =
            pair(&context, &endpoint, tls_options(&authority)).await;
        client.write_all(b"ping").await.unwrap();
        client.shutdown().await.unwrap();
        let mut said = String::new();
        server.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "ping", "{endpoint}");
        // The other direction goes on.
        server.write_all(b"pong").await.unwrap();
        server.flush().await.unwrap();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"pong", "{endpoint}");
        server.write_all(b"bye").await.unwrap();
        server.shutdown().await.unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "bye", "{endpoint}");
        assert!(client.write_all(b"x").await.is_err(), "{endpoint}");
    }
}

#[tokio::test]
async fn a_writer_waits_for_a_reader() {
    let bytes = (0..=250).collect::<Vec<u8>>().repeat(MANY / 250);
    let authority = Authority::new("test");
    let dir = tempfile::tempdir().unwrap();
    for endpoint in endpoints(dir.path().to_str().unwrap(), "waits") {
        let context = context(&authority);
        let (mut client, mut server, _listener) =
            pair(&context, &endpoint, tls_options(&authority)).await;
        let mut written = 0;
        tokio::time::pause();
        // With the clock paused, the time runs out as soon as nothing else can happen.
        let limit = std::time::Duration::from_secs(1);
        while let Ok(count) = tokio::time::timeout(limit, client.write(&bytes[written..])).await {
            written += count.unwrap();
            assert!(written < MANY, "{endpoint} takes everything");
        }
        tokio::time::resume();
        let mut read = vec![0; written];
        let (read_all, _) = tokio::join!(server.read_exact(&mut read), client.flush());
        read_all.unwrap();
        assert!(read == bytes[..written], "{endpoint}");
    }
}

#[tokio::test]
async fn split_and_late_bytes_arrive_whole_and_in_order() {
    let authority = Authority::new("test");
    let dir = tempfile::tempdir().unwrap();
    for (seed, endpoint) in (0..).zip(endpoints(dir.path().to_str().unwrap(), "split")) {
        let faults = Faults::new(seed)
            .bytes_max(97)
            .pauses(50, std::time::Duration::from_micros(300));
        let context = conduit::Context::builder()
            .pipes(conduit::Pipes::new())
            .trust(authority.trust())
            .faults(faults.clone())
            .build();
        let options = ListenOptions {
            faults: Some(faults),
            ..tls_options(&authority)
        };
        let (mut client, mut server, _listener) = pair(&context, &endpoint, options).await;
        let sent: Vec<u8> = (0..=252).cycle().take(20_000).collect();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            client.write_all(&copy).await.unwrap();
            client.shutdown().await.unwrap();
            client
        });
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert!(read == sent, "{endpoint}");
        drop(writer.await.unwrap());
    }
}
