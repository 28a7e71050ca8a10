//! The server, and all ways that lead to it.

use std::time::Duration;

use conduit::{Context, Endpoint, Faults, ListenOptions, Listener, Pipes, Trust};
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Data, Entry, Result, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::doors::Door;
use crate::faulty::{Line, Way};
use crate::pen::Pen;
use crate::plain::Plain;
use crate::tls::Authority;

/// The server, and all ways that lead to it.
pub(super) struct Stand {
    dir: tempfile::TempDir,
    server: Server,
    pipes: Pipes,
    trust: Trust,
    endpoints: Vec<Endpoint>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<()>>,
}

impl Stand {
    pub(super) async fn open() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (authority, pipes) = (Authority::new(), Pipes::new());
        let mut config = Config::new(Data::Dir(dir.path().join("data")));
        config.access.entry = Entry::Open;
        let server = Server::open(config).expect("it opens");
        let context = Context::builder().pipes(pipes.clone()).build();
        let (mut listeners, mut endpoints) = (Vec::new(), Vec::new());
        for wanted in wanted(dir.path()) {
            let options = ListenOptions {
                tls: wanted.has_tls().then(|| authority.server()),
                ..ListenOptions::default()
            };
            let bound = Listener::bind(&context, &wanted, options).await;
            let listener = bound.expect("it is free");
            endpoints.push(listener.endpoints()[0].clone());
            listeners.push(listener);
        }
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serving(server.clone(), listeners, stopped));
        Self {
            dir,
            server,
            pipes,
            trust: authority.trust(),
            endpoints,
            stop,
            serving,
        }
    }

    fn way(&self, endpoint: &Endpoint, faults: Option<&Faults>) -> Way {
        let builder = Context::builder()
            .pipes(self.pipes.clone())
            .trust(self.trust.clone());
        let context = match faults {
            None => builder.build(),
            Some(faults) => builder.faults(faults.clone()).build(),
        };
        Way::new(context, endpoint)
    }

    /// Returns a door for each client: two on the service itself, over each carrier gRPC with a good and
    /// a bad network and REST and both kinds of GraphQL with a bad one, and over TCP what there is more.
    pub(super) fn doors(&self, seed: u64) -> Vec<Door> {
        let faults = Faults::new(seed)
            .bytes_max(200)
            .pauses(20, Duration::from_millis(3))
            .reset_after(500..=4_000);
        let server = || Door::Service(self.server.clone());
        let mut doors = vec![server(), server()];
        for endpoint in &self.endpoints {
            let good = || self.way(endpoint, None);
            let bad = || self.way(endpoint, Some(&faults));
            doors.push(Door::Grpc(Box::new(Line::new(good()))));
            doors.push(Door::Grpc(Box::new(Line::new(bad()))));
            doors.push(Door::Rest(Box::new(Plain::new(bad()))));
            doors.push(Door::GraphQl(Pen::posts(bad())));
            doors.push(Door::GraphQl(Pen::socket(bad())));
            if matches!(endpoint, Endpoint::Tcp(_)) {
                doors.push(Door::Rest(Box::new(Plain::new(good()))));
                doors.push(Door::GraphQl(Pen::posts(good())));
                doors.push(Door::GraphQl(Pen::socket(good())));
                doors.push(Door::Keyless(Pen::posts(good())));
                doors.push(Door::Keyless(Pen::posts(bad())));
                doors.push(Door::Keyless(Pen::posts(bad())));
                doors.push(Door::Keyless(Pen::socket(bad())));
                doors.push(Door::Keyless(Pen::socket(bad())));
            }
        }
        doors
    }

    /// Returns a connection that does not break.
    pub(super) fn line(&self) -> Line {
        Line::new(self.way(&self.endpoints[0], None))
    }

    /// Stops the server, and waits until it has.
    pub(super) async fn stop(self) {
        drop(self.stop);
        self.serving.await.expect("no panic").expect("it closes");
        drop((self.server, self.dir));
    }
}

fn wanted(dir: &std::path::Path) -> Vec<Endpoint> {
    let wanted = [
        "pipe:server".to_owned(),
        "tcp://127.0.0.1:0".to_owned(),
        "tls+tcp://127.0.0.1:0".to_owned(),
        format!("unix://{}", dir.join("socket").display()),
        "ws://127.0.0.1:0".to_owned(),
        "wss://127.0.0.1:0".to_owned(),
    ];
    let wanted = wanted.iter().map(|text| text.parse());
    let wanted: std::result::Result<_, _> = wanted.collect();
    wanted.expect("endpoints")
}

async fn serving(
    server: Server,
    listeners: Vec<Listener>,
    stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let router = router(&server);
    let shutdown = async move { drop(stopped.await) };
    serve(
        &server,
        router,
        listeners,
        shutdown,
        Duration::from_secs(60),
    )
    .await
}
