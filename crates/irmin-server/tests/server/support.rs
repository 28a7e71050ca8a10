//! A server in this process, and clients of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use conduit::{BoxFlow, Context, Endpoint, ListenOptions, Listener, Pipes};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use irmin_proto::v1;
use irmin_server::http::{router, serve};
use irmin_server::service::{
    AccessConfig, Config, Data, Entry, Limits, Pattern, Principal, Right, Rule, Rules, Server,
};
use irminsule::Path;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;

pub(crate) type Contents = v1::contents_client::ContentsClient<Wire>;
pub(crate) type Transactions = v1::transactions_client::TransactionsClient<Wire>;
pub(crate) type Repositories = v1::repositories_client::RepositoriesClient<Wire>;
pub(crate) type Merges = v1::merges_client::MergesClient<Wire>;
pub(crate) type Watches = v1::watches_client::WatchesClient<Wire>;
pub(crate) type Objects = v1::objects_client::ObjectsClient<Wire>;
pub(crate) type Admin = v1::admin_client::AdminClient<Wire>;

/// A server that serves on a pipe, and perhaps elsewhere.
pub(crate) struct Served {
    pub(crate) server: Server,
    context: Context,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<irmin_server::service::Result<()>>>,
}

impl Served {
    /// Serves a repository in memory to anybody.
    pub(crate) async fn open() -> Self {
        Self::with(Config::open_in_memory(), &[]).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let config = Config {
            limits,
            ..Config::open_in_memory()
        };
        Self::with(config, &[]).await
    }

    /// Serves what is in a directory to principals with tokens, each with rights on all.
    pub(crate) async fn with_principals(
        dir: &std::path::Path,
        principals: &[(&str, Right)],
    ) -> (Self, Vec<String>) {
        let rules = principals.iter().map(|(name, right)| rule(name, *right));
        let config = Config {
            access: AccessConfig {
                rules: Rules::new(rules.collect()),
                entry: Entry::Rules,
                ..AccessConfig::default()
            },
            ..Config::new(Data::Dir(dir.to_owned()))
        };
        let served = Self::with(config, &[]).await;
        let tokens = principals.iter().map(|(name, _)| {
            let tokens = served
                .server
                .access()
                .tokens()
                .expect("there is a directory");
            let name = Principal::new(name).expect("a good name");
            tokens.create(&name, 0, None).expect("it is made").1
        });
        let tokens = tokens.collect();
        (served, tokens)
    }

    pub(crate) async fn with(config: Config, more: &[Endpoint]) -> Self {
        let context = Context::builder().pipes(Pipes::new()).build();
        let server = Server::open(config).expect("it opens");
        let mut listeners = Vec::new();
        let pipe = "pipe:server".parse().expect("an endpoint");
        for endpoint in std::iter::once(&pipe).chain(more) {
            let bound = Listener::bind(&context, endpoint, ListenOptions::default()).await;
            listeners.push(bound.expect("it is free"));
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = {
            let server = server.clone();
            let shutdown = async move { drop(stopped.await) };
            tokio::spawn(async move {
                let router = router(&server);
                serve(
                    &server,
                    router,
                    listeners,
                    shutdown,
                    Duration::from_secs(60),
                )
                .await
            })
        };
        Self {
            server,
            context,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    pub(crate) async fn flow(&self, endpoint: &str) -> BoxFlow {
        let endpoint = endpoint.parse().expect("an endpoint");
        self.context
            .connect(&endpoint)
            .await
            .expect("somebody listens")
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire::on(self.flow("pipe:server").await).await
    }

    /// Tells the server to stop, as a signal does.
    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&mut self) {
        self.begin_stop();
        let serving = self.serving.take().expect("it is served");
        serving
            .await
            .expect("it does not panic")
            .expect("it closes");
    }
}

pub(crate) fn rule(principal: &str, right: Right) -> Rule {
    Rule {
        principal: Pattern::new(principal),
        repo: Pattern::new("**"),
        branch: Pattern::new("**"),
        path: Path::root(),
        right,
    }
}

/// A connection with HTTP/2, and what is said with each request.
#[derive(Clone)]
pub(crate) struct Wire {
    sender: SendRequest<Body>,
    headers: Arc<Vec<(&'static str, String)>>,
}

impl Wire {
    pub(crate) async fn on(flow: BoxFlow) -> Self {
        Self::try_on(flow).await.expect("it speaks HTTP/2")
    }

    /// As [`on`](Self::on); `None` if the connection breaks.
    pub(crate) async fn try_on(flow: BoxFlow) -> Option<Self> {
        let hands = handshake(TokioExecutor::new(), TokioIo::new(flow)).await;
        let (sender, connection) = hands.ok()?;
        tokio::spawn(connection);
        Some(Self {
            sender,
            headers: Arc::default(),
        })
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        Arc::make_mut(&mut self.headers).push((name, value.to_owned()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn contents(&self) -> Contents {
        Contents::with_origin(self.clone(), origin())
    }

    pub(crate) fn transactions(&self) -> Transactions {
        Transactions::with_origin(self.clone(), origin())
    }

    pub(crate) fn repositories(&self) -> Repositories {
        Repositories::with_origin(self.clone(), origin())
    }

    pub(crate) fn merges(&self) -> Merges {
        Merges::with_origin(self.clone(), origin())
    }

    pub(crate) fn watches(&self) -> Watches {
        Watches::with_origin(self.clone(), origin())
    }

    pub(crate) fn objects(&self) -> Objects {
        Objects::with_origin(self.clone(), origin()).max_decoding_message_size(64 << 20)
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::with_origin(self.clone(), origin())
    }

    /// Commits one value to `main`.
    pub(crate) async fn set(&self, path: &str, data: &str) -> v1::Commit {
        self.set_on("main", path, data).await
    }

    pub(crate) async fn set_on(&self, branch: &str, path: &str, data: &str) -> v1::Commit {
        let request = commit(branch, vec![set(path, data)]);
        let answer = self
            .transactions()
            .commit(request)
            .await
            .expect("it commits");
        committed(answer.into_inner())
    }
}

pub(crate) fn origin() -> hyper::Uri {
    hyper::Uri::from_static("http://irmin")
}

impl tower::Service<hyper::Request<Body>> for Wire {
    type Response = hyper::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, mut request: hyper::Request<Body>) -> Self::Future {
        for (name, value) in self.headers.iter() {
            let value = value.parse().expect("a header");
            request.headers_mut().insert(*name, value);
        }
        Box::pin(self.sender.send_request(request))
    }
}

pub(crate) fn at(revision: &str) -> Option<v1::At> {
    Some(v1::At {
        repository: String::new(),
        revision: revision.to_owned(),
    })
}

pub(crate) fn bytes(text: &str) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn set(path: &str, data: &str) -> v1::Write {
    v1::Write {
        path: bytes(path),
        what: Some(v1::write::What::Set(v1::SetBlob {
            data: bytes(data),
            mode: 0,
        })),
    }
}

pub(crate) fn commit(branch: &str, writes: Vec<v1::Write>) -> v1::CommitRequest {
    v1::CommitRequest {
        branch: branch.to_owned(),
        writes,
        info: info("test"),
        ..v1::CommitRequest::default()
    }
}

pub(crate) fn info(message: &str) -> Option<v1::CommitInfo> {
    Some(v1::CommitInfo {
        message: message.to_owned(),
        ..v1::CommitInfo::default()
    })
}

pub(crate) fn committed(answer: v1::CommitResponse) -> v1::Commit {
    match answer.outcome {
        Some(v1::commit_response::Outcome::Committed(done)) => done.commit.expect("a commit"),
        other => panic!("{other:?}"),
    }
}

/// Takes all that a stream sends.
pub(crate) async fn all<T>(
    answer: tonic::Response<tonic::Streaming<T>>,
) -> Result<Vec<T>, tonic::Status> {
    let (mut stream, mut messages) = (answer.into_inner(), Vec::new());
    while let Some(message) = stream.message().await? {
        messages.push(message);
    }
    Ok(messages)
}

pub(crate) fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}
