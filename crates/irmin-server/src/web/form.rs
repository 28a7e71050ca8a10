//! Forms that are sent to us, by our own pages only.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{self, HeaderMap};
use axum::http::request::Parts;
use maud::{Markup, html};
use subtle::ConstantTimeEq;

use super::Web;
use super::failure::Failed;
use super::fields::Fields;
use super::guard::Visitor;
use crate::http::is_ours;
use crate::service::{ErrorKind, Result, ServiceError};

/// The field with the token.
const TOKEN: &str = "form_token";

/// Draws what makes a form one of ours.
pub(super) fn token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(visitor.form_token); }
}

/// A form that one of our own pages sent.
pub(super) struct Form {
    /// What it says.
    pub(super) fields: Fields,
    /// Whether the browser came over https.
    pub(super) is_https: bool,
}

impl FromRequest<Web> for Form {
    type Rejection = Failed;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Failed> {
        let (parts, body) = request.into_parts();
        let read = async {
            check_origin(&parts)?;
            let limit = web.server.limits().request_bytes;
            let body = to_bytes(body, limit).await.map_err(|_| {
                let message = format!("a form has at most {limit} bytes here, as it is sent");
                ServiceError::new(ErrorKind::TooLarge, message)
            })?;
            let fields = Fields::parse(&body);
            check_token(&parts, &fields)?;
            Ok(Self {
                fields,
                is_https: text(&parts.headers, header::ORIGIN)
                    .is_some_and(|from| from.starts_with("https://")),
            })
        };
        read.await.map_err(|error| Failed::new(&parts, error))
    }
}

/// Refuses what a page of another site makes a browser send. Programs that say nothing about where a
/// form comes from get on with the token alone.
fn check_origin(parts: &Parts) -> Result<()> {
    match is_ours(&parts.headers, &parts.uri) {
        true => Ok(()),
        false => Err(refused(
            "this form was sent by a page of another site, and was not looked at",
        )),
    }
}

fn check_token(parts: &Parts, fields: &Fields) -> Result<()> {
    let expected = parts
        .extensions
        .get::<Visitor>()
        .map(|visitor| &*visitor.form_token);
    let given = fields.bytes(TOKEN).unwrap_or_default();
    let is_it: bool = expected.is_some_and(|expected| expected.as_bytes().ct_eq(given).into());
    match is_it {
        true => Ok(()),
        false => Err(refused(
            "this form is older than your login, or cookies are switched off: go back, reload the page \
             and send it again",
        )),
    }
}

fn refused(message: &str) -> ServiceError {
    ServiceError::new(ErrorKind::PermissionDenied, message)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_taken(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/r/main/branches");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check_origin(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let host = ("host", "db.example:8080");
        assert!(is_taken(&[
            host,
            ("origin", "http://db.example:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(is_taken(&[host, ("origin", "https://DB.example:8080")]));
        assert!(is_taken(&[host]));
        for bad in [
            "http://db.example",
            "http://evil.example",
            "null",
            "",
            "http://db.example:8080.evil",
        ] {
            assert!(!is_taken(&[host, ("origin", bad)]), "{bad}");
        }
        for bad in ["cross-site", "same-site", "none"] {
            assert!(!is_taken(&[host, ("sec-fetch-site", bad)]), "{bad}");
        }
        assert!(!is_taken(&[("origin", "http://db.example:8080")]));
    }
}
