//! What stays of a segment.

use irmin_core::StoreError;

use crate::collect::bits::Bits;
use crate::collect::source::Source;

/// The records that stay, by their numbers.
#[derive(Debug)]
pub(crate) struct Kept {
    /// What is alive.
    pub(crate) objects: Bits,
    /// What something alive is made from.
    pub(crate) bases: Bits,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stays,
    /// The object is gone, but others are made from it.
    Remnant,
    Gone,
}

/// How many records there are of each kind.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) objects: u64,
    /// How many objects there will not be any more.
    pub(crate) removed: u64,
    pub(crate) is_changed: bool,
}

impl Kept {
    pub(crate) fn fate(&self, number: u32) -> Fate {
        match (self.objects.get(number), self.bases.get(number)) {
            (true, _) => Fate::Stays,
            (false, true) => Fate::Remnant,
            (false, false) => Fate::Gone,
        }
    }

    pub(crate) fn count(&self, source: &Source) -> Result<Count, StoreError> {
        let mut count = Count::default();
        for row in 0..source.len() {
            let (place, ..) = source.record(row)?;
            let was_remnant = source.is_remnant(place.number)?;
            let fate = self.fate(place.number);
            count.objects += u64::from(fate == Fate::Stays);
            count.removed += u64::from(fate != Fate::Stays && !was_remnant);
            count.is_changed |= fate == Fate::Gone || fate == Fate::Remnant && !was_remnant;
        }
        Ok(count)
    }
}
