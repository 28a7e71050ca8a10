//! Decimal numbers of any size and precision, compared exactly.

use std::cmp::Ordering;

use super::RuleConflict;
use crate::DecodeError;

/// Compares the numbers of two sides.
pub(super) fn compare(ours: &[u8], theirs: &[u8]) -> Result<Ordering, RuleConflict> {
    let read =
        |side, bytes| Decimal::parse(bytes).map_err(|error| RuleConflict::unreadable(side, &error));
    Ok(read("ours", ours)?.cmp(&read("theirs", theirs)?))
}

/// A finite decimal number: `sign * 0.digits * 10^magnitude`, without zeros at either end.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    magnitude: i64,
    digits: Vec<u8>,
}

impl Decimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`, blanks around it ignored.
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let start = bytes.len() - bytes.trim_ascii_start().len();
        let number = bytes.trim_ascii();
        let bad = |at, reason| DecodeError::new("number", start + at, reason);
        let (negative, unsigned) = split_sign(number);
        let whole = digits_of(unsigned);
        let (fraction, rest) = match unsigned[whole.len()..].strip_prefix(b".") {
            Some(after) => {
                let fraction = digits_of(after);
                (fraction, &after[fraction.len()..])
            }
            None => (&b""[..], &unsigned[whole.len()..]),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(bad(0, "a finite decimal number expected"));
        }
        let at = number.len() - rest.len();
        let exponent = match rest {
            b"" => 0,
            [b'e' | b'E', power @ ..] => exponent(power).ok_or(bad(at, EXPONENT_BAD))?,
            _ => return Err(bad(at, "a finite decimal number expected")),
        };
        Ok(Self::normal(negative, whole, fraction, exponent))
    }

    fn normal(negative: bool, whole: &[u8], fraction: &[u8], exponent: i64) -> Self {
        let all: Vec<u8> = whole.iter().chain(fraction).copied().collect();
        let Some(first) = all.iter().position(|&digit| digit != b'0') else {
            return Self {
                negative: false,
                magnitude: 0,
                digits: Vec::new(),
            };
        };
        let last = all
            .iter()
            .rposition(|&digit| digit != b'0')
            .unwrap_or(first);
        let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / 4);
        Self {
            negative,
            magnitude: length(whole.len()) - length(first) + exponent,
            digits: all[first..=last].to_vec(),
        }
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = (self.magnitude, &self.digits).cmp(&(other.magnitude, &other.digits));
        let size = if self.negative { size.reverse() } else { size };
        self.sign().cmp(&other.sign()).then(size)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn split_sign(number: &[u8]) -> (bool, &[u8]) {
    match number {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, number),
    }
}

fn digits_of(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    &bytes[..end.unwrap_or(bytes.len())]
}

fn exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(bytes);
    if digits.is_empty() || digits_of(digits).len() != digits.len() {
        return None;
    }
    let value: i64 = str::from_utf8(digits).ok()?.parse().ok()?;
    let value = (value <= EXPONENT_MAX).then_some(value)?;
    Some(if negative { -value } else { value })
}

/// The largest power of ten in an exponent: far beyond any float.
const EXPONENT_MAX: i64 = 1_000_000;

const EXPONENT_BAD: &str = "an exponent from -1000000 to 1000000 expected";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_are_ordered_by_value_and_not_by_text() {
        let ascending = [
            "-1e1000000",
            "-10",
            "-9.5",
            "-9",
            "-0.1",
            "0",
            "1e-9",
            ".5",
            "0.51",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e300",
            "1e301",
        ];
        for (index, low) in ascending.iter().enumerate() {
            for high in &ascending[index + 1..] {
                assert!(decimal(low) < decimal(high), "{low} {high}");
            }
        }
        for (one, other) in [("1", "1.0"), ("100", "1e2"), ("-0", "0"), ("0.5", "5E-1")] {
            assert_eq!(decimal(one), decimal(other));
        }
    }

    #[test]
    fn what_is_no_finite_number_is_refused() {
        for bad in [
            "",
            ".",
            "-",
            "e5",
            "inf",
            "NaN",
            "1e",
            "1e+",
            "1e1000001",
            "1,5",
            "1.2.3",
        ] {
            assert!(Decimal::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(Decimal::parse(b" 12x").unwrap_err().offset, 3);
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn floats_compare_as_the_machine_does(a: f64, b: f64) {
            prop_assume!(a.is_finite() && b.is_finite());
            let order = decimal(&a.to_string()).cmp(&decimal(&b.to_string()));
            prop_assert_eq!(Some(order), a.partial_cmp(&b));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = Decimal::parse(&bytes);
        }
    }
}
