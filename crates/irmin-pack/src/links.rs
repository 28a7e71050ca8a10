//! How a record tells where the objects are that its own points to.

use irmin_core::Locator;

use crate::place::Place;
use crate::varint::{self, Reader};

/// Appends all links: their number, then each.
pub(crate) fn encode(out: &mut Vec<u8>, place: Place, links: &[Option<Locator>]) {
    varint::put(out, links.len() as u64);
    let mut near = place;
    for link in links {
        put(out, &mut near, link.map(Place::of));
    }
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(reader: &mut Reader<'_>, place: Place) -> Option<Vec<Option<Locator>>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    if count > reader.left() {
        return None;
    }
    let mut near = place;
    // Not collected: that would begin with few and grow.
    let mut links = Vec::with_capacity(count);
    for _ in 0..count {
        links.push(take(reader, &mut near)?);
    }
    Some(links)
}

/// Appends a link, told by its distance to the one before, the first by that to the record itself:
/// objects that were stored together are near each other.
pub(crate) fn put(out: &mut Vec<u8>, near: &mut Place, target: Option<Place>) {
    let Some(target) = target else {
        varint::put(out, 0);
        return;
    };
    if target.segment == near.segment {
        let distance = i64::from(target.number) - i64::from(near.number);
        varint::put(out, (varint::zigzag(distance) + 1) << 1);
    } else {
        varint::put(out, u64::from(target.segment) << 1 | 1);
        varint::put(out, u64::from(target.number));
    }
    *near = target;
}

/// Reads what [`put`] wrote: the inner `None` is a link whose place is not known.
pub(crate) fn take(reader: &mut Reader<'_>, near: &mut Place) -> Option<Option<Locator>> {
    let code = reader.varint()?;
    if code == 0 {
        return Some(None);
    }
    *near = if code & 1 == 1 {
        Place {
            segment: u32::try_from(code >> 1).ok()?,
            number: u32::try_from(reader.varint()?).ok()?,
        }
    } else {
        let distance = varint::unzigzag((code >> 1) - 1);
        let number = i64::from(near.number).checked_add(distance)?;
        Place {
            segment: near.segment,
            number: u32::try_from(number).ok()?,
        }
    };
    near.locator().map(Some)
}
