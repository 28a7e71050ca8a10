//! What comes after the question mark.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::{Problem, Result};
use crate::service::Server;

/// The parameters of an operation: known ones only, each once, in UTF-8.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Server> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self> {
        // The reader of queries would replace what is not UTF-8, and another path would be meant.
        if !is_text(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::invalid(
                "parameters are text in UTF-8; a path of other bytes is given in Base64",
            ));
        }
        let read = Query::try_from_uri(&parts.uri);
        let Query(params) = read.map_err(|error| Problem::invalid(error.body_text()))?;
        Ok(Self(params))
    }
}

fn is_text(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = after
            .get(if escaped.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_found() {
        assert!(is_text("path=%C3%A4&x=100%"));
        assert!(!is_text("path=%ff"));
    }
}
