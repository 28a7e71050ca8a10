//! Line by line differences of two values, as unified diff.

use std::ops::Range;

use bytes::Bytes;
use irminsule::Blob;
use irminsule::rules::textdiff::{Hunk, diff_lines, lines};

use crate::failure::Failure;
use crate::paint::Style;
use crate::quote::{quote, tame};
use crate::ui::Ui;

/// How many unchanged lines are shown around changed ones.
const CONTEXT: usize = 3;

/// The largest values that are compared line by line, in bytes.
const COMPARED_BYTES_MAX: u64 = 16 << 20;

/// How many bytes tell whether a value is text, as in Git.
const PROBED_BYTES: usize = 8000;

/// Writes how a value changed; `None`: there is none on this side.
pub(super) fn print(
    ui: &mut Ui,
    path: &[u8],
    old: Option<&Blob>,
    new: Option<&Blob>,
) -> Result<(), Failure> {
    let size = |blob: Option<&Blob>| blob.map_or(0, Blob::size);
    let sizes = format!("{} -> {} bytes", size(old), size(new));
    if size(old).max(size(new)) > COMPARED_BYTES_MAX {
        return ui.line(format!("too large to compare line by line ({sizes})"));
    }
    let (a, b) = (content(old)?, content(new)?);
    if is_binary(&a) || is_binary(&b) {
        return ui.line(format!("binary values differ ({sizes})"));
    }
    for (mark, side, style) in [
        ("---", old.map(|_| "a/"), Style::Removed),
        ("+++", new.map(|_| "b/"), Style::Added),
    ] {
        let name = match side {
            Some(side) => quote(&[side.as_bytes(), path].concat()),
            None => "/dev/null".to_owned(),
        };
        let line = ui.paint(style, format!("{mark} {name}"));
        ui.line(line)?;
    }
    print_hunks(ui, &lines(&a), &lines(&b), &diff_lines(&a, &b))
}

fn content(blob: Option<&Blob>) -> Result<Bytes, Failure> {
    Ok(blob.map_or_else(|| Ok(Bytes::new()), Blob::bytes)?)
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(PROBED_BYTES).any(|&byte| byte == 0)
}

fn print_hunks(ui: &mut Ui, a: &[&[u8]], b: &[&[u8]], hunks: &[Hunk]) -> Result<(), Failure> {
    // Where both sides end alike, with or without a line end, there is nothing to say about it.
    let ends = |lines: &[&[u8]]| lines.last().is_none_or(|line| line.ends_with(b"\n"));
    let tell_end = !a.is_empty() && !b.is_empty() && ends(a) != ends(b);
    for group in groups(hunks) {
        let Some((first, last)) = group.first().zip(group.last()) else {
            continue;
        };
        let before = first.a.start.min(CONTEXT);
        let after = (a.len() - last.a.end).min(CONTEXT);
        let old = first.a.start - before..last.a.end + after;
        let new = first.b.start - before..last.b.end + after;
        let place = format!("@@ -{} +{} @@", range(&old), range(&new));
        let place = ui.paint(Style::Place, place);
        ui.line(place)?;
        let mut at = old.start;
        for hunk in group {
            print_lines(ui, ' ', a.get(at..hunk.a.start), tell_end)?;
            print_lines(ui, '-', a.get(hunk.a.clone()), tell_end)?;
            print_lines(ui, '+', b.get(hunk.b.clone()), tell_end)?;
            at = hunk.a.end;
        }
        print_lines(ui, ' ', a.get(at..old.end), tell_end)?;
    }
    Ok(())
}

/// Puts changes together whose surroundings touch.
fn groups(hunks: &[Hunk]) -> impl Iterator<Item = &[Hunk]> {
    hunks.chunk_by(|one, next| next.a.start - one.a.end <= 2 * CONTEXT)
}

/// Writes a range of lines as unified diff does: the first, counted from 1, and how many.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn print_lines(
    ui: &mut Ui,
    mark: char,
    lines: Option<&[&[u8]]>,
    tell_end: bool,
) -> Result<(), Failure> {
    for line in lines.unwrap_or_default() {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match mark {
            '-' => paint(ui, Style::Removed, mark, text)?,
            '+' => paint(ui, Style::Added, mark, text)?,
            _ if ui.out_is_terminal() => ui.line(format!("{mark}{}", tame(text)))?,
            _ => ui.bytes(&[&[b' '], text, b"\n"].concat())?,
        }
        if tell_end && !line.ends_with(b"\n") {
            ui.line("\\ No newline at the end")?;
        }
    }
    Ok(())
}

fn paint(ui: &mut Ui, style: Style, mark: char, text: &[u8]) -> Result<(), Failure> {
    if ui.out_is_terminal() || ui.has_color() {
        let line = ui.paint(style, format!("{mark}{}", tame(text)));
        return ui.line(line);
    }
    let mark = mark.to_string();
    ui.bytes(&[mark.as_bytes(), text, b"\n"].concat())
}
