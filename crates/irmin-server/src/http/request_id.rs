//! The id of a request, in logs, in the audit log and in the answer.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const BYTES_MAX: usize = 64;

/// Returns the client's id, if it is a plain word, or a new one.
pub(super) fn of(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given.filter(|id| is_good(id)) {
        Some(id) => id.into(),
        None => fresh(),
    }
}

/// Returns the header for an answer.
pub(super) fn header(id: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(id).ok()
}

fn is_good(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    (1..=BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

fn fresh() -> Arc<str> {
    // Without randomness, requests can be told apart by their time only.
    let number = getrandom::u64().unwrap_or_default();
    format!("{number:016x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_of_the_client_is_kept_and_another_one_replaced() {
        let id = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(text));
            of(&headers)
        };
        assert_eq!(&*id("a1-b.c_d:e"), "a1-b.c_d:e");
        for bad in [
            "",
            "a b",
            "\"x\"",
            "0123456789012345678901234567890123456789012345678901234567890123456789",
        ] {
            assert_eq!(id(bad).len(), 16, "{bad}");
        }
        assert_ne!(fresh(), fresh());
    }
}
