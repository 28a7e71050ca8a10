//! A client of GraphQL over a WebSocket (`graphql-transport-ws`), over a network that may be bad.

use conduit::BoxFlow;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::faulty::Way;

/// A WebSocket that is opened again when it breaks.
pub(crate) struct Socket {
    way: Way,
    stream: Option<WebSocketStream<BoxFlow>>,
    /// How much was asked for: each has a number of its own.
    asked: u64,
}

impl Socket {
    pub(crate) const fn new(way: Way) -> Self {
        Self {
            way,
            stream: None,
            asked: 0,
        }
    }

    /// Asks for something once. `None`: the answer was lost.
    pub(crate) async fn ask_once(&mut self, payload: &Value) -> Option<Value> {
        self.begin(payload).await?;
        self.next().await
    }

    /// Asks for something, whose answers come then.
    pub(crate) async fn begin(&mut self, payload: &Value) -> Option<()> {
        if self.stream.is_none() {
            self.stream = self.opened().await;
        }
        self.asked += 1;
        let id = self.asked.to_string();
        self.send(&json!({"type": "subscribe", "id": id, "payload": payload}))
            .await
    }

    /// Returns the next answer to what was asked for last; `None` if the connection broke.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let asked = self.asked.to_string();
        loop {
            let mut message = self.receive().await?;
            if message["id"] == asked.as_str() {
                assert_eq!(message["type"], "next", "{message}");
                return Some(message["payload"].take());
            }
        }
    }

    async fn opened(&mut self) -> Option<WebSocketStream<BoxFlow>> {
        let flow = self.way.flow().await?;
        let request = "ws://irmin/graphql".into_client_request();
        let mut request = request.expect("a request");
        let protocol = "graphql-transport-ws".parse().expect("a value");
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", protocol);
        let (mut stream, _) = client_async(request, flow).await.ok()?;
        let begin = json!({"type": "connection_init"}).to_string();
        stream.send(Message::text(begin)).await.ok()?;
        Some(stream)
    }

    async fn send(&mut self, message: &Value) -> Option<()> {
        let stream = self.stream.as_mut()?;
        let sent = stream.send(Message::text(message.to_string())).await;
        if sent.is_err() {
            self.stream = None;
        }
        sent.ok()
    }

    async fn receive(&mut self) -> Option<Value> {
        loop {
            match self.stream.as_mut()?.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => self.stream = None,
            }
        }
    }
}
