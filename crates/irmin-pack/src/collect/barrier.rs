//! What a collection has found to be alive, shared with the writer.

use std::collections::{BTreeMap, HashSet};

use irmin_core::Id;

use crate::collect::bits::Bits;
use crate::place::Place;

/// The marks of all segments that are not done, a bit a record.
///
/// The collector marks what is reachable; the writer marks what it is about to depend on. Both hold
/// the lock around this; the writer also holds its own, so that nothing it asks changes before it
/// has written.
#[derive(Debug, Default)]
pub(crate) struct Barrier {
    marks: BTreeMap<u32, Bits>,
    /// What is needed to make something that is alive, be it alive itself or not.
    bases: BTreeMap<u32, Bits>,
    /// What names, holds and the caller point to: never cut.
    roots: HashSet<Id>,
    /// Objects to keep whose places are not known yet; looked for in each segment that comes.
    wanted: HashSet<Id>,
    /// The segment that is looked at.
    current: u32,
    /// Whether what is not marked in the current segment is dead for good.
    is_frozen: bool,
    /// Whether the writer marked something in the current segment since it was asked.
    is_dirty: bool,
    /// Whether a commit in it became a root, so that what was cut must be decided again.
    is_recut: bool,
}

/// What a look at the current segment led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frozen {
    /// It is frozen.
    Yes,
    /// The writer marked more: look again.
    More,
    /// Look again at all.
    Recut,
}

impl Barrier {
    pub(crate) fn new(segments: impl Iterator<Item = u32>, roots: HashSet<Id>) -> Self {
        Self {
            marks: segments.map(|number| (number, Bits::default())).collect(),
            wanted: roots.clone(),
            roots,
            ..Self::default()
        }
    }

    /// Marks a record; `false` when there is no such segment, or it was done before.
    pub(crate) fn mark(&mut self, place: Place) -> bool {
        if !is_possible(place) {
            return false;
        }
        let bits = self.marks.get_mut(&place.segment);
        bits.map(|bits| bits.set(place.number)).is_some()
    }

    /// Marks a record that something alive is made from; `false` as above.
    pub(crate) fn mark_base(&mut self, place: Place) -> bool {
        let is_to_come = is_possible(place) && self.marks.contains_key(&place.segment);
        if is_to_come {
            self.bases
                .entry(place.segment)
                .or_default()
                .set(place.number);
        }
        is_to_come
    }

    pub(crate) fn is_base(&self, place: Place) -> bool {
        let bits = self.bases.get(&place.segment);
        bits.is_some_and(|bits| bits.get(place.number))
    }

    /// Marks records of one segment.
    pub(crate) fn mark_all(&mut self, segment: u32, bits: Bits) {
        if let Some(marks) = self.marks.get_mut(&segment) {
            *marks = bits;
        }
    }

    pub(crate) fn is_marked(&self, place: Place) -> bool {
        let bits = self.marks.get(&place.segment);
        bits.is_some_and(|bits| bits.get(place.number))
    }

    /// Marks a record that the writer is about to depend on; `false` when it is dead already.
    pub(crate) fn keep(&mut self, place: Place) -> bool {
        let is_current = place.segment == self.current;
        match self.marks.get_mut(&place.segment) {
            // New, or done: then its tables tell what it holds.
            None => true,
            Some(_) if !is_possible(place) => false,
            Some(bits) if is_current && self.is_frozen => bits.get(place.number),
            Some(bits) => {
                self.is_dirty |= bits.set(place.number) && is_current;
                true
            }
        }
    }

    /// Marks a record that the writer is about to make something from; `false` when it is gone
    /// already.
    pub(crate) fn keep_base(&mut self, place: Place) -> bool {
        let is_current = place.segment == self.current;
        if !self.marks.contains_key(&place.segment) {
            return true;
        }
        if !is_possible(place) {
            return false;
        }
        if is_current && self.is_frozen {
            return self.is_marked(place) || self.is_base(place);
        }
        let bits = self.bases.entry(place.segment).or_default();
        self.is_dirty |= bits.set(place.number) && is_current;
        true
    }

    /// Notes that a name or a hold points to a commit from now on.
    pub(crate) fn add_root(&mut self, id: Id, place: Place) {
        if self.roots.insert(id) && place.segment == self.current {
            self.is_dirty = true;
            self.is_recut = true;
        }
    }

    /// Notes a root whose place is not known; tells whether it is new.
    pub(crate) fn want_root(&mut self, id: Id) -> bool {
        let is_new = self.roots.insert(id);
        if is_new {
            self.wanted.insert(id);
        }
        is_new
    }

    pub(crate) fn is_root(&self, id: &Id) -> bool {
        self.roots.contains(id)
    }

    pub(crate) fn want(&mut self, id: Id) {
        self.wanted.insert(id);
    }

    pub(crate) fn wanted(&self) -> Vec<Id> {
        self.wanted.iter().copied().collect()
    }

    pub(crate) fn found(&mut self, id: &Id, place: Place) {
        self.wanted.remove(id);
        self.mark(place);
    }

    /// Begins with the next segment.
    pub(crate) fn enter(&mut self, segment: u32) {
        self.current = segment;
        self.is_frozen = false;
        self.is_dirty = false;
        self.is_recut = false;
    }

    /// Freezes the current segment, unless the writer marked more in it.
    pub(crate) fn freeze(&mut self) -> Frozen {
        let frozen = match (self.is_recut, self.is_dirty) {
            (true, _) => Frozen::Recut,
            (_, true) => Frozen::More,
            _ => Frozen::Yes,
        };
        self.is_frozen = frozen == Frozen::Yes;
        self.is_dirty = false;
        self.is_recut = false;
        frozen
    }

    /// Returns the marks of the current segment.
    pub(crate) fn marks(&self) -> Bits {
        self.marks.get(&self.current).cloned().unwrap_or_default()
    }

    /// Returns the records of the current segment that something alive is made from.
    pub(crate) fn bases(&self) -> Bits {
        self.bases.get(&self.current).cloned().unwrap_or_default()
    }

    /// Forgets the current segment: from now on its tables tell what it holds.
    pub(crate) fn done(&mut self) {
        self.marks.remove(&self.current);
        self.bases.remove(&self.current);
    }
}

/// Whether a segment can have a record of that number: a hostile link must not cost a bit for each of
/// four billion.
pub(crate) const fn is_possible(place: Place) -> bool {
    place.number < RECORDS_MAX
}

/// A segment of 1 GiB and a frame more has fewer records, of 5 bytes at least.
const RECORDS_MAX: u32 = 1 << 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_no_segment_can_have_is_not_noted() {
        let mut barrier = Barrier::new(std::iter::once(1), HashSet::new());
        for (number, is_taken) in [(7, true), (RECORDS_MAX, false), (u32::MAX, false)] {
            let place = Place { segment: 1, number };
            assert_eq!(barrier.mark(place), is_taken);
            assert_eq!(barrier.mark_base(place), is_taken);
            assert_eq!(barrier.keep(place), is_taken);
            assert_eq!(barrier.keep_base(place), is_taken);
        }
    }
}
