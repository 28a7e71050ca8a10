//! `set`: lines without order, each at most once.
//!
//! An element is in the result when a side added it, or when it was in the base and neither side
//! removed it. Adding needs absence from the base and removing presence, so the two never meet on
//! one element and there is no conflict; what one side removed and the other left alone is gone.
//! Empty lines are no elements. The result is sorted by bytes, one element a line. Merging in any
//! order from one base gives the same set.

use std::collections::BTreeSet;

use super::{MergeRule, RuleConflict, lines, settled};

/// Keeps the additions and the removals of both sides.
///
/// ```
/// use irmin_core::rules::{MergeRule, set::Set};
/// assert_eq!(Set.merge(Some(b"a\nb\n"), b"a\nb\nd\n", b"b\nc\n")?, b"b\nc\nd\n");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Set;

impl MergeRule for Set {
    fn name(&self) -> &'static str {
        "set"
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
        let base = elements(base.unwrap_or_default());
        let (ours, theirs) = (elements(ours), elements(theirs));
        let kept = ours.union(&theirs).copied().filter(|element| {
            !base.contains(element) || (ours.contains(element) && theirs.contains(element))
        });
        Ok(lines::join(kept))
    }
}

/// Returns the elements of a set in order. O(n log n).
///
/// ```
/// use irmin_core::rules::set;
/// assert_eq!(set::elements(b"b\na\n\nb").into_iter().collect::<Vec<_>>(), [b"a", b"b"]);
/// ```
#[must_use]
pub fn elements(bytes: &[u8]) -> BTreeSet<&[u8]> {
    lines::split(bytes)
        .filter(|line| !line.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> String {
        let merged = Set.merge(Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
        String::from_utf8(merged.unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn an_element_stays_unless_a_side_removed_it(
            base in "([a-e]\n){0,5}", ours in "([a-e]\n){0,5}", theirs in "([a-e]\n){0,5}",
        ) {
            prop_assume!(ours != theirs && base != ours && base != theirs);
            let merged = merge(&base, &ours, &theirs);
            for element in ["a", "b", "c", "d", "e"] {
                let before = base.contains(element);
                let sides = [ours.contains(element), theirs.contains(element)];
                let expected = if before { sides == [true; 2] } else { sides != [false; 2] };
                prop_assert_eq!(merged.contains(element), expected, "{}", element);
            }
        }

        #[test]
        fn replicas_converge_in_any_order(
            base in "([a-e]\n){0,5}", sides in prop::collection::vec("([a-e]\n){0,5}", 3),
        ) {
            let left = merge(&base, &merge(&base, &sides[0], &sides[1]), &sides[2]);
            let right = merge(&base, &sides[0], &merge(&base, &sides[1], &sides[2]));
            prop_assert_eq!(elements(left.as_bytes()), elements(right.as_bytes()));
        }
    }

    #[test]
    fn the_result_is_sorted_and_unique() {
        assert_eq!(merge("", "b\na\nb", "c\n\na\n"), "a\nb\nc\n");
    }
}
