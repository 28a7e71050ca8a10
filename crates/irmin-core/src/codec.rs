//! The small pieces that every encoding is made of.

use crate::error::DecodeError;
use crate::{Id, Kind};

/// The version of the object encodings, first byte of every object.
pub(crate) const FORMAT_VERSION: u8 = 1;

/// Returns the two bytes that start an object of this kind.
pub(crate) const fn header(kind: Kind) -> [u8; 2] {
    [FORMAT_VERSION, kind.code()]
}

/// Appends an unsigned LEB128 number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Returns how many bytes [`put_varint`] appends.
pub(crate) const fn varint_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Returns the lowest byte of a number.
fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// Reads an encoding from front to back; every error names the place.
pub(crate) struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            what,
            bytes,
            offset: 0,
        }
    }

    /// Reads and checks the two bytes that start an object.
    pub(crate) fn header(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match self.take(2)? {
            [FORMAT_VERSION, code] if *code == kind.code() => Ok(()),
            [FORMAT_VERSION, _] => Err(self.error("an object of another kind")),
            _ => Err(self.error("an unknown format version")),
        }
    }

    pub(crate) fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError::new(self.what, self.offset, reason)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self
            .rest()
            .get(..len)
            .ok_or_else(|| self.error("cut short"))?;
        self.offset += len;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.take(1)?
            .first()
            .copied()
            .ok_or_else(|| self.error("cut short"))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        let bytes = self
            .take(2)?
            .try_into()
            .map_err(|_| self.error("cut short"))?;
        Ok(u16::from_le_bytes(bytes))
    }

    pub(crate) fn id(&mut self) -> Result<Id, DecodeError> {
        let bytes = self
            .take(Id::BYTES)?
            .try_into()
            .map_err(|_| self.error("cut short"))?;
        Ok(Id::from_bytes(bytes))
    }

    /// Reads a LEB128 number in its only accepted, shortest, form.
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.error("a number over 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let canonical = byte != 0 || shift == 0;
                return if canonical {
                    Ok(value)
                } else {
                    Err(self.error("a padded number"))
                };
            }
        }
        Err(self.error("a number over 64 bits"))
    }

    /// Ends the reading: nothing may be left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error("bytes after the end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_have_one_form() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_len(value));
            let mut reader = Reader::new("test", &bytes);
            assert_eq!(reader.varint().unwrap(), value);
            reader.end().unwrap();
        }
        for bad in [&[0x80, 0x00][..], &[0xff; 11], &[0x80]] {
            assert!(Reader::new("test", bad).varint().is_err());
        }
    }
}
