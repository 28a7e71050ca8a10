//! A fuzzer's bytes as a sequence of pieces.

/// Takes pieces off the front; what is missing is zero or empty.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// Takes a length of two bytes, low byte first, and so many bytes.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes([self.byte(), self.byte()]);
        let (piece, rest) = self.0.split_at(self.0.len().min(length.into()));
        self.0 = rest;
        piece
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
