//! The lines of three versions of a text, side by side.

use std::iter::Peekable;
use std::ops::Range;
use std::slice::Iter;

use super::textdiff::{Hunk, Names, diff_names, lines};

/// A stretch of the merged text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk<'a> {
    /// Nobody, one side, or both sides alike changed it.
    Merged(&'a [u8]),
    /// Both sides changed it differently.
    Clash {
        base: &'a [u8],
        ours: &'a [u8],
        theirs: &'a [u8],
        /// The lines of the base, from 0.
        lines: Range<usize>,
    },
}

/// Compares the sides with the base and puts their changes together.
///
/// Changes clash when they touch a common line of the base, or when one inserts where the other
/// changes or inserts: then the order is anybody's guess. Changes of neighbouring lines do not.
pub(super) fn merge<'a>(base: &'a [u8], ours: &'a [u8], theirs: &'a [u8]) -> Vec<Chunk<'a>> {
    let [base, ours, theirs] = [base, ours, theirs].map(Text::new);
    let mut names = Names::default();
    let [names_base, names_ours, names_theirs] =
        [&base, &ours, &theirs].map(|text| names.of(&text.lines));
    let hunks_ours = diff_names(&names_base, &names_ours);
    let hunks_theirs = diff_names(&names_base, &names_theirs);
    let mut sides = [Side::new(&hunks_ours), Side::new(&hunks_theirs)];
    let mut chunks = Vec::new();
    let mut done = 0;
    while let Some(group) = Group::take(&mut sides) {
        chunks.push(Chunk::Merged(base.slice(done..group.base.start)));
        done = group.base.end;
        let [in_ours, in_theirs] = group.sides;
        let (in_ours, in_theirs) = (
            in_ours.map(|at| ours.slice(at)),
            in_theirs.map(|at| theirs.slice(at)),
        );
        chunks.push(match (in_ours, in_theirs) {
            (Some(ours), Some(theirs)) if ours != theirs => Chunk::Clash {
                base: base.slice(group.base.clone()),
                ours,
                theirs,
                lines: group.base,
            },
            (one, other) => Chunk::Merged(one.or(other).unwrap_or_default()),
        });
    }
    chunks.push(Chunk::Merged(base.slice(done..base.lines.len())));
    chunks
}

/// A text with the places where its lines start.
struct Text<'a> {
    bytes: &'a [u8],
    lines: Vec<&'a [u8]>,
    starts: Vec<usize>,
}

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let lines = lines(bytes);
        let mut starts = Vec::with_capacity(lines.len() + 1);
        starts.push(0);
        let mut end = 0;
        starts.extend(lines.iter().map(|line| {
            end += line.len();
            end
        }));
        Self {
            bytes,
            lines,
            starts,
        }
    }

    fn slice(&self, lines: Range<usize>) -> &'a [u8] {
        &self.bytes[self.starts[lines.start]..self.starts[lines.end]]
    }
}

/// The changes of a side that are not merged yet.
struct Side<'a> {
    hunks: Peekable<Iter<'a, Hunk>>,
    /// Where the last change that was merged ends.
    done_base: usize,
    done_side: usize,
}

impl<'a> Side<'a> {
    fn new(hunks: &'a [Hunk]) -> Self {
        Self {
            hunks: hunks.iter().peekable(),
            done_base: 0,
            done_side: 0,
        }
    }

    /// Returns the line of the side that stands against an unchanged line of the base.
    fn line_of(&self, base: usize) -> usize {
        self.done_side + (base - self.done_base)
    }

    fn take(&mut self) -> Option<&'a Hunk> {
        let hunk = self.hunks.next()?;
        (self.done_base, self.done_side) = (hunk.a.end, hunk.b.end);
        Some(hunk)
    }
}

/// Changes of one or both sides that cannot be merged one by one.
struct Group {
    base: Range<usize>,
    /// The lines of each side that changed something; `None`: nothing.
    sides: [Option<Range<usize>>; 2],
}

impl Group {
    /// Takes the next change, and all that clash with what was taken.
    fn take(sides: &mut [Side<'_>; 2]) -> Option<Self> {
        let first = sides
            .iter_mut()
            .filter_map(|side| side.hunks.peek().map(|hunk| &hunk.a));
        let mut base = first.min_by_key(|range| (range.start, range.end))?.clone();
        let starts = [sides[0].line_of(base.start), sides[1].line_of(base.start)];
        let mut taken = [false; 2];
        loop {
            let next = sides
                .iter_mut()
                .position(|side| side.hunks.peek().is_some_and(|hunk| clash(&base, &hunk.a)));
            let Some(index) = next else { break };
            let Some(hunk) = sides[index].take() else {
                break;
            };
            base.end = base.end.max(hunk.a.end);
            taken[index] = true;
        }
        let range = |index: usize| {
            let side: &Side<'_> = &sides[index];
            taken[index].then(|| starts[index]..side.line_of(base.end))
        };
        Some(Self {
            sides: [range(0), range(1)],
            base: base.clone(),
        })
    }
}

/// Tells whether two ranges of the base share a line, are the same place, or one is a place at an
/// end of the other.
fn clash(one: &Range<usize>, other: &Range<usize>) -> bool {
    if one.is_empty() || other.is_empty() {
        return one.start <= other.end && other.start <= one.end;
    }
    one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clashes(base: &str, ours: &str, theirs: &str) -> Vec<(usize, usize)> {
        let chunks = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        let lines = chunks.into_iter().filter_map(|chunk| match chunk {
            Chunk::Clash { lines, .. } => Some((lines.start, lines.end)),
            Chunk::Merged(_) => None,
        });
        lines.collect()
    }

    #[test]
    fn changes_of_neighbouring_lines_do_not_clash() {
        assert_eq!(clashes("a\nb\n", "A\nb\n", "a\nB\n"), []);
        assert_eq!(clashes("a\nb\nc\n", "a\nc\n", "A\nb\nC\n"), []);
    }

    #[test]
    fn changes_of_a_common_line_clash() {
        assert_eq!(clashes("a\nb\nc\n", "A\nB\nc\n", "a\nX\nY\n"), [(0, 3)]);
        assert_eq!(
            clashes("a\nb\nc\nd\n", "1\nb\nc\n4\n", "2\nb\nc\n5\n"),
            [(0, 1), (3, 4)]
        );
    }

    #[test]
    fn an_insertion_clashes_with_any_change_at_its_place() {
        assert_eq!(clashes("a\nb\n", "a\nx\nb\n", "a\ny\nb\n"), [(1, 1)]);
        assert_eq!(clashes("a\nb\n", "a\nx\nb\n", "A\nb\n"), [(0, 1)]);
        assert_eq!(clashes("a\nb\n", "a\nx\nb\n", "a\nB\n"), [(1, 2)]);
        assert_eq!(clashes("a\nb\n", "a\nx\nb\n", "a\nb\ny\n"), []);
    }

    #[test]
    fn equal_changes_do_not_clash() {
        assert_eq!(clashes("a\nb\nc\n", "a\nB\nc\nd\n", "a\nB\nc\nd\n"), []);
        assert_eq!(clashes("", "a\n", "a\n"), []);
    }
}
