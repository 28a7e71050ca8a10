//! The server is killed under load, again and again, as by a power failure of the process alone.
//! `IRMIN_KILLS=100` kills it so often; the default is small.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use conduit::{Context, Endpoint, ListenOptions, Listener};
use irmin_proto::v1;
use irmin_proto::v1::commit_response::Outcome;
use irmin_proto::v1::verify_response::Is as Verified;
use irmin_proto::v1::watch_event::Kind;
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Data, Entry, Server};
use tokio::sync::{mpsc, watch};

use super::faulty::{Line, Random};
use super::support::{Served, Wire, all, at, bytes, commit, set};

const DIR: &str = "IRMIN_TEST_SERVE";
const READY: &str = "the server is ready";
const WRITERS: usize = 6;
const WATCHERS: usize = 3;

type Commits = Vec<Vec<u8>>;

fn config(dir: &std::path::Path) -> Config {
    let mut config = Config::new(Data::Dir(dir.join("data")));
    config.access.entry = Entry::Open;
    config
}

fn socket(dir: &std::path::Path) -> Endpoint {
    Endpoint::Unix(dir.join("socket"))
}

/// The server of the test below, which runs this one in a process of its own and kills it. By itself
/// it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(std::path::PathBuf::from) else {
        return;
    };
    let server = Server::open(config(&dir)).expect("it opens after each kill");
    let options = ListenOptions::default();
    let listener = Listener::bind(&Context::new(), &socket(&dir), options)
        .await
        .expect("a socket that nobody listens at is replaced");
    writeln!(std::io::stdout(), "{READY}").expect("somebody reads");
    let router = router(&server);
    let never = std::future::pending();
    let served = serve(
        &server,
        router,
        vec![listener],
        never,
        std::time::Duration::ZERO,
    );
    served.await.expect("it goes on until it is killed");
}

/// A server in a process of its own, killed with this value.
struct Process(Child);

impl Process {
    fn start(dir: &std::path::Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "--nocapture"]);
        command.arg("kills::serves_until_it_is_killed");
        command.env(DIR, dir).stdout(Stdio::piped());
        let mut process = Self(command.spawn().expect("it starts"));
        let output = process.0.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(READY)));
        assert!(ready.is_some(), "it ended at its start");
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Counts up in one value, each step on condition of the one before, until told to stop. A step that
/// is done twice, or lost after it was acknowledged, cannot go on.
async fn writer(
    number: usize,
    mut line: Line,
    stop: Arc<AtomicBool>,
    tell: mpsc::UnboundedSender<()>,
) -> Commits {
    use v1::precondition::{Absent, Content, What, content::Is};
    let place = format!("w{number}");
    let mut made = Commits::new();
    while !stop.load(Ordering::Relaxed) {
        let step = made.len();
        let mut request = commit("main", vec![set(&place, &(step + 1).to_string())]);
        request.idempotency_key = format!("w{number}.{step}");
        request.preconditions = vec![v1::Precondition {
            what: Some(What::Content(Content {
                path: bytes(&place),
                is: Some(match step {
                    0 => Is::Absent(Absent {}),
                    _ => Is::Data(bytes(&step.to_string())),
                }),
            })),
        }];
        let answer = line
            .call(async |wire: Wire| wire.transactions().commit(request.clone()).await)
            .await
            .expect("it commits");
        match answer.outcome {
            Some(Outcome::Committed(done)) => {
                let commit = done.commit.expect("a commit");
                made.push(commit.id.expect("it has one").sha256.to_vec());
            }
            other => panic!("{place} at {step}: {other:?}"),
        }
        let _ = tell.send(());
    }
    made
}

/// Hears all commits behind one until somebody writes `end`, going on where it stood after each kill.
async fn watcher(mut line: Line, from: v1::ObjectId) -> Commits {
    let mut since = v1::Since {
        is: Some(v1::since::Is::Commit(from)),
    };
    let mut heard = Commits::new();
    loop {
        let Some(wire) = line.wire().await else {
            continue;
        };
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
                line.forget();
                continue;
            }
        };
        while let Ok(Some(event)) = events.message().await {
            if event.kind() == Kind::Ready {
                continue;
            }
            assert_eq!(event.kind(), Kind::Commit);
            heard.push(
                event
                    .commit
                    .and_then(|commit| commit.id)
                    .expect("one")
                    .sha256
                    .to_vec(),
            );
            since = event.resume.expect("it says where it stands");
            if event.changes.iter().any(|change| change.path == "end") {
                return heard;
            }
        }
        line.forget();
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_and_watches_miss_and_repeat_nothing() {
    let kills = std::env::var("IRMIN_KILLS").map_or(8, |kills| kills.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("a directory");
    let (up, is_up) = watch::channel(true);
    let line = || Line::new(Context::new(), &socket(dir.path())).when(is_up.clone());
    let mut process = Process::start(dir.path());
    let first = line()
        .wire()
        .await
        .expect("it is there")
        .set("first", "1")
        .await;
    let first = first.id.expect("it has one");

    let stop = Arc::new(AtomicBool::new(false));
    let (tell, mut acknowledged) = mpsc::unbounded_channel();
    let own = |client: std::pin::Pin<Box<dyn Future<Output = Commits>>>| client;
    let mut clients = Vec::new();
    for number in 0..WRITERS + WATCHERS {
        let (line, stop, tell, first) = (line(), Arc::clone(&stop), tell.clone(), first.clone());
        clients.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("it starts");
            runtime.block_on(own(match number < WRITERS {
                true => Box::pin(writer(number, line, stop, tell)),
                false => Box::pin(watcher(line, first)),
            }))
        }));
    }
    drop(tell);
    let mut random = Random(1);
    for _ in 0..kills {
        for _ in 0..random.below(60) + 1 {
            acknowledged.recv().await.expect("they write");
        }
        up.send_replace(false);
        drop(process);
        process = Process::start(dir.path());
        up.send_replace(true);
    }
    for _ in 0..WRITERS * 3 {
        acknowledged.recv().await.expect("they write");
    }
    stop.store(true, Ordering::Relaxed);
    let watchers = clients.split_off(WRITERS);
    let wait = |clients: Vec<std::thread::JoinHandle<Commits>>| {
        let clients = clients.into_iter();
        let all = clients.map(|client| client.join().expect("no panic"));
        all.collect::<Vec<_>>()
    };
    let written = tokio::task::spawn_blocking(move || wait(clients))
        .await
        .expect("no panic");
    line()
        .wire()
        .await
        .expect("it is there")
        .set("end", "1")
        .await;
    let heard = tokio::task::spawn_blocking(move || wait(watchers))
        .await
        .expect("no panic");
    drop(process);
    check(dir.path(), &written, &heard).await;
}

/// Looks at what is left after the last kill.
async fn check(dir: &std::path::Path, written: &[Commits], heard: &[Commits]) {
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
