//! What objects are stored as the difference to.

use irmin_core::{Base, Kind, Locator, Object, StoreError};

use crate::hunks;
use crate::place::{Place, narrow};
use crate::record::{DELTA_BYTES_MAX, DEPTH_MAX, Delta};
use crate::store::Inner;

/// What the writer keeps from object to object.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The links of the object that is being stored.
    pub(crate) links: Vec<Option<Locator>>,
    base_links: Vec<Option<Locator>>,
    link_hunks: Vec<u8>,
    hunks: Vec<u8>,
    written: Written,
}

/// The links of an object, and the difference to another one with its hunks, if it is stored so.
type Form<'a> = (&'a [Option<Locator>], Option<(Delta<'a>, &'a [u8])>);

/// An object that another one is stored as the difference to; its links are in the scratch.
pub(crate) struct Chosen<'a> {
    base: Base<'a>,
    depth: u8,
}

impl Inner {
    /// Returns what an object is to be stored as the difference to, if the caller named something
    /// that is there, stays, and is not itself too far from a whole record. Called by the holder of
    /// the writer's lock.
    pub(crate) fn base_of<'a>(
        &self,
        object: &Object<'a>,
        scratch: &mut Scratch,
    ) -> Result<Option<Chosen<'a>>, StoreError> {
        let Some(base) = object.base else {
            return Ok(None);
        };
        let place = Place::of(base.locator);
        let larger = object.bytes.len().max(base.bytes.len());
        if object.kind == Kind::Blob || larger > DELTA_BYTES_MAX {
            return Ok(None);
        }
        if !self.is_kept_as_base(place)? {
            return Ok(None);
        }
        scratch.base_links.clear();
        let depth = match scratch.written.get(place) {
            Some(slot) if slot.depth >= DEPTH_MAX || slot.sum != Sum::of(base.bytes) => {
                return Ok(None);
            }
            Some(slot) => {
                let links = scratch.written.links(slot);
                scratch.base_links.extend_from_slice(links);
                slot.depth
            }
            None => {
                let Some(whole) = self.base(place)? else {
                    return Ok(None);
                };
                if whole.bytes != base.bytes {
                    return Ok(None);
                }
                scratch.base_links.extend_from_slice(&whole.links);
                whole.depth
            }
        };
        Ok((depth < DEPTH_MAX).then_some(Chosen { base, depth }))
    }
}

impl Scratch {
    /// Returns the links of an object, and the difference to its base with its hunks, if that is
    /// clearly smaller than the object: what is saved has to be worth another record to read.
    pub(crate) fn form(
        &mut self,
        object: &Object<'_>,
        chosen: Option<Chosen<'_>>,
        place: Place,
    ) -> Form<'_> {
        let depth = chosen.and_then(|chosen| {
            self.difference(object, &chosen, place)?;
            Some((chosen.base.locator, chosen.depth + 1))
        });
        let delta = depth.map(|(base, depth)| Delta {
            base,
            depth,
            bytes: narrow(object.bytes.len()),
            links: &self.link_hunks,
        });
        (&self.links, delta.map(|delta| (delta, &*self.hunks)))
    }

    fn difference(&mut self, object: &Object<'_>, chosen: &Chosen<'_>, place: Place) -> Option<()> {
        self.hunks.clear();
        self.link_hunks.clear();
        hunks::diff_links(&self.base_links, &self.links, place, &mut self.link_hunks);
        let most = (object.bytes.len() / 2).checked_sub(self.link_hunks.len() + FRONT_BYTES)?;
        hunks::diff(chosen.base.bytes, object.bytes, most, &mut self.hunks)
    }

    /// Notes how an object was stored that others may be made from.
    pub(crate) fn remember(&mut self, place: Place, object: &Object<'_>, depth: u8) {
        if object.kind != Kind::Blob {
            self.written
                .add(place, depth, Sum::of(object.bytes), &self.links);
        }
    }
}

/// The depth and the links of the records that were written last: mostly one of them is the base of
/// the next, and need not be read for that. A commit that changes one entry asks for seven; found here each
/// costs 20 ns, read from the file 1 µs.
#[derive(Debug, Default)]
struct Written {
    /// By the last bits of the record's number.
    slots: Vec<Slot>,
    /// The links, one record's after the other's, from the beginning again when full.
    links: Vec<Option<Locator>>,
    /// Where the next links go, counted on and on.
    end: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    place: Place,
    start: usize,
    links: u32,
    /// Of the object.
    sum: Sum,
    depth: u8,
}

/// The length and the checksum of an object: what somebody says its bytes are is compared with that, as
/// a difference to other bytes would make an object of no use. Some 40 ns a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    bytes: u32,
    crc: u32,
}

impl Sum {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: narrow(bytes.len()),
            crc: crc32fast::hash(bytes),
        }
    }
}

impl Written {
    fn add(&mut self, place: Place, depth: u8, sum: Sum, links: &[Option<Locator>]) {
        if links.len() > LINKS {
            return;
        }
        let index = place.number as usize % SLOTS;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, Slot::default());
        }
        let mut start = self.end;
        let mut at = start % LINKS;
        if at + links.len() > LINKS {
            // Those of one record lie together.
            start = start.wrapping_add(LINKS - at);
            at = 0;
        }
        let end = at + links.len();
        if self.links.len() < end {
            self.links.resize(end, None);
        }
        let Some((slot, room)) = self.slots.get_mut(index).zip(self.links.get_mut(at..end)) else {
            return;
        };
        room.copy_from_slice(links);
        *slot = Slot {
            place,
            start,
            links: narrow(links.len()),
            sum,
            depth,
        };
        self.end = start.wrapping_add(links.len());
    }

    fn get(&self, place: Place) -> Option<&Slot> {
        let slot = self.slots.get(place.number as usize % SLOTS)?;
        let is_overwritten = self.end.wrapping_sub(slot.start) > LINKS;
        (slot.place == place && !is_overwritten).then_some(slot)
    }

    fn links(&self, slot: &Slot) -> &[Option<Locator>] {
        let start = slot.start % LINKS;
        let links = self.links.get(start..start + slot.links as usize);
        links.unwrap_or_default()
    }
}

/// Some 500 KiB, and 512 KiB of links: the nodes of the last 2,000 commits of one entry each.
const SLOTS: usize = 1 << 14;
const LINKS: usize = 1 << 16;
/// About what a difference takes beside its hunks: checksum, head, place of the base, length.
const FRONT_BYTES: usize = 14;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn what_is_remembered_is_what_was_written(
            sizes in prop::collection::vec((0..3000usize, 1..9000u32), 1..150),
        ) {
            let (mut written, mut model) = (Written::default(), HashMap::new());
            let mut number = 0;
            for (size, step) in sizes {
                number += step;
                let place = Place { segment: 1, number };
                let links = vec![place.locator(); size];
                let depth = (number % 8).to_le_bytes()[0];
                let sum = Sum { bytes: number, crc: !number };
                written.add(place, depth, sum, &links);
                prop_assert!(written.get(place).is_some());
                model.insert(place, (depth, links));
            }
            for (place, (depth, links)) in &model {
                if let Some(found) = written.get(*place) {
                    prop_assert_eq!((found.depth, found.sum.bytes, found.sum.crc), (*depth, place.number, !place.number));
                    prop_assert_eq!(written.links(found), links.as_slice());
                }
            }
            prop_assert!(written.links.len() <= LINKS && written.slots.len() <= SLOTS);
        }
    }
}
