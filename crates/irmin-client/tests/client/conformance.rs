//! A repository on a server is an engine like any other.

use std::sync::Arc;

use irmin_conformance::Place;
use irmin_core::{Engine, MemoryStore};

use crate::server::TestServer;

struct Remote(TestServer);

impl Place for Remote {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::new(self.0.store())
    }
}

fn suite(endpoint: &'static str) {
    irmin_conformance::suite(&|| {
        let engine = Arc::new(MemoryStore::new());
        Box::new(Remote(TestServer::over(engine, endpoint)))
    });
}

#[test]
fn a_repository_behind_a_pipe_passes_the_suite() {
    suite("pipe:irmin");
}

#[test]
fn a_repository_behind_tcp_passes_the_suite() {
    suite("tcp://127.0.0.1:0");
}
