//! Watchers: each hears all commits behind one until somebody writes `end`, and goes on where it stood
//! after each kill.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use irmin_proto::v1;
use irmin_proto::v1::watch_event::Kind;
use irminsule::Id;
use serde_json::{Value, json};

use super::{Commits, id};
use crate::faulty::{Line, Way};
use crate::plain::{Plain, request};
use crate::rest::support::MAIN;
use crate::socket::Socket;
use crate::support::Wire;

/// What a watcher heard, and where it goes on.
struct Heard {
    commits: Commits,
    since: String,
    is_over: bool,
}

impl Heard {
    fn hear(&mut self, commit: Vec<u8>, since: String, is_over: bool) {
        self.commits.push(commit);
        (self.since, self.is_over) = (since, is_over);
    }
}

pub(super) async fn watch(number: usize, way: Way, from: Id) -> Commits {
    let mut heard = Heard {
        commits: Commits::new(),
        since: from.to_string(),
        is_over: false,
    };
    match number % 3 {
        0 => by_grpc(Line::new(way), &mut heard).await,
        1 => by_rest(Plain::new(way), &mut heard).await,
        _ => by_graphql(Socket::new(way), &mut heard).await,
    }
    heard.commits
}

async fn by_grpc(mut line: Line, heard: &mut Heard) {
    let from = heard.since.parse::<Id>().expect("an id");
    let mut since = v1::Since {
        is: Some(v1::since::Is::Commit(v1::ObjectId {
            sha256: bytes::Bytes::copy_from_slice(from.as_bytes()),
        })),
    };
    while !heard.is_over {
        if let Some(wire) = line.wire().await {
            follow(wire, &mut since, heard).await;
            line.forget();
        }
    }
}

async fn follow(wire: Wire, since: &mut v1::Since, heard: &mut Heard) {
    let request = v1::WatchRequest {
        branch: "main".to_owned(),
        since: Some(since.clone()),
        changes: true,
        ..v1::WatchRequest::default()
    };
    let mut events = match wire.watches().watch(request).await {
        Ok(events) => events.into_inner(),
        Err(status) => {
            assert!(status.details().is_empty(), "{status:?}");
            return;
        }
    };
    while !heard.is_over
        && let Ok(Some(event)) = events.message().await
    {
        if event.kind() == Kind::Ready {
            continue;
        }
        assert_eq!(event.kind(), Kind::Commit);
        *since = event.resume.expect("it says where it stands");
        let commit = event.commit.and_then(|commit| commit.id).expect("one");
        let is_over = event.changes.iter().any(|change| change.path == "end");
        heard.hear(commit.sha256.to_vec(), String::new(), is_over);
    }
}

/// Server-sent events: `Last-Event-ID` says what was heard.
async fn by_rest(mut plain: Plain, heard: &mut Heard) {
    while !heard.is_over {
        let uri = match heard.commits.is_empty() {
            true => format!("{MAIN}/watches/main?since={}", heard.since),
            false => format!("{MAIN}/watches/main"),
        };
        let mut request = request("GET", &uri);
        if !heard.commits.is_empty() {
            request = request.header("last-event-id", &heard.since);
        }
        let request = request.body(bytes::Bytes::new()).expect("a request");
        let Some(answer) = plain.begin(&request).await else {
            continue;
        };
        assert_eq!(answer.status(), 200);
        read_events(answer.into_body(), heard).await;
        plain.forget();
    }
}

/// Reads events to the last one that is there as a whole.
async fn read_events(mut body: Incoming, heard: &mut Heard) {
    let mut text = String::new();
    while !heard.is_over
        && let Some(Ok(frame)) = body.frame().await
    {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        text.push_str(std::str::from_utf8(&data).expect("text"));
        while let Some((event, rest)) = text.split_once("\n\n") {
            read_event(event, heard);
            text = rest.to_owned();
        }
    }
}

fn read_event(event: &str, heard: &mut Heard) {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    let Some(data) = field("data: ") else {
        return;
    };
    assert_eq!(field("event: "), Some("commit"), "{event}");
    let data: Value = serde_json::from_str(data).expect("JSON");
    let changes = data["changes"].as_array().expect("all are told");
    let is_over = changes.iter().any(|change| change["path"] == "end");
    let since = field("id: ").expect("it says where it stands").to_owned();
    heard.hear(id(&data["commit"]["id"]), since, is_over);
}

/// Subscriptions over a WebSocket: `since` says what was heard.
async fn by_graphql(mut socket: Socket, heard: &mut Heard) {
    while !heard.is_over {
        let query = format!(
            "subscription {{ watch(since: \"{}\") {{ commit {{ hash tree {{ get(path: \"end\") }} }} }} }}",
            heard.since
        );
        if socket.begin(&json!({"query": query})).await.is_none() {
            continue;
        }
        while !heard.is_over
            && let Some(event) = socket.next().await
        {
            assert_eq!(event.get("errors"), None, "{event}");
            let commit = &event["data"]["watch"]["commit"];
            let since = commit["hash"].as_str().expect("an id").to_owned();
            let is_over = !commit["tree"]["get"].is_null();
            heard.hear(id(&commit["hash"]), since, is_over);
        }
    }
}
