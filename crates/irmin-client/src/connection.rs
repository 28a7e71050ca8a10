//! The connection to a server: made when needed, made again when broken, and the rules by which calls
//! are tried again.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use irmin_proto::v1::admin_client::AdminClient;
use irmin_proto::v1::contents_client::ContentsClient;
use irmin_proto::v1::merges_client::MergesClient;
use irmin_proto::v1::objects_client::ObjectsClient;
use irmin_proto::v1::repositories_client::RepositoriesClient;
use irmin_proto::v1::transactions_client::TransactionsClient;
use irmin_proto::v1::watches_client::WatchesClient;
use tokio::time::{Instant, sleep, timeout};
use tonic::codegen::http::Uri;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::error::{ClientError, Problem, Result, problem_of};
use crate::options::ClientOptions;
use crate::{RemoteUrl, Token};

/// How long a connection may be silent before the client asks whether anybody is there.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long the answer to that may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// What may be on its way to this client before it takes it: more than 100 Mbit/s over 50 ms.
const WINDOW_BYTES: u32 = 2 << 20;
/// The largest message that is taken from a server: its own limit is on what it sends.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What calls go through.
pub(crate) type Service = InterceptedService<Channel, Authorize>;

/// Whether a call may be sent again when its answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It changes nothing, or a key says that it is the same call.
    Safe,
    /// It may have happened.
    Never,
}

/// One way to a repository. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    service: Service,
    url: RemoteUrl,
    place: String,
    options: ClientOptions,
    calls: AtomicU64,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.0.place)
    }
}

impl Connection {
    /// Returns the way to a repository. Connects with the first call. Must be called in a runtime.
    pub(crate) fn new(url: RemoteUrl, options: ClientOptions) -> Self {
        let connector = Connector {
            context: options.context.clone(),
            endpoint: url.endpoint(),
        };
        // TLS is the connector's matter: what the URI says is a name only.
        let channel = Endpoint::from_static("http://irmin")
            .user_agent(concat!("irmin-client/", env!("CARGO_PKG_VERSION")))
            .unwrap_or_else(|_| Endpoint::from_static("http://irmin"))
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(2 * WINDOW_BYTES)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .connect_with_connector_lazy(connector);
        let authorize = Authorize(options.token.clone());
        Self(Arc::new(Inner {
            service: InterceptedService::new(channel, authorize),
            place: url.to_string(),
            url,
            options,
            calls: AtomicU64::new(0),
        }))
    }

    pub(crate) fn url(&self) -> &RemoteUrl {
        &self.0.url
    }

    pub(crate) fn repository(&self) -> String {
        self.0.url.repository().to_owned()
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.0.options
    }

    /// Returns how many calls were made, those that were tried again counted each time.
    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Counts a call that is not made by [`call`](Self::call).
    pub(crate) fn count(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn error(&self, call: &'static str, problem: Problem) -> ClientError {
        ClientError::new(&self.0.place, call, problem)
    }

    pub(crate) fn failed(&self, call: &'static str, status: &Status) -> ClientError {
        self.error(call, problem_of(status))
    }

    pub(crate) fn broken(&self, call: &'static str, problem: impl Into<String>) -> ClientError {
        self.error(call, Problem::Answer(problem.into()))
    }

    /// Makes a call, and makes it again while that may help and the deadline allows it. `attempt` is
    /// told how many attempts failed before.
    pub(crate) async fn call<T, F>(
        &self,
        name: &'static str,
        again: Again,
        attempt: impl Fn(u32) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let options = &self.0.options;
        let end = Instant::now() + options.deadline;
        let mut failures = 0;
        loop {
            self.count();
            let left = end.saturating_duration_since(Instant::now());
            let error = match timeout(left, attempt(failures)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => self.failed(name, &status),
                Err(_) => self.error(name, Problem::Deadline(options.deadline)),
            };
            failures += 1;
            let wait = options.backoff.wait(failures, options.chance.number());
            let wait = wait.max(error.retry_after().unwrap_or_default());
            let is_late = Instant::now() + wait >= end;
            let may_again = again == Again::Safe && error.is_transient();
            if !may_again || is_late || failures >= options.backoff.attempts_max {
                return Err(error.after(failures));
            }
            sleep(wait).await;
        }
    }

    /// Waits for a while that grows with the number of failures.
    pub(crate) async fn back_off(&self, failures: u32) {
        let options = &self.0.options;
        sleep(options.backoff.wait(failures, options.chance.number())).await;
    }

    pub(crate) fn objects(&self) -> ObjectsClient<Service> {
        ObjectsClient::new(self.0.service.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn repositories(&self) -> RepositoriesClient<Service> {
        RepositoriesClient::new(self.0.service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn contents(&self) -> ContentsClient<Service> {
        ContentsClient::new(self.0.service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn transactions(&self) -> TransactionsClient<Service> {
        TransactionsClient::new(self.0.service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn merges(&self) -> MergesClient<Service> {
        MergesClient::new(self.0.service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn watches(&self) -> WatchesClient<Service> {
        WatchesClient::new(self.0.service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn admin(&self) -> AdminClient<Service> {
        AdminClient::new(self.0.service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

/// Says who the caller is.
#[derive(Clone)]
pub(crate) struct Authorize(Option<Token>);

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            let value = token.header().clone();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

/// Opens flows to the server.
struct Connector {
    context: conduit::Context,
    endpoint: conduit::Endpoint,
}

type Connecting = std::pin::Pin<
    Box<dyn Future<Output = Result<TokioIo<conduit::BoxFlow>, conduit::Error>> + Send>,
>;

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<conduit::BoxFlow>;
    type Error = conduit::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), conduit::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Connecting {
        let (context, endpoint) = (self.context.clone(), self.endpoint.clone());
        Box::pin(async move { context.connect(&endpoint).await.map(TokioIo::new) })
    }
}
