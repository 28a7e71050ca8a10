//! How many, and for how long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use conduit::{Context, Endpoint, Event, EventSink, ListenOptions, Listener, Pipes, ProxyProtocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Authority, context, pair, tls_options};

const MOMENT: Duration = Duration::from_millis(1);

fn pipes() -> Context {
    Context::builder().pipes(Pipes::new()).build()
}

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Options that write events down.
fn logged(options: ListenOptions) -> (ListenOptions, Arc<Mutex<Vec<String>>>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&log);
    let sink = EventSink::new(move |event: &Event| events.lock().unwrap().push(event.to_string()));
    let options = ListenOptions {
        events: Some(sink),
        ..options
    };
    (options, log)
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_shake_hands_in_time_is_dropped() {
    let authority = Authority::new("test");
    for (endpoint, begun, proxy) in [
        ("tls+pipe:a", b"\x16", ProxyProtocol::Off),
        ("ws+pipe:a", b"G", ProxyProtocol::Off),
        ("pipe:a", b"P", ProxyProtocol::Everybody),
    ] {
        let context = context(&authority);
        let (options, log) = logged(ListenOptions {
            proxy,
            ..tls_options(&authority)
        });
        let mut listener = Listener::bind(&context, &parse(endpoint), options)
            .await
            .unwrap();
        let begin = Instant::now();
        let mut silent = context.connect(&parse("pipe:a")).await.unwrap();
        // Some bytes do not help.
        silent.write_all(begun).await.ok();
        let mut byte = [0];
        let read = silent.read(&mut byte).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{endpoint}: {read:?}");
        assert_eq!(begin.elapsed().as_secs(), 10, "{endpoint}");
        let said = log.lock().unwrap().join("\n");
        assert_eq!(
            said,
            "pipe:a was refused: the handshake took longer than 10s"
        );
        // The listener lives on, and nobody was accepted.
        assert!(timeout(MOMENT, listener.accept()).await.is_err());
        assert_eq!(listener.handle().active(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_does_not_wait_for_ever_for_a_handshake() {
    let authority = Authority::new("test");
    let context = context(&authority);
    let _silent = Listener::bind(&context, &parse("pipe:a"), ListenOptions::default()).await;
    for endpoint in ["tls+pipe:a", "ws+pipe:a"] {
        let begin = Instant::now();
        let error = context.connect(&parse(endpoint)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} did not answer within 10s", parse(endpoint))
        );
        assert_eq!(begin.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connections_end_and_busy_ones_do_not() {
    let options = ListenOptions {
        idle_timeout: Some(Duration::from_secs(60)),
        ..ListenOptions::default()
    };
    let (mut client, mut server, _listener) = pair(&pipes(), &parse("pipe:a"), options).await;
    let begin = Instant::now();
    let busy = async {
        for _ in 0..5 {
            sleep(Duration::from_secs(50)).await;
            client.write_all(b"x").await.unwrap();
        }
    };
    let served = async {
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap_err()
    };
    let ((), error) = tokio::join!(busy, served);
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(begin.elapsed().as_secs(), 310);
}

#[tokio::test(start_paused = true)]
async fn writing_keeps_a_connection_alive_that_only_reads_wait_on() {
    let options = ListenOptions {
        idle_timeout: Some(Duration::from_secs(60)),
        ..ListenOptions::default()
    };
    let (mut client, server, _listener) = pair(&pipes(), &parse("pipe:a"), options).await;
    let begin = Instant::now();
    let (mut reads, mut writes) = tokio::io::split(server);
    // Two tasks: each direction has to wake its own.
    let reader = tokio::spawn(async move { reads.read_u8().await.unwrap_err().kind() });
    for _ in 0..3 {
        sleep(Duration::from_secs(40)).await;
        writes.write_all(b"x").await.unwrap();
        client.read_u8().await.unwrap();
    }
    assert_eq!(reader.await.unwrap(), std::io::ErrorKind::TimedOut);
    assert_eq!(begin.elapsed().as_secs(), 180);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_given_up() {
    let options = ListenOptions {
        stall_timeout: Some(Duration::from_secs(5)),
        ..ListenOptions::default()
    };
    let (mut client, mut server, _listener) = pair(&pipes(), &parse("pipe:a"), options).await;
    let begin = Instant::now();
    let many = vec![0; 256 * 1024];
    let slow = async {
        // One byte now and then is progress.
        for _ in 0..3 {
            sleep(Duration::from_secs(4)).await;
            client.read_u8().await.unwrap();
        }
    };
    let ((), written) = tokio::join!(slow, server.write_all(&many));
    assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(begin.elapsed().as_secs(), 17);
}

#[tokio::test]
async fn no_more_are_active_than_allowed() {
    for endpoint in ["pipe:a", "tcp://127.0.0.1:0,[::1]:0"] {
        let context = pipes();
        let options = ListenOptions {
            max_active: 2,
            ..ListenOptions::default()
        };
        let mut listener = Listener::bind(&context, &parse(endpoint), options)
            .await
            .unwrap();
        let at = listener.endpoints().to_vec();
        let mut clients = Vec::new();
        for index in 0..3 {
            let at = &at[index % at.len()];
            clients.push(context.connect(at).await.unwrap());
        }
        let first = listener.accept().await.unwrap();
        let _second = listener.accept().await.unwrap();
        assert_eq!(listener.handle().active(), 2);
        // Whatever could happen without the third one's turn happens before the time is up.
        let third = timeout(Duration::from_millis(20), listener.accept()).await;
        assert!(third.is_err(), "{endpoint}");
        drop(first);
        let third = listener.accept().await.unwrap();
        assert_eq!(listener.handle().active(), 2);
        drop((third, clients));
    }
}

#[tokio::test]
async fn one_connection_at_a_time_is_enough_for_several_sockets() {
    let context = pipes();
    let options = ListenOptions {
        max_active: 1,
        ..ListenOptions::default()
    };
    let both = parse("tcp://127.0.0.1:0,[::1]:0");
    let mut listener = Listener::bind(&context, &both, options).await.unwrap();
    for at in listener.endpoints().to_vec().iter().cycle().take(6) {
        let _client = context.connect(at).await.unwrap();
        listener.accept().await.unwrap();
    }
}

/// Makes `few_files_child` do something.
const CHILD: &str = "CONDUIT_TEST_FEW_FILES";

/// Does nothing unless the test below has started it, in a process that may have few files open.
#[tokio::test]
async fn few_files_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (options, log) = logged(ListenOptions::default());
    let context = Context::new();
    let mut listener = Listener::bind(&context, &parse("tcp://127.0.0.1:0"), options)
        .await
        .unwrap();
    let at = listener.endpoints()[0].clone();
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    // Room for the client's end, and none for the server's.
    drop(files.pop());
    let _client = context.connect(&at).await.unwrap();
    let begin = Instant::now();
    while log.lock().unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    // After pauses of 10, 20, 40 and 80 ms, of which some may have passed before.
    assert!(begin.elapsed() >= Duration::from_millis(140));
    drop(files);
    assert!(listener.accept().await.is_some());
    let log = log.lock().unwrap();
    assert!(log[0].contains("Too many open files"), "{}", log[0]);
}

#[test]
fn without_file_descriptors_the_loop_waits_and_then_goes_on() {
    let status = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 40 && exec \"$0\" --exact limits::few_files_child --test-threads=1",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}
