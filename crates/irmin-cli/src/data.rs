//! What users type that is not plain text: paths and values, which may be any bytes.

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStringValueParser, TypedValueParser, ValueParser};
use irminsule::{Path, PathError};

/// Returns the bytes of an argument.
pub(crate) fn os_bytes(text: &OsStr) -> &[u8] {
    text.as_encoded_bytes()
}

/// Reads a path of the repository from an argument; any bytes are fine.
pub(crate) fn path_parser() -> ValueParser {
    ValueParser::new(OsStringValueParser::new().try_map(parse_path))
}

#[allow(clippy::needless_pass_by_value, reason = "the parser hands it over")]
fn parse_path(text: OsString) -> Result<Path, PathError> {
    Path::parse(os_bytes(&text))
}

/// Encodes bytes as Base64, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0_u32, |sum, (index, &byte)| {
            sum | u32::from(byte) << (16 - 8 * index)
        });
        for letter in 0..4 {
            let index = group >> (18 - 6 * letter) & 63;
            let known = LETTERS.get(index as usize).copied().unwrap_or(b'=');
            out.push(char::from(if letter <= chunk.len() { known } else { b'=' }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        let known = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (plain, encoded) in known {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }
}
