//! Names as text: unreadable ones between quotes, with escapes.

use std::fmt::Write;

/// Writes bytes for a line of text. What is readable stays as it is; names with control
/// characters, quotes in front or bytes that are not UTF-8 come between quotes, so that a line is
/// always one name and a terminal is never commanded.
pub(crate) fn quote(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain(text) => text.to_owned(),
        _ => quoted(bytes),
    }
}

fn is_plain(text: &str) -> bool {
    !text.starts_with('"') && !text.chars().any(char::is_control)
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                _ if letter.is_control() => {
                    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                        push_hex(&mut out, byte);
                    }
                }
                _ => out.push(letter),
            }
        }
        for &byte in chunk.invalid() {
            push_hex(&mut out, byte);
        }
    }
    out.push('"');
    out
}

fn push_hex(out: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Writes text of several lines so that it cannot command a terminal: control characters other
/// than newline and tab become `\x1b` and the like.
pub(crate) fn tame(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for letter in String::from_utf8_lossy(bytes).chars() {
        match letter {
            '\n' | '\t' => out.push(letter),
            '\r' => {}
            _ if letter.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_names_stay_as_they_are() {
        for name in ["a", "a b", "ünï", "a\"b", "back\\slash"] {
            assert_eq!(quote(name.as_bytes()), name);
        }
    }

    #[test]
    fn other_names_are_quoted_on_one_line() {
        assert_eq!(quote(b"a\nb"), r#""a\nb""#);
        assert_eq!(quote(b"\xff\\"), r#""\xff\\""#);
        assert_eq!(quote(b"\"a"), r#""\"a""#);
        assert_eq!(quote(b"\x1b[31m"), r#""\x1b[31m""#);
    }

    #[test]
    fn text_cannot_command_a_terminal() {
        assert_eq!(tame(b"a\x1b[2J\r\n\tb\xff"), "a\\x1b[2J\n\tb\u{fffd}");
    }
}
