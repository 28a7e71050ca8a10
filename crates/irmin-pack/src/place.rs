//! Where a record lives: a segment's number and the record's number in it.

use std::num::NonZeroU64;

use irmin_core::Locator;

/// A record's place, which a locator spells as `segment << 32 | number`. Segments count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) number: u32,
}

impl Place {
    pub(crate) fn locator(self) -> Option<Locator> {
        NonZeroU64::new(u64::from(self.segment) << 32 | u64::from(self.number)).map(Locator)
    }

    pub(crate) fn of(locator: Locator) -> Self {
        let number = locator.0.get();
        Self {
            segment: (number >> 32) as u32,
            number: (number & 0xffff_ffff) as u32,
        }
    }
}

/// Narrows a length or a count that the limits of the format keep below 2^32.
pub(crate) fn narrow(value: usize) -> u32 {
    u32::try_from(value).expect("because limits keep a segment below 4 GiB")
}

/// Narrows an offset in a segment.
pub(crate) fn narrow64(value: u64) -> u32 {
    u32::try_from(value).expect("because limits keep a segment below 4 GiB")
}
