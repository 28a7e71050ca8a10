//! What other sites make a browser send: requests with the rights of who sits before it.
//!
//! A browser says which page a request comes from, and it lets no page of another site read an answer.
//! What such a page could still do is to write: a form or a `fetch` goes out before anybody looks at
//! the answer. And a name that its owner points to this machine makes its pages ours, to a browser.

use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, Uri};
use axum::response::Response;

use super::Who;
use crate::service::{AccessConfig, Entry, ErrorKind, Result, ServiceError, Transport};

/// Refuses a request that somebody else's page made a browser send. Programs that are no browsers say
/// nothing about where a request comes from, and are let through.
///
/// # Errors
/// [`ServiceError`] of kind `PermissionDenied`.
pub(super) fn check(
    request: &Request,
    who: &Who,
    via: Transport,
    access: &AccessConfig,
) -> Result<()> {
    if access.entry == Entry::Open && !access.any_name && is_loopback(who) {
        check_name(request.headers(), request.uri())?;
    }
    // Reading does no harm: no page sees the answer. Forms of our pages have a check of their own.
    let is_harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    match is_harmless || via == Transport::Web || is_ours(request.headers(), request.uri()) {
        true => Ok(()),
        false => Err(refused(
            "this was sent by a page of another site, and was not looked at",
        )),
    }
}

/// Tells whether a request comes from a program, or from a page that this server gave.
pub(crate) fn is_ours(headers: &HeaderMap, uri: &Uri) -> bool {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let host = host(headers, uri);
    let is_here = |origin: &str| {
        let from = origin.split_once("://").map(|(_, from)| from);
        from.is_some_and(|from| host.is_some_and(|host| from.eq_ignore_ascii_case(host)))
    };
    // What is no text is no origin of ours, either.
    let origin = headers
        .get(header::ORIGIN)
        .map(|value| value.to_str().unwrap_or_default());
    site.is_none_or(|site| site == "same-origin") && origin.is_none_or(is_here)
}

/// Tells browsers that an answer is for programs and for our own pages: no other site's page may draw
/// it or run it.
pub(super) fn seal(response: &mut Response) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
}

/// Where nobody has to say who it is, what keeps strangers out is that only this machine gets here: a
/// page whose name was pointed to this machine does, too. Such a name has a dot in it; those without
/// one are of this machine or its network.
fn check_name(headers: &HeaderMap, uri: &Uri) -> Result<()> {
    let Some(host) = host(headers, uri) else {
        return Ok(());
    };
    match host.parse::<Authority>() {
        Ok(authority) if is_local_name(authority.host()) => Ok(()),
        _ => Err(refused(&format!(
            "anybody may come in here, but not by the name '{}', which a web site could have pointed \
             to this machine: use 'localhost' or the address, give tokens and rules, or say --insecure",
            host.escape_debug()
        ))),
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
    is_address || !name.contains('.') || name.ends_with(".localhost")
}

fn is_loopback(who: &Who) -> bool {
    let address = who.peer.address.as_ref();
    address.is_some_and(|address| address.to_canonical().is_loopback())
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    // HTTP/2 has the name in the address only.
    text(headers, &header::HOST).or_else(|| uri.authority().map(Authority::as_str))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refused(message: &str) -> ServiceError {
    ServiceError::new(ErrorKind::PermissionDenied, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Peer;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/graphql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(axum::body::Body::empty()).unwrap()
    }

    #[test]
    fn a_page_of_another_site_is_told_from_ours_and_from_programs() {
        let passes = |headers: &[(&str, &str)]| {
            let mut all = vec![("host", "db.example:8080")];
            all.extend_from_slice(headers);
            let request = request("POST", &all);
            is_ours(request.headers(), request.uri())
        };
        assert!(passes(&[]));
        assert!(passes(&[
            ("origin", "http://DB.example:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        for origin in ["http://evil.example", "http://db.example", "null", ""] {
            assert!(!passes(&[("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert!(!passes(&[("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn names_that_a_site_could_point_here_are_told_from_local_ones() {
        for local in [
            "localhost",
            "LOCALHOST",
            "db.localhost",
            "irmin",
            "127.0.0.1",
            "[::1]",
        ] {
            assert!(is_local_name(local), "{local}");
        }
        for foreign in [
            "evil.example",
            "localhost.",
            "127.0.0.1.evil.example",
            "notlocalhost.example",
        ] {
            assert!(!is_local_name(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_foreign_name_is_refused_where_only_the_loopback_address_keeps_strangers_out() {
        let passes = |address: Option<&str>, entry, any_name, headers: &[(&str, &str)]| {
            let peer = Peer {
                address: address.map(|address| address.parse().unwrap()),
                ..Peer::default()
            };
            let who = Who {
                peer,
                certificate: None,
            };
            let access = AccessConfig {
                entry,
                any_name,
                ..AccessConfig::default()
            };
            check(&request("GET", headers), &who, Transport::Rest, &access).is_ok()
        };
        let foreign: &[(&str, &str)] = &[("host", "evil.example:8080")];
        let garbled: &[(&str, &str)] = &[("host", "a b")];
        let loopback = Some("::ffff:127.0.0.1");
        assert!(!passes(loopback, Entry::Open, false, foreign));
        assert!(!passes(loopback, Entry::Open, false, garbled));
        assert!(passes(
            loopback,
            Entry::Open,
            false,
            &[("host", "localhost:8080")]
        ));
        assert!(passes(loopback, Entry::Open, false, &[]));
        assert!(passes(loopback, Entry::Open, true, foreign));
        assert!(passes(loopback, Entry::Known, false, foreign));
        assert!(passes(loopback, Entry::Rules, false, foreign));
        assert!(passes(Some("192.0.2.1"), Entry::Open, false, foreign));
        assert!(passes(None, Entry::Open, false, foreign));
    }
}
