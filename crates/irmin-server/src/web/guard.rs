//! What every request for a page passes: who looks, and what a browser may do with the answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use irminsule::Id;

use super::Web;
use super::failure::{failed, login_link};
use crate::http::Who;
use crate::service::{Caller, Credentials, ErrorKind, Peer, Result, ServiceError, Transport};

/// The cookie with the bearer token of who has logged in.
const TOKEN: &str = "irmin_token";

/// The cookie that tells one browser from another, for the tokens in forms.
const BROWSER: &str = "irmin_browser";

/// No script or style but our own files, nothing from elsewhere, no frames, forms only to us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every answer says. Those that say it themselves are left alone.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not stricter: without a referrer browsers hide the origin of forms, too.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::CACHE_CONTROL, "private, no-cache"),
];

/// Who looks at a page. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Who that is to the service.
    pub(super) caller: Caller,
    /// What forms must have in them, so that no other site can make a browser send one.
    pub(super) form_token: Arc<str>,
    /// Whether it is a cookie that says who this is, so that it can be taken away.
    pub(super) is_logged_in: bool,
}

impl Visitor {
    /// Somebody of whom nothing is known.
    pub(super) fn nobody() -> Self {
        Self {
            caller: Caller::known(None, Transport::Web, Peer::default()),
            form_token: "".into(),
            is_logged_in: false,
        }
    }
}

/// Finds out who looks, lets it through, and tells the browser what it may do with the answer.
pub(super) async fn pass(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let browser = cookie(request.headers(), BROWSER)
        .filter(|text| is_word(text))
        .map(str::to_owned);
    let is_new = browser.is_none();
    let browser = match browser.map_or_else(fresh_word, Ok) {
        Ok(browser) => browser,
        Err(error) => return sealed(error.message.into_response()),
    };
    let (visitor, refused) = visitor(&web, &request, &browser);
    let path = request.uri().path().to_owned();
    let is_open =
        path.starts_with("/assets/") || matches!(&*path, "/login" | "/logout" | "/favicon.ico");
    let mut response = match refused {
        Some(error) if !is_open => to_login(&visitor, &request, &error),
        _ => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
    };
    if is_new && !path.starts_with("/assets/") {
        set_cookie(
            response.headers_mut(),
            &format!("{BROWSER}={browser}; Path=/; HttpOnly; SameSite=Strict"),
        );
    }
    sealed(response)
}

/// Returns who looks, and why nobody believes what it says about that, if so.
fn visitor(web: &Web, request: &Request, browser: &str) -> (Visitor, Option<ServiceError>) {
    let headers = request.headers();
    let in_cookie = cookie(headers, TOKEN).filter(|token| !token.is_empty());
    let base = request.extensions().get::<Caller>();
    let peer = base.map_or_else(Peer::default, |base| base.peer.clone());
    let who = request.extensions().get::<Arc<Who>>();
    let shown = Credentials {
        bearer: in_header(headers).or(in_cookie),
        certificate: who.and_then(|who| who.certificate.as_ref()),
    };
    let known = web
        .server
        .authenticate(&shown, Transport::Web, peer.clone());
    let (caller, refused) = match known {
        Ok(caller) => {
            let principal = caller
                .principal
                .as_ref()
                .map(|principal| principal.as_str());
            tracing::Span::current().record("principal", principal);
            (caller, None)
        }
        Err(error) => (Caller::known(None, Transport::Web, peer), Some(error)),
    };
    let id = base
        .map(|base| Arc::clone(&base.request_id))
        .unwrap_or_default();
    let visitor = Visitor {
        caller: caller.with_request_id(id),
        form_token: form_token(browser, in_cookie),
        is_logged_in: in_cookie.is_some(),
    };
    (visitor, refused)
}

fn in_header(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who is not believed is asked again, and brought back to where it was then.
fn to_login(visitor: &Visitor, request: &Request, error: &ServiceError) -> Response {
    let is_page = request.method() == axum::http::Method::GET;
    if error.kind != ErrorKind::Unauthenticated || !is_page {
        return failed(visitor, error);
    }
    let here = request
        .uri()
        .path_and_query()
        .map_or("/", |here| here.as_str());
    Redirect::to(&login_link(here)).into_response()
}

/// Forms of one browser, and of one login in it, have one token. Nobody else can tell it: neither
/// cookie can be read by a page.
fn form_token(browser: &str, login: Option<&str>) -> Arc<str> {
    let text = format!("irmin form\n{browser}\n{}", login.unwrap_or_default());
    Id::of(text.as_bytes()).to_string().into()
}

fn fresh_word() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        ServiceError::new(ErrorKind::Internal, format!("no randomness: {error}"))
    })?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn is_word(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

fn set_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Keeps the token of who logs in: out of reach of scripts, and only for requests that come from our
/// own pages. Until the browser is closed.
pub(super) fn log_in(response: &mut Response, token: &str, is_https: bool) {
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{TOKEN}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    set_cookie(response.headers_mut(), &cookie);
}

/// Takes the token away.
pub(super) fn log_out(response: &mut Response) {
    let cookie = format!("{TOKEN}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    set_cookie(response.headers_mut(), &cookie);
}

/// Says what a browser may do with an answer.
pub(super) fn sealed(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_in_any_line() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=1; irmin_token=x=y"),
        );
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("xirmin_browser=no; irmin_browser=2"),
        );
        assert_eq!(cookie(&headers, TOKEN), Some("x=y"));
        assert_eq!(cookie(&headers, BROWSER), Some("2"));
        assert_eq!(cookie(&headers, "b"), None);
    }

    #[test]
    fn forms_of_another_browser_or_login_have_another_token() {
        let tokens = [("a", None), ("b", None), ("a", Some("b")), ("a", Some("c"))];
        let mut tokens: Vec<_> = tokens
            .map(|(browser, login)| form_token(browser, login))
            .into();
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 4);
    }

    #[test]
    fn the_policy_allows_nothing_inline_and_nothing_from_elsewhere() {
        assert!(POLICY.starts_with("default-src 'none'"));
        for bad in ["unsafe", "*", "data:", "http", "nonce"] {
            assert!(!POLICY.contains(bad), "{bad}");
        }
        assert!(is_word(&fresh_word().unwrap()));
    }
}
