//! The text of scalars, and what a text says about itself.

use std::borrow::Cow;
use std::str::FromStr;

use super::TypedError;
use crate::Step;

/// How the first element of a sequence is called; no key of a map may be.
pub(super) const FIRST_INDEX: &str = "@0";

/// Why a number cannot be read.
pub(super) const OUT_OF_RANGE: &str = "the number is out of range";

/// What the bytes of a blob are to a reader who has no type in mind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    BigUnsigned(u128),
    BigSigned(i128),
    Float(f64),
    /// A number that none of the types above can hold.
    Huge,
    EmptyMap,
    EmptySequence,
    /// A string, with or without quotes.
    Text,
    Bytes,
}

/// Tells what bytes are. O(their number).
pub(super) fn describe(bytes: &[u8]) -> Scalar {
    let Ok(text) = str::from_utf8(bytes) else {
        return Scalar::Bytes;
    };
    match text {
        "null" => Scalar::Null,
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        "{}" => Scalar::EmptyMap,
        "[]" => Scalar::EmptySequence,
        "NaN" => Scalar::Float(f64::NAN),
        "inf" => Scalar::Float(f64::INFINITY),
        "-inf" => Scalar::Float(f64::NEG_INFINITY),
        _ if is_number(text) => number(text),
        _ => Scalar::Text,
    }
}

/// Tells whether a text is a number by the grammar of JSON.
pub(super) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let Some(rest) = skip_digits(unsigned) else {
        return false;
    };
    let zero_padded = unsigned.starts_with('0') && unsigned.len() - rest.len() > 1;
    let fraction = match rest.strip_prefix('.') {
        Some(digits) => skip_digits(digits),
        None => Some(rest),
    };
    let end = fraction.and_then(|rest| match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => skip_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => Some(rest),
    });
    !zero_padded && end == Some("")
}

/// Skips at least one digit.
fn skip_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

/// Reads a text that is a number.
fn number(text: &str) -> Scalar {
    if text == "-0" {
        return Scalar::Float(-0.0);
    }
    if text.contains(['.', 'e', 'E']) {
        let float = text.parse().ok().filter(|float: &f64| float.is_finite());
        return float.map_or(Scalar::Huge, Scalar::Float);
    }
    let small = text.parse().map(Scalar::Unsigned);
    small
        .or_else(|_| text.parse().map(Scalar::Signed))
        .or_else(|_| text.parse().map(Scalar::BigUnsigned))
        .or_else(|_| text.parse().map(Scalar::BigSigned))
        .unwrap_or(Scalar::Huge)
}

/// Returns how a string is stored: bare, or as JSON text if it would be taken for something else.
pub(super) fn quoted(text: &str) -> Cow<'_, str> {
    if text.starts_with('"') || describe(text.as_bytes()) != Scalar::Text {
        Cow::Owned(serde_json::Value::from(text).to_string())
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns the content of a string that is stored as JSON text.
pub(super) fn unquoted(bytes: &[u8]) -> Option<String> {
    // JSON allows white space around; here it makes a bare string.
    let in_quotes = bytes.starts_with(b"\"") && bytes.ends_with(b"\"");
    in_quotes.then(|| serde_json::from_slice(bytes).ok())?
}

/// Returns the shortest text that reads as the same number.
pub(super) fn float64(value: f64) -> String {
    format!("{value:?}")
}

/// Returns the shortest text that reads as the same number.
pub(super) fn float32(value: f32) -> String {
    format!("{value:?}")
}

/// Reads a float of either size, if the bytes are a number.
pub(super) fn parse_float<F: FromStr + Copy + Into<f64>>(
    bytes: &[u8],
) -> Result<Option<F>, TypedError> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Ok(None);
    };
    let special = matches!(text, "NaN" | "inf" | "-inf");
    if !special && !is_number(text) {
        return Ok(None);
    }
    match text.parse::<F>().ok() {
        Some(float) if special || float.into().is_finite() => Ok(Some(float)),
        _ => Err(TypedError::mismatch(OUT_OF_RANGE)),
    }
}

/// Checks the name of a field, variant or key.
pub(super) fn name(bytes: &[u8]) -> Result<Step, TypedError> {
    if bytes == FIRST_INDEX.as_bytes() {
        let reason = "'@0' marks a sequence";
        return Err(TypedError::key(FIRST_INDEX, reason));
    }
    Ok(Step::new(bytes)?)
}

/// Returns the name of a sequence's element. The order of names is that of the elements: a letter
/// says how many digits follow, from two on.
pub(super) fn index_name(index: u64) -> String {
    let digits = index.to_string();
    match digits.len().checked_sub(2).and_then(|n| (b'a'..).nth(n)) {
        Some(width) => format!("@{}{digits}", char::from(width)),
        None => format!("@{digits}"),
    }
}

/// Tells whether an element of a sequence is called so.
pub(super) fn is_index(name: &[u8]) -> bool {
    let index = str::from_utf8(name).ok().and_then(|name| {
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        Some((name, digits.parse().ok()?))
    });
    index.is_some_and(|(name, index)| index_name(index) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_sort_like_the_indices_and_nothing_else_is_one() {
        let edges = [0, 1, 9, 10, 11, 99, 100, 12_345, u64::MAX];
        let names = edges.map(index_name);
        assert!(names.is_sorted());
        assert_eq!(&names[..4], ["@0", "@1", "@9", "@a10"]);
        assert!(names.iter().all(|name| is_index(name.as_bytes())));
        for other in [
            "", "@", "0", "@00", "@10", "@b10", "@a01", "@a+1", "@id", "@a10x",
        ] {
            assert!(!is_index(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_number_is_what_json_says() {
        for good in ["0", "-0", "10", "1.5", "-1.50e+10", "1E5", "0.0", "1e400"] {
            assert!(is_number(good), "{good}");
        }
        for bad in [
            "", "-", "01", "+1", ".5", "1.", "1e", "1e+", " 1", "1 ", "0x1", "1.e1", "١",
        ] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_take_the_smallest_type_that_holds_them() {
        assert_eq!(
            describe(b"18446744073709551615"),
            Scalar::Unsigned(u64::MAX)
        );
        assert_eq!(describe(b"-1"), Scalar::Signed(-1));
        assert_eq!(
            describe(b"18446744073709551616"),
            Scalar::BigUnsigned(1 << 64)
        );
        assert_eq!(
            describe(b"-9223372036854775809"),
            Scalar::BigSigned(i128::from(i64::MIN) - 1)
        );
        assert_eq!(describe("9".repeat(40).as_bytes()), Scalar::Huge);
        assert_eq!(describe(b"1e400"), Scalar::Huge);
        assert!(matches!(describe(b"-0"), Scalar::Float(zero) if zero.is_sign_negative()));
    }

    #[test]
    fn only_strings_that_look_like_something_else_get_quotes() {
        for bare in [
            "", "alice", " 1", "007", "+5", "a\"b", "Null", "[1]", "{ }", "\0", "'x'",
        ] {
            assert_eq!(quoted(bare), bare);
        }
        for clothed in [
            "1", "null", "true", "NaN", "-inf", "{}", "[]", "\"", "\"x\"", "1e400",
        ] {
            let stored = quoted(clothed).into_owned();
            assert_ne!(stored, clothed);
            assert_eq!(unquoted(stored.as_bytes()).as_deref(), Some(clothed));
            assert_eq!(describe(stored.as_bytes()), Scalar::Text);
        }
        assert_eq!(unquoted(b"\"a\" "), None);
        assert_eq!(unquoted(b"\""), None);
        assert_eq!(unquoted(b"\"\\ud800\""), None);
    }
}
