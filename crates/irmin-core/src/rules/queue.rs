//! `queue`: lines, pushed at the end and popped at the front.
//!
//! Each side is read as some pops from the base followed by some pushes: as few pops as explain it.
//! What either side popped is gone, and what both popped is popped once; the pushes of both sides
//! follow what is left, each side's in its order, the two sides woven as those of a
//! [log](super::log). This rule [adds up](MergeRule::adds_up): a line pushed on both sides is two
//! elements, because losing work is worse than doing it twice; an element that must be unique
//! carries an id that makes its line unique. A change in the middle is read as popping everything
//! and pushing the rest again. There is no conflict.

use super::{MergeRule, RuleConflict, lines, one_sided};

/// Pops what either side popped and pushes what both pushed.
///
/// ```
/// use irmin_core::rules::{MergeRule, queue::Queue};
/// let merged = Queue.merge(Some(b"a\nb\nc\n"), b"b\nc\nx\n", b"c\ny\n")?;
/// assert_eq!(merged, b"c\nx\ny\n");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue;

impl MergeRule for Queue {
    fn name(&self) -> &'static str {
        "queue"
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
        let base: Vec<&[u8]> = lines::split(base.unwrap_or_default()).collect();
        let ours: Vec<&[u8]> = lines::split(ours).collect();
        let theirs: Vec<&[u8]> = lines::split(theirs).collect();
        let (left_ours, left_theirs) = (left_over(&base, &ours), left_over(&base, &theirs));
        let left = left_ours.min(left_theirs);
        let mut merged = base[base.len() - left..].to_vec();
        merged.extend(weave(&ours[left_ours..], &theirs[left_theirs..]));
        Ok(lines::join(merged))
    }

    fn adds_up(&self) -> bool {
        true
    }
}

/// Returns how many elements of the base a side left: the length of the longest end of the base
/// that the side starts with. Linear, by the search of Knuth, Morris and Pratt.
fn left_over(base: &[&[u8]], side: &[&[u8]]) -> usize {
    let borders = borders(side);
    let mut length = 0;
    for (index, element) in base.iter().enumerate() {
        // A match of the whole side before the end of the base has to give way.
        while length > 0 && side.get(length) != Some(element) {
            length = borders[length - 1];
        }
        if side.get(length) == Some(element) {
            length += 1;
        }
        debug_assert!(length <= index + 1);
    }
    length
}

/// Returns, for each prefix, the length of its longest proper prefix that is also its end.
fn borders(pattern: &[&[u8]]) -> Vec<usize> {
    let mut borders = vec![0; pattern.len()];
    let mut length = 0;
    for index in 1..pattern.len() {
        while length > 0 && pattern[length] != pattern[index] {
            length = borders[length - 1];
        }
        if pattern[length] == pattern[index] {
            length += 1;
        }
        borders[index] = length;
    }
    borders
}

/// Takes the smaller of the two next elements until both sides are exhausted; of two equal ones
/// both, so that it does not matter which side is which.
fn weave<'a>(mut ours: &[&'a [u8]], mut theirs: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut woven = Vec::with_capacity(ours.len() + theirs.len());
    while let (Some((one, ours_rest)), Some((other, theirs_rest))) =
        (ours.split_first(), theirs.split_first())
    {
        let order = lines::compare(one, other);
        if order.is_le() {
            woven.push(*one);
            ours = ours_rest;
        }
        if order.is_ge() {
            woven.push(*other);
            theirs = theirs_rest;
        }
    }
    woven.extend(ours.iter().chain(theirs));
    woven
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> String {
        let merged = Queue.merge(Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
        String::from_utf8(merged.unwrap()).unwrap()
    }

    /// A queue after this many pops and these pushes; elements of the base are numbers.
    fn after(base: usize, pops: usize, pushes: &[String]) -> String {
        let left = (pops.min(base)..base).map(|number| format!("{number}\n"));
        left.chain(pushes.iter().map(|push| format!("{push}\n")))
            .collect()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn pops_of_either_and_pushes_of_both_take_effect(
            base in 0..6usize, pops in prop::collection::vec(0..6usize, 2),
            pushes in prop::collection::vec(prop::collection::vec("[a-c]", 0..4), 2),
        ) {
            let whole = after(base, 0, &[]);
            let [ours, theirs] = [0, 1].map(|side| after(base, pops[side], &pushes[side]));
            let merged = merge(&whole, &ours, &theirs);
            let left = after(base, pops[0].max(pops[1]), &[]);
            prop_assert!(merged.starts_with(&left), "{}", merged);
            let mut new: Vec<&str> = merged[left.len()..].lines().collect();
            let mut expected: Vec<&String> = pushes.iter().flatten().collect();
            new.sort_unstable();
            expected.sort();
            prop_assert_eq!(new, expected);
        }

        #[test]
        fn replicas_that_stamp_their_pushes_converge(
            base in 0..4usize, pops in prop::collection::vec(0..4usize, 3),
            pushes in prop::collection::vec(prop::collection::btree_set("[a-z]", 0..4), 3),
        ) {
            let whole = after(base, 0, &[]);
            let [a, b, c] = [0, 1, 2].map(|side: usize| {
                let pushes: Vec<String> = pushes[side].iter().cloned().collect();
                after(base, pops[side], &pushes)
            });
            let left = merge(&whole, &merge(&whole, &a, &b), &c);
            prop_assert_eq!(left, merge(&whole, &a, &merge(&whole, &b, &c)));
        }

        #[test]
        fn the_left_over_is_the_longest_common_end(
            base in prop::collection::vec("[ab]", 0..8), side in prop::collection::vec("[ab]", 0..8),
        ) {
            let base: Vec<&[u8]> = base.iter().map(String::as_bytes).collect();
            let side: Vec<&[u8]> = side.iter().map(String::as_bytes).collect();
            let naive = (0..=base.len().min(side.len())).rev();
            let naive = naive.into_iter().find(|&n| side.starts_with(&base[base.len() - n..]));
            prop_assert_eq!(Some(left_over(&base, &side)), naive);
        }
    }

    #[test]
    fn what_both_popped_is_popped_once_and_what_both_pushed_is_there_twice() {
        assert_eq!(merge("a\nb\n", "b\n", "b\n"), "b\n");
        assert_eq!(merge("a\n", "a\nx\n", "a\nx\n"), "a\nx\nx\n");
        assert_eq!(merge("a\n", "x\na\n", "y\n"), "x\na\ny\n");
    }
}
