//! What goes wrong, as RFC 9457 says it.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes::{ConflictShape, Text};
use crate::service::{Details, ErrorKind, ServiceError};

/// What an operation comes to.
pub(super) type Result<T, E = Problem> = std::result::Result<T, E>;

/// The media type of problems.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// Something went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Problem {
    /// What kind of problem, as an address: `urn:irminsule:problem:<kind>`.
    #[serde(rename = "type")]
    type_: String,
    /// The phrase of the status.
    title: &'static str,
    /// The status.
    status: u16,
    /// The thing, the place, and the way out, for people.
    detail: String,
    /// What kind of problem, for programs: `not_found`, `conflict`, `invalid`, `permission_denied`,
    /// `unauthenticated`, `too_large`, `rate_limited`, `unavailable`, `deadline_exceeded`, `corrupt`,
    /// `internal`, `gone`.
    kind: &'static str,
    /// More, for programs.
    details: Box<ProblemDetails>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// What there is to say beyond the kind; what does not apply is left out.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct ProblemDetails {
    /// All conflicts of a merge that are not settled, by path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conflicts: Option<Vec<ConflictShape>>,
    /// The head of the branch that a merge was tried on: an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ours: Option<String>,
    /// The commit that was to be merged: an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) theirs: Option<String>,
    /// Which precondition, or line of a batch, does not hold, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<usize>,
    /// The id of what there is instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
    /// The name that somebody else moved, such as `heads/main`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Where that name points now: an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<String>,
    /// The commit at which something that was read had changed: an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
    /// The path that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// That path, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_base64: Option<String>,
}

impl Problem {
    /// Makes one of a kind.
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        ServiceError::new(kind, message).into()
    }

    /// The request makes no sense.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Answers with a status that is not the one of the kind.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self {
            status: status.as_u16(),
            title: phrase(status),
            ..self
        }
    }

    /// Answers 412 if a condition in the request's header failed.
    pub(super) fn of_conditions(self) -> Self {
        let is_conflict = self.status == StatusCode::CONFLICT.as_u16();
        match is_conflict && (self.details.index.is_some() || self.details.name.is_some()) {
            true => self.with_status(StatusCode::PRECONDITION_FAILED),
            false => self,
        }
    }

    /// Answers 412 if a condition on the branch's head failed, and nothing else.
    pub(super) fn of_head(self) -> Self {
        match self.details.name.is_some() {
            true => self.of_conditions(),
            false => self,
        }
    }

    /// Says more.
    pub(super) fn with_details(self, details: ProblemDetails) -> Self {
        Self {
            details: Box::new(details),
            ..self
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let status = StatusCode::from_u16(error.kind.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let after = error.retry_after();
        Self {
            type_: format!("urn:irminsule:problem:{}", error.kind.name()),
            title: phrase(status),
            status: status.as_u16(),
            kind: error.kind.name(),
            retry_after: after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0)),
            details: Box::new(details(&error.details)),
            detail: error.message,
        }
    }
}

impl From<irminsule::PathError> for Problem {
    fn from(error: irminsule::PathError) -> Self {
        ServiceError::from(error).into()
    }
}

fn phrase(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

fn details(details: &Details) -> ProblemDetails {
    let none = ProblemDetails::default();
    match details {
        Details::Conflicts(conflicts) => ProblemDetails {
            conflicts: Some(conflicts.iter().map(ConflictShape::of).collect()),
            ..none
        },
        Details::Precondition { index, found } => ProblemDetails {
            index: Some(*index),
            found: found.map(|id| id.to_string()),
            ..none
        },
        Details::Moved { name, current } => ProblemDetails {
            name: Some(name.clone()),
            current: current.map(|id| id.to_string()),
            ..none
        },
        Details::Stale { path, commit } => {
            let Text { text, base64 } = Text::of_path(path);
            ProblemDetails {
                path: text,
                path_base64: base64,
                commit: Some(commit.to_string()),
                ..none
            }
        }
        Details::Path(path) => {
            let Text { text, base64 } = Text::of_path(path);
            ProblemDetails {
                path: text,
                path_base64: base64,
                ..none
            }
        }
        _ => none,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            [(header::CONTENT_TYPE, MEDIA_TYPE)],
            body,
        )
            .into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
