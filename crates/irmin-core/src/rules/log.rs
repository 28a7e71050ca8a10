//! `log`: lines that are only ever appended.
//!
//! The result is the base, then the new lines of both sides: each side's lines in the order in
//! which it wrote them, the two sides woven by the stamp that starts each line (what precedes the
//! first blank, with numbers in it compared by value; then by bytes). When writers stamp their
//! lines in ascending order, as a [clock](super::hlc::Hlc) or dates of fixed width do, the new
//! lines come out in the order of time and replicas converge in any order of merging.
//!
//! A line is its bytes: the same line appended on both sides is one entry, and a line that one side
//! appended twice is there twice. Name the node in the stamp when that matters. A side that
//! rewrites or cuts what the base has is a conflict.

use std::collections::{HashMap, HashSet};

use super::{MergeRule, RuleConflict, lines, settled};

/// Appends the new lines of both sides in the order of their stamps.
///
/// ```
/// use irmin_core::rules::{MergeRule, log::Log};
/// let merged = Log.merge(Some(b"1 start\n"), b"1 start\n9 b\n", b"1 start\n2 a\n10 c\n")?;
/// assert_eq!(merged, b"1 start\n2 a\n9 b\n10 c\n");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl MergeRule for Log {
    fn name(&self) -> &'static str {
        "log"
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
        let base = base.unwrap_or_default();
        let new = |side, bytes| appended(base, bytes).ok_or_else(|| rewritten(side, base, bytes));
        let (ours, theirs) = (new("ours", ours)?, new("theirs", theirs)?);
        let mut merged = base.to_vec();
        if !base.is_empty() && !base.ends_with(b"\n") {
            merged.push(b'\n');
        }
        merged.extend(lines::join(weave(&entries(ours), &entries(theirs))));
        Ok(merged)
    }
}

/// Returns what a side appended to the base, if it did nothing else.
fn appended<'a>(base: &[u8], side: &'a [u8]) -> Option<&'a [u8]> {
    let rest = side.strip_prefix(base)?;
    if base.is_empty() || base.ends_with(b"\n") || rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(b"\n")
}

fn rewritten(side: &str, base: &[u8], bytes: &[u8]) -> RuleConflict {
    let same = base
        .iter()
        .zip(bytes)
        .take_while(|(one, other)| one == other);
    let line = 1 + same.filter(|(byte, _)| **byte == b'\n').count();
    RuleConflict::new(format!(
        "{side} changes line {line} of the log; a log only grows"
    ))
}

/// A line, and how often it occurred before on its side.
type Entry<'a> = (&'a [u8], usize);

fn entries(bytes: &[u8]) -> Vec<Entry<'_>> {
    let mut seen = HashMap::new();
    let number = |line| {
        let count = seen.entry(line).or_insert(0);
        *count += 1;
        (line, *count - 1)
    };
    lines::split(bytes).map(number).collect()
}

/// Takes the smaller of the two next entries until both sides are exhausted, each entry once.
fn weave<'a>(mut ours: &[Entry<'a>], mut theirs: &[Entry<'a>]) -> Vec<&'a [u8]> {
    let mut taken = HashSet::new();
    let mut woven = Vec::with_capacity(ours.len() + theirs.len());
    loop {
        // What the other side brought must not be compared again, or the order of the rest would
        // depend on which side it was.
        (ours, theirs) = (skip(ours, &taken), skip(theirs, &taken));
        let next = match (ours.first(), theirs.first()) {
            (None, None) => return woven,
            (Some(one), Some(other)) if lines::compare(one.0, other.0).is_gt() => *other,
            (Some(one), _) => *one,
            (None, Some(other)) => *other,
        };
        taken.insert(next);
        woven.push(next.0);
    }
}

/// Passes over the entries at the front that were taken.
fn skip<'a, 'b>(side: &'b [Entry<'a>], taken: &HashSet<Entry<'a>>) -> &'b [Entry<'a>] {
    let count = side
        .iter()
        .take_while(|entry| taken.contains(entry))
        .count();
    &side[count..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> String {
        let merged = Log.merge(Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
        String::from_utf8(merged.unwrap()).unwrap()
    }

    fn tail() -> impl Strategy<Value = String> {
        prop::collection::vec((0..12u8, "[ab]"), 0..5).prop_map(|mut entries| {
            entries.sort();
            entries
                .iter()
                .map(|(time, node)| format!("{time} {node}\n"))
                .collect()
        })
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn replicas_that_stamp_in_order_converge(
            base in tail(), a in tail(), b in tail(), c in tail(),
        ) {
            let [a, b, c] = [a, b, c].map(|new| format!("{base}{new}"));
            let left = merge(&base, &merge(&base, &a, &b), &c);
            prop_assert_eq!(&left, &merge(&base, &a, &merge(&base, &b, &c)));
            prop_assert!(left.starts_with(&base));
        }

        #[test]
        fn no_entry_is_lost_and_none_invented(
            base in "([a-c]\n){0,3}", ours in "([a-c]\n){0,4}", theirs in "([a-c]\n){0,4}",
        ) {
            let merged = merge(&base, &format!("{base}{ours}"), &format!("{base}{theirs}"));
            let new = &merged[base.len()..];
            for line in ["a\n", "b\n", "c\n"] {
                let expected = ours.matches(line).count().max(theirs.matches(line).count());
                prop_assert_eq!(new.matches(line).count(), expected);
            }
        }
    }

    #[test]
    fn each_side_keeps_its_own_order() {
        assert_eq!(merge("", "z\na\n", "m\n"), "m\nz\na\n");
        assert_eq!(merge("", "x\ny\n", "y\nx\n"), "x\ny\n");
    }

    #[test]
    fn an_entry_of_both_sides_does_not_decide_the_order_of_others() {
        // Once the common line stayed at the front of one side and the result depended on which.
        assert_eq!(merge("", "b\n1\n", "b\na\n"), "b\n1\na\n");
        assert_eq!(merge("", "b\na\n", "b\n1\n"), "b\n1\na\n");
    }

    #[test]
    fn a_missing_last_line_end_is_supplied() {
        assert_eq!(merge("a", "a\nb", "a\nc"), "a\nb\nc\n");
    }

    #[test]
    fn a_side_that_rewrites_the_log_conflicts_with_the_line() {
        let conflict = Log
            .merge(Some(b"a\nb\n"), b"a\nc\n", b"a\nb\nd\n")
            .unwrap_err();
        assert!(
            conflict.reason.starts_with("ours changes line 2"),
            "{conflict}"
        );
        assert!(Log.merge(Some(b"a"), b"ab", b"a\nd\n").is_err());
        assert!(Log.merge(Some(b"a\nb\n"), b"a\nb\nc\n", b"b\n").is_err());
    }
}
