//! Server-sent events, and bodies that are larger than what is kept of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use irmin_server::service::{Config, Data, Entry, Limits};
use serde_json::Value;
use tokio_stream::StreamExt;

use super::support::{MAIN, Rest};

/// An event as a client reads it.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

/// Reads events until there are so many, or the stream ends.
async fn events(body: Body, count: usize) -> Vec<Event> {
    let mut pieces = body.into_data_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < count
        && let Some(piece) = pieces.next().await
    {
        text.push_str(std::str::from_utf8(&piece.expect("no error")).expect("text"));
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().to_owned()
            };
            if !field("data: ").is_empty() {
                events.push(Event {
                    name: field("event: "),
                    id: field("id: "),
                    data: serde_json::from_str(&field("data: ")).expect("JSON"),
                });
            }
            text = rest.to_owned();
        }
    }
    events
}

async fn watch(rest: &Rest, query: &str, last: Option<&str>) -> Body {
    let uri = format!("{MAIN}/watches/main{query}");
    let headers: Vec<_> = last.map(|id| ("last-event-id", id)).into_iter().collect();
    let answer = rest.send("GET", &uri, &headers, "").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    answer.into_body()
}

#[tokio::test]
async fn a_watch_that_is_cut_again_and_again_has_no_gap_and_no_repetition() {
    let rest = Rest::open();
    let mut commits = vec![rest.set("n", "0").await.json()["commit"].clone()];
    let mut last = commits[0].as_str().expect("an id").to_owned();
    let mut seen = Vec::new();
    for round in 1..5_usize {
        for number in 0..round {
            let body = format!("{round} {number}");
            let uri = format!("{MAIN}/contents/main/n");
            let put = rest.ask("PUT", &uri, &[], body).await.expect(200);
            commits.push(put.json()["commit"].clone());
        }
        let body = watch(&rest, "", Some(&last)).await;
        for event in events(body, round).await {
            assert_eq!(
                (event.name.as_str(), &event.data["event"]),
                ("commit", &Value::from("commit"))
            );
            assert_eq!(event.data["changes"][0]["path"], "n");
            last.clone_from(&event.id);
            seen.push(event.data["commit"]["id"].clone());
        }
    }
    assert_eq!(seen, commits[1..]);
}

#[tokio::test]
async fn a_watch_tells_what_happens_while_it_waits_and_ends_in_silence_if_asked() {
    let rest = Rest::open();
    rest.set("a", "1").await;
    let body = watch(&rest, "?path=b&wait=1", None).await;
    rest.set("a", "2").await;
    let put = rest.set("b", "3").await.json();
    let told = events(body, 100).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].data["commit"]["id"], put["commit"]);
    let unknown = "0".repeat(64);
    let uri = format!("{MAIN}/watches/main?since={unknown}");
    rest.ask("GET", &uri, &[], "").await.expect(410);
    rest.get("/watches/main?since=nonsense").await.expect(400);
    rest.get("/watches/main?wait=0").await.expect(400);
}

#[tokio::test]
async fn a_watch_ends_when_the_server_stops() {
    let rest = Rest::open();
    rest.set("a", "1").await;
    let body = watch(&rest, "", None).await;
    rest.server.stop();
    let told = events(body, 1).await;
    assert_eq!(
        (told[0].name.as_str(), &told[0].data["kind"]),
        ("problem", &Value::from("unavailable"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_value_streams_both_ways_and_a_slow_reader_holds_back_who_sends() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = 256;
    /// Four pieces of 256 KiB in the channel, and one with each that passes them on.
    const ON_THE_WAY: usize = 8 * (256 << 10);
    let rest = Rest::open();
    let given = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    let pieces = tokio_stream::iter(0..PIECES).map(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        let byte = u8::try_from(number % 251).unwrap_or_default();
        Ok::<_, std::io::Error>(Bytes::from(vec![byte; PIECE]))
    });
    let uri = format!("{MAIN}/contents/main/large");
    rest.ask("PUT", &uri, &[], Body::from_stream(pieces))
        .await
        .expect(200);
    assert_eq!(given.load(Ordering::Relaxed), PIECES);
    let answer = rest.send("GET", &uri, &[], "").await;
    assert_eq!(
        answer.headers()["content-length"],
        (PIECE * PIECES).to_string().as_str()
    );
    let mut body = answer.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.expect("no error").into_data().expect("data");
        for byte in &data {
            assert_eq!(usize::from(*byte), read / PIECE % 251);
            read += 1;
        }
        // What was sent is counted when the last of it has left the store: that cannot be before all
        // but the pieces on their way were read.
        let is_sent = rest.server.metrics().bytes_out.get() > 0;
        assert!(
            !is_sent || read + ON_THE_WAY >= PIECE * PIECES,
            "all was sent, and only {read} bytes read"
        );
    }
    assert_eq!(read, PIECE * PIECES);
    let sent = rest.server.metrics().bytes_out.get();
    assert_eq!(sent, (PIECE * PIECES) as u64);
}

/// Says to the test below, in a process of its own, where to keep its data.
const MEASURE: &str = "IRMIN_TEST_MEASURE";

/// Returns the memory of this process that is no file's, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    size.expect("a size")
        .parse::<usize>()
        .expect("a number")
        .saturating_mul(1024)
}

/// What the test below runs in a process of its own, where nothing else takes memory. By itself it has
/// nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_measured_while_a_large_value_goes_in_and_out() {
    const PIECE: usize = 64 << 10;
    const PIECES: u64 = 1024;
    const ROOM: usize = 24 << 20;
    let Some(dir) = std::env::var_os(MEASURE).map(std::path::PathBuf::from) else {
        return;
    };
    let mut config = Config::new(Data::Dir(dir));
    config.access.entry = Entry::Open;
    let rest = Rest::with(config);
    rest.set("first", "1").await;
    let before = memory();
    let peak = Arc::new(AtomicUsize::new(0));
    let measured = Arc::clone(&peak);
    // No two pieces are alike, so that each is stored.
    let piece = |number: u64| {
        let seeds = (number << 32)..;
        let words = seeds.map(|seed: u64| irminsule::Id::of(&seed.to_le_bytes()));
        let words = words.flat_map(|id| *id.as_bytes());
        words.take(PIECE).collect::<Vec<u8>>()
    };
    let pieces = tokio_stream::iter(0..PIECES).map(move |number| {
        measured.fetch_max(memory(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from(piece(number)))
    });
    let uri = format!("{MAIN}/contents/main/large");
    let sent = rest.ask("PUT", &uri, &[], Body::from_stream(pieces)).await;
    sent.expect(200);
    let mut body = rest.send("GET", &uri, &[], "").await.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.expect("no error").into_data().expect("data").len() as u64;
        peak.fetch_max(memory(), Ordering::Relaxed);
    }
    assert_eq!(read, PIECES * PIECE as u64);
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    assert!(grown < ROOM, "{grown} bytes for one value");
}

#[test]
fn a_value_of_64_mib_goes_in_and_out_in_less_than_24_mib() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "--nocapture"]);
    command.arg("rest::streams::memory_is_measured_while_a_large_value_goes_in_and_out");
    let done = command.env(MEASURE, dir.path()).output().expect("it runs");
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let rest = Rest::open();
    let pieces = tokio_stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(std::io::Error::other("gone")),
    ]);
    let uri = format!("{MAIN}/contents/main/a");
    rest.ask("PUT", &uri, &[], Body::from_stream(pieces))
        .await
        .expect(400);
    rest.get("/contents/main/a").await.expect(404);
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let rest = Rest::with_limits(Limits {
        request_bytes: 1000,
        blob_bytes: 2000,
        paths: 2,
        ..Limits::default()
    });
    let uri = format!("{MAIN}/contents/main/a");
    rest.ask("PUT", &uri, &[], vec![0; 2000]).await.expect(200);
    rest.ask("PUT", &uri, &[], vec![0; 2001]).await.expect(413);
    let streamed = Body::from_stream(tokio_stream::iter([Ok::<_, std::io::Error>(Bytes::from(
        vec![0; 3000],
    ))]));
    rest.ask("PUT", &uri, &[], streamed).await.expect(413);
    rest.ask(
        "PUT",
        &format!("{MAIN}/documents/main"),
        &[],
        vec![b' '; 1001],
    )
    .await
    .expect(413);
    rest.get("/documents/main").await.expect(413);
    let lines = serde_json::json!({"lines": [{"op": "rm", "path": "a"}, {"op": "rm", "path": "a"}, {"op": "rm", "path": "a"}]});
    rest.post("/batches/main", &lines).await.expect(413);
}
