//! `/login` and `/logout`: a bearer token for a cookie, and its end.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use crate::service::{Credentials, ErrorKind, ServiceError, Transport, blocking};
use crate::web::Web;
use crate::web::failure::{failed, sentence};
use crate::web::fields::Fields;
use crate::web::form::{self, Form};
use crate::web::guard::{self, Visitor};
use crate::web::layout::Page;

/// Asks for a token.
pub(in crate::web) async fn show(uri: Uri, Extension(visitor): Extension<Visitor>) -> Response {
    let query = Fields::parse(uri.query().unwrap_or_default().as_bytes());
    page(&visitor, query.filled("to").unwrap_or("/"), None).draw(&visitor)
}

/// Keeps a token that is good.
pub(in crate::web) async fn log_in(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    let to = form
        .fields
        .filled("to")
        .filter(|to| is_here(to))
        .unwrap_or("/")
        .to_owned();
    let token = form.fields.filled("token").unwrap_or_default().to_owned();
    let (server, peer, shown) = (
        web.server.clone(),
        visitor.caller.peer.clone(),
        token.clone(),
    );
    let known = blocking(move || {
        let shown = Credentials {
            bearer: Some(&shown),
            certificate: None,
        };
        server.authenticate(&shown, Transport::Web, peer)
    });
    match known.await {
        Ok(_) => {
            let mut response = Redirect::to(&to).into_response();
            guard::log_in(&mut response, &token, form.is_https);
            response
        }
        Err(error) if error.kind == ErrorKind::Unauthenticated => page(&visitor, &to, Some(&error))
            .with_status(StatusCode::UNAUTHORIZED)
            .draw(&visitor),
        Err(error) => failed(&visitor, &error),
    }
}

/// Forgets the token.
pub(in crate::web) async fn log_out(_: Form) -> Response {
    let mut response = Redirect::to("/").into_response();
    guard::log_out(&mut response);
    response
}

/// Tells whether an address is one of ours: nobody is sent elsewhere by logging in.
fn is_here(to: &str) -> bool {
    let is_plain = to
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    to.starts_with('/') && !to.starts_with("//") && is_plain
}

fn page(visitor: &Visitor, to: &str, error: Option<&ServiceError>) -> Page {
    let body = html! {
        h1 { "Log in" }
        @if let Some(error) = error {
            div.notice.bad role="alert" { p { (sentence(&error.message)) } }
        }
        form method="post" action="/login" {
            (form::token(visitor))
            input type="hidden" name="to" value=(to);
            // Browsers that keep passwords want a name beside it.
            input type="text" name="username" autocomplete="username" value="token" hidden;
            div.field {
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="current-password"
                    spellcheck="false" aria-describedby="token-hint" autofocus;
                p.hint #token-hint {
                    "An administrator makes one with " code { "irmin token create --principal NAME" } ". "
                    "This browser keeps it until it is closed or you log out."
                }
            }
            button.main { "Log in" }
        }
    };
    Page::new("Log in", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logging_in_leads_nowhere_else() {
        assert!(is_here("/r/main?x=%2F"));
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "r/main",
            "/a\r\nb",
        ] {
            assert!(!is_here(bad), "{bad}");
        }
    }
}
