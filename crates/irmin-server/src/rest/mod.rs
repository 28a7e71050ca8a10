//! REST and JSON under `/api/v1`, for `curl` and whatever else speaks HTTP; `docs/rest.md` shows it.
//!
//! Each operation is described where it is routed ([`Api::add`](api::Api::add)), so that the OpenAPI
//! document, which is served, has exactly the routes that there are. Values are bodies, ETags are ids,
//! and what goes wrong is a [`Problem`](problem::Problem) as RFC 9457 says.

mod api;
mod base64;
mod body;
mod calls;
mod conditions;
mod document;
mod operation;
mod pages;
mod params;
mod place;
mod problem;
mod range;
mod shapes;
mod write;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

use crate::service::{Server, ServiceError};
use problem::Problem;

/// Where all of it is.
const BASE: &str = "/api/v1";

/// Returns the routes, and with them the document that describes them.
pub(crate) fn routes(server: &Server) -> Router {
    let (router, document) = calls::all().finish();
    let document = Bytes::from(document.to_string());
    let serve = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    // Its own operation is described with the others; here is its handler.
    router
        .route(&format!("{BASE}/openapi.json"), get(serve))
        .method_not_allowed_fallback(not_so)
        .with_state(server.clone())
}

/// Says that there is nothing at an address.
pub(crate) fn nothing_here() -> Response {
    let error = ServiceError::not_found(format!(
        "there is no such address; {BASE}/openapi.json lists all"
    ));
    Problem::from(error).into_response()
}

/// Answers a request that never came to its operation.
pub(crate) fn refused(error: &ServiceError) -> Response {
    Problem::from(error.clone()).into_response()
}

async fn not_so() -> Response {
    let error = ServiceError::invalid("this address does not take that method; 'allow' says which");
    Problem::from(error)
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
        .into_response()
}
