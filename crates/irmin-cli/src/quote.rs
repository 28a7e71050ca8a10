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

/// Splits a line into words at blanks. A word that starts with a double quote ends with one and
/// has escapes inside, as [`quote`] writes them.
///
/// # Errors
/// What is wrong, in a few words.
pub(crate) fn unquote_words(line: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix(b"\"") {
            Some(inside) => unquote(inside)?,
            None => {
                let end = rest.iter().position(u8::is_ascii_whitespace);
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                (word.to_vec(), after)
            }
        };
        if after
            .first()
            .is_some_and(|byte| !byte.is_ascii_whitespace())
        {
            return Err("a blank is missing after the closing quote");
        }
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Ok(words)
}

/// Reads a quoted word behind its first quote; returns it and what follows it.
fn unquote(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let mut word = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Ok((word, after)),
            [b'\\', escape, after @ ..] => {
                let (byte, after) = unescape(*escape, after)?;
                word.push(byte);
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
            [] => return Err("the closing quote is missing"),
        };
    }
}

fn unescape(escape: u8, after: &[u8]) -> Result<(u8, &[u8]), &'static str> {
    let byte = match escape {
        b'"' | b'\\' => escape,
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'x' => {
            let digits = after
                .get(..2)
                .and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let byte = byte.ok_or("two hexadecimal digits expected after \\x")?;
            return Ok((byte, after.get(2..).unwrap_or_default()));
        }
        _ => return Err("unknown escape; there are \\\" \\\\ \\n \\t \\r and \\xff"),
    };
    Ok((byte, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_reads_back() {
        for name in [&b"a\nb"[..], b"\xff\\\"", b"\"a", b"\x1b[31m", b"\xc2\x85"] {
            let words = unquote_words(quote(name).as_bytes()).unwrap();
            assert_eq!(words, [name]);
        }
    }

    #[test]
    fn words_are_split_at_blanks_outside_quotes() {
        let words = unquote_words(br#" a "b c"  d\e "" "#).unwrap();
        assert_eq!(words, [&b"a"[..], b"b c", br"d\e", b""]);
    }

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
