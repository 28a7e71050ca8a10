//! WebSocket, with peers of another make.

use conduit::{BoxFlow, Context, ListenOptions, Listener, Pipes};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::pair;

fn pipes() -> Context {
    Context::builder().pipes(Pipes::new()).build()
}

/// Connects another make's client to our server.
async fn other_client() -> (WebSocketStream<BoxFlow>, BoxFlow, Listener) {
    let context = pipes();
    let at = "ws+pipe:a?path=/p".parse().unwrap();
    let mut listener = Listener::bind(&context, &at, ListenOptions::default())
        .await
        .unwrap();
    let carrier = context.connect(at.carrier()).await.unwrap();
    let (client, server) = tokio::join!(client_async("ws://x/p", carrier), listener.accept());
    (client.unwrap().0, server.unwrap(), listener)
}

#[tokio::test]
async fn messages_are_bytes_whose_bounds_mean_nothing() {
    let (mut client, mut server, _listener) = other_client().await;
    for part in ["ab", "c", "def"] {
        client.send(Message::Binary(part.into())).await.unwrap();
    }
    client.send(Message::Ping("?".into())).await.unwrap();
    client.close(None).await.unwrap();
    let mut read = String::new();
    server.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "abcdef");
    // Who has closed reads no more; ending is no error, writing is.
    assert!(server.write_all(b"late").await.is_err());
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_last_closes_properly() {
    let (mut client, mut server, _listener) = other_client().await;
    client.send(Message::Binary("".into())).await.unwrap();
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    server.write_all(b"answer").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::Binary("answer".into())
    );
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::Binary("".into())
    );
    assert!(client.next().await.unwrap().unwrap().is_close());
}

#[tokio::test]
async fn text_and_giant_messages_are_refused() {
    for message in [
        Message::Text("hello".into()),
        Message::Binary(vec![0; 2 << 20].into()),
    ] {
        let (mut client, mut server, _listener) = other_client().await;
        let sender = tokio::spawn(async move { client.send(message).await.ok() });
        let error = server.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        drop(server);
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn another_path_is_not_found() {
    let context = pipes();
    let at = "ws+pipe:a?path=/right".parse().unwrap();
    let _listener = Listener::bind(&context, &at, ListenOptions::default())
        .await
        .unwrap();
    let carrier = context.connect(at.carrier()).await.unwrap();
    let Error::Http(answer) = client_async("ws://x/wrong", carrier).await.unwrap_err() else {
        panic!("it was no answer")
    };
    assert_eq!(answer.status(), 404);
    let wrong = "ws+pipe:a?path=/wrong".parse().unwrap();
    let error = context.connect(&wrong).await.unwrap_err().to_string();
    assert!(
        error.contains("on WebSocket: the server answers 404"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error_and_not_an_end() {
    let endpoint = "ws+pipe:a".parse().unwrap();
    let (client, mut server, _listener) = pair(&pipes(), &endpoint, ListenOptions::default()).await;
    drop(client);
    let error = server.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}
