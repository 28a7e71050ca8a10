//! What breaks on the way costs time, and nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use conduit::{Context, Pipes};
use irmin_client::{Changes, CommitOutcome, WatchOptions, blocking};
use irmin_core::{Engine, Env, MemoryStore, Path, Repo, Since};

use crate::real::RealServer;
use crate::server::TestServer;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

#[test]
fn a_commit_is_applied_once_wherever_the_connection_is_cut() {
    let mut cuts = 0;
    for bytes in 1.. {
        let engine = Arc::new(MemoryStore::new());
        let served = Arc::clone(&engine) as Arc<dyn Engine>;
        let server = TestServer::cutting(served, "pipe:irmin", Some(bytes));
        let repo = Repo::new(Arc::new(server.store()), Env::fixed(0));
        let main = repo.branch("main").unwrap();
        let made = main.set(&path("a/b"), "1", "first").unwrap().unwrap();
        let applied = server.handler.applied.load(Ordering::SeqCst);
        assert_eq!(applied, 1, "cut after {bytes} bytes");
        assert_eq!(
            main.head().unwrap().unwrap(),
            made,
            "cut after {bytes} bytes"
        );
        let there = Repo::new(engine, Env::fixed(0)).branch("main").unwrap();
        assert_eq!(there.get(&path("a/b")).unwrap().unwrap(), "1");
        if server.handler.connections.load(Ordering::SeqCst) == 1 {
            // It was not cut at all: every byte had its turn.
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 500, "only {cuts} places to cut");
}

#[test]
fn a_handle_goes_on_when_the_server_was_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let context = Context::builder().pipes(Pipes::new()).build();
    let serve = || RealServer::of_dir(&context, dir.path(), "pipe:irmin");
    let mut server = serve();
    let store = Arc::new(server.store());
    let repo = Repo::new(Arc::clone(&store) as Arc<dyn Engine>, Env::fixed(0));
    let main = repo.branch("main").unwrap();
    let seen = repo.engine().changes();
    let mut made = Vec::new();
    for round in 0..4 {
        made.extend(main.set(&path("n"), round.to_string(), "next").unwrap());
        drop(server);
        server = serve();
    }
    let log = repo.history().log(main.head_id().unwrap().unwrap());
    assert_eq!(log.count(), made.len());
    assert_eq!(main.head().unwrap().as_ref(), made.last());
    assert_ne!(repo.engine().changes(), seen);
    drop(server);
}

#[test]
fn a_watch_resumes_without_gap_or_repetition_when_the_server_was_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let context = Context::builder().pipes(Pipes::new()).build();
    let serve = || RealServer::of_dir(&context, dir.path(), "pipe:irmin");
    let mut server = serve();
    let client = blocking::Client::new(&server.url(), server.options()).unwrap();
    let set = |number: u32| {
        let changes = Changes::new("main", "next").set(&path("n"), number.to_string());
        match client.commit(&changes).unwrap() {
            CommitOutcome::Committed { commit, .. } => commit.unwrap().id,
            other => panic!("{other:?}"),
        }
    };
    let first = set(0);
    let options = WatchOptions::default();
    let mut events = client
        .watch("main", &Path::root(), Since::Start, &options)
        .unwrap();
    let mut next = || events.next().unwrap().unwrap().commit.unwrap().id;
    assert_eq!(next(), first);
    for round in 1..5 {
        let ids = [set(10 * round), set(10 * round + 1)];
        if round % 2 == 0 {
            assert_eq!(next(), ids[0]);
        }
        drop(server);
        server = serve();
        let more = set(10 * round + 2);
        if round % 2 == 1 {
            assert_eq!(next(), ids[0]);
        }
        assert_eq!((next(), next()), (ids[1], more));
    }
    drop(server);
}
