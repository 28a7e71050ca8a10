//! Names seen as half bytes, high half first: the alphabet of a directory's radix tree.

/// Returns the half byte at `position`; the name must be longer.
pub(super) fn nibble(name: &[u8], position: usize) -> u8 {
    let byte = name[position / 2];
    if position.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 0x0f
    }
}

/// Returns the half bytes of a name.
pub(super) const fn nibbles(name: &[u8]) -> usize {
    name.len() * 2
}

/// Returns how many half bytes two names share from `position` on.
pub(super) fn common(left: &[u8], right: &[u8], position: usize) -> usize {
    let end = nibbles(left).min(nibbles(right));
    (position..end)
        .take_while(|&at| nibble(left, at) == nibble(right, at))
        .count()
}

/// A name under construction while a radix tree is walked.
#[derive(Clone, Default, Debug)]
pub(super) struct NameBuf {
    bytes: Vec<u8>,
    nibbles: usize,
}

impl NameBuf {
    pub(super) const fn nibbles(&self) -> usize {
        self.nibbles
    }

    pub(super) fn push(&mut self, nibble: u8) {
        match self.bytes.last_mut() {
            Some(last) if self.nibbles % 2 == 1 => *last |= nibble,
            _ => self.bytes.push(nibble << 4),
        }
        self.nibbles += 1;
    }

    pub(super) fn extend(&mut self, nibbles: &[u8]) {
        nibbles.iter().for_each(|&nibble| self.push(nibble));
    }

    pub(super) fn truncate(&mut self, nibbles: usize) {
        self.bytes.truncate(nibbles.div_ceil(2));
        self.nibbles = nibbles;
        if let Some(last) = self.bytes.last_mut()
            && nibbles % 2 == 1
        {
            *last &= 0xf0;
        }
    }

    /// Becomes a name of so many half bytes, as [`bytes`](Self::bytes) of another one.
    pub(super) fn set(&mut self, bytes: &[u8], nibbles: usize) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.nibbles = nibbles;
    }

    /// Returns the bytes, of which the last may be half there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the whole bytes so far: what a bucket's suffixes are appended to.
    pub(super) fn whole_bytes(&self) -> &[u8] {
        &self.bytes[..self.nibbles / 2]
    }

    /// Returns the name that ends with a bucket's `suffix`.
    pub(super) fn with_suffix(&self, suffix: &[u8]) -> Vec<u8> {
        [self.whole_bytes(), suffix].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_rebuilt_from_its_half_bytes() {
        let name = b"caf\xc3\xa9";
        let mut buf = NameBuf::default();
        (0..nibbles(name)).for_each(|at| buf.push(nibble(name, at)));
        assert_eq!(buf.whole_bytes(), name);
        buf.truncate(3);
        assert_eq!(buf.with_suffix(b"afx"), b"cafx");
        buf.push(0x1);
        assert_eq!(buf.whole_bytes(), b"ca");
    }

    #[test]
    fn common_counts_half_bytes() {
        assert_eq!(common(b"ab", b"ac", 0), 3);
        assert_eq!(common(b"ab", b"ab", 1), 3);
        assert_eq!(common(b"a", b"abc", 0), 2);
    }
}
