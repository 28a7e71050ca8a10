//! A frame: what is appended at once, and found again whole or not at all.

use std::ops::Range;
use std::sync::Arc;

use crc32fast::Hasher;
use irmin_core::{Id, Kind, StoreError};

use crate::chain::{self, Piece, Recent, Unmade, Whole};
use crate::damage::Damage;
use crate::place::Place;
use crate::record::Record;
use crate::varint::{self, Reader};

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Objects that were written out before their commit, to free memory.
    Objects = 1,
    /// The remaining objects of a commit, and its ref edits.
    Transaction = 2,
    /// All refs: the first frame of every segment.
    Checkpoint = 3,
    /// The writer closed the store here, and all before is durable.
    Close = 4,
    /// The segment is complete: its last frame.
    End = 5,
    /// Objects that a collection kept, with the numbers that they had before.
    Kept = 6,
    /// A collection wrote earlier segments anew.
    Collected = 7,
}

impl FrameKind {
    fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Objects),
            2 => Some(Self::Transaction),
            3 => Some(Self::Checkpoint),
            4 => Some(Self::Close),
            5 => Some(Self::End),
            6 => Some(Self::Kept),
            7 => Some(Self::Collected),
            _ => None,
        }
    }
}

/// Where a frame is. All of it enters the frame's checksum, so that a frame never passes for one
/// of another store or another place, such as one inside a blob that holds a segment's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePlace {
    /// The salt in the segment's header.
    pub salt: u64,
    /// The segment's number.
    pub segment: u32,
    /// The offset in the segment's file, in bytes.
    pub offset: u32,
    /// How many frames are before it.
    pub frame: u32,
    /// How many records are before it.
    pub record: u32,
}

/// The fixed front of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    pub(crate) payload_bytes: u32,
    pub(crate) records: u32,
    pub(crate) frame: u32,
    /// Up to which offset the segment was durable when this frame was written.
    pub(crate) synced: u32,
    pub(crate) payload_crc: u32,
}

impl FrameHeader {
    pub(crate) const BYTES: usize = 24;

    pub(crate) fn encode(&self, place: &FramePlace) -> [u8; Self::BYTES] {
        let fields = [
            self.payload_bytes,
            self.records << 8 | u32::from(self.kind as u8),
            self.frame,
            self.synced,
            self.payload_crc,
        ];
        let mut bytes = [0; Self::BYTES];
        for (chunk, field) in bytes.chunks_exact_mut(4).zip(fields) {
            chunk.copy_from_slice(&field.to_le_bytes());
        }
        let crc = header_crc(&bytes, place).to_le_bytes();
        bytes[CRC_AT..].copy_from_slice(&crc);
        bytes
    }

    /// Returns the header, if these bytes are one for this place.
    pub(crate) fn decode(bytes: &[u8; Self::BYTES], place: &FramePlace) -> Option<Self> {
        let header = Self::fields(bytes)?;
        let stored = Reader::new(bytes, CRC_AT).u32()?;
        (stored == header_crc(bytes, place)).then_some(header)
    }

    /// Returns what these bytes say if they are a header, which is not checked.
    pub(crate) fn fields(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let mut reader = Reader::new(bytes, 0);
        let payload_bytes = reader.u32()?;
        let kind_and_records = reader.u32()?;
        Some(Self {
            // Checked before the checksum: most offsets in a search are refused by it.
            kind: FrameKind::from_code((kind_and_records & 0xff) as u8)?,
            payload_bytes,
            records: kind_and_records >> 8,
            frame: reader.u32()?,
            synced: reader.u32()?,
            payload_crc: reader.u32()?,
        })
    }
}

/// What a frame does to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefChange {
    /// The full name.
    pub name: String,
    /// What it points to from here on; `None`: it is gone.
    pub target: Option<Id>,
}

/// What a ref edit points to, as it is written.
pub(crate) enum Target {
    Gone,
    Id(Id),
    /// A record of the same frame, counted from its first.
    Record(u32),
}

/// A frame that was read: its records with their offsets in the file, and its ref changes.
///
/// [`parse`](Self::parse) takes any bytes, so it is the place to aim a fuzzer at.
///
/// ```
/// use irmin_pack::{Frame, FramePlace};
/// let place = FramePlace { salt: 0, segment: 1, offset: 32, frame: 0, record: 0 };
/// assert!(Frame::parse(b"not a frame, but something else", &place).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub kind: FrameKind,
    /// Up to which offset the segment was durable when the frame was written.
    pub synced: u32,
    /// The objects with the offset of each record in the segment's file. Those that are told by a
    /// difference have their links here.
    pub records: Vec<(u32, Record<'a>)>,
    /// The ids of the objects, in the order of `records`; [`Id::NULL`] for those that are gone.
    pub ids: Vec<Id>,
    /// The numbers of the records in their segment, ascending.
    pub numbers: Vec<u32>,
    /// The changes of names, in order.
    pub changes: Vec<RefChange>,
    /// How many bytes the frame takes.
    pub length: u32,
}

impl<'a> Frame<'a> {
    /// Reads the frame at the front of `bytes`, which start at `place` in the file. Hashes every
    /// object once. An object that is made from one of another frame has no id here.
    ///
    /// # Errors
    /// [`Damage`] when any checksum or field is wrong or the bytes end too early.
    pub fn parse(bytes: &'a [u8], place: &FramePlace) -> Result<Self, Damage> {
        match Self::parse_with(bytes, place, &mut Recent::default(), &mut |_| Ok(None)) {
            Err(FrameError::Failed(error)) => Err(Damage::new(
                u64::from(place.offset),
                "a frame",
                error.to_string(),
            )),
            Err(FrameError::Damage(damage)) => Err(damage),
            Ok(frame) => Ok(frame),
        }
    }

    /// As [`parse`](Self::parse). What objects are made from that are not among the recent ones is
    /// asked for; where it is lost, what is made from it has no id.
    pub(crate) fn parse_with(
        bytes: &'a [u8],
        place: &FramePlace,
        recent: &mut Recent,
        base: &mut dyn FnMut(Place) -> Result<Option<Arc<Whole>>, StoreError>,
    ) -> Result<Self, FrameError> {
        let (mut frame, changes) = Self::parts(bytes, place)?;
        frame.make_ids(place.segment, recent, base)?;
        let at = place.offset.saturating_add(frame.length) as usize - changes.len();
        let changes = decode_changes(&mut Reader::new(changes, 0), &frame.ids);
        frame.changes =
            changes.ok_or_else(|| Damage::new(at as u64, "ref changes", "other bytes"))?;
        Ok(frame)
    }

    /// As [`parse`](Self::parse), without what it takes to make the objects: no ids, no changes.
    pub(crate) fn without_ids(bytes: &'a [u8], place: &FramePlace) -> Result<Self, Damage> {
        Self::parts(bytes, place).map(|(frame, _)| frame)
    }

    /// Returns the frame without ids and changes, and the bytes of the changes.
    fn parts(bytes: &'a [u8], place: &FramePlace) -> Result<(Self, &'a [u8]), Damage> {
        let offset = u64::from(place.offset);
        let front = bytes
            .first_chunk()
            .ok_or_else(|| Damage::ends(offset, "a frame's header"))?;
        let header = FrameHeader::decode(front, place)
            .filter(|header| header.frame == place.frame)
            .ok_or_else(|| Damage::new(offset, "a frame's header", "bytes that are none"))?;
        let payload_bytes = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
        let payload = Reader::new(bytes, FrameHeader::BYTES)
            .take(payload_bytes)
            .ok_or_else(|| Damage::ends(offset + bytes.len() as u64, "the rest of a frame"))?;
        let crc = crc32fast::hash(payload);
        if crc != header.payload_crc {
            return Err(Damage::crc(offset, header.payload_crc, crc));
        }
        let (frame, end) = Self::records(payload, &header, place)?;
        Ok((frame, payload.get(end..).unwrap_or_default()))
    }

    /// Reads the records, and returns where in the payload they end.
    fn records(
        payload: &'a [u8],
        header: &FrameHeader,
        place: &FramePlace,
    ) -> Result<(Self, usize), Damage> {
        let start = place.offset.saturating_add(HEADER_BYTES);
        let mut records = Vec::new();
        let mut numbers = Vec::new();
        let (runs, mut at) = runs(payload, header, place)
            .ok_or_else(|| Damage::new(u64::from(start), "numbers of records", "other bytes"))?;
        for number in runs.into_iter().flatten() {
            let rest = payload.get(at..).unwrap_or_default();
            let offset = start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
            let segment = place.segment;
            let record = Record::parse(rest, Place { segment, number }, u64::from(offset))?;
            at += record.length;
            numbers.push(number);
            records.push((offset, record));
        }
        let frame = Self {
            kind: header.kind,
            synced: header.synced,
            ids: Vec::new(),
            records,
            numbers,
            changes: Vec::new(),
            length: header.payload_bytes.saturating_add(HEADER_BYTES),
        };
        Ok((frame, at))
    }

    fn make_ids(
        &mut self,
        segment: u32,
        recent: &mut Recent,
        base: &mut dyn FnMut(Place) -> Result<Option<Arc<Whole>>, StoreError>,
    ) -> Result<(), FrameError> {
        let mut ids = Vec::with_capacity(self.records.len());
        let mut links = Vec::new();
        for (index, ((offset, record), number)) in
            self.records.iter().zip(&self.numbers).enumerate()
        {
            let number = *number;
            let place = Place { segment, number };
            if record.delta.is_none() && (record.kind == Kind::Blob || record.payload.is_empty()) {
                ids.push(id(record, record.payload));
                continue;
            }
            let mut fetch = |place: Place| {
                if let Some(whole) = recent.get(place) {
                    return Ok(Some(Piece::Whole(whole)));
                }
                match self.piece(segment, place) {
                    Some(piece) => Ok(Some(piece)),
                    None => Ok(base(place)?.map(Piece::Whole)),
                }
            };
            let piece = Piece::copied(record, place, u64::from(*offset));
            match chain::make(piece, &mut fetch) {
                Ok(whole) => {
                    recent.add(place, &whole);
                    if record.delta.is_some() {
                        links.push((index, whole.links.clone()));
                    }
                    ids.push(id(record, &whole.bytes));
                }
                Err(Unmade::Lost(..)) => ids.push(Id::NULL),
                Err(Unmade::Malformed(damage, _)) => return Err(damage.into()),
                Err(Unmade::Failed(error)) => return Err(FrameError::Failed(error)),
            }
        }
        self.ids = ids;
        for (index, links) in links {
            if let Some((_, record)) = self.records.get_mut(index) {
                record.links = links;
            }
        }
        Ok(())
    }

    /// Returns what a record of this frame gives.
    fn piece(&self, segment: u32, place: Place) -> Option<Piece> {
        let index = self.numbers.binary_search(&place.number).ok()?;
        let (offset, record) = self.records.get(index)?;
        (place.segment == segment).then(|| Piece::copied(record, place, u64::from(*offset)))
    }
}

/// What is gone has no id.
fn id(record: &Record<'_>, bytes: &[u8]) -> Id {
    match record.is_remnant {
        true => Id::NULL,
        false => Id::of(bytes),
    }
}

/// Why a frame cannot be read.
#[derive(Debug)]
pub(crate) enum FrameError {
    Damage(Damage),
    /// What an object is made from cannot be read.
    Failed(StoreError),
}

impl From<Damage> for FrameError {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

/// Returns the numbers of a frame's records, and where in the payload these begin.
fn runs(
    payload: &[u8],
    header: &FrameHeader,
    place: &FramePlace,
) -> Option<(Vec<Range<u32>>, usize)> {
    if header.kind != FrameKind::Kept {
        let end = place.record.checked_add(header.records)?;
        return Some((std::iter::once(place.record..end).collect(), 0));
    }
    let mut reader = Reader::new(payload, 0);
    let runs = decode_runs(&mut reader)?;
    let records: u64 = runs.iter().map(|run| u64::from(run.end - run.start)).sum();
    (records == u64::from(header.records)).then(|| (runs, reader.at()))
}

/// Appends the numbers of records that a frame of kept objects begins with.
pub(crate) fn encode_runs(out: &mut Vec<u8>, runs: &[Range<u32>]) {
    varint::put(out, runs.len() as u64);
    let mut end = 0;
    for run in runs {
        varint::put(out, u64::from(run.start - end));
        varint::put(out, u64::from(run.end - run.start));
        end = run.end;
    }
}

pub(crate) fn decode_runs(reader: &mut Reader<'_>) -> Option<Vec<Range<u32>>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    // A count that cannot be true must not make room for it.
    let mut runs = Vec::with_capacity(count.min(reader.left()));
    let mut end = 0_u32;
    for _ in 0..count {
        let start = end.checked_add(u32::try_from(reader.varint()?).ok()?)?;
        end = start.checked_add(u32::try_from(reader.varint()?).ok()?)?;
        if start == end {
            return None;
        }
        runs.push(start..end);
    }
    Some(runs)
}

/// Appends the changes of names that a frame ends with.
pub(crate) fn encode_changes<'n>(
    out: &mut Vec<u8>,
    changes: impl ExactSizeIterator<Item = (&'n str, Target)>,
) {
    if changes.len() == 0 {
        return;
    }
    varint::put(out, changes.len() as u64);
    for (name, target) in changes {
        varint::put(out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
        match target {
            Target::Gone => out.push(GONE),
            Target::Id(id) => {
                out.push(ID);
                out.extend_from_slice(id.as_bytes());
            }
            Target::Record(number) => {
                out.push(RECORD);
                varint::put(out, u64::from(number));
            }
        }
    }
}

/// Reads the changes of names up to the end of the bytes.
pub(crate) fn decode_changes(reader: &mut Reader<'_>, ids: &[Id]) -> Option<Vec<RefChange>> {
    if reader.left() == 0 {
        return Some(Vec::new());
    }
    let count = usize::try_from(reader.varint()?).ok()?;
    // A count that cannot be true must not make room for it.
    let mut changes = Vec::with_capacity(count.min(reader.left()));
    for _ in 0..count {
        let length = usize::try_from(reader.varint()?).ok()?;
        let name = str::from_utf8(reader.take(length)?).ok()?.to_owned();
        let target = match reader.byte()? {
            GONE => None,
            ID => Some(Id::from_bytes(reader.array()?)),
            RECORD => Some(*ids.get(usize::try_from(reader.varint()?).ok()?)?),
            _ => return None,
        };
        changes.push(RefChange { name, target });
    }
    (reader.left() == 0).then_some(changes)
}

fn header_crc(bytes: &[u8; FrameHeader::BYTES], place: &FramePlace) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&place.salt.to_le_bytes());
    hasher.update(&place.segment.to_le_bytes());
    hasher.update(&place.offset.to_le_bytes());
    hasher.update(&bytes[..CRC_AT]);
    hasher.finalize()
}

const CRC_AT: usize = FrameHeader::BYTES - 4;
pub(crate) const HEADER_BYTES: u32 = 24;
const _: () = assert!(FrameHeader::BYTES == 24);
const GONE: u8 = 0;
const ID: u8 = 1;
const RECORD: u8 = 2;

#[cfg(test)]
mod tests {
    use irmin_core::{Kind, Object};
    use proptest::prelude::*;

    use super::*;
    use crate::place::narrow;
    use crate::record;

    const PLACE: FramePlace = FramePlace {
        salt: 5,
        segment: 2,
        offset: 1000,
        frame: 3,
        record: 10,
    };

    fn frame(payloads: &[Vec<u8>], name: &str) -> Vec<u8> {
        let mut bytes = vec![0; FrameHeader::BYTES];
        for (number, payload) in (PLACE.record..).zip(payloads) {
            let object = Object {
                base: None,
                cut: irmin_core::Cut::NONE,
                id: Id::of(payload),
                kind: Kind::Blob,
                bytes: payload,
                links: &[],
                generation: 0,
            };
            let place = Place { segment: 2, number };
            record::encode(&mut bytes, place, &object, &[]);
        }
        let changes = [
            (name, Target::Record(0)),
            ("gone", Target::Gone),
            ("other", Target::Id(Id::of(b"other"))),
        ];
        encode_changes(&mut bytes, changes.into_iter());
        let header = FrameHeader {
            kind: FrameKind::Transaction,
            payload_bytes: narrow(bytes.len() - FrameHeader::BYTES),
            records: narrow(payloads.len()),
            frame: PLACE.frame,
            synced: 900,
            payload_crc: crc32fast::hash(&bytes[FrameHeader::BYTES..]),
        };
        bytes[..FrameHeader::BYTES].copy_from_slice(&header.encode(&PLACE));
        bytes
    }

    proptest! {
        #[test]
        fn a_frame_comes_back(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..10),
            name in "[a-z/é]{0,20}",
        ) {
            let mut bytes = frame(&payloads, &name);
            let length = bytes.len();
            bytes.extend_from_slice(b"what follows");
            let frame = Frame::parse(&bytes, &PLACE).unwrap();
            prop_assert_eq!(frame.length as usize, length);
            prop_assert_eq!(frame.synced, 900);
            let read: Vec<_> = frame.records.iter().map(|(_, r)| r.payload.to_vec()).collect();
            prop_assert_eq!(&read, &payloads);
            prop_assert_eq!(&frame.changes[0].name, &name);
            prop_assert_eq!(frame.changes[0].target, Some(Id::of(&payloads[0])));
            prop_assert_eq!(frame.changes[1].target, None);
            prop_assert_eq!(frame.changes[2].target, Some(Id::of(b"other")));
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Frame::parse(&bytes, &PLACE).is_err());
        }

        #[test]
        fn a_payload_with_right_checksums_but_any_content_does_not_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            records in 0..4u32,
        ) {
            let header = FrameHeader {
                kind: FrameKind::Transaction,
                payload_bytes: narrow(bytes.len()),
                records,
                frame: PLACE.frame,
                synced: 0,
                payload_crc: crc32fast::hash(&bytes),
            };
            let mut whole = header.encode(&PLACE).to_vec();
            whole.extend_from_slice(&bytes);
            let _ = Frame::parse(&whole, &PLACE);
        }
    }

    #[test]
    fn a_flipped_bit_a_missing_byte_or_another_place_is_noticed() {
        let bytes = frame(&[vec![1; 30], vec![2; 40]], "heads/main");
        for index in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[index / 8] ^= 1 << (index % 8);
            assert!(Frame::parse(&wrong, &PLACE).is_err(), "bit {index}");
        }
        for length in 0..bytes.len() {
            assert!(Frame::parse(&bytes[..length], &PLACE).is_err());
        }
        for place in [
            FramePlace { salt: 6, ..PLACE },
            FramePlace {
                segment: 3,
                ..PLACE
            },
            FramePlace {
                offset: 999,
                ..PLACE
            },
            FramePlace { frame: 4, ..PLACE },
            FramePlace { record: 9, ..PLACE },
        ] {
            assert!(Frame::parse(&bytes, &place).is_err(), "{place:?}");
        }
    }
}
