//! Object ids: 256-bit SHA-256 names of encoded objects.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::DecodeError;

/// The name of an immutable object: the SHA-256 of its encoding.
///
/// Every encoding starts with a format version and a [`Kind`](crate::Kind), so the hash is
/// separated by domain: the bytes of a blob can never have the id of a node.
///
/// ```
/// use irmin_core::Id;
/// let id = Id::of(b"example");
/// assert_eq!(id.to_string().parse::<Id>()?, id);
/// # Ok::<(), irmin_core::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; Self::BYTES]);

impl Id {
    /// Bytes in an id.
    pub const BYTES: usize = 32;
    /// All zero: no object has it, for all that is known of SHA-256.
    pub const NULL: Self = Self([0; Self::BYTES]);

    /// Returns the id of an encoded object. Hashes `bytes` once.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the id of an encoding that lies in several pieces.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self(hash.finalize().into())
    }

    /// Wraps the raw bytes of an id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Returns the first 12 hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.short())
    }
}

impl FromStr for Id {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let prefix: IdPrefix = text.parse()?;
        prefix.as_id().ok_or(DecodeError::new(
            "id",
            text.len(),
            "an id has 64 hexadecimal digits",
        ))
    }
}

/// The first hexadecimal digits of an id, as a person types them: 4 to 64 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix {
    bytes: [u8; Id::BYTES],
    digits: usize,
}

impl IdPrefix {
    /// The fewest digits that are taken for an id.
    pub const DIGITS_MIN: usize = 4;

    /// Tells whether `id` starts with these digits.
    #[must_use]
    pub fn matches(&self, id: &Id) -> bool {
        let (first, last) = self.range();
        (first..=last).contains(id)
    }

    /// Returns the smallest and the largest id that start with these digits.
    #[must_use]
    pub fn range(&self) -> (Id, Id) {
        let mut last = self.bytes;
        for (index, byte) in last.iter_mut().enumerate() {
            if index * 2 >= self.digits {
                *byte = 0xff;
            } else if index * 2 + 1 == self.digits {
                *byte |= 0x0f;
            }
        }
        (Id(self.bytes), Id(last))
    }

    /// Returns the id when all digits are there.
    #[must_use]
    pub fn as_id(&self) -> Option<Id> {
        (self.digits == Id::BYTES * 2).then_some(Id(self.bytes))
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            Id(self.bytes)
                .to_string()
                .get(..self.digits)
                .unwrap_or_default(),
        )
    }
}

impl FromStr for IdPrefix {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        if text.len() < Self::DIGITS_MIN || text.len() > Id::BYTES * 2 {
            return Err(DecodeError::new(
                "id",
                text.len(),
                "4 to 64 hexadecimal digits expected",
            ));
        }
        let mut bytes = [0; Id::BYTES];
        for (index, digit) in text.bytes().enumerate() {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return Err(DecodeError::new("id", index, "not a hexadecimal digit")),
            };
            let shift = if index % 2 == 0 { 4 } else { 0 };
            if let Some(byte) = bytes.get_mut(index / 2) {
                *byte |= value << shift;
            }
        }
        Ok(Self {
            bytes,
            digits: text.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_the_ids_that_start_with_it_and_no_others() {
        let id = Id::of(b"x");
        let text = id.to_string();
        for digits in 4..=64 {
            let prefix: IdPrefix = text[..digits].parse().unwrap();
            assert!(prefix.matches(&id), "{digits}");
            assert_eq!(prefix.to_string(), text[..digits]);
        }
        let other: IdPrefix = "0000".parse().unwrap();
        assert!(!other.matches(&id));
    }

    #[test]
    fn bad_ids_are_refused_with_the_place() {
        assert!("abc".parse::<IdPrefix>().is_err());
        assert_eq!("abcg".parse::<IdPrefix>().unwrap_err().offset, 3);
        assert!("abcd".parse::<Id>().is_err());
    }
}
