//! Making an object from differences: from the record that was asked for down to one that is whole.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use irmin_core::{Locator, StoreError};

use crate::damage::Damage;
use crate::hunks;
use crate::layout::Layout;
use crate::place::Place;
use crate::record::Record;

/// An object and the places of what it points to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    pub(crate) links: Vec<Option<Locator>>,
    /// How many differences its record is away from a whole one.
    pub(crate) depth: u8,
}

/// What one record gives of an object.
#[derive(Debug)]
pub(crate) enum Piece {
    Whole(Arc<Whole>),
    Difference(Difference),
}

/// A record that says how an object differs from another one.
#[derive(Debug)]
pub(crate) struct Difference {
    place: Place,
    offset: u64,
    base: Place,
    depth: u8,
    length: usize,
    links: Bytes,
    hunks: Bytes,
}

/// Why an object cannot be made.
#[derive(Debug)]
pub(crate) enum Unmade {
    /// A record was not found that this one, of a segment, needs.
    Lost(Damage, u32),
    /// A record of a segment is none that was written so.
    Malformed(Damage, u32),
    Failed(StoreError),
}

impl Unmade {
    pub(crate) fn at(self, layout: &Layout) -> StoreError {
        match self {
            Self::Lost(damage, segment) | Self::Malformed(damage, segment) => {
                damage.at(&layout.segment(segment))
            }
            Self::Failed(error) => error,
        }
    }
}

/// Makes the object of a record. `fetch` reads another record, `None` when there is none. At most
/// as many steps as a difference can be deep.
pub(crate) fn make(
    piece: Piece,
    fetch: &mut dyn FnMut(Place) -> Result<Option<Piece>, StoreError>,
) -> Result<Arc<Whole>, Unmade> {
    make_each(piece, fetch, &mut |_, _| ())
}

/// As [`make`], telling of each object that is made on the way, the last one included.
pub(crate) fn make_each(
    piece: Piece,
    fetch: &mut dyn FnMut(Place) -> Result<Option<Piece>, StoreError>,
    made: &mut dyn FnMut(Place, &Arc<Whole>),
) -> Result<Arc<Whole>, Unmade> {
    let mut differences = Vec::new();
    let mut piece = piece;
    let mut whole = loop {
        let difference = match piece {
            Piece::Whole(whole) => break whole,
            Piece::Difference(difference) => difference,
        };
        let next = fetch(difference.base).map_err(Unmade::Failed)?;
        piece = next.ok_or_else(|| difference.lost())?;
        if piece.depth() >= difference.depth {
            return Err(difference.malformed());
        }
        differences.push(difference);
    };
    while let Some(difference) = differences.pop() {
        let next = difference.apply(&whole);
        whole = Arc::new(next.ok_or_else(|| difference.malformed())?);
        made(difference.place, &whole);
    }
    Ok(whole)
}

impl Piece {
    /// Returns what a record gives, which was read from `bytes` at an offset of its segment.
    pub(crate) fn new(mut record: Record<'_>, bytes: &Bytes, place: Place, offset: u64) -> Self {
        let links = std::mem::take(&mut record.links);
        Self::kept(&record, links, place, offset, &|part| bytes.slice_ref(part))
    }

    /// As [`new`](Self::new), of bytes that do not stay.
    pub(crate) fn copied(record: &Record<'_>, place: Place, offset: u64) -> Self {
        let links = match record.delta {
            None => record.links.clone(),
            Some(_) => Vec::new(),
        };
        Self::kept(record, links, place, offset, &Bytes::copy_from_slice)
    }

    fn kept(
        record: &Record<'_>,
        links: Vec<Option<Locator>>,
        place: Place,
        offset: u64,
        keep: &dyn Fn(&[u8]) -> Bytes,
    ) -> Self {
        let payload = keep(record.payload);
        match &record.delta {
            None => Self::Whole(Arc::new(Whole {
                bytes: payload,
                links,
                depth: 0,
            })),
            Some(delta) => Self::Difference(Difference {
                place,
                offset,
                base: Place::of(delta.base),
                depth: delta.depth,
                length: delta.bytes as usize,
                links: keep(delta.links),
                hunks: payload,
            }),
        }
    }

    fn depth(&self) -> u8 {
        match self {
            Self::Whole(whole) => whole.depth,
            Self::Difference(difference) => difference.depth,
        }
    }
}

impl Difference {
    fn apply(&self, base: &Whole) -> Option<Whole> {
        let bytes = hunks::apply(&base.bytes, &self.hunks, self.length)?;
        let links = match self.links.is_empty() {
            true => base.links.clone(),
            false => hunks::apply_links(&base.links, &self.links, self.place)?,
        };
        Some(Whole {
            bytes: bytes.into(),
            links,
            depth: self.depth,
        })
    }

    fn lost(&self) -> Unmade {
        let (number, segment) = (self.base.number, self.base.segment);
        let expected = format!("record {number} in segment {segment}, which this one is made from");
        let damage = Damage::new(self.offset, expected, "no such record");
        Unmade::Lost(damage, self.place.segment)
    }

    fn malformed(&self) -> Unmade {
        let damage = Damage::new(self.offset, "a difference to its base", "another one");
        Unmade::Malformed(damage, self.place.segment)
    }
}

/// The objects that were read last: what follows them in the log is often made from them.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: HashMap<Place, Arc<Whole>>,
    old: HashMap<Place, Arc<Whole>>,
    bytes: usize,
}

impl Recent {
    pub(crate) fn get(&self, place: Place) -> Option<Arc<Whole>> {
        let found = self.young.get(&place).or_else(|| self.old.get(&place));
        found.cloned()
    }

    pub(crate) fn add(&mut self, place: Place, whole: &Arc<Whole>) {
        if self.bytes >= RECENT_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += whole.bytes.len() + 8 * whole.links.len() + OVERHEAD_BYTES;
        self.young.insert(place, Arc::clone(whole));
    }
}

/// Half of what is kept.
const RECENT_BYTES: usize = 2 << 20;
const OVERHEAD_BYTES: usize = 120;
