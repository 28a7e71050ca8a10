//! Differences between two texts, line by line.
//!
//! First what is equal at both ends is set aside. Then lines that occur exactly once on both sides
//! are matched as far as their order allows (patience), which follows what people moved and edited,
//! and what lies between them is treated in the same way. Where no such line is left, the shortest
//! edit is searched (Myers), in pieces of bounded cost. Memory is linear in the number of lines;
//! time is linear for scattered edits and at most some hundred steps a line in the worst case.

use std::collections::HashMap;
use std::ops::Range;

use super::shortest_edit::Search;

/// A change: these lines of the first text became those of the second. Either range may be empty,
/// not both. Lines are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The lines of the first text.
    pub a: Range<usize>,
    /// The lines of the second text.
    pub b: Range<usize>,
}

/// Splits a text into lines, each with its end. A line ends with `\n` or where the text does.
#[must_use]
pub fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').collect()
}

/// Returns the changes that lead from one text to the other, in order, with at least one equal line
/// between two of them. Lines are equal when all their bytes are, line ends included.
///
/// ```
/// use irmin_core::rules::textdiff::{Hunk, diff_lines};
/// let hunks = diff_lines(b"one\ntwo\nthree\n", b"one\n2\nthree\nfour\n");
/// assert_eq!(hunks, [Hunk { a: 1..2, b: 1..2 }, Hunk { a: 3..3, b: 3..4 }]);
/// ```
#[must_use]
pub fn diff_lines(a: &[u8], b: &[u8]) -> Vec<Hunk> {
    let mut names = Names::default();
    let (a, b) = (names.of(&lines(a)), names.of(&lines(b)));
    diff_names(&a, &b)
}

/// Small numbers for lines: equal lines have equal names.
#[derive(Default)]
pub(super) struct Names<'a>(HashMap<&'a [u8], usize>);

impl<'a> Names<'a> {
    pub(super) fn of(&mut self, lines: &[&'a [u8]]) -> Vec<usize> {
        let mut name = |line| {
            let next = self.0.len();
            *self.0.entry(line).or_insert(next)
        };
        lines.iter().map(|&line| name(line)).collect()
    }
}

/// Returns the changes between two sequences of [`Names`].
pub(super) fn diff_names(a: &[usize], b: &[usize]) -> Vec<Hunk> {
    let names = a.iter().chain(b).max().map_or(0, |max| max + 1);
    // Lines that the other side does not have cannot match: they are out of the search.
    let (found_a, found_b) = (
        found(a, &occurring(b, names)),
        found(b, &occurring(a, names)),
    );
    let mut differ = Differ {
        kept_a: vec![false; found_a.len()],
        kept_b: vec![false; found_b.len()],
        seen: vec![Seen::default(); names],
        work: vec![Part {
            a: 0..found_a.len(),
            b: 0..found_b.len(),
            rounds: PATIENCE_ROUNDS_MAX,
        }],
        a: found_a.iter().map(|&at| a[at]).collect(),
        b: found_b.iter().map(|&at| b[at]).collect(),
    };
    while let Some(part) = differ.work.pop() {
        differ.step(part);
    }
    let kept_a = spread(&differ.kept_a, &found_a, a.len());
    let kept_b = spread(&differ.kept_b, &found_b, b.len());
    hunks(&kept_a, &kept_b)
}

fn occurring(lines: &[usize], names: usize) -> Vec<bool> {
    let mut occurs = vec![false; names];
    for &name in lines {
        occurs[name] = true;
    }
    occurs
}

/// Returns the places of the lines that occur on the other side.
fn found(lines: &[usize], occurs: &[bool]) -> Vec<usize> {
    (0..lines.len()).filter(|&at| occurs[lines[at]]).collect()
}

/// Returns which of all lines were kept, from which of the found ones were.
fn spread(kept: &[bool], found: &[usize], count: usize) -> Vec<bool> {
    let mut all = vec![false; count];
    for (&at, &kept) in found.iter().zip(kept) {
        all[at] = kept;
    }
    all
}

/// Reads the changes off between the lines that were kept.
fn hunks(kept_a: &[bool], kept_b: &[bool]) -> Vec<Hunk> {
    let mut hunks = Vec::new();
    let (mut a, mut b) = (0, 0);
    while a < kept_a.len() || b < kept_b.len() {
        let (start_a, start_b) = (a, b);
        a += kept_a[a..].iter().take_while(|kept| !**kept).count();
        b += kept_b[b..].iter().take_while(|kept| !**kept).count();
        if (start_a, start_b) != (a, b) {
            hunks.push(Hunk {
                a: start_a..a,
                b: start_b..b,
            });
        }
        // Lines are kept in pairs, so the shorter run ends where a change begins. Both are counted
        // together: the longer one would be counted again after each change.
        let pairs = kept_a[a..].iter().zip(&kept_b[b..]);
        let kept = pairs.take_while(|(one, other)| **one && **other).count();
        (a, b) = (a + kept, b + kept);
    }
    hunks
}

/// How often the lines between matched unique lines are searched for unique lines again.
const PATIENCE_ROUNDS_MAX: usize = 16;

/// Two ranges of which nothing is matched yet.
struct Part {
    a: Range<usize>,
    b: Range<usize>,
    /// How many more rounds of patience are worth trying.
    rounds: usize,
}

/// How often a line occurs in a part; all zero between parts.
#[derive(Clone, Default)]
struct Seen {
    in_a: u8,
    in_b: u8,
    at_b: usize,
}

struct Differ {
    a: Vec<usize>,
    b: Vec<usize>,
    kept_a: Vec<bool>,
    kept_b: Vec<bool>,
    seen: Vec<Seen>,
    work: Vec<Part>,
}

impl Differ {
    fn step(&mut self, mut part: Part) {
        self.keep_ends(&mut part);
        if part.a.is_empty() || part.b.is_empty() {
            return;
        }
        if part.rounds > 0 {
            let unique = self.unique_in_both(&part);
            let anchors = longest_ascending(&unique);
            if !anchors.is_empty() {
                return self.split_at(&part, &anchors);
            }
        }
        self.match_shortest(&part);
    }

    fn keep(&mut self, at_a: usize, at_b: usize) {
        debug_assert_eq!(self.a[at_a], self.b[at_b]);
        self.kept_a[at_a] = true;
        self.kept_b[at_b] = true;
    }

    /// Matches what is equal at the ends and takes it off the part.
    fn keep_ends(&mut self, part: &mut Part) {
        while !part.a.is_empty()
            && !part.b.is_empty()
            && self.a[part.a.start] == self.b[part.b.start]
        {
            self.keep(part.a.start, part.b.start);
            part.a.start += 1;
            part.b.start += 1;
        }
        while !part.a.is_empty()
            && !part.b.is_empty()
            && self.a[part.a.end - 1] == self.b[part.b.end - 1]
        {
            part.a.end -= 1;
            part.b.end -= 1;
            self.keep(part.a.end, part.b.end);
        }
    }

    /// Returns the places of lines that occur once on both sides of the part, in the order of `a`.
    fn unique_in_both(&mut self, part: &Part) -> Vec<(usize, usize)> {
        for at in part.a.clone() {
            let seen = &mut self.seen[self.a[at]];
            seen.in_a = seen.in_a.saturating_add(1);
        }
        for at in part.b.clone() {
            let seen = &mut self.seen[self.b[at]];
            seen.in_b = seen.in_b.saturating_add(1);
            seen.at_b = at;
        }
        let mut unique = Vec::new();
        for at in part.a.clone() {
            let seen = &self.seen[self.a[at]];
            if seen.in_a == 1 && seen.in_b == 1 {
                unique.push((at, seen.at_b));
            }
        }
        for &name in &self.a[part.a.clone()] {
            self.seen[name] = Seen::default();
        }
        for &name in &self.b[part.b.clone()] {
            self.seen[name] = Seen::default();
        }
        unique
    }

    /// Matches the anchors and leaves what is between them for later.
    fn split_at(&mut self, part: &Part, anchors: &[(usize, usize)]) {
        let (mut a, mut b) = (part.a.start, part.b.start);
        let rounds = part.rounds - 1;
        for &(at_a, at_b) in anchors {
            self.keep(at_a, at_b);
            self.work.push(Part {
                a: a..at_a,
                b: b..at_b,
                rounds,
            });
            (a, b) = (at_a + 1, at_b + 1);
        }
        self.work.push(Part {
            a: a..part.a.end,
            b: b..part.b.end,
            rounds,
        });
    }

    /// Matches along a shortest edit as far as its bound reaches; the rest is for later.
    fn match_shortest(&mut self, part: &Part) {
        let search = Search::run(&self.a[part.a.clone()], &self.b[part.b.clone()]);
        for snake in &search.snakes {
            for offset in 0..snake.length {
                self.keep(
                    part.a.start + snake.a + offset,
                    part.b.start + snake.b + offset,
                );
            }
        }
        self.work.push(Part {
            a: part.a.start + search.a..part.a.end,
            b: part.b.start + search.b..part.b.end,
            rounds: 0,
        });
    }
}

/// Returns a longest part of the pairs, which ascend in the first place, that also ascends in the
/// second. O(n log n).
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair with the smallest end of a run of that length.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; pairs.len()];
    for (index, &(_, b)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < b);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut run = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(index) = next {
        run.push(pairs[index]);
        next = before[index];
    }
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::super::shortest_edit::tests::shortest;
    use super::*;

    /// Applies the changes to `a`, and checks that they are in order and apart.
    fn patched(a: &[usize], b: &[usize], hunks: &[Hunk]) -> Vec<usize> {
        let mut result = Vec::new();
        let mut at = 0;
        for (index, hunk) in hunks.iter().enumerate() {
            assert!(hunk.a.start > at || index == 0, "{hunks:?}");
            result.extend(&a[at..hunk.a.start]);
            assert_eq!(result.len(), hunk.b.start);
            result.extend(&b[hunk.b.clone()]);
            assert!(!(hunk.a.is_empty() && hunk.b.is_empty()));
            at = hunk.a.end;
        }
        result.extend(&a[at..]);
        result
    }

    fn cost(hunks: &[Hunk]) -> usize {
        hunks.iter().map(|hunk| hunk.a.len() + hunk.b.len()).sum()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn changes_lead_from_one_text_to_the_other(
            a in prop::collection::vec(0..6usize, 0..40), b in prop::collection::vec(0..6usize, 0..40),
        ) {
            let hunks = diff_names(&a, &b);
            prop_assert_eq!(patched(&a, &b, &hunks), b);
        }
    }

    /// Numbers without pattern, the same every time.
    fn noise(count: usize, values: usize, mut state: usize) -> Vec<usize> {
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % values
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn beyond_the_bound_changes_are_still_right_and_not_far_from_shortest() {
        let (a, b) = (noise(3000, 2, 1), noise(3000, 2, 2));
        let hunks = diff_names(&a, &b);
        assert_eq!(patched(&a, &b, &hunks), b);
        assert!(cost(&hunks) < shortest(&a, &b) * 3 / 2);
    }

    #[test]
    fn texts_without_a_common_line_are_one_change() {
        let (a, b): (Vec<usize>, Vec<usize>) = ((0..5000).collect(), (5000..10_000).collect());
        assert_eq!(
            diff_names(&a, &b),
            [Hunk {
                a: 0..5000,
                b: 0..5000
            }]
        );
    }

    #[test]
    fn scattered_edits_in_a_long_text_are_found_one_by_one() {
        let a: Vec<usize> = (0..100_000).map(|line| line % 7919).collect();
        let mut b = a.clone();
        for at in (0..100_000).step_by(1000) {
            b[at] = 9000 + at;
        }
        let hunks = diff_names(&a, &b);
        assert_eq!(hunks.len(), 100);
        assert_eq!(cost(&hunks), 200);
    }

    #[test]
    fn insertions_after_every_line_take_no_quadratic_time() {
        let a: Vec<usize> = (0..200_000).collect();
        let b: Vec<usize> = a.iter().flat_map(|&line| [line, 200_000]).collect();
        assert_eq!(diff_names(&a, &b).len(), 200_000);
        assert_eq!(diff_names(&b, &a).len(), 200_000);
    }

    #[test]
    fn line_ends_are_part_of_lines() {
        assert_eq!(diff_lines(b"a\nb", b"a\nb\n"), [Hunk { a: 1..2, b: 1..2 }]);
        assert_eq!(diff_lines(b"a\r\n", b"a\n").len(), 1);
        assert_eq!(diff_lines(b"\xff\n", b"\xff\n"), []);
        assert_eq!(diff_lines(b"", b"a"), [Hunk { a: 0..0, b: 0..1 }]);
    }
}
