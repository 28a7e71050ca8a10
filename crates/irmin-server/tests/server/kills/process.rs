//! A server in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conduit::{Context, Endpoint, ListenOptions, Listener};
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Data, Entry, Server};

const DIR: &str = "IRMIN_TEST_SERVE";
const READY: &str = "the server is ready";

pub(super) fn config(dir: &Path) -> Config {
    let mut config = Config::new(Data::Dir(dir.join("data")));
    config.access.entry = Entry::Open;
    config
}

pub(super) fn socket(dir: &Path) -> Endpoint {
    Endpoint::Unix(dir.join("socket"))
}

/// The server that tests run in a process of its own and kill. By itself it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else {
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
    let served = serve(&server, router, vec![listener], never, Duration::ZERO);
    served.await.expect("it goes on until it is killed");
}

/// A server in a process of its own, killed with this value.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "--nocapture"]);
        command.arg("kills::process::serves_until_it_is_killed");
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
