//! Bytes, sizes and times as text for people, and bytes as parts of addresses and forms.

use std::fmt::Write;

use irminsule::{Path, Step, Time};

/// Writes bytes as a part of an address: all but letters, digits and a few marks as `%2f`.
pub(super) fn percent(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b':' => {
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Reads what [`percent`] wrote. What is no escape stands for itself.
pub(super) fn unpercent(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let high_low = digit(after.first()).zip(digit(after.get(1)));
        match (
            first,
            high_low.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()),
        ) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(*first),
        }
    }
    out
}

/// Writes a path as a part of an address.
pub(super) fn percent_path(path: &Path) -> String {
    let steps: Vec<String> = path
        .steps()
        .iter()
        .map(|step| percent(step.as_bytes()))
        .collect();
    steps.join("/")
}

/// Writes bytes so that they are readable on a line: what is no text, or would not be seen, as
/// `\x1b`.
pub(super) fn readable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                _ if letter.is_control() || is_deceptive(letter) => {
                    out.extend(letter.escape_unicode())
                }
                _ => out.push(letter),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Marks that turn the direction of text, so that it reads as something that it is not.
pub(super) const fn is_deceptive(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A step as text for people.
pub(super) fn step(step: &Step) -> String {
    readable(step.as_bytes())
}

/// A path as text for people; the root is empty.
pub(super) fn path(path: &Path) -> String {
    let steps: Vec<String> = path.steps().iter().map(step).collect();
    steps.join("/")
}

/// A number of bytes: `17 B`, `3.2 KiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A number with its digits in groups: `12 345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `1 commit`, `2 commits`.
pub(super) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A time as people read it, in its own zone: `2026-11-23 07:15`.
pub(super) fn time(time: Time) -> String {
    let text = time.to_string();
    match text.split_once('T') {
        Some((date, clock)) => format!("{date} {}", clock.get(..5).unwrap_or(clock)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_come_back_from_an_address(bytes: Vec<u8>) {
            let text = percent(&bytes);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#&+=\"<>".contains(&byte)));
            prop_assert_eq!(unpercent(text.as_bytes()), bytes);
        }

        #[test]
        fn readable_text_has_nothing_that_hides_or_breaks_the_line(bytes: Vec<u8>) {
            let text = readable(&bytes);
            prop_assert!(!text.chars().any(|letter| letter.is_control() || is_deceptive(letter)));
        }
    }

    #[test]
    fn a_percent_sign_that_escapes_nothing_stands_for_itself() {
        assert_eq!(unpercent(b"100%"), b"100%");
        assert_eq!(unpercent(b"%zz%4"), b"%zz%4");
        assert_eq!(unpercent(b"%41%2f"), b"A/");
    }

    #[test]
    fn sizes_and_numbers_are_short() {
        let sizes = [0, 1023, 1024, 1536, 1 << 20, u64::MAX].map(size);
        assert_eq!(
            sizes,
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "1.5 KiB",
                "1.0 MiB",
                "16383.9 PiB"
            ]
        );
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(plural(1, "commit", "commits"), "1 commit");
        assert_eq!(time(Time::utc(0)), "1970-01-01 00:00");
    }
}
