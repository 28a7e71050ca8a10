//! How a listener ends.

use std::time::Duration;

use conduit::{BoxFlow, Context, Drain, Drained, Endpoint, ListenOptions, Listener, Pipes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::support::pair;

fn pipes() -> Context {
    Context::builder().pipes(Pipes::new()).build()
}

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Answers each byte after a second; ends when told, but not between a byte and its answer.
async fn slow_echo(mut flow: BoxFlow, mut drain: Drain) {
    loop {
        let byte = tokio::select! {
            biased;
            byte = flow.read_u8() => byte,
            () = drain.wait() => break,
        };
        let Ok(byte) = byte else { break };
        tokio::time::sleep(Duration::from_secs(1)).await;
        flow.write_u8(byte).await.unwrap();
    }
    flow.shutdown().await.unwrap();
}

async fn never_ending(mut flow: BoxFlow, _: Drain) {
    while flow.read_u8().await.is_ok() {}
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_before_the_deadline() {
    let context = pipes();
    let listener = Listener::bind(&context, &parse("pipe:a"), ListenOptions::default()).await;
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move { stopped.await.unwrap() };
    let server = tokio::spawn(
        listener
            .unwrap()
            .serve(slow_echo, shutdown, Duration::from_secs(9)),
    );
    let mut busy = context.connect(&parse("pipe:a")).await.unwrap();
    let mut idle = context.connect(&parse("pipe:a")).await.unwrap();
    busy.write_all(b"x").await.unwrap();
    idle.write_all(b"y").await.unwrap();
    assert_eq!(idle.read_u8().await.unwrap(), b'y');
    busy.read_u8().await.unwrap();
    busy.write_all(b"z").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begin = Instant::now();
    stop.send(()).unwrap();
    let (mut answer, mut nothing) = (Vec::new(), Vec::new());
    idle.read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty());
    assert_eq!(begin.elapsed(), Duration::ZERO);
    busy.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"z");
    assert_eq!(server.await.unwrap(), Drained { cut: 0 });
    assert_eq!(begin.elapsed().as_millis(), 500);
    let refused = context.connect(&parse("pipe:a")).await.unwrap_err();
    assert_eq!(refused.io_kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_off_at_the_deadline() {
    let context = pipes();
    let listener = Listener::bind(&context, &parse("pipe:a"), ListenOptions::default()).await;
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move { stopped.await.unwrap() };
    let server = tokio::spawn(listener.unwrap().serve(
        never_ending,
        shutdown,
        Duration::from_secs(9),
    ));
    let mut client = context.connect(&parse("pipe:a")).await.unwrap();
    client.write_all(b"x").await.unwrap();
    tokio::task::yield_now().await;
    let begin = Instant::now();
    stop.send(()).unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(server.await.unwrap(), Drained { cut: 1 });
    assert_eq!(begin.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_of_a_cut_connection_fail() {
    let (client, mut server, listener) =
        pair(&pipes(), &parse("pipe:a"), ListenOptions::default()).await;
    let handle = listener.handle();
    let waiting = tokio::spawn(async move {
        let read = server.read_u8().await.unwrap_err().kind();
        let write = server.write_all(b"x").await.unwrap_err().kind();
        (read, write)
    });
    assert_eq!(
        handle.drain(Duration::from_secs(1)).await,
        Drained { cut: 1 }
    );
    let aborted = std::io::ErrorKind::ConnectionAborted;
    assert_eq!(waiting.await.unwrap(), (aborted, aborted));
    drop(client);
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_own_connection_only() {
    async fn panics_at_zero(mut flow: BoxFlow, _: Drain) {
        let byte = flow.read_u8().await.unwrap();
        assert_ne!(byte, 0, "this one is meant to happen");
        flow.write_u8(byte).await.unwrap();
    }
    let context = pipes();
    let listener = Listener::bind(&context, &parse("pipe:a"), ListenOptions::default()).await;
    let shutdown = std::future::pending();
    tokio::spawn(
        listener
            .unwrap()
            .serve(panics_at_zero, shutdown, Duration::ZERO),
    );
    for byte in [0, 1] {
        let mut client = context.connect(&parse("pipe:a")).await.unwrap();
        client.write_all(&[byte]).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer.len(), usize::from(byte));
    }
}

#[tokio::test]
async fn connections_outlive_a_listener_that_is_dropped_and_its_place_is_free() {
    let context = pipes();
    for endpoint in ["pipe:a", "tcp://127.0.0.1:0", "tcp://[::1]:0"] {
        let (mut client, mut server, listener) =
            pair(&context, &parse(endpoint), ListenOptions::default()).await;
        let at = listener.endpoints()[0].clone();
        let mut handle = listener.handle().draining();
        drop(listener);
        handle.wait().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'x');
        // The task that accepts ends soon, not at once.
        let again = loop {
            match Listener::bind(&context, &at, ListenOptions::default()).await {
                Ok(again) => break again,
                Err(error) if error.io_kind() == std::io::ErrorKind::AddrInUse => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(again.endpoints(), [at]);
    }
}

#[tokio::test]
async fn the_stream_of_flows_ends_when_the_listener_is_closed() {
    use std::pin::Pin;
    let context = pipes();
    let listener = Listener::bind(&context, &parse("pipe:a"), ListenOptions::default()).await;
    let listener = listener.unwrap();
    let handle = listener.handle();
    let mut incoming = listener.incoming();
    let _client = context.connect(&parse("pipe:a")).await.unwrap();
    let mut next = async || {
        let poll = |cx: &mut std::task::Context<'_>| {
            futures_core::Stream::poll_next(Pin::new(&mut incoming), cx)
        };
        std::future::poll_fn(poll).await
    };
    let flow = next().await.unwrap().unwrap();
    assert_eq!(flow.peer().to_string(), "pipe:a");
    handle.close();
    assert!(next().await.is_none());
}
