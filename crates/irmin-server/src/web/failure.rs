//! What goes wrong, as pages.

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::guard::Visitor;
use super::layout::Page;
use super::text::percent;
use crate::service::{ErrorKind, ServiceError};

/// A request that was refused before it came to its page.
pub(super) struct Failed {
    visitor: Visitor,
    error: ServiceError,
}

impl Failed {
    pub(super) fn new(parts: &Parts, error: ServiceError) -> Self {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        let visitor = visitor.unwrap_or_else(Visitor::nobody);
        Self { visitor, error }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        failed(&self.visitor, &self.error)
    }
}

/// Makes a page of an error, with the status that fits.
pub(super) fn failed(visitor: &Visitor, error: &ServiceError) -> Response {
    let status = StatusCode::from_u16(error.kind.http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let request_id = &visitor.caller.request_id;
    let body = html! {
        h1 { (title(error.kind)) }
        p.message { (sentence(&error.message)) }
        @if is_for_somebody_else(error.kind) && visitor.caller.principal.is_none() {
            p { "Some things are shown only to those who have " a href="/login" { "logged in" } "." }
        }
        p { a href="/" { "To the start" } }
        @if status.is_server_error() && !request_id.is_empty() {
            p.hint { "If you report this, name the request " code { (request_id) } "." }
        }
    };
    let page = Page::new(title(error.kind), body).with_status(status);
    let mut response = page.draw(visitor).into_response();
    if let Some(after) = error.retry_after() {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Makes a sentence of a message.
pub(super) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let end = if message.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{end}", letters.as_str())
}

const fn title(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "Not found",
        ErrorKind::Conflict => "Somebody was faster",
        ErrorKind::Invalid => "That does not work",
        ErrorKind::PermissionDenied => "Not allowed",
        ErrorKind::Unauthenticated => "Who are you?",
        ErrorKind::TooLarge => "Too large",
        ErrorKind::RateLimited => "Too many requests",
        ErrorKind::Unavailable => "Not now",
        ErrorKind::DeadlineExceeded => "This took too long",
        ErrorKind::Gone => "No longer kept",
        ErrorKind::Corrupt => "Stored data is damaged",
        ErrorKind::Internal => "Something broke",
    }
}

const fn is_for_somebody_else(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::Unauthenticated
    )
}

/// Returns the address of the login page that leads back to a place.
pub(super) fn login_link(to: &str) -> String {
    format!("/login?to={}", percent(to.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(
            sentence("there is no branch 'x'"),
            "There is no branch 'x'."
        );
        assert_eq!(sentence("done."), "Done.");
        assert_eq!(sentence(""), ".");
    }
}
