//! DER, as much as certificates need: tags of one byte, definite lengths.

use std::fmt::Write;

/// The tag of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u8);

impl Tag {
    pub(super) const BOOLEAN: Self = Self(0x01);
    pub(super) const INTEGER: Self = Self(0x02);
    pub(super) const OCTET_STRING: Self = Self(0x04);
    pub(super) const OBJECT_IDENTIFIER: Self = Self(0x06);
    pub(super) const SEQUENCE: Self = Self(0x30);
    pub(super) const SET: Self = Self(0x31);

    pub(super) const fn context(number: u8) -> Self {
        Self(0x80 | number)
    }

    pub(super) const fn context_constructed(number: u8) -> Self {
        Self(0xa0 | number)
    }
}

/// Reads values one after the other. `None` is an encoding that is not DER, or not what was expected.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a value with this tag.
    pub(super) fn read(&mut self, tag: Tag) -> Option<&'a [u8]> {
        let (found, value) = self.read_any()?;
        (found == tag).then_some(value)
    }

    /// Reads a value if the next one has this tag.
    #[expect(
        clippy::option_option,
        reason = "whether it is there, and whether it is DER"
    )]
    pub(super) fn read_if(&mut self, tag: Tag) -> Option<Option<&'a [u8]>> {
        if self.0.first() != Some(&tag.0) {
            return Some(None);
        }
        self.read(tag).map(Some)
    }

    /// Reads the next value.
    pub(super) fn read_any(&mut self) -> Option<(Tag, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None; // a tag of several bytes
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => long_length(usize::from(first & 0x7f), rest)?,
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((Tag(tag), value))
    }
}

/// Reads a length of several bytes, the shortest that is possible.
fn long_length(bytes: usize, rest: &[u8]) -> Option<(usize, &[u8])> {
    let (digits, rest) = rest.split_at_checked(bytes)?;
    let value = digits.iter().try_fold(0_usize, |value, &byte| {
        value.checked_mul(256)?.checked_add(usize::from(byte))
    })?;
    let is_shortest = value >= 0x80 && digits.first() != Some(&0);
    is_shortest.then_some((value, rest))
}

/// Returns the text of a string value.
pub(super) fn text(tag: Tag, value: &[u8]) -> Option<String> {
    match tag.0 {
        // UTF8String
        0x0c => String::from_utf8(value.to_vec()).ok(),
        // NumericString, PrintableString, IA5String, VisibleString
        0x12 | 0x13 | 0x16 | 0x1a => ascii(value),
        // TeletexString, read as Latin 1 as everybody does
        0x14 => Some(value.iter().copied().map(char::from).collect()),
        // UniversalString
        0x1c => {
            let units = value.chunks_exact(4).map(|four| four.iter());
            let units =
                units.map(|four| four.fold(0_u32, |unit, &byte| unit << 8 | u32::from(byte)));
            let is_whole = value.len().is_multiple_of(4);
            units
                .map(char::from_u32)
                .collect::<Option<_>>()
                .filter(|_| is_whole)
        }
        // BMPString
        0x1e => {
            let units = value.chunks_exact(2).map(|two| two.iter());
            let units = units.map(|two| two.fold(0_u16, |unit, &byte| unit << 8 | u16::from(byte)));
            let is_whole = value.len().is_multiple_of(2);
            let text = char::decode_utf16(units).collect::<Result<_, _>>();
            text.ok().filter(|_| is_whole)
        }
        _ => None,
    }
}

/// Returns text that must be ASCII.
pub(super) fn ascii(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.is_ascii());
    text.map(str::to_owned)
}

/// Writes an object identifier with dots.
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut number = 0_u64;
    for &byte in oid {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        // Writing to a `String` cannot fail.
        let _ = if text.is_empty() {
            let first = (number / 40).min(2);
            write!(text, "{first}.{}", number - first * 40)
        } else {
            write!(text, ".{number}")
        };
        number = 0;
    }
    text
}
