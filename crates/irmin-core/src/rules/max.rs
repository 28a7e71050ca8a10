//! `max`: a number of which both sides together keep the larger.
//!
//! Numbers are decimal text of any size and precision, with or without fraction and exponent, and
//! are compared exactly. Replicas converge in any order of merging as long as writers only raise the
//! value; one side alone may also lower it, as any change of one side is taken.

use std::cmp::Ordering;

use super::decimal::compare;
use super::{MergeRule, RuleConflict, settled};

/// Takes the larger number, written as its side wrote it.
///
/// ```
/// use irmin_core::rules::{MergeRule, max::Max};
/// assert_eq!(Max.merge(None, b"10", b"9.5")?, b"10");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Max;

impl MergeRule for Max {
    fn name(&self) -> &'static str {
        "max"
    }

    fn merge(
        &self,
        base: Option<&[u8]>,
        ours: &[u8],
        theirs: &[u8],
    ) -> Result<Vec<u8>, RuleConflict> {
        if let Some(side) = settled(base, ours, theirs) {
            return Ok(side.to_vec());
        }
        Ok(match compare(ours, theirs)? {
            Ordering::Less => theirs,
            Ordering::Greater => ours,
            // One number written in two ways: take the same writing on every replica.
            Ordering::Equal => ours.min(theirs),
        }
        .to_vec())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(ours: &str, theirs: &str) -> String {
        let merged = Max.merge(None, ours.as_bytes(), theirs.as_bytes()).unwrap();
        String::from_utf8(merged).unwrap()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn merging_in_any_order_gives_the_largest(numbers in prop::collection::vec(any::<i32>(), 3)) {
            let [a, b, c] = [0, 1, 2].map(|at| numbers[at].to_string());
            let expected = numbers.iter().max().unwrap().to_string();
            prop_assert_eq!(merge(&merge(&a, &b), &c), expected.as_str());
            prop_assert_eq!(merge(&a, &merge(&b, &c)), expected);
        }
    }

    #[test]
    fn the_winner_is_kept_as_it_was_written() {
        assert_eq!(merge("9.5\n", "1e1"), "1e1");
        assert_eq!(merge("1.0", "1"), merge("1", "1.0"));
    }

    #[test]
    fn bytes_that_are_no_number_are_a_conflict() {
        assert!(Max.merge(Some(b"1"), b"2", b"NaN").is_err());
    }
}
