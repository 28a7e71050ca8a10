//! Bytes in URLs: `%41` for what has a meaning there.

use std::fmt::{self, Write};

/// Writes bytes, those escaped that are neither unreserved nor in `plain`.
pub(super) fn write(out: &mut impl Write, bytes: &[u8], plain: &[u8]) -> fmt::Result {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte) {
            out.write_char(char::from(byte))?;
        } else {
            write!(out, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Reads what [`write`] wrote, and any other mix; says what is wrong.
pub(super) fn read(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = (rest.next().and_then(hex), rest.next().and_then(hex));
        let (Some(high), Some(low)) = digits else {
            return Err("'%' must be followed by two hexadecimal digits".to_owned());
        };
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}

/// As [`read`], for what must be UTF-8.
pub(super) fn read_text(text: &str) -> Result<String, String> {
    String::from_utf8(read(text)?).map_err(|_| format!("'{text}' is not UTF-8"))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
