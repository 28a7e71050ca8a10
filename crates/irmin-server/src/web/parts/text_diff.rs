//! Line by line differences of two texts.

use std::ops::Range;

use irminsule::rules::textdiff::{Hunk, diff_lines, lines};
use maud::{Markup, html};

use crate::web::value::visible;

/// How many unchanged lines are shown around changed ones.
const CONTEXT: usize = 3;

/// How many lines of one difference are shown.
const LINES_MAX: usize = 2000;

/// A line of a difference.
struct Row<'a> {
    class: &'static str,
    mark: &'static str,
    word: &'static str,
    numbers: [Option<usize>; 2],
    text: &'a [u8],
}

/// Draws how a text became another one.
pub(in crate::web) fn draw(old: &[u8], new: &[u8]) -> Markup {
    let (a, b) = (lines(old), lines(new));
    let hunks = diff_lines(old, new);
    let groups: Vec<Vec<Row<'_>>> = groups(&hunks).map(|group| rows(&a, &b, group)).collect();
    let all: usize = groups.iter().map(Vec::len).sum();
    let mut left = LINES_MAX;
    let groups = groups.iter().map(|rows| {
        let shown = rows.get(..left.min(rows.len())).unwrap_or_default();
        left -= shown.len();
        shown
    });
    html! {
        table.diff {
            @for (index, rows) in groups.enumerate() {
                @if index > 0 && !rows.is_empty() { tr.gap { td colspan="4" { "⋯" } } }
                @for row in rows { (draw_row(row)) }
            }
        }
        @if all > LINES_MAX {
            p.hint { "These are the first " (LINES_MAX) " of " (all) " lines." }
        }
    }
}

fn draw_row(row: &Row<'_>) -> Markup {
    let text = row.text.strip_suffix(b"\n").unwrap_or(row.text);
    let number =
        |number: Option<usize>| number.map_or_else(String::new, |number| (number + 1).to_string());
    html! {
        tr class=(row.class) {
            td.no { (number(row.numbers[0])) }
            td.no { (number(row.numbers[1])) }
            td.mark { span aria-hidden="true" { (row.mark) } span.unseen { (row.word) } }
            td { (visible(&String::from_utf8_lossy(text))) }
        }
        @if !row.text.ends_with(b"\n") {
            tr.gap { td colspan="3" {} td { "No line end at the end" } }
        }
    }
}

/// Puts changes together whose surroundings touch.
fn groups(hunks: &[Hunk]) -> impl Iterator<Item = &[Hunk]> {
    hunks.chunk_by(|one, next| next.a.start - one.a.end <= 2 * CONTEXT)
}

/// Returns the lines of a group of changes, with those around them.
fn rows<'a>(a: &[&'a [u8]], b: &[&'a [u8]], group: &[Hunk]) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return rows;
    };
    let before = first.a.start.min(CONTEXT);
    let end = (last.a.end + CONTEXT).min(a.len());
    let (mut at_a, mut at_b) = (first.a.start - before, first.b.start - before);
    for hunk in group {
        same(&mut rows, a, at_a..hunk.a.start, at_b);
        let removed = hunk
            .a
            .clone()
            .zip(a.get(hunk.a.clone()).unwrap_or_default());
        rows.extend(removed.map(|(number, text)| Row {
            class: "removed",
            mark: "−",
            word: "removed: ",
            numbers: [Some(number), None],
            text,
        }));
        let added = hunk
            .b
            .clone()
            .zip(b.get(hunk.b.clone()).unwrap_or_default());
        rows.extend(added.map(|(number, text)| Row {
            class: "added",
            mark: "+",
            word: "added: ",
            numbers: [None, Some(number)],
            text,
        }));
        (at_a, at_b) = (hunk.a.end, hunk.b.end);
    }
    same(&mut rows, a, at_a..end, at_b);
    rows
}

fn same<'a>(rows: &mut Vec<Row<'a>>, a: &[&'a [u8]], range: Range<usize>, b: usize) {
    let texts = a.get(range.clone()).unwrap_or_default();
    rows.extend(range.zip(b..).zip(texts).map(|((old, new), text)| Row {
        class: "",
        mark: "",
        word: "",
        numbers: [Some(old), Some(new)],
        text,
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_shown_as_removed_and_added_is_what_differs(
            old in "([abc]\n){0,30}", new in "([abc]\n){0,30}",
        ) {
            let (a, b) = (lines(old.as_bytes()), lines(new.as_bytes()));
            let hunks = diff_lines(old.as_bytes(), new.as_bytes());
            let rows: Vec<_> = groups(&hunks).flat_map(|group| rows(&a, &b, group)).collect();
            for row in &rows {
                for (number, side) in row.numbers.iter().zip([&a, &b]) {
                    prop_assert!(number.is_none_or(|number| side[number] == row.text));
                }
            }
            let removed = rows.iter().filter(|row| row.class == "removed").count();
            let added = rows.iter().filter(|row| row.class == "added").count();
            prop_assert_eq!(a.len() - removed, b.len() - added);
        }
    }

    #[test]
    fn markup_is_text_and_very_long_differences_are_cut() {
        let drawn = draw(b"<b>\n", b"<i>\n").into_string();
        assert!(
            drawn.contains("&lt;b&gt;")
                && drawn.contains("&lt;i&gt;")
                && drawn.contains("removed: ")
        );
        let long = "x\n".repeat(LINES_MAX + 1);
        let drawn = draw(b"", long.as_bytes()).into_string();
        assert!(drawn.contains("first 2000 of 2001"));
        assert_eq!(drawn.matches("<tr").count(), LINES_MAX);
    }
}
