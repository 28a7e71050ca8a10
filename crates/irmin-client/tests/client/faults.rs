//! What breaks on the way costs time, and nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use irmin_core::{Engine, Env, MemoryStore, Path, Repo};

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
