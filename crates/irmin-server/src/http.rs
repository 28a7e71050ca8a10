//! One port for all that speaks HTTP: the router, what every request passes, and connections.

mod connection;
mod front;
mod patience;
mod request_id;
mod serve;
mod stalls;
mod strangers;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tonic::Status;

pub use connection::{Connections, Who};
pub(crate) use front::{identify, is_local};
pub use serve::serve;
pub(crate) use serve::who;
pub(crate) use strangers::is_ours;

use crate::service::{Server, Transport};
use crate::{graphql, grpc, rest, web};
use front::Front;

/// Returns the router of a server: all transports, behind what every request passes: it gets an id,
/// says who it comes from (health aside, which anybody may ask about), waits for its turn, and has
/// its answer noted in the log. A handler finds its [`Caller`](crate::service::Caller) among the
/// request's extensions.
///
/// Must be called inside a tokio runtime.
pub fn router(server: &Server) -> Router {
    // The other transports are merged here: behind the front, or beside it if anybody may come in.
    let known = Router::new()
        .merge(grpc::routes(server))
        .merge(web::routes(server))
        .merge(rest::routes(server))
        .merge(graphql::routes(server))
        .fallback(nothing_here);
    let front = from_fn_with_state(Front::new(server), front::pass);
    Router::new()
        .merge(known.layer(front))
        .merge(grpc::public_routes(server))
}

/// Answers for what no transport knows.
async fn nothing_here(request: Request) -> Response {
    match door(&request) {
        Transport::Grpc => Status::unimplemented("there is no such call")
            .into_http::<Body>()
            .into_response(),
        Transport::Web => web::nothing_here(),
        Transport::Rest => rest::nothing_here(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Tells which transport a request is for.
fn door(request: &Request) -> Transport {
    let content = request
        .headers()
        .get("content-type")
        .map(|value| value.as_bytes());
    let path = request.uri().path();
    match content {
        Some(content) if content.starts_with(b"application/grpc") => Transport::Grpc,
        _ if path.starts_with("/api/") => Transport::Rest,
        _ if path.starts_with("/graphql") => Transport::GraphQl,
        _ => Transport::Web,
    }
}
