//! Large values that are made as they are read.

use std::io;
use std::sync::Arc;

use crate::Result;
use crate::data::fill;

/// So much is random; each further piece of this size is it again, changed by its number.
const PIECE_BYTES: usize = 1 << 20;

/// Random bytes that large values are made of, much faster than random numbers are.
#[derive(Clone)]
pub struct Source(Arc<Vec<u8>>);

impl Default for Source {
    fn default() -> Self {
        Self::new()
    }
}

impl Source {
    /// Makes them.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = vec![0; PIECE_BYTES];
        fill(&mut bytes, 9, 0);
        Self(Arc::new(bytes))
    }

    /// Returns a value of so many bytes that cannot be compressed, the same for the same tag.
    #[must_use]
    pub fn value(&self, key: String, tag: u64, len: u64) -> LargeValue {
        LargeValue {
            source: self.clone(),
            key,
            tag,
            len,
            inserted: None,
            offset: 0,
        }
    }
}

/// A key and a value that is read as a stream.
pub struct LargeValue {
    source: Source,
    key: String,
    tag: u64,
    len: u64,
    /// Where a byte is put between the others.
    inserted: Option<u64>,
    /// What was read, of the value with the inserted byte.
    offset: u64,
}

impl LargeValue {
    /// Puts one more byte at an offset.
    #[must_use]
    pub fn with_byte_inserted_at(mut self, offset: u64) -> Self {
        self.inserted = Some(offset);
        self.len += 1;
        self
    }

    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the number of bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Copies what follows into `out`, up to the end of a piece or where the inserted byte is.
    fn next(&self, out: &mut [u8]) -> Result<usize> {
        let mut end = self.len;
        let mut at = self.offset;
        match self.inserted {
            Some(inserted) if at == inserted => {
                if let Some(first) = out.first_mut() {
                    *first = b'+';
                }
                return Ok(out.len().min(1));
            }
            Some(inserted) if at < inserted => end = inserted,
            Some(_) => {
                at -= 1;
                end -= 1;
            }
            None => {}
        }
        let piece = at / PIECE_BYTES as u64;
        let start = usize::try_from(at % PIECE_BYTES as u64)?;
        let rest = usize::try_from(end - at)?;
        let len = out.len().min(rest).min(PIECE_BYTES - start);
        let mask = mask(self.tag, piece, start);
        let source = &self.source.0[start..start + len];
        for (chunk, from) in out[..len].chunks_mut(8).zip(source.chunks(8)) {
            for ((to, from), mask) in chunk.iter_mut().zip(from).zip(mask) {
                *to = from ^ mask;
            }
        }
        Ok(len)
    }
}

/// Returns what eight bytes of a piece are changed by, from an offset in it.
fn mask(tag: u64, piece: u64, offset: usize) -> [u8; 8] {
    let mut mask = [0; 8];
    fill(&mut mask, tag, piece);
    mask.rotate_left(offset % 8);
    mask
}

impl io::Read for LargeValue {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.next(out).map_err(io::Error::other)?;
        self.offset += len as u64;
        Ok(len)
    }
}

/// Takes a value and compares it with what was expected.
pub(crate) struct Expected {
    value: LargeValue,
    buffer: Vec<u8>,
}

impl Expected {
    pub(crate) fn new(value: LargeValue) -> Self {
        let buffer = vec![0; 64 << 10];
        Self { value, buffer }
    }

    /// Tells whether all came, and as it should.
    pub(crate) fn end(&self) -> Result<()> {
        match self.value.offset == self.value.len {
            true => Ok(()),
            false => Err(format!("'{}' ends too early", self.value.key).into()),
        }
    }
}

impl io::Write for Expected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.buffer.len());
        let expected = &mut self.buffer[..len];
        io::Read::read_exact(&mut self.value, expected)?;
        match expected == &bytes[..len] {
            true => Ok(len),
            false => Err(io::Error::other("another value than was put there")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn read(mut value: LargeValue, step: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut buffer = vec![0; step];
        loop {
            match value.read(&mut buffer)? {
                0 => return Ok(all),
                len => all.extend_from_slice(&buffer[..len]),
            }
        }
    }

    #[test]
    fn a_large_value_is_the_same_however_it_is_read() -> Result<()> {
        let source = Source::new();
        let value = || source.value("v".into(), 1, (1 << 20) + 1_001);
        let all = read(value(), 64 << 10)?;
        assert_eq!(all.len(), (1 << 20) + 1_001);
        assert_eq!(all, read(value(), 997)?);
        assert_ne!(all[..1_001], all[1 << 20..]);
        Ok(())
    }

    #[test]
    fn an_inserted_byte_moves_all_that_follows_and_nothing_else() -> Result<()> {
        let source = Source::new();
        let value = || source.value("v".into(), 1, 10_000);
        let (old, new) = (
            read(value(), 100)?,
            read(value().with_byte_inserted_at(5_000), 100)?,
        );
        assert_eq!(new[..5_000], old[..5_000]);
        assert_eq!((new[5_000], &new[5_001..]), (b'+', &old[5_000..]));
        Ok(())
    }

    #[test]
    fn what_differs_from_the_expected_or_ends_early_is_refused() -> Result<()> {
        let source = Source::new();
        let value = || source.value("v".into(), 1, 1_000);
        let mut bytes = read(value(), 1_000)?;
        let mut expected = Expected::new(value());
        expected.write_all(&bytes[..999])?;
        assert!(expected.end().is_err());
        expected.write_all(&bytes[999..])?;
        expected.end()?;
        bytes[500] ^= 1;
        assert!(Expected::new(value()).write_all(&bytes).is_err());
        Ok(())
    }
}
