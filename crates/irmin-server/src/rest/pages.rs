//! Long answers, a page at a time.

use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::BASE;
use super::body::json;
use super::place::escape;
use super::problem::Problem;
use crate::service::ServiceError;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Where the page begins: what the address of the next page has; absent: at the start.
    pub(super) cursor: Option<String>,
    /// At most so many; the server's limit if that is less.
    #[param(minimum = 1)]
    pub(super) limit: Option<i32>,
}

/// Returns how many are asked for, as the service takes it; 0: as many as it gives.
pub(super) fn limit(limit: Option<i32>) -> Result<usize, ServiceError> {
    match limit {
        None => Ok(0),
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| ServiceError::invalid("'limit' is at least 1")),
    }
}

/// Writes a place to go on from: any bytes, in hexadecimal digits.
pub(super) fn cursor(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads such a place.
pub(super) fn read_cursor(text: Option<&String>) -> Result<Option<Vec<u8>>, ServiceError> {
    let bad = || ServiceError::invalid("'cursor' is not one that an answer gave");
    let Some(text) = text else {
        return Ok(None);
    };
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        let is_good = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_good.then(|| u8::from_str_radix(text, 16).ok()).flatten()
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(bad).map(Some)
}

/// The address of the next page: the resource, and parameters that are there.
pub(super) fn next(resource: &[&str], params: &[(&str, Option<String>)]) -> String {
    let mut address = BASE.to_owned();
    for segment in resource {
        address.push('/');
        address.push_str(&escape(segment.as_bytes()));
    }
    let params = params.iter().filter_map(|(key, value)| {
        let value = value.as_ref()?;
        Some(format!("{key}={}", escape(value.as_bytes())))
    });
    let params: Vec<String> = params.collect();
    format!("{address}?{}", params.join("&"))
}

/// Answers with a page.
pub(super) fn page(body: &impl Serialize, next: Option<&String>) -> Result<Response, Problem> {
    let mut response = json(body);
    if let Some(next) = next
        && let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\""))
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_refused() {
        let text = cursor(b"a/\xff");
        assert_eq!(read_cursor(Some(&text)).unwrap().unwrap(), b"a/\xff");
        for bad in ["a", "zz", "+1", "ä1"] {
            assert!(read_cursor(Some(&bad.to_owned())).is_err(), "{bad}");
        }
    }
}
