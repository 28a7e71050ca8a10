//! The bytes of a bucket: shared, or its own with room to grow.

use std::ops::{Deref, Range};

use bytes::Bytes;

/// What is changed once, as in most commits, is made anew and shared with the store. What is
/// changed again before that, as while a tree is loaded, is changed in place: making a new run for
/// each of a bucket's entries took a sixth of the time of a load.
#[derive(Clone, Debug)]
pub(super) enum Run {
    Shared(Bytes),
    Own(Vec<u8>),
}

impl Run {
    /// Returns the bytes for sharing; they are shared from now on.
    pub(super) fn share(&mut self) -> &Bytes {
        if let Self::Own(bytes) = self {
            *self = Self::Shared(std::mem::take(bytes).into());
        }
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(_) => unreachable!("because it was just shared"),
        }
    }

    /// Returns the bytes, copied where they are not shared.
    pub(super) fn to_shared(&self) -> Bytes {
        match self {
            Self::Shared(bytes) => bytes.clone(),
            Self::Own(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl Deref for Run {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Returns bytes with ranges of them, in order, replaced.
pub(super) fn with_replaced<const N: usize>(
    bytes: &[u8],
    old: &[Range<usize>; N],
    new: &[&[u8]; N],
) -> Vec<u8> {
    let removed: usize = old.iter().map(ExactSizeIterator::len).sum();
    let added: usize = new.iter().map(|new| new.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + added - removed);
    let mut from = 0;
    for (old, new) in old.iter().zip(new) {
        out.extend_from_slice(&bytes[from..old.start]);
        out.extend_from_slice(new);
        from = old.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// Replaces ranges of bytes, in order, in place unless one gets shorter.
pub(super) fn replace<const N: usize>(
    bytes: &mut Vec<u8>,
    old: &[Range<usize>; N],
    new: &[&[u8]; N],
) {
    let grown = |(old, new): (&Range<usize>, &&[u8])| new.len().checked_sub(old.len());
    let Some(mut shift) = old.iter().zip(new).map(grown).sum::<Option<usize>>() else {
        *bytes = with_replaced(bytes, old, new);
        return;
    };
    let mut end = bytes.len();
    if bytes.capacity() < end + shift {
        // Half as much again: twice would leave a quarter of a load's memory unused.
        bytes.reserve_exact(shift.max(end / 2));
    }
    bytes.resize(end + shift, 0);
    for (old, new) in old.iter().zip(new).rev() {
        bytes.copy_within(old.end..end, old.end + shift);
        shift -= new.len() - old.len();
        let start = old.start + shift;
        bytes[start..start + new.len()].copy_from_slice(new);
        end = old.start;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn replacing_in_place_and_anew_give_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            mut cuts in prop::collection::vec(0_usize..60, 6),
            new in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 3),
        ) {
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(bytes.len()));
            cuts.sort_unstable();
            let old = [cuts[0]..cuts[1], cuts[2]..cuts[3], cuts[4]..cuts[5]];
            let new = [&new[0][..], &new[1], &new[2]];
            let mut expected = bytes.clone();
            for (old, new) in old.iter().zip(new).rev() {
                expected.splice(old.clone(), new.iter().copied());
            }
            prop_assert_eq!(&with_replaced(&bytes, &old, &new), &expected);
            let mut changed = bytes;
            replace(&mut changed, &old, &new);
            prop_assert_eq!(changed, expected);
        }
    }
}
