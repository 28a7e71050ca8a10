//! What may be asked about the server itself: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::metrics;
use crate::config::Audience;
use crate::http;
use crate::service::{ErrorKind, Server, ServiceError};

/// How far the server is. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<AtomicU8>);

const OPENING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Health {
    pub(super) fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == READY
    }

    /// Says that all repositories are open, unless the server is to stop already.
    pub(super) fn begin(&self) {
        let set = Ordering::AcqRel;
        // One that drains stays so.
        let _ = self
            .0
            .compare_exchange(OPENING, READY, set, Ordering::Acquire);
    }

    pub(super) fn end(&self) {
        self.0.store(DRAINING, Ordering::Release);
    }
}

#[derive(Clone)]
struct About {
    server: Server,
    health: Health,
    audience: Audience,
}

/// Returns the routes, with metrics for so many.
pub(super) fn routes(server: &Server, health: &Health, audience: Audience) -> Router {
    let about = About {
        server: server.clone(),
        health: health.clone(),
        audience,
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(about)
}

/// Answers as long as the process does.
async fn healthz() -> Response {
    say(StatusCode::OK, "the server lives\n")
}

async fn readyz(State(about): State<About>) -> Response {
    match about.health.0.load(Ordering::Acquire) {
        READY => say(StatusCode::OK, "ready\n"),
        OPENING => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "opening the repositories\n",
        ),
        _ => say(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}

fn say(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}

async fn metrics_text(State(about): State<About>, request: Request) -> Response {
    if let Err(error) = about.admit(&request) {
        let status = StatusCode::from_u16(error.kind.http_status());
        let status = status.unwrap_or(StatusCode::FORBIDDEN);
        return (status, format!("{}\n", error.message)).into_response();
    }
    drop(request);
    // Figures of engines may be read from files.
    let text = move || metrics::text(&about.server, about.health.is_ready());
    match tokio::task::spawn_blocking(text).await {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl About {
    /// Lets in who may read the metrics.
    fn admit(&self, request: &Request) -> Result<(), ServiceError> {
        let is_here = http::is_local(request);
        match self.audience {
            Audience::Everybody => return Ok(()),
            Audience::Local if is_here => return Ok(()),
            Audience::Nobody => {
                let message = "metrics are not served here";
                return Err(ServiceError::new(ErrorKind::NotFound, message));
            }
            Audience::Local | Audience::Admin => {}
        }
        let caller = http::identify(&self.server, request)?;
        if self.server.access().is_server_admin(&caller) {
            return Ok(());
        }
        let message = "metrics are for administrators of the server";
        Err(ServiceError::new(ErrorKind::PermissionDenied, message))
    }
}
