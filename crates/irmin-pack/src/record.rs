//! One object in a segment: checksum, head, generation, links, payload.

use crc32fast::Hasher;
use irmin_core::{Cut, Kind, Locator, Object};

use crate::damage::Damage;
use crate::place::Place;
use crate::varint::{self, Reader};

/// A record, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the object is.
    pub kind: Kind,
    /// The generation of a commit; 0 for other kinds.
    pub generation: u32,
    /// What is left out beneath a commit.
    pub cut: Cut,
    /// Where the objects are that it points to, as far as known.
    pub links: Vec<Option<Locator>>,
    /// The object's encoding, whose SHA-256 is its id.
    pub payload: &'a [u8],
    /// How many bytes the record takes.
    pub length: usize,
}

/// Appends the record of an object with the given links, in order.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    place: Place,
    object: &Object<'_>,
    links: impl ExactSizeIterator<Item = Option<Locator>>,
) {
    let start = out.len();
    out.extend_from_slice(&[0; CRC_BYTES]);
    let has_links = u64::from(links.len() > 0) << 2;
    let kind = u64::from(object.kind.code() - 1);
    varint::put(out, (object.bytes.len() as u64) << 3 | has_links | kind);
    if object.kind == Kind::Commit {
        varint::put(out, object.cut.with_generation(object.generation));
    }
    if links.len() > 0 {
        encode_links(out, place, links);
    }
    out.extend_from_slice(object.bytes);
    let crc = checksum(&out[start + CRC_BYTES..], place);
    out[start..start + CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// Appends a commit's record once more, with other things left out beneath it.
pub(crate) fn recut(out: &mut Vec<u8>, place: Place, record: &Record<'_>, cut: Cut) {
    let keys = vec![irmin_core::Key::from(irmin_core::Id::NULL); record.links.len()];
    let object = Object {
        base: None,
        id: irmin_core::Id::NULL,
        kind: record.kind,
        bytes: record.payload,
        links: &keys,
        generation: record.generation,
        cut,
    };
    encode(out, place, &object, record.links.iter().copied());
}

/// At most how many bytes the record of an object takes.
pub(crate) fn length_max(object: &Object<'_>) -> usize {
    CRC_BYTES + VARINT_BYTES_MAX * (3 + 2 * object.links.len()) + object.bytes.len()
}

impl<'a> Record<'a> {
    /// Reads the record at the front of `bytes`, which is the record of that number in that
    /// segment: a record from another place fails its checksum. `offset` is where `bytes` start in
    /// the file, for messages.
    ///
    /// # Errors
    /// [`Damage`] for anything that was not written so.
    pub(crate) fn parse(bytes: &'a [u8], place: Place, offset: u64) -> Result<Self, Damage> {
        let record = Self::fields(bytes, place)
            .ok_or_else(|| Damage::new(offset, "a record", "bytes that are none"))?;
        let stored = bytes
            .first_chunk::<CRC_BYTES>()
            .copied()
            .unwrap_or_default();
        let stored = u32::from_le_bytes(stored);
        let computed = checksum(&bytes[CRC_BYTES..record.length], place);
        if stored == computed {
            Ok(record)
        } else {
            Err(Damage::crc(offset, stored, computed))
        }
    }

    /// Reads a record without checking it.
    pub(crate) fn fields(bytes: &'a [u8], place: Place) -> Option<Self> {
        let mut reader = Reader::new(bytes, CRC_BYTES);
        let head = reader.varint()?;
        let kind = Kind::from_code((head & 3) as u8 + 1)?;
        let (generation, cut) = match kind {
            Kind::Commit => Cut::split_generation(reader.varint()?)?,
            _ => (0, Cut::NONE),
        };
        let links = match head & 4 {
            0 => Vec::new(),
            _ => decode_links(&mut reader, place)?,
        };
        let payload = reader.take(usize::try_from(head >> 3).ok()?)?;
        Some(Self {
            kind,
            generation,
            cut,
            links,
            payload,
            length: reader.at(),
        })
    }
}

/// Each link is told by its distance to the one before, the first by that to the record itself:
/// objects that were stored together are near each other.
fn encode_links(
    out: &mut Vec<u8>,
    place: Place,
    links: impl ExactSizeIterator<Item = Option<Locator>>,
) {
    varint::put(out, links.len() as u64);
    let mut near = place;
    for link in links {
        let Some(target) = link.map(Place::of) else {
            varint::put(out, 0);
            continue;
        };
        if target.segment == near.segment {
            let distance = i64::from(target.number) - i64::from(near.number);
            varint::put(out, (varint::zigzag(distance) + 1) << 1);
        } else {
            varint::put(out, u64::from(target.segment) << 1 | 1);
            varint::put(out, u64::from(target.number));
        }
        near = target;
    }
}

fn decode_links(reader: &mut Reader<'_>, place: Place) -> Option<Vec<Option<Locator>>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    if count > reader.left() {
        return None;
    }
    let mut links = Vec::with_capacity(count);
    let mut near = place;
    for _ in 0..count {
        let code = reader.varint()?;
        if code == 0 {
            links.push(None);
            continue;
        }
        near = if code & 1 == 1 {
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
        links.push(Some(near.locator()?));
    }
    Some(links)
}

/// The place is part of the checksum, so that a record never passes for another one.
fn checksum(bytes: &[u8], place: Place) -> u32 {
    let mut hasher = Hasher::new();
    let seed = u64::from(place.segment) << 32 | u64::from(place.number);
    hasher.update(&seed.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

const CRC_BYTES: usize = 4;
const VARINT_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use irmin_core::{Id, Key};
    use proptest::prelude::*;

    use super::*;

    const HERE: Place = Place {
        segment: 7,
        number: 100,
    };

    fn encoded(kind: Kind, generation: u32, links: &[Option<Locator>], payload: &[u8]) -> Vec<u8> {
        let keys = vec![Key::from(Id::of(b"")); links.len()];
        let object = Object {
            base: None,
            cut: Cut::NONE,
            id: Id::of(payload),
            kind,
            bytes: payload,
            links: &keys,
            generation,
        };
        let mut out = Vec::new();
        encode(&mut out, HERE, &object, links.iter().copied());
        assert!(out.len() <= length_max(&object));
        out
    }

    fn any_link() -> impl Strategy<Value = Option<Locator>> {
        (any::<bool>(), 1..9u32, any::<u32>()).prop_map(|(known, segment, number)| {
            let place = Place { segment, number };
            known.then(|| place.locator()).flatten()
        })
    }

    proptest! {
        #[test]
        fn a_record_comes_back(
            code in 1..=4u8,
            generation: u32,
            links in prop::collection::vec(any_link(), 0..20),
            payload in prop::collection::vec(any::<u8>(), 0..500),
        ) {
            let kind = Kind::from_code(code).unwrap();
            let mut bytes = encoded(kind, generation, &links, &payload);
            let length = bytes.len();
            bytes.extend_from_slice(b"what follows");
            let record = Record::parse(&bytes, HERE, 0).unwrap();
            prop_assert_eq!(record.kind, kind);
            let kept = if kind == Kind::Commit { generation } else { 0 };
            prop_assert_eq!(record.generation, kept);
            prop_assert_eq!(record.links, links);
            prop_assert_eq!(record.payload, payload);
            prop_assert_eq!(record.length, length);
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::parse(&bytes, HERE, 0);
        }
    }

    #[test]
    fn a_flipped_bit_or_another_place_is_noticed() {
        let links = [HERE.locator()];
        let bytes = encoded(Kind::Commit, 9, &links, b"payload of a commit");
        for index in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[index / 8] ^= 1 << (index % 8);
            assert!(Record::parse(&wrong, HERE, 0).is_err(), "bit {index}");
        }
        let elsewhere = Place { number: 99, ..HERE };
        assert!(Record::parse(&bytes, elsewhere, 0).is_err());
    }

    #[test]
    fn a_record_costs_few_bytes_beside_its_payload() {
        assert_eq!(encoded(Kind::Blob, 0, &[], &[1; 400]).len(), 400 + 6);
        let near = Place { number: 99, ..HERE };
        let node = encoded(Kind::Node, 0, &[near.locator(); 4], &[1; 400]);
        assert_eq!(node.len(), 400 + 6 + 1 + 4);
    }
}
