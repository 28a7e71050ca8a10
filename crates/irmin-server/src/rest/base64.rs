//! Base64 with padding: how JSON writes bytes that are not UTF-8.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
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

/// Decodes what [`encode`] makes; `None` for anything else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let plain = bytes.strip_suffix(b"==").or(bytes.strip_suffix(b"="));
    let plain = plain.unwrap_or(bytes);
    let mut out = Vec::with_capacity(plain.len() / 4 * 3 + 2);
    for chunk in plain.chunks(4) {
        let mut group = 0_u32;
        for (index, byte) in chunk.iter().enumerate() {
            let value = LETTERS.iter().position(|letter| letter == byte)?;
            group |= u32::try_from(value).ok()? << (18 - 6 * index);
        }
        let [_, first, second, third] = group.to_be_bytes();
        let count = chunk.len() * 6 / 8;
        out.extend([first, second, third].iter().take(count));
    }
    // One way to write each: no stray bits.
    (encode(&out) == text).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn decoding_takes_only_what_is_encoded(text in "[A-D/+=]{0,9}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }

    #[test]
    fn it_is_the_usual_one() {
        assert_eq!(encode(b"foob"), "Zm9vYg==");
        assert_eq!(decode("Zm8="), Some(b"fo".to_vec()));
        assert_eq!(decode("Zm8"), None);
        assert_eq!(decode("Zm9="), None);
    }
}
