//! Values as what they are: text, JSON, an image, or bytes.

use bytes::Bytes;
use irminsule::Blob;
use maud::{Markup, html};

use super::json;
use super::text::{is_deceptive, size};
use crate::service::Result;

/// The largest value that is shown as text, in bytes.
pub(super) const SHOWN_BYTES_MAX: u64 = 1 << 20;

/// How many bytes one page of a hexadecimal view has.
const HEX_BYTES: usize = 4096;

/// What a value is taken for, by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Readable text.
    Text,
    /// Text that is a JSON object or list.
    Json,
    /// An image that browsers show, of this media type.
    Image(&'static str),
    /// Anything else.
    Bytes,
}

impl Kind {
    /// Returns the views that such a value has, the best one first: names in addresses, and for
    /// people.
    pub(super) const fn views(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Text => &[("text", "Text"), ("hex", "Hex")],
            Self::Json => &[("json", "JSON"), ("text", "As stored"), ("hex", "Hex")],
            Self::Image(_) => &[("image", "Image"), ("hex", "Hex")],
            Self::Bytes => &[("hex", "Hex")],
        }
    }

    /// Tells whether it can be edited as text.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

/// Finds out what some bytes are.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    if let Some(media_type) = image_type(bytes) {
        return Kind::Image(media_type);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if is_readable(text) => match json::is_json(text) {
            true => Kind::Json,
            false => Kind::Text,
        },
        _ => Kind::Bytes,
    }
}

fn is_readable(text: &str) -> bool {
    !text
        .chars()
        .any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// Returns the media type of an image that a browser may draw, by its first bytes. Only such that
/// cannot contain scripts: SVG is text here.
pub(super) fn image_type(bytes: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 4] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
    ];
    let found = SIGNATURES
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature));
    let riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let avif = bytes.get(4..12) == Some(b"ftypavif");
    found
        .map(|(_, media_type)| *media_type)
        .or(riff.then_some("image/webp"))
        .or(avif.then_some("image/avif"))
}

/// A value, read as far as it is shown.
pub(super) struct Shown {
    /// Its bytes, or the first ones.
    pub(super) bytes: Bytes,
    /// What it is taken for.
    pub(super) kind: Kind,
    /// Whether these are all bytes.
    pub(super) is_whole: bool,
}

/// Reads a value as far as it is shown: all of it up to a mebibyte, else its first bytes.
pub(super) fn read(blob: &Blob) -> Result<Shown> {
    if blob.size() <= SHOWN_BYTES_MAX {
        let bytes = blob.bytes()?;
        let kind = kind(&bytes);
        return Ok(Shown {
            bytes,
            kind,
            is_whole: true,
        });
    }
    let bytes = first_bytes(blob)?;
    let kind = image_type(&bytes).map_or(Kind::Bytes, Kind::Image);
    Ok(Shown {
        bytes,
        kind,
        is_whole: false,
    })
}

/// Reads the first mebibyte of a value that is larger.
fn first_bytes(blob: &Blob) -> Result<Bytes> {
    let mut first = First(Vec::new());
    match blob.copy_to(&mut first) {
        Err(error) if !first.is_full() => Err(error.into()),
        _ => Ok(first.0.into()),
    }
}

/// Takes a mebibyte and then says that it is full.
struct First(Vec<u8>);

impl First {
    fn is_full(&self) -> bool {
        self.0.len() as u64 >= SHOWN_BYTES_MAX
    }
}

impl std::io::Write for First {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.is_full() {
            return Err(std::io::Error::other("enough"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Draws a value in one of its views; an unknown view is its best one. `raw` is where an image's
/// bytes are; `start` is where a hexadecimal view begins.
pub(super) fn draw(shown: &Shown, view: &str, name: &str, raw: &str, start: u64) -> Markup {
    let views = shown.kind.views();
    let known = views.iter().any(|(own, _)| *own == view);
    match if known { view } else { views[0].0 } {
        "text" => lines(&shown.bytes),
        "json" => html! { pre.lines { (json::draw(&shown.bytes)) } },
        "image" => html! { img src=(raw) alt=(format!("The image {name}")); },
        _ => hex(&shown.bytes, start),
    }
}

/// Draws a value small, beside another one.
pub(super) fn draw_small(blob: &Blob, name: &str, raw: &str) -> Result<Markup> {
    let shown = read(blob)?;
    Ok(html! {
        div.value tabindex="0" role="region" aria-label=(format!("Content of {name}")) {
            (draw(&shown, "", name, raw, 0))
        }
    })
}

/// Draws text with numbers of lines, which are no part of it for who copies or listens.
pub(super) fn lines(bytes: &[u8]) -> Markup {
    let text = String::from_utf8_lossy(bytes);
    if text.is_empty() {
        return html! { pre.quiet { "(empty)" } };
    }
    html! {
        pre.lines {
            @for line in text.split_inclusive('\n') {
                span.l { (visible(line.trim_end_matches('\n'))) "\n" }
            }
        }
    }
}

/// Shows marks that would turn the direction of text.
pub(super) fn visible(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '\r' => out.push('\u{240d}'),
            _ if is_deceptive(letter) => out.extend(letter.escape_unicode()),
            _ => out.push(letter),
        }
    }
    out
}

fn hex(bytes: &[u8], start: u64) -> Markup {
    let start = usize::try_from(start).unwrap_or(0).min(bytes.len()) / 16 * 16;
    let end = start.saturating_add(HEX_BYTES).min(bytes.len());
    let rows = bytes
        .get(start..end)
        .unwrap_or_default()
        .chunks(16)
        .enumerate();
    let pairs = |row: &[u8]| {
        row.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let letters = |row: &[u8]| {
        let letter = |&byte: &u8| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '·',
        };
        row.iter().map(letter).collect::<String>()
    };
    html! {
        @if bytes.is_empty() { pre.quiet { "(empty)" } }
        table.hex {
            @for (index, row) in rows {
                tr { td { (format!("{:08x}", start + index * 16)) } td { (pairs(row)) } td { (letters(row)) } }
            }
        }
        @if start > 0 || end < bytes.len() {
            p.hint {
                " Bytes " (start) " to " (end) " of " (size(bytes.len() as u64)) ". "
                @if start > 0 { a href=(format!("?view=hex&start={}", start.saturating_sub(HEX_BYTES))) { "Before" } " " }
                @if end < bytes.len() { a href=(format!("?view=hex&start={end}")) { "After" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_for_what_their_bytes_are() {
        for (bytes, expected) in [
            (&b"hello\n"[..], Kind::Text),
            (b"", Kind::Text),
            (b"{\"a\": [1]}", Kind::Json),
            (b"[]", Kind::Json),
            (b"17", Kind::Text),
            (b"{\"a\": }", Kind::Text),
            (b"a\0b", Kind::Bytes),
            (b"\xff\xfe", Kind::Bytes),
            (b"\x1b[31m", Kind::Bytes),
            (b"\x89PNG\r\n\x1a\n....", Kind::Image("image/png")),
            (b"RIFF....WEBP", Kind::Image("image/webp")),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
                Kind::Text,
            ),
        ] {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn markup_in_a_value_is_text_and_turned_text_is_seen() {
        let drawn = lines("<script>\n\u{202e}x\r\n".as_bytes()).into_string();
        assert!(drawn.contains("&lt;script&gt;") && !drawn.contains("<script"));
        assert!(drawn.contains("\\u{202e}x\u{240d}"), "{drawn}");
    }

    #[test]
    fn a_hexadecimal_view_begins_where_it_is_told_and_says_what_is_left() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let drawn = hex(&bytes, 4096).into_string();
        assert!(
            drawn.contains("00001000") && drawn.contains("start=0") && drawn.contains("start=8192")
        );
        assert!(hex(b"", u64::MAX).into_string().contains("(empty)"));
    }

    #[test]
    fn of_a_large_value_only_the_beginning_is_read() {
        let blob = Blob::new(vec![b'a'; 3 << 20]);
        let shown = read(&blob).unwrap();
        assert!(!shown.is_whole && shown.kind == Kind::Bytes);
    }
}
