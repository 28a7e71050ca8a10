//! What every request passes before it comes to its transport.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tonic::Status;
use tracing::Instrument;

use super::connection::Who;
use super::{door, patience, request_id, strangers};
use crate::service::{
    Caller, Credentials, Details, ErrorKind, Result, Server, ServiceError, Transport,
};

/// The call whose clients say nothing as long as it lasts.
const SILENT: &str = "/irmin.v1.Objects/Hold";

/// What the front keeps.
pub(super) struct Front {
    server: Server,
    /// Turns for requests whose answers have not begun: what bounds the memory of their bodies.
    turns: Semaphore,
}

impl Front {
    pub(super) fn new(server: &Server) -> Arc<Self> {
        let limits = server.limits();
        let turns = [
            limits.running,
            limits.waiting,
            limits.streams,
            limits.watchers,
        ];
        let turns = turns.into_iter().fold(0, usize::saturating_add);
        Arc::new(Self {
            server: server.clone(),
            turns: Semaphore::new(turns.clamp(1, Semaphore::MAX_PERMITS)),
        })
    }

    /// Finds out who asks.
    fn caller(&self, request: &Request, id: &Arc<str>) -> Result<Caller> {
        let who = request
            .extensions()
            .get::<Arc<Who>>()
            .cloned()
            .unwrap_or_default();
        let via = door(request);
        strangers::check(request, &who, via, &self.server.access().config())?;
        if via == Transport::Web {
            // Pages find out by themselves, also from a cookie, and refuse nobody without a word.
            let nobody = Caller::known(None, Transport::Web, who.peer.clone());
            return Ok(nobody.with_request_id(Arc::clone(id)));
        }
        let shown = Credentials {
            bearer: bearer(request.headers())?,
            certificate: who.certificate.as_ref(),
        };
        self.server
            .authenticate_request(&shown, via, who.peer.clone(), id)
    }
}

/// Passes a request on.
pub(super) async fn pass(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let id = request_id::of(request.headers());
    let via = door(&request);
    let span = tracing::info_span!(
        "request",
        id = &*id,
        via = via.name(),
        method = %request.method(),
        path = request.uri().path(),
        peer = tracing::field::Empty,
        principal = tracing::field::Empty,
    );
    let answered = answer(&front, request, next, &id, via).instrument(span);
    let mut response = answered.await;
    if let Some(id) = request_id::header(&id) {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    response
}

async fn answer(
    front: &Front,
    mut request: Request,
    next: Next,
    id: &Arc<str>,
    via: Transport,
) -> Response {
    let start = Instant::now();
    let caller = match front.caller(&request, id) {
        Ok(caller) => caller,
        Err(error) => return refused(&error, via),
    };
    let span = tracing::Span::current();
    span.record("peer", &*caller.peer.text);
    span.record(
        "principal",
        caller
            .principal
            .as_ref()
            .map(|principal| principal.as_str()),
    );
    let Ok(_turn) = front.turns.try_acquire() else {
        let busy = ServiceError::new(ErrorKind::Unavailable, "too many requests at once");
        return refused(&busy.with(Details::RetryAfter(Duration::from_secs(1))), via);
    };
    request.extensions_mut().insert(caller);
    if request.uri().path() != SILENT {
        let limit = front.server.limits().stall_time;
        request = request.map(|body| patience::with_patience(body, limit));
    }
    let mut response = next.run(request).await;
    if matches!(via, Transport::Rest | Transport::GraphQl) {
        strangers::seal(&mut response);
    }
    let (status, took) = (response.status().as_u16(), start.elapsed());
    match response.status().is_server_error() {
        true => tracing::warn!(status, ?took, "answered"),
        false => tracing::info!(status, ?took, "answered"),
    }
    response
}

/// Reads the token, if one is shown.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let bad = || {
        let message = "the header 'authorization' has to be 'Bearer <token>'";
        ServiceError::new(ErrorKind::Unauthenticated, message)
    };
    token.ok_or_else(bad).map(Some)
}

/// Answers a request that never got to its transport.
fn refused(error: &ServiceError, via: Transport) -> Response {
    tracing::info!(kind = error.kind.name(), "refused: {error}");
    if via == Transport::Grpc {
        return Status::from(error.clone())
            .into_http::<axum::body::Body>()
            .into_response();
    }
    if via == Transport::Rest {
        return crate::rest::refused(error);
    }
    if via == Transport::GraphQl {
        return crate::graphql::refused(error);
    }
    let status = StatusCode::from_u16(error.kind.http_status());
    let body = serde_json::json!({
        "error": { "kind": error.kind.name(), "message": error.message },
    });
    let mut response = (
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        [(CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response();
    let headers = response.headers_mut();
    if error.kind == ErrorKind::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(after) = error.retry_after() {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Finds out who asks beside the front, for what is not a repository's.
pub(crate) fn identify(server: &Server, request: &Request) -> Result<Caller> {
    let who = request.extensions().get::<Arc<Who>>();
    let who = who.cloned().unwrap_or_default();
    let shown = Credentials {
        bearer: bearer(request.headers())?,
        certificate: who.certificate.as_ref(),
    };
    let id = request_id::of(request.headers());
    server.authenticate_request(&shown, Transport::Web, who.peer.clone(), &id)
}

/// Tells whether a request comes from this machine: from a loopback address, or through a Unix socket.
pub(crate) fn is_local(request: &Request) -> bool {
    let who = request.extensions().get::<Arc<Who>>();
    who.is_some_and(|who| match who.peer.address {
        Some(address) => address.to_canonical().is_loopback(),
        None => true,
    })
}
