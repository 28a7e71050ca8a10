//! What lies beside the pointer to an inner node: the half bytes that the names below share.

/// So many lie in place, in what a slot has room for beside its tag and a pointer.
const IN_PLACE_MAX: usize = 6;
/// The node itself has them.
const LONG: u8 = u8::MAX;

/// Half bytes, if they are few.
///
/// Whoever comes from the node above goes right on to the slot of the child that it looks for. Of a
/// longer prefix it has to fetch the node's head, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    len: u8,
    halves: [u8; IN_PLACE_MAX],
}

impl Prefix {
    pub(super) fn new(prefix: &[u8]) -> Self {
        let mut halves = [0; IN_PLACE_MAX];
        let len = match (halves.get_mut(..prefix.len()), u8::try_from(prefix.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(prefix);
                len
            }
            _ => LONG,
        };
        Self { len, halves }
    }

    /// Returns the half bytes, if they lie in place.
    #[inline]
    pub(super) fn in_place(&self) -> Option<&[u8]> {
        self.halves.get(..usize::from(self.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_half_bytes_lie_in_place_and_many_do_not() {
        let halves = [7; 300];
        for len in [0, 1, 6, 7, 254, 255, 256, 300] {
            let prefix = Prefix::new(&halves[..len]);
            assert_eq!(prefix.in_place(), (len <= 6).then_some(&halves[..len]));
        }
        assert_eq!(size_of::<Prefix>(), 7);
    }
}
