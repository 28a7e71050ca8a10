//! `text`: lines, merged line by line.
//!
//! Both sides are compared with the base, and changes of different lines are put together. Changes
//! that share a line, or insert at the same place, clash: that is a conflict, unless they are
//! equal. A line end is part of its line, so a missing one at the end of a side is a change of the
//! last line like any other. Any bytes are text but NUL. When each version has one kind of line end
//! throughout and one side converted them all (`\n`, `\r\n`), the conversion and the edits of the
//! other side are both kept.

use super::diff3::{Chunk, merge};
use super::{MergeRule, RuleConflict, settled};
use crate::DecodeError;

/// Merges changes of different lines.
///
/// ```
/// use irmin_core::rules::{MergeRule, text::Text};
/// let merged = Text.merge(Some(b"a\nb\nc\n"), b"A\nb\nc\n", b"a\nb\nC\nd\n")?;
/// assert_eq!(merged, b"A\nb\nC\nd\n");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl MergeRule for Text {
    fn name(&self) -> &'static str {
        "text"
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
        for (side, bytes) in [("base", base), ("ours", ours), ("theirs", theirs)] {
            check(bytes).map_err(|error| RuleConflict::unreadable(side, &error))?;
        }
        match Conversion::between(base, ours, theirs) {
            None => merge_lines(base, ours, theirs),
            Some(conversion) => {
                let [base, ours, theirs] = [base, ours, theirs].map(to_newlines);
                merge_lines(&base, &ours, &theirs).map(|merged| conversion.apply(merged))
            }
        }
    }
}

/// The names that markers show for the three versions, such as branch names.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// What the common base is called.
    pub base: &'a str,
    /// What our side is called.
    pub ours: &'a str,
    /// What their side is called.
    pub theirs: &'a str,
}

/// Merges three versions and shows clashes within the text, for a person to settle by editing.
///
/// A version that ends a clash without a line end gets one. Cost as for
/// [`diff_lines`](super::textdiff::diff_lines), twice.
///
/// ```
/// use irmin_core::rules::text::{Labels, diff3_markers};
/// let labels = Labels { base: "base", ours: "main", theirs: "fix" };
/// assert_eq!(
///     String::from_utf8(diff3_markers(b"a\nb\n", b"a\nB\n", b"a\n2\n", labels))?,
///     "a\n<<<<<<< main\nB\n||||||| base\nb\n=======\n2\n>>>>>>> fix\n",
/// );
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[must_use]
pub fn diff3_markers(base: &[u8], ours: &[u8], theirs: &[u8], labels: Labels<'_>) -> Vec<u8> {
    let end = if Ends::of(ours) == Some(Ends::Crlf) {
        "\r\n"
    } else {
        "\n"
    };
    let mut out = Vec::new();
    for chunk in merge(base, ours, theirs) {
        match chunk {
            Chunk::Merged(bytes) => out.extend_from_slice(bytes),
            Chunk::Clash {
                base, ours, theirs, ..
            } => {
                let versions = [
                    ("<<<<<<< ", labels.ours, ours),
                    ("||||||| ", labels.base, base),
                    ("=======", "", theirs),
                ];
                for (marker, label, bytes) in versions {
                    out.extend_from_slice(format!("{marker}{label}{end}").as_bytes());
                    out.extend_from_slice(bytes);
                    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                        out.extend_from_slice(end.as_bytes());
                    }
                }
                out.extend_from_slice(format!(">>>>>>> {}{end}", labels.theirs).as_bytes());
            }
        }
    }
    out
}

fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    match bytes.iter().position(|&byte| byte == 0) {
        None => Ok(()),
        Some(offset) => Err(DecodeError::new("text", offset, "NUL is not text")),
    }
}

fn merge_lines(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, RuleConflict> {
    let mut merged = Vec::with_capacity(ours.len().max(theirs.len()));
    let mut clashes = Vec::new();
    for chunk in merge(base, ours, theirs) {
        match chunk {
            Chunk::Merged(bytes) => merged.extend_from_slice(bytes),
            Chunk::Clash { lines, .. } => clashes.push(match lines.len() {
                0 => format!("the place after line {}", lines.start),
                1 => format!("line {}", lines.end),
                _ => format!("lines {} to {}", lines.start + 1, lines.end),
            }),
        }
    }
    if clashes.is_empty() {
        return Ok(merged);
    }
    let mut conflict = RuleConflict::both_changed(&clashes);
    conflict.reason += " of the base";
    Err(conflict)
}

/// The one kind of line end in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Lf,
    Crlf,
}

impl Ends {
    /// Returns the kind of all line ends; `None` when there are none or both kinds.
    fn of(text: &[u8]) -> Option<Self> {
        let (mut lf, mut crlf) = (false, false);
        let mut before = 0;
        for &byte in text {
            if byte == b'\n' {
                lf |= before != b'\r';
                crlf |= before == b'\r';
            }
            before = byte;
        }
        match (lf, crlf) {
            (true, false) => Some(Self::Lf),
            (false, true) => Some(Self::Crlf),
            _ => None,
        }
    }
}

/// The line ends of the result where a side converted all of its.
struct Conversion(Ends);

impl Conversion {
    fn between(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Self> {
        let (ours, theirs) = (Ends::of(ours)?, Ends::of(theirs)?);
        let base = if base.is_empty() {
            Ends::Crlf
        } else {
            Ends::of(base)?
        };
        match (ours == theirs, ours == base) {
            (true, true) => None,
            (true, false) => Some(Self(ours)),
            (false, true) => Some(Self(theirs)),
            (false, false) => Some(Self(ours)),
        }
    }

    fn apply(&self, text: Vec<u8>) -> Vec<u8> {
        if self.0 == Ends::Lf {
            return text;
        }
        let mut out = Vec::with_capacity(text.len() + text.len() / 16);
        for byte in text {
            if byte == b'\n' {
                out.push(b'\r');
            }
            out.push(byte);
        }
        out
    }
}

fn to_newlines(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if byte == b'\n' && out.last() == Some(&b'\r') {
            out.pop();
        }
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> Result<String, String> {
        let merged = Text.merge(Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
        let merged = merged.map_err(|conflict| conflict.reason)?;
        Ok(String::from_utf8(merged).unwrap())
    }

    /// A text of 12 numbered lines of which these are changed, removed, or followed by a new one.
    fn edited(edits: &[(usize, u8)], side: char) -> String {
        let line = |number: usize| {
            let edit = edits
                .iter()
                .find(|(at, _)| *at == number)
                .map(|(_, kind)| kind);
            match edit {
                None => format!("{number}\n"),
                Some(0) => format!("{number} {side}\n"),
                Some(1) => String::new(),
                Some(_) => format!("{number}\nnew {side} {number}\n"),
            }
        };
        (0..12).map(line).collect()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn edits_of_lines_apart_are_all_kept(
            ours in prop::collection::btree_map(0..4usize, 0..3u8, 0..4),
            theirs in prop::collection::btree_map(0..2usize, 0..3u8, 0..2),
        ) {
            let scale = |edits: std::collections::BTreeMap<usize, u8>, step, offset| {
                edits.into_iter().map(|(at, kind)| (at * step + offset, kind)).collect::<Vec<_>>()
            };
            let (ours, theirs) = (scale(ours, 3, 0), scale(theirs, 6, 4));
            let merged = merge(&edited(&[], ' '), &edited(&ours, 'o'), &edited(&theirs, 't'));
            // Edits at 0, 3, 6, 9 and 4, 10: neighbours where an insertion may clash.
            if let Ok(merged) = merged {
                let mut expected = edited(&ours, 'o');
                for (at, kind) in theirs {
                    let new = match kind { 0 => format!("\n{at} t\n"), 1 => "\n".into(), _ => format!("\n{at}\nnew t {at}\n") };
                    expected = expected.replacen(&format!("\n{at}\n"), &new, 1);
                }
                prop_assert_eq!(merged, expected);
            } else {
                prop_assert!(ours.iter().any(|(at, kind)| *kind == 2 && (*at == 3 || *at == 9)));
            }
        }

        #[test]
        fn any_bytes_are_merged_without_panic(
            base in "[ab\r\n\0]{0,12}", ours in "[ab\r\n\0]{0,12}", theirs in "[ab\r\n\0]{0,12}",
        ) {
            let labels = Labels { base: "b", ours: "o", theirs: "t" };
            let shown = diff3_markers(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), labels);
            let merged = merge(&base, &ours, &theirs);
            if ![&base, &ours, &theirs].iter().any(|text| text.contains(['\r', '\0'])) {
                match merged {
                    Ok(merged) => prop_assert_eq!(shown, merged.into_bytes()),
                    Err(_) => prop_assert!(shown.windows(8).any(|bytes| bytes == b"<<<<<<< ")),
                }
            }
        }
    }

    #[test]
    fn clashes_are_named_by_line() {
        let reason = merge(
            "a\nb\nc\nd\ne\n",
            "A\nb\nx\nc\nD\nE\n",
            "1\nb\ny\nc\n4\n5\n",
        )
        .unwrap_err();
        assert_eq!(
            reason,
            "both sides changed line 1, the place after line 2, lines 4 to 5 of the base"
        );
        assert!(Text.merge(None, b"a\n", b"b\n").is_err());
    }

    #[test]
    fn a_missing_last_line_end_is_a_change_of_the_last_line() {
        assert_eq!(merge("a\nb\n", "a\nb", "A\nb\n").unwrap(), "A\nb");
        assert_eq!(merge("a\nb", "a\nb\n", "A\nb").unwrap(), "A\nb\n");
        assert!(merge("a\nb\n", "a\nb", "a\nb\nc\n").is_err());
    }

    #[test]
    fn a_conversion_of_line_ends_merges_with_edits() {
        assert_eq!(
            merge("a\nb\n", "a\r\nb\r\n", "a\nB\n").unwrap(),
            "a\r\nB\r\n"
        );
        assert_eq!(
            merge("a\nb\n", "A\r\nb\r\n", "a\r\nB\r\n").unwrap(),
            "A\r\nB\r\n"
        );
        assert_eq!(
            merge("a\r\nb\r\n", "a\r\nB\r\n", "a\nb\n").unwrap(),
            "a\nB\n"
        );
        assert_eq!(
            merge("a\r\nb\r\n", "A\r\nb\r\n", "a\r\nB\r\n").unwrap(),
            "A\r\nB\r\n"
        );
        assert_eq!(
            merge("a\r\nb\nc\n", "A\r\nb\nc\n", "a\r\nb\nC\n").unwrap(),
            "A\r\nb\nC\n"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_text_and_nul_is_not() {
        let merged = Text.merge(Some(b"\xff\n\xfe\n"), b"\xfd\n\xfe\n", b"\xff\n\xfc\n");
        assert_eq!(merged.unwrap(), b"\xfd\n\xfc\n");
        assert_eq!(
            merge("a\nb\n", "A\nb\n", "a\n\0\n").unwrap_err(),
            "theirs: bad text at byte 2: NUL is not text"
        );
    }

    #[test]
    fn markers_use_the_line_ends_of_our_side_and_complete_lines() {
        let labels = Labels {
            base: "b",
            ours: "o",
            theirs: "t",
        };
        assert_eq!(
            diff3_markers(b"a\r\nb", b"a\r\nB", b"a\r\n", labels),
            b"a\r\n<<<<<<< o\r\nB\r\n||||||| b\r\nb\r\n=======\r\n>>>>>>> t\r\n"
        );
    }
}
