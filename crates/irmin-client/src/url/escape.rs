//! Bytes in URLs: those that mean something else there are written as `%41`.

use std::fmt;

/// Writes bytes, escaped.
pub(super) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._/".contains(&byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Reads bytes that may be escaped.
pub(super) fn read(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.split_at_checked(2);
        let (digits, behind) = digits.ok_or("two hexadecimal digits follow '%'")?;
        let digits = str::from_utf8(digits).map_err(|error| error.to_string())?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let value = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        bytes.push(value.ok_or("two hexadecimal digits follow '%'")?);
        rest = behind;
    }
    Ok(bytes)
}

/// Reads text that may be escaped.
pub(super) fn read_text(text: &str) -> Result<String, String> {
    let bytes = read(text)?;
    String::from_utf8(bytes).map_err(|_| format!("'{text}' is not text in UTF-8"))
}
