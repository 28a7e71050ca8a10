//! The server is killed under load, again and again, as by a power failure of the process alone.
//! `IRMIN_KILLS=100` kills it so often; the default is small.

mod process;
mod watchers;
mod writers;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use conduit::{Context, Faults};
use irmin_proto::v1;
use irmin_proto::v1::verify_response::Is as Verified;
use irminsule::Id;
use tokio::sync::{mpsc, watch};

use super::faulty::{Line, Random, Way};
use super::support::{Served, Wire, all, at};
use process::{Process, config, socket};
use writers::Orders;

/// gRPC, REST, GraphQL by posts and over a WebSocket: each with a good and a bad network.
const WRITERS: usize = 8;
/// gRPC, REST and GraphQL: each with a good and a bad network.
const WATCHERS: usize = 6;

type Commits = Vec<Vec<u8>>;

/// Reads an id as it is written in JSON.
fn id(value: &serde_json::Value) -> Vec<u8> {
    let id = value.as_str().expect("an id").parse::<Id>();
    id.expect("64 digits").as_bytes().to_vec()
}

/// Clients in threads of their own, and what they tell.
struct Crowd {
    stop: Arc<AtomicBool>,
    acknowledged: mpsc::UnboundedReceiver<()>,
    writers: Vec<JoinHandle<Commits>>,
    watchers: Vec<JoinHandle<Commits>>,
}

impl Crowd {
    fn start(good: &Way, bad: &Way, from: Id) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, acknowledged) = mpsc::unbounded_channel();
        let writers = (0..WRITERS).map(|number| {
            let (stop, tell) = (Arc::clone(&stop), tell.clone());
            let way = if number < WRITERS / 2 { good } else { bad }.clone();
            let orders = Orders { stop, tell };
            std::thread::spawn(move || alone(writers::write(number, way, orders)))
        });
        let watchers = (0..WATCHERS).map(|number| {
            let way = if number < WATCHERS / 2 { good } else { bad }.clone();
            std::thread::spawn(move || alone(watchers::watch(number, way, from)))
        });
        Self {
            writers: writers.collect(),
            watchers: watchers.collect(),
            stop,
            acknowledged,
        }
    }

    /// Waits until so many more steps were acknowledged.
    async fn write(&mut self, count: usize) {
        for _ in 0..count {
            self.acknowledged.recv().await.expect("they write");
        }
    }
}

/// Runs a client to its end, as a process of its own would.
fn alone(client: impl Future<Output = Commits>) -> Commits {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it starts").block_on(client)
}

/// Waits for clients, and returns what they say.
async fn ended(clients: Vec<JoinHandle<Commits>>) -> Vec<Commits> {
    let wait = move || {
        let clients = clients.into_iter();
        let all = clients.map(|client| client.join().expect("no panic"));
        all.collect::<Vec<_>>()
    };
    let waited = tokio::task::spawn_blocking(wait).await;
    waited.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_and_watches_miss_and_repeat_nothing() {
    let kills = std::env::var("IRMIN_KILLS").map_or(8, |kills| kills.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("a directory");
    let (up, is_up) = watch::channel(true);
    let faults = Faults::new(1).bytes_max(500).reset_after(2_000..=20_000);
    let way = |context| Way::new(context, &socket(dir.path())).when(is_up.clone());
    let (good, bad) = (
        way(Context::new()),
        way(Context::builder().faults(faults).build()),
    );
    let mut process = Process::start(dir.path());
    let wire = || async { Line::new(good.clone()).wire().await.expect("it is there") };
    let first = wire().await.set("first", "1").await.id.expect("it has one");
    let first = first.sha256.as_ref().try_into().expect("32 bytes");
    let mut crowd = Crowd::start(&good, &bad, Id::from_bytes(first));
    let mut random = Random(1);
    for _ in 0..kills {
        crowd.write(random.below(60) + 1).await;
        up.send_replace(false);
        drop(process);
        process = Process::start(dir.path());
        up.send_replace(true);
    }
    crowd.write(WRITERS * 3).await;
    crowd.stop.store(true, Ordering::Relaxed);
    let written = ended(crowd.writers).await;
    wire().await.set("end", "1").await;
    let heard = ended(crowd.watchers).await;
    drop(process);
    check(dir.path(), &written, &heard).await;
}

/// Returns all commits of `main`, oldest first, with their keys.
async fn history(wire: &Wire) -> Vec<(Vec<u8>, String)> {
    let mut commits = Vec::new();
    let mut request = v1::LogRequest {
        at: at("main"),
        ..v1::LogRequest::default()
    };
    loop {
        let page = wire.contents().log(request.clone()).await.expect("a page");
        let page = page.into_inner();
        for commit in page.commits {
            let key = commit.headers.iter().find(|header| header.key == "request");
            let key = key.map_or_else(String::new, |key| format!("{:?}", key.value));
            commits.push((commit.id.expect("it has one").sha256.to_vec(), key));
        }
        if page.next_page.is_empty() {
            commits.reverse();
            return commits;
        }
        request.page = page.next_page;
    }
}

/// Looks at what is left after the last kill.
async fn check(dir: &Path, written: &[Commits], heard: &[Commits]) {
    let mut served = Served::with(config(dir), &[]).await;
    let wire = served.wire().await;
    let history = history(&wire).await;
    let keys: HashSet<_> = history.iter().map(|(_, key)| key).collect();
    let acknowledged: usize = written.iter().map(Vec::len).sum();
    // The first and the last have no key.
    assert_eq!(
        (history.len(), keys.len()),
        (acknowledged + 2, acknowledged + 1)
    );
    let ids: Commits = history.into_iter().map(|(id, _)| id).collect();
    let there: HashSet<_> = ids.iter().collect();
    assert!(written.iter().flatten().all(|id| there.contains(id)));
    for heard in heard {
        assert!(*heard == ids[1..], "a watch missed or repeated something");
    }
    let report = wire.admin().verify(v1::VerifyRequest::default()).await;
    let report = all(report.expect("it verifies")).await.expect("to its end");
    match report.last().and_then(|last| last.is.as_ref()) {
        Some(Verified::Report(report)) => assert_eq!(report.problems, Vec::<String>::new()),
        other => panic!("{other:?}"),
    }
    drop(wire);
    served.stopped().await;
}
