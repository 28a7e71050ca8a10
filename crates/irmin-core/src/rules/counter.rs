//! `counter`: an integer to which both sides add.
//!
//! The result is `ours + theirs - base`; a counter that is new on both sides starts at 0. This
//! rule [adds up](MergeRule::adds_up): two sides that both went from 5 to 6 make 7, so the law for
//! equal sides is `merge(b, x, x) = 2x - b`. With it, replicas that merge in any order converge on
//! the sum of all additions.

use super::{MergeRule, RuleConflict, one_sided};
use crate::DecodeError;

/// Adds the changes of both sides; a sum beyond 64 bits is a conflict.
///
/// ```
/// use irmin_core::rules::{MergeRule, counter::Counter};
/// assert_eq!(Counter.merge(Some(b"5"), b"6", b"6")?, b"7");
/// assert_eq!(Counter.merge(None, b"2", b"-3")?, b"-1");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

impl MergeRule for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn merge(
        &self,
        base: Option<&[u8]>,
        ours: &[u8],
        theirs: &[u8],
    ) -> Result<Vec<u8>, RuleConflict> {
        if let Some(side) = one_sided(base, ours, theirs) {
            return Ok(side.to_vec());
        }
        let read = |side, bytes| parse(bytes).map_err(|e| RuleConflict::unreadable(side, &e));
        let base = base.map_or(Ok(0), |bytes| read("base", bytes))?;
        let sum = i128::from(read("ours", ours)?) + i128::from(read("theirs", theirs)?)
            - i128::from(base);
        i64::try_from(sum).map(format).map_err(|_| {
            RuleConflict::new(format!(
                "the sum of both sides, {sum}, does not fit 64 bits"
            ))
        })
    }

    fn adds_up(&self) -> bool {
        true
    }
}

/// Reads a counter: a decimal integer, with or without sign, blanks around it ignored.
///
/// ```
/// use irmin_core::rules::counter;
/// assert_eq!(counter::parse(b"-12\n")?, -12);
/// assert_eq!(counter::parse(&counter::format(i64::MIN))?, i64::MIN);
/// # Ok::<(), irmin_core::DecodeError>(())
/// ```
///
/// # Errors
/// [`DecodeError`] when the bytes are something else, or beyond 64 bits.
pub fn parse(bytes: &[u8]) -> Result<i64, DecodeError> {
    let number = bytes.trim_ascii();
    let start = bytes.len() - bytes.trim_ascii_start().len();
    let digits = number.strip_prefix(b"-").or(number.strip_prefix(b"+"));
    let digits = digits.unwrap_or(number);
    let bad = digits.iter().position(|byte| !byte.is_ascii_digit());
    if let Some(at) = bad.or(digits.is_empty().then_some(0)) {
        let offset = start + number.len() - digits.len() + at;
        return Err(DecodeError::new(
            "counter",
            offset,
            "a decimal integer expected",
        ));
    }
    let text = str::from_utf8(number).unwrap_or_default();
    text.parse()
        .map_err(|_| DecodeError::new("counter", start, "the integer does not fit 64 bits"))
}

/// Writes a counter: the shortest decimal text, without a line end.
#[must_use]
pub fn format(value: i64) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(base: i64, ours: i64, theirs: i64) -> Option<i64> {
        let merged = Counter.merge(Some(&format(base)), &format(ours), &format(theirs));
        merged.ok().map(|bytes| parse(&bytes).unwrap())
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn replicas_converge_on_the_sum_of_all_additions(
            base in -1000..1000i64, adds in prop::collection::vec(-1000..1000i64, 3),
        ) {
            let sides: Vec<i64> = adds.iter().map(|n| base + n).collect();
            let left = merge(base, merge(base, sides[0], sides[1]).unwrap(), sides[2]);
            let right = merge(base, sides[0], merge(base, sides[1], sides[2]).unwrap());
            prop_assert_eq!(left, Some(base + adds.iter().sum::<i64>()));
            prop_assert_eq!(left, right);
        }

        #[test]
        fn a_sum_is_exact_or_a_conflict(base: i64, ours: i64, theirs: i64) {
            let sum = i128::from(ours) + i128::from(theirs) - i128::from(base);
            prop_assert_eq!(merge(base, ours, theirs), i64::try_from(sum).ok());
        }
    }

    #[test]
    fn equal_additions_of_both_sides_both_count() {
        assert_eq!(merge(5, 6, 6), Some(7));
        assert_eq!(Counter.merge(None, b"1", b"1").unwrap(), b"2");
    }

    #[test]
    fn bytes_that_are_no_integer_are_named_with_side_and_place() {
        let conflict = Counter.merge(Some(b"1"), b"2", b" 3x").unwrap_err();
        assert_eq!(
            conflict.reason,
            "theirs: bad counter at byte 2: a decimal integer expected"
        );
        for bad in [
            "",
            "-",
            "1 2",
            "0x1",
            "1.0",
            "\u{661}",
            "9223372036854775808",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        for (good, value) in [("+7", 7), ("007", 7), ("-0", 0), (" 7\r\n", 7)] {
            assert_eq!(parse(good.as_bytes()).unwrap(), value);
        }
    }
}
