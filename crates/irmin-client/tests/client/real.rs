//! The server itself, in this process.

use std::path::Path;
use std::time::Duration;

use conduit::{Context, Endpoint, ListenOptions, Listener, Pipes};
use irmin_client::{Backoff, ClientOptions, RemoteStore, RemoteUrl};
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Data, Server};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that serves at one endpoint.
pub(crate) struct RealServer {
    pub(crate) endpoint: Endpoint,
    context: Context,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<irmin_server::service::Result<()>>>,
    runtime: Runtime,
}

impl RealServer {
    /// Serves a repository in memory to anybody.
    pub(crate) fn at(endpoint: &str) -> Self {
        Self::with(Config::open_in_memory(), endpoint)
    }

    pub(crate) fn with(config: Config, endpoint: &str) -> Self {
        let context = Context::builder().pipes(Pipes::new()).build();
        Self::within(context, config, endpoint)
    }

    /// Serves what is in a directory to anybody.
    pub(crate) fn of_dir(context: &Context, dir: &Path, endpoint: &str) -> Self {
        let config = Config {
            data: Data::Dir(dir.to_owned()),
            ..Config::open_in_memory()
        };
        Self::within(context.clone(), config, endpoint)
    }

    fn within(context: Context, config: Config, endpoint: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let asked: Endpoint = endpoint.parse().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let _inside = runtime.enter();
        let server = Server::open(config).unwrap();
        let options = ListenOptions::default();
        let listener = runtime
            .block_on(Listener::bind(&context, &asked, options))
            .unwrap();
        let endpoint = listener.endpoints()[0].clone();
        let serving = runtime.spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            let router = router(&server);
            serve(
                &server,
                router,
                vec![listener],
                shutdown,
                Duration::from_millis(100),
            )
            .await
        });
        drop(_inside);
        Self {
            endpoint,
            context,
            stop: Some(stop),
            serving: Some(serving),
            runtime,
        }
    }

    pub(crate) fn url(&self) -> RemoteUrl {
        RemoteUrl::new(&self.endpoint, "main").unwrap()
    }

    pub(crate) fn options(&self) -> ClientOptions {
        let backoff = Backoff {
            first: Duration::from_millis(2),
            longest: Duration::from_millis(50),
            attempts_max: 100,
        };
        ClientOptions::default()
            .context(self.context.clone())
            .backoff(backoff)
    }

    pub(crate) fn store(&self) -> RemoteStore {
        RemoteStore::open(&self.url(), self.options()).unwrap()
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            let _how = self.runtime.block_on(serving);
        }
    }
}
