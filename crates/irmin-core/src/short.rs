//! Bytes that are mostly few.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// So many bytes lie in place: what fits beside the tag and the length into 24 bytes.
const IN_PLACE_BYTES_MAX: usize = 22;

/// Immutable bytes; up to 22 of them lie in place, so that short names cost no allocation, no
/// counting of references, and no further memory to be fetched.
#[derive(Clone)]
pub(crate) struct Short(Repr);

#[derive(Clone)]
enum Repr {
    InPlace(u8, [u8; IN_PLACE_BYTES_MAX]),
    Shared(Arc<[u8]>),
}

impl Short {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut copy = [0; IN_PLACE_BYTES_MAX];
        Self(
            match (copy.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
                (Some(start), Ok(len)) => {
                    start.copy_from_slice(bytes);
                    Repr::InPlace(len, copy)
                }
                _ => Repr::Shared(bytes.into()),
            },
        )
    }
}

impl Deref for Short {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::InPlace(len, bytes) => &bytes[..usize::from(*len)],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl PartialEq for Short {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Short {}

impl PartialOrd for Short {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Short {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Short {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_come_back_in_order_and_in_three_words() {
        let long = [7; 300];
        for len in 0..long.len() {
            let short = Short::new(&long[..len]);
            assert_eq!(*short, long[..len]);
            assert!(short < Short::new(&long[..=len]));
        }
        assert_eq!(size_of::<Short>(), 24);
    }
}
