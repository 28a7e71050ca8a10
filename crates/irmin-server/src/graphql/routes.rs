//! HTTP: where requests come in, and what is refused before they run.

use std::sync::Arc;

use async_graphql::http::parse_query_string;
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response as Answer};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, Extension, Path, RawQuery, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::run::{Runner, kind, refusal};
use super::schema::{Api, schema};
use super::socket;
use crate::http::is_ours;
use crate::service::{Caller, ErrorKind, Result, Server, ServiceError};

/// The repository of `/graphql`.
const DEFAULT_REPOSITORY: &str = "main";

/// What all requests share.
struct Hub {
    server: Server,
    api: Api,
}

/// Returns the routes of GraphQL, for those who are known: a handler finds the
/// [`Caller`](crate::service::Caller) among the request's extensions.
pub(crate) fn routes(server: &Server) -> Router {
    let hub = Hub {
        server: server.clone(),
        api: schema(),
    };
    let limit = server.limits().request_bytes;
    Router::new()
        .route("/graphql", get(ask).post(post))
        .route("/graphql/{repository}", get(ask).post(post))
        .layer(DefaultBodyLimit::max(limit))
        .with_state(Arc::new(hub))
}

type Repository = Option<Path<String>>;

impl Hub {
    fn runner(&self, caller: Caller, repository: &Repository) -> Runner {
        let name = repository.as_ref().map(|Path(name)| name.as_str());
        let name = name.unwrap_or(DEFAULT_REPOSITORY);
        Runner::new(&self.server, &self.api, caller, name)
    }
}

/// Queries and mutations.
async fn post(
    State(hub): State<Arc<Hub>>,
    repository: Repository,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = match read(&headers, &body) {
        Ok(request) => request,
        Err(response) => return *response,
    };
    respond(&hub.runner(caller, &repository), request, false).await
}

/// A WebSocket, or a query in the URL.
async fn ask(
    State(hub): State<Arc<Hub>>,
    repository: Repository,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    uri: Uri,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let runner = hub.runner(caller, &repository);
    if let Ok(upgrade) = upgrade {
        return match is_ours(&headers, &uri) {
            true => socket::upgrade(upgrade, runner),
            false => say(&ServiceError::new(
                ErrorKind::PermissionDenied,
                "a page from elsewhere may not open a WebSocket here",
            )),
        };
    }
    match parse_query_string(query.as_deref().unwrap_or_default()) {
        Ok(request) => respond(&runner, request, true).await,
        Err(error) => say(&ServiceError::invalid(error.to_string())),
    }
}

/// Reads what was posted. Only types that a page from elsewhere cannot send without asking first.
fn read(headers: &HeaderMap, body: &Bytes) -> std::result::Result<Request, Box<Response>> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next();
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    let bad = |error: &dyn std::fmt::Display| {
        Box::new(say(&ServiceError::invalid(format!(
            "the request is not what GraphQL takes: {error}"
        ))))
    };
    match kind.as_str() {
        "application/json" => serde_json::from_slice(body).map_err(|error| bad(&error)),
        "application/graphql" => {
            let query = str::from_utf8(body).map_err(|error| bad(&error))?;
            Ok(Request::new(query))
        }
        _ => {
            let error = ServiceError::invalid(
                "the content type has to be 'application/json' or 'application/graphql'",
            );
            let mut response = say(&error);
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Box::new(response))
        }
    }
}

/// Runs a request and answers.
async fn respond(runner: &Runner, mut request: Request, only_queries: bool) -> Response {
    let kind = match kind(&mut request) {
        Ok(kind) => kind,
        Err(error) => return say(&error),
    };
    if kind == OperationType::Subscription {
        return say(&ServiceError::invalid(
            "a subscription takes a WebSocket, with the protocol 'graphql-transport-ws'",
        ));
    }
    if only_queries && kind != OperationType::Query {
        let mut response = say(&ServiceError::invalid("a GET takes queries; use POST"));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        let allowed = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match runner.run(request).await {
        Ok(answer) => json(&answer),
        Err(error) => say(&error),
    }
}

fn json(answer: &Answer) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Answers for a request that failed as a whole, with the status of its error.
pub(crate) fn say(error: &ServiceError) -> Response {
    let mut response = json(&refusal(error));
    let status = StatusCode::from_u16(error.kind.http_status());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if error.kind == ErrorKind::Unauthenticated {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    }
    if let Some(after) = error.retry_after() {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Finds out who a WebSocket comes from, if it says so only in its first message.
pub(super) fn known(server: &Server, caller: &Caller, bearer: &str) -> Result<Caller> {
    let shown = crate::service::Credentials {
        bearer: Some(bearer),
        certificate: None,
    };
    let via = crate::service::Transport::GraphQl;
    let known = server.authenticate(&shown, via, caller.peer.clone())?;
    Ok(known.with_request_id(Arc::clone(&caller.request_id)))
}
