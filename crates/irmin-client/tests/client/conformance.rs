//! A repository on a server is an engine like any other.

use std::sync::Arc;

use irmin_conformance::Place;
use irmin_core::Engine;

use crate::real::RealServer;

struct Remote(RealServer);

impl Place for Remote {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::new(self.0.store())
    }
}

#[test]
fn a_repository_behind_a_pipe_passes_the_suite() {
    irmin_conformance::suite(&|| Box::new(Remote(RealServer::at("pipe:irmin"))));
}

#[test]
fn a_repository_behind_tcp_passes_the_suite() {
    irmin_conformance::suite(&|| Box::new(Remote(RealServer::at("tcp://127.0.0.1:0"))));
}

#[test]
fn a_repository_behind_a_unix_socket_passes_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    irmin_conformance::suite(&|| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let socket = dir.path().join(format!("{number}.sock"));
        Box::new(Remote(RealServer::at(&format!(
            "unix://{}",
            socket.display()
        ))))
    });
}
