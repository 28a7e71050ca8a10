//! One object in a segment: checksum, head, generation, links, payload; whole, or as the difference
//! to another one.

use crc32fast::Hasher;
use irmin_core::{Cut, Kind, Locator, Object};

use crate::damage::Damage;
use crate::links;
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
    /// Whether the object is gone, and the record only there because others are told by their
    /// difference to it.
    pub is_remnant: bool,
    /// What the object is made from, where the record holds the difference only.
    pub delta: Option<Delta<'a>>,
    /// Where the objects are that it points to, as far as known. None of a difference: its links are
    /// made from its base's.
    pub links: Vec<Option<Locator>>,
    /// The object's encoding, whose SHA-256 is its id; or the hunks that make it from its base's.
    pub payload: &'a [u8],
    /// How many bytes the record takes.
    pub length: usize,
}

/// What a difference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta<'a> {
    /// The record of the base, which is before this one.
    pub base: Locator,
    /// How many differences there are from a whole record to this one, itself included: 1 to 7.
    pub depth: u8,
    /// How many bytes the object has.
    pub bytes: u32,
    /// The hunks that make its links from its base's; empty when they are the same.
    pub links: &'a [u8],
}

/// Appends the record of an object with the given links, in order.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    place: Place,
    object: &Object<'_>,
    links: &[Option<Locator>],
) {
    let start = out.len();
    out.extend_from_slice(&[0; CRC_BYTES]);
    Front::of(object).put(out, object.bytes.len(), links.len(), None);
    if !links.is_empty() {
        links::encode(out, place, links);
    }
    finish(out, start, place, object.bytes);
}

/// Appends the record of an object as the difference to another one, with the hunks that make it.
pub(crate) fn encode_delta(
    out: &mut Vec<u8>,
    place: Place,
    object: &Object<'_>,
    delta: &Delta<'_>,
    hunks: &[u8],
) {
    let start = out.len();
    out.extend_from_slice(&[0; CRC_BYTES]);
    Front::of(object).put_delta(out, place, delta, hunks.len());
    finish(out, start, place, hunks);
}

/// Appends a record once more, with other things left out beneath a commit, or as a remnant.
pub(crate) fn encode_again(
    out: &mut Vec<u8>,
    place: Place,
    record: &Record<'_>,
    cut: Cut,
    is_remnant: bool,
) {
    let start = out.len();
    out.extend_from_slice(&[0; CRC_BYTES]);
    let front = Front {
        kind: record.kind,
        generation: record.generation,
        cut,
        is_remnant,
    };
    match &record.delta {
        Some(delta) => front.put_delta(out, place, delta, record.payload.len()),
        None => {
            front.put(out, record.payload.len(), record.links.len(), None);
            if !record.links.is_empty() {
                links::encode(out, place, &record.links);
            }
        }
    }
    finish(out, start, place, record.payload);
}

/// At most how many bytes the record of an object takes.
pub(crate) fn length_max(object: &Object<'_>) -> usize {
    CRC_BYTES + 1 + VARINT_BYTES_MAX * (3 + 2 * object.links.len()) + object.bytes.len()
}

/// What a record begins with.
struct Front {
    kind: Kind,
    generation: u32,
    cut: Cut,
    is_remnant: bool,
}

impl Front {
    fn of(object: &Object<'_>) -> Self {
        Self {
            kind: object.kind,
            generation: object.generation,
            cut: object.cut,
            is_remnant: false,
        }
    }

    fn put(&self, out: &mut Vec<u8>, payload: usize, links: usize, depth: Option<u8>) {
        let has_links = u8::from(links > 0) << 2;
        let kind_and_links = (self.kind.code() - 1) | has_links;
        let looks_like_form = kind_and_links == ESCAPE && links >= usize::from(IS_FORM);
        let depth = depth.or((self.is_remnant || looks_like_form).then_some(0));
        let code = depth.map_or(kind_and_links, |_| ESCAPE);
        varint::put(out, (payload as u64) << 3 | u64::from(code));
        if let Some(depth) = depth {
            let is_remnant = u8::from(self.is_remnant) << 3;
            out.push(IS_FORM | depth << 4 | is_remnant | kind_and_links);
        }
        if self.kind == Kind::Commit {
            varint::put(out, self.cut.with_generation(self.generation));
        }
    }

    fn put_delta(&self, out: &mut Vec<u8>, place: Place, delta: &Delta<'_>, hunks: usize) {
        self.put(out, hunks, delta.links.len(), Some(delta.depth));
        links::put(out, &mut { place }, Some(Place::of(delta.base)));
        varint::put(out, u64::from(delta.bytes));
        if !delta.links.is_empty() {
            varint::put(out, delta.links.len() as u64);
            out.extend_from_slice(delta.links);
        }
    }
}

fn finish(out: &mut Vec<u8>, start: usize, place: Place, payload: &[u8]) {
    out.extend_from_slice(payload);
    let crc = checksum(&out[start + CRC_BYTES..], place);
    out[start..start + CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
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
        let form = Form::take(&mut reader, (head & 7) as u8)?;
        let (generation, cut) = match form.kind {
            Kind::Commit => Cut::split_generation(reader.varint()?)?,
            _ => (0, Cut::NONE),
        };
        let mut links = Vec::new();
        let mut delta = None;
        if form.depth > 0 {
            delta = Some(Delta::take(&mut reader, &form, place)?);
        } else if form.has_links {
            links = links::decode(&mut reader, place)?;
        }
        let payload = reader.take(usize::try_from(head >> 3).ok()?)?;
        Some(Self {
            kind: form.kind,
            generation,
            cut,
            is_remnant: form.is_remnant,
            delta,
            links,
            payload,
            length: reader.at(),
        })
    }

    /// How many bytes the object has.
    pub(crate) fn object_bytes(&self) -> usize {
        let of_delta = self.delta.map(|delta| delta.bytes as usize);
        of_delta.unwrap_or(self.payload.len())
    }
}

impl<'a> Delta<'a> {
    fn take(reader: &mut Reader<'a>, form: &Form, place: Place) -> Option<Self> {
        let base = links::take(reader, &mut { place })??;
        let bytes = u32::try_from(reader.varint()?).ok()?;
        let links = match form.has_links {
            false => &[],
            true => {
                let length = usize::try_from(reader.varint()?).ok()?;
                reader.take(length)?
            }
        };
        let is_allowed = Place::of(base) < place && bytes as usize <= DELTA_BYTES_MAX;
        is_allowed.then_some(Self {
            base,
            depth: form.depth,
            bytes,
            links,
        })
    }
}

/// What the bits of a record's front say.
struct Form {
    kind: Kind,
    has_links: bool,
    is_remnant: bool,
    depth: u8,
}

impl Form {
    fn take(reader: &mut Reader<'_>, code: u8) -> Option<Self> {
        let bits = match (code, reader.peek()) {
            (ESCAPE, Some(form)) if form >= IS_FORM => reader.byte()?,
            _ => code,
        };
        Some(Self {
            kind: Kind::from_code((bits & 3) + 1)?,
            has_links: bits & 4 != 0,
            is_remnant: bits & 8 != 0,
            depth: bits >> 4 & 7,
        })
    }
}

/// The place is part of the checksum, so that a record never passes for another one.
fn checksum(bytes: &[u8], place: Place) -> u32 {
    let mut hasher = Hasher::new();
    let seed = u64::from(place.segment) << 32 | u64::from(place.number);
    hasher.update(&seed.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// How many differences a reader may have to apply for one object.
pub(crate) const DEPTH_MAX: u8 = 7;
/// Larger objects are stored whole: so much is made at most for each step of a reader.
pub(crate) const DELTA_BYTES_MAX: usize = 1 << 16;
/// A head that says *blob with links*, as no blob has any, is followed by a byte that says more,
/// from [`IS_FORM`] on.
const ESCAPE: u8 = 4;
const IS_FORM: u8 = 0x80;
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
        encode(&mut out, HERE, &object, links);
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
        fn a_difference_comes_back_and_so_does_its_remnant(
            code in 1..=4u8,
            generation: u32,
            depth in 1..=DEPTH_MAX,
            base in 0..700u32,
            object_bytes in 0..=DELTA_BYTES_MAX,
            links in prop::collection::vec(any::<u8>(), 0..40),
            hunks in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let kind = Kind::from_code(code).unwrap();
            let bytes = vec![7; object_bytes];
            let delta = Delta {
                base: Place { segment: base / 100 + 1, number: base % 100 }.locator().unwrap(),
                depth,
                bytes: u32::try_from(object_bytes).unwrap(),
                links: &links,
            };
            let object = Object {
                base: None,
                cut: Cut::NONE,
                id: Id::NULL,
                kind,
                bytes: &bytes,
                links: &[],
                generation,
            };
            let mut out = Vec::new();
            encode_delta(&mut out, HERE, &object, &delta, &hunks);
            let record = Record::parse(&out, HERE, 0).unwrap();
            prop_assert_eq!(record.delta, Some(delta));
            prop_assert_eq!(record.payload, &hunks);
            prop_assert_eq!(record.object_bytes(), object_bytes);
            prop_assert_eq!((record.kind, record.is_remnant), (kind, false));
            let kept = if kind == Kind::Commit { generation } else { 0 };
            prop_assert_eq!((record.generation, record.length), (kept, out.len()));
            let mut again = Vec::new();
            encode_again(&mut again, HERE, &record, record.cut, true);
            let remnant = Record::parse(&again, HERE, 0).unwrap();
            prop_assert_eq!(remnant, Record { is_remnant: true, ..record });
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::parse(&bytes, HERE, 0);
        }
    }

    #[test]
    fn links_of_a_blob_are_no_form() {
        for count in [1, 127, 128, 300] {
            let links = vec![HERE.locator(); count];
            let bytes = encoded(Kind::Blob, 0, &links, b"blob");
            let record = Record::parse(&bytes, HERE, 0).unwrap();
            assert_eq!((record.links, record.payload), (links, &b"blob"[..]));
            assert!(!record.is_remnant && record.delta.is_none());
        }
    }

    #[test]
    fn a_base_that_is_not_before_its_difference_is_refused() {
        let object = Object {
            base: None,
            cut: Cut::NONE,
            id: Id::NULL,
            kind: Kind::Node,
            bytes: &[0; 100],
            links: &[],
            generation: 0,
        };
        for (number, is_before) in [(99, true), (100, false), (101, false)] {
            let place = Place { number, ..HERE };
            let delta = Delta {
                base: place.locator().unwrap(),
                depth: 1,
                bytes: 100,
                links: &[],
            };
            let mut out = Vec::new();
            encode_delta(&mut out, HERE, &object, &delta, b"");
            assert_eq!(Record::parse(&out, HERE, 0).is_ok(), is_before);
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
