//! Times and sizes as people write them.

use std::time::Duration;

use crate::service::{Result, ServiceError};

/// Units of time, in milliseconds.
const TIMES: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1000),
    ("min", 60_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Units of bytes.
const SIZES: [(&str, u64); 5] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a time: a whole number and `ms`, `s`, `min` (or `m`), `h` or `d`.
///
/// ```
/// use irmin_server::config::parse_time;
/// assert_eq!(parse_time("90d")?.as_secs(), 90 * 86_400);
/// assert!(parse_time("90").is_err());
/// # Ok::<(), irmin_server::service::ServiceError>(())
/// ```
///
/// # Errors
/// [`ServiceError`] that says what a time looks like.
pub fn parse_time(text: &str) -> Result<Duration> {
    let millis = parse(text, &TIMES).map(Duration::from_millis);
    millis.ok_or_else(|| bad(text, "a time, such as 250ms, 30s, 5min, 1h or 90d"))
}

/// Reads a number of bytes: a whole number and, perhaps, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// [`ServiceError`] that says what a size looks like.
pub fn parse_bytes(text: &str) -> Result<u64> {
    parse(text, &SIZES).ok_or_else(|| bad(text, "a number of bytes, such as 4096 or 16MiB"))
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

pub(super) fn bad(text: &str, what: &str) -> ServiceError {
    ServiceError::invalid(format!("'{}' is not {what}", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_and_a_size_have_a_number_and_a_unit_that_is_known() {
        assert_eq!(parse_time("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse_time("2m").unwrap(), parse_time("2min").unwrap());
        assert_eq!(parse_bytes("4096").unwrap(), 4096);
        assert_eq!(parse_bytes("2GiB").unwrap(), 2 << 30);
        for text in [
            "",
            "s",
            "1.5s",
            "-1s",
            "1 s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
