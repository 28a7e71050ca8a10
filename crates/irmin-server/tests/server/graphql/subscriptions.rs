//! Subscriptions over WebSockets, in process.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, handshake::client::Request};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{ask, code, set, set_on};
use crate::support::Served;

const NEW: &str = "graphql-transport-ws";

pub(super) struct Socket(WebSocketStream<conduit::BoxFlow>);

fn request(protocol: &str) -> Request {
    let mut request = "ws://irmin/graphql"
        .into_client_request()
        .expect("a request");
    let protocol = protocol.parse().expect("a value");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    request
}

impl Socket {
    async fn open(served: &Served) -> Self {
        Self::speaking(served, NEW).await
    }

    async fn speaking(served: &Served, protocol: &str) -> Self {
        let flow = served.flow("pipe:server").await;
        let opened = client_async(request(protocol), flow).await;
        let (socket, answer) = opened.expect("it opens");
        assert_eq!(answer.headers()["sec-websocket-protocol"], protocol);
        Self(socket)
    }

    async fn begun(served: &Served) -> Self {
        let mut socket = Self::open(served).await;
        socket.send(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
        socket
    }

    /// Opens one that says who it is in its first message, as browsers must.
    pub(super) async fn with_token(served: &Served, token: &str) -> Self {
        let mut socket = Self::open(served).await;
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
        socket
    }

    async fn send(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.0.send(message).await.expect("it is sent");
    }

    pub(super) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    /// Returns the next message; of a close, its code.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            match self
                .0
                .next()
                .await
                .expect("it is open")
                .expect("it is whole")
            {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(frame) => {
                    return json!(frame.map(|frame| u16::from(frame.code)));
                }
                _ => {}
            }
        }
    }
}

const WATCH: &str = "subscription { watch { commit { hash tree { get(path: \"a\") } } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_tells_each_commit_once_and_goes_on_from_one_that_was_told() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let first = set(&wire, "a", "0").await;
    let mut made = Vec::new();
    for number in 1..5 {
        made.push(set(&wire, "a", &number.to_string()).await);
    }
    let mut socket = Socket::begun(&served).await;
    let query = format!(
        "subscription {{ watch(since: \"{first}\", path: \"a\") {{ commit {{ hash tree {{ get(path: \"a\") }} }} }} }}"
    );
    socket.subscribe("1", &query).await;
    set_on(&wire, "dev", "a", "elsewhere").await;
    set(&wire, "b", "elsewhere").await;
    made.push(set(&wire, "a", "5").await);
    for (hash, value) in made.iter().zip(1..) {
        let message = socket.next().await;
        let commit = json!({ "hash": hash, "tree": { "get": value.to_string() } });
        assert_eq!(
            message["payload"]["data"]["watch"]["commit"], commit,
            "{message}"
        );
    }
    ask(
        &wire,
        &format!(
            r#"mutation {{ test_and_set_branch(branch: "main", test: "{}") }}"#,
            made[4]
        ),
    )
    .await;
    let message = socket.next().await;
    assert_eq!(
        message["payload"]["data"]["watch"]["commit"]["hash"],
        made[4].as_str(),
        "{message}"
    );
    socket.send(json!({ "type": "complete", "id": "1" })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_takes_queries_and_mutations_and_refuses_what_is_wrong() {
    let served = Served::open().await;
    let mut socket = Socket::begun(&served).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
    socket
        .subscribe(
            "1",
            r#"mutation { set(path: "a", value: "1") { tree { get(path: "a") } } }"#,
        )
        .await;
    let message = socket.next().await;
    assert_eq!(
        message["payload"]["data"]["set"]["tree"]["get"], "1",
        "{message}"
    );
    assert_eq!(
        socket.next().await,
        json!({ "type": "complete", "id": "1" })
    );
    let gone = format!(
        "subscription {{ watch(since: \"{}\") {{ commit {{ hash }} }} }}",
        "0".repeat(64)
    );
    let deep = "{".repeat(1000);
    let twice = "subscription { watch { commit { hash } } b: watch { commit { hash } } }";
    for (query, expected) in [
        ("subscription { nothing }", "invalid"),
        (twice, "invalid"),
        (gone.as_str(), "gone"),
        (deep.as_str(), "too_large"),
    ] {
        socket.subscribe("2", query).await;
        let message = socket.next().await;
        assert_eq!(
            code(&message["payload"]["errors"][0]),
            expected,
            "{query:.60}: {message}"
        );
        assert_eq!(
            socket.next().await,
            json!({ "type": "complete", "id": "2" })
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_predecessor_speaks_the_older_protocol() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let first = set(&wire, "a", "0").await;
    let made = set(&wire, "a", "1").await;
    let mut socket = Socket::speaking(&served, "graphql-ws").await;
    socket
        .send(json!({ "type": "connection_init", "payload": {} }))
        .await;
    assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
    let query = format!("subscription {{ watch(since: \"{first}\") {{ commit {{ hash }} }} }}");
    let start = json!({ "type": "start", "id": "1", "payload": { "query": query } });
    socket.send(start).await;
    let data = json!({ "data": { "watch": { "commit": { "hash": made } } } });
    assert_eq!(
        socket.next().await,
        json!({ "type": "data", "id": "1", "payload": data })
    );
    socket.send(json!({ "type": "stop", "id": "1" })).await;
    assert_eq!(
        socket.next().await,
        json!({ "type": "complete", "id": "1" })
    );
    let wrong = json!({ "query": "subscription { nothing }" });
    socket
        .send(json!({ "type": "start", "id": "2", "payload": wrong }))
        .await;
    let message = socket.next().await;
    assert_eq!(message["type"], "data", "{message}");
    assert_eq!(code(&message["payload"]["errors"][0]), "invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_says_how_it_wants_to_be_spoken_to() {
    let served = Served::open().await;
    let mut early = Socket::open(&served).await;
    early.subscribe("1", WATCH).await;
    assert_eq!(early.next().await, json!(4401));
    let mut garbled = Socket::begun(&served).await;
    garbled.send(json!({ "type": "nonsense" })).await;
    assert_eq!(garbled.next().await, json!(4400));
    let mut twice = Socket::begun(&served).await;
    twice.send(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.next().await, json!(4429));
    let mut elsewhere = request(NEW);
    let origin = "http://example.org".parse().expect("a value");
    elsewhere.headers_mut().insert("origin", origin);
    let flow = served.flow("pipe:server").await;
    assert!(client_async(elsewhere, flow).await.is_err());
    let mut here = request(NEW);
    let origin = "http://irmin".parse().expect("a value");
    here.headers_mut().insert("origin", origin);
    let flow = served.flow("pipe:server").await;
    assert!(client_async(here, flow).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_end_when_the_server_stops() {
    let mut served = Served::open().await;
    let mut socket = Socket::begun(&served).await;
    socket.subscribe("1", WATCH).await;
    served.begin_stop();
    let mut last = socket.next().await;
    while last["type"] == "next" || last["type"] == "complete" {
        last = socket.next().await;
    }
    assert_eq!(last, json!(1001));
    served.stopped().await;
}
