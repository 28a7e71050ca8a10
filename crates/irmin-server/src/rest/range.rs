//! `Range`: a part of a value.

use std::ops::Range;

use axum::http::HeaderMap;
use axum::http::header::{IF_RANGE, RANGE};

/// Which bytes a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them.
    All,
    /// These, which are some.
    Part(Range<u64>),
    /// Some that are not there.
    Beyond,
}

/// Reads which bytes are wanted of a value with this ETag. What is no single range of bytes is
/// ignored, as RFC 9110 says, and so is one of another value (`If-Range`).
pub(super) fn wanted(headers: &HeaderMap, tag: &str, size: u64) -> Wanted {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::All;
    };
    if let Some(known) = headers.get(IF_RANGE)
        && known.as_bytes() != format!("\"{tag}\"").as_bytes()
    {
        return Wanted::All;
    }
    let parsed = range
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'));
    match parsed {
        Some((first, last)) => part(first.trim(), last.trim(), size).unwrap_or(Wanted::All),
        None => Wanted::All,
    }
}

fn part(first: &str, last: &str, size: u64) -> Option<Wanted> {
    let range = match (number(first)?, number(last)?) {
        (None, None) => return None,
        (None, Some(count)) => size.saturating_sub(count)..size,
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if first > last => return None,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
    };
    Some(match range.start < range.end {
        true => Wanted::Part(range),
        false => Wanted::Beyond,
    })
}

/// Reads a number; the inner `None` is an absent one. One that is too large is as good as the largest.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(range: &str, size: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(range).unwrap());
        wanted(&headers, "t", size)
    }

    #[test]
    fn single_ranges_are_read_and_others_ignored() {
        assert_eq!(of("bytes=0-3", 10), Wanted::Part(0..4));
        assert_eq!(of("bytes=8-99", 10), Wanted::Part(8..10));
        assert_eq!(of("bytes=-3", 10), Wanted::Part(7..10));
        assert_eq!(of("bytes=4-", 10), Wanted::Part(4..10));
        for beyond in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of(beyond, 10), Wanted::Beyond, "{beyond}");
        }
        for ignored in [
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=3-1",
            "bytes=-",
            "bytes=a-b",
        ] {
            assert_eq!(of(ignored, 10), Wanted::All, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_beyond(first: u64, last: u64, size: u64) {
            if let Wanted::Part(range) = of(&format!("bytes={first}-{last}"), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
