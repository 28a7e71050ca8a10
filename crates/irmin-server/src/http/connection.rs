//! Connections: HTTP/1.1 and HTTP/2 on flows.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::stalls::Stalls;
use crate::service::{Certificate, Peer, Server};

/// Who is at the other end of a connection, found among the extensions of its requests.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Where it comes from.
    pub peer: Peer,
    /// What TLS has verified.
    pub certificate: Option<Certificate>,
}

/// The most requests that a connection may have under way with HTTP/2.
const STREAMS_MAX: u32 = 256;

/// How much of a request a client may send on one stream before the server reads it, and on all.
const WINDOW_BYTES: (u32, u32) = (1 << 20, 4 << 20);

/// How long a connection with HTTP/2 is silent before the server asks whether the client is there,
/// and how long it waits for the answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// What serves connections. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    server: Server,
    router: Router,
}

impl Connections {
    /// Makes what serves the connections of a server, with its [`router`](super::router).
    #[must_use]
    pub fn new(server: Server, router: Router) -> Self {
        Self { server, router }
    }

    /// Serves a connection until the client ends it, or `drain` is ready and what is under way has
    /// been answered, or the client does not read what it asked for.
    pub async fn serve(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        who: Who,
        drain: impl Future<Output = ()>,
    ) {
        let limit = self.server.limits().stall_time;
        let metrics = self.server.clone();
        let (who, stalls) = (Arc::new(who), Arc::new(Stalls::default()));
        let noted = Arc::clone(&stalls);
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (router, who, stalls) = (self.router.clone(), Arc::clone(&who), Arc::clone(&noted));
            async move { Ok::<_, std::convert::Infallible>(answer(router, request, who, &stalls).await) }
        });
        let builder = builder();
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(io), service);
        tokio::pin!(connection, drain);
        let mut is_draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!("a connection broke off: {error}");
                    }
                    return;
                }
                () = &mut drain, if !is_draining => {
                    is_draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = stalls.stalled(limit) => {
                    metrics.metrics().stalled.add(1);
                    tracing::info!("a client did not read its answer and was disconnected");
                    return;
                }
            }
        }
    }
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    who: Arc<Who>,
    stalls: &Arc<Stalls>,
) -> Response {
    let mut request: Request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(who);
    let Ok(response) = router.oneshot(request).await;
    response.map(|body| stalls.note(body))
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(KEEPALIVE.0);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(WINDOW_BYTES.0)
        .initial_connection_window_size(WINDOW_BYTES.1)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    builder
}
