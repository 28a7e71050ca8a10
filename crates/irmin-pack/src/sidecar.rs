//! A segment's sidecar: where its records start and which ids they have, derived from the segment
//! and thrown away without regret.
//!
//! Its name is not synced when it is written, and it is not trusted when it is read: when it is
//! missing or a checksum fails, it is made again from the segment.

use std::collections::{BTreeMap, BTreeSet};

use irmin_core::{Id, KindStats, StoreError};

use crate::damage::Damage;
use crate::files::Files;
use crate::frame::{RefChange, Target, decode_changes, encode_changes};
use crate::layout::Layout;
use crate::place::narrow;
use crate::scan::Position;
use crate::segment::{self, SegmentHeader};
use crate::table::Table;
use crate::varint::Reader;

/// The fixed front of a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) segment: SegmentHeader,
    /// Up to where the segment is covered. All before was durable when this was written.
    pub(crate) covered: Position,
    /// Whether the segment is complete.
    pub(crate) is_complete: bool,
    pub(crate) kinds: [KindStats; 4],
    commits: u32,
    refs_bytes: u32,
}

/// A sidecar that was read and whose checksums are right.
#[derive(Debug)]
pub(crate) struct Sidecar {
    pub(crate) meta: Meta,
    body: Vec<u8>,
}

/// Writes the sidecar of a segment: under another name first, so that nobody sees half of it. One sync.
pub(crate) fn write(
    files: &dyn Files,
    layout: &Layout,
    bytes: &[u8],
    number: u32,
) -> Result<(), StoreError> {
    // Were it not synced, a power cut could leave a damaged one, which is no loss but tells of damage.
    segment::put_file(files, &layout.sidecar(number), bytes).map(|_| ())
}

/// Encodes the sidecar for the part of a segment that `table` knows.
pub(crate) fn encode(
    segment: SegmentHeader,
    covered: Position,
    is_complete: bool,
    table: &Table,
    refs: &BTreeMap<String, Id>,
) -> Vec<u8> {
    let mut body = Vec::new();
    let changes = refs
        .iter()
        .map(|(name, id)| (name.as_str(), Target::Id(*id)));
    encode_changes(&mut body, changes);
    let refs_bytes = narrow(body.len());
    let mut sorted = sorted_by_id(&table.ids);
    for (_, number) in &mut sorted {
        *number = table.number(*number);
    }
    let rows = Rows {
        offsets: &table.offsets,
        by_id: &sorted,
        commits: &table.commits,
    };
    rows.put(&mut body);
    let meta = Meta {
        segment,
        covered,
        is_complete,
        kinds: table.kinds,
        commits: narrow(table.commits.len()),
        refs_bytes,
    };
    let mut bytes = meta.encode(crc32fast::hash(&body));
    bytes.append(&mut body);
    bytes
}

/// What a sidecar tells of records.
pub(crate) struct Rows<'a> {
    /// Of each record, by number.
    pub(crate) offsets: &'a [u32],
    /// The ids with the numbers of their records, in order.
    pub(crate) by_id: &'a [(Id, u32)],
    pub(crate) commits: &'a BTreeSet<Id>,
}

impl Rows<'_> {
    fn put(&self, body: &mut Vec<u8>) {
        let offsets = self.offsets.iter().map(|offset| offset.to_le_bytes());
        body.extend(offsets.flatten());
        for (id, _) in self.by_id {
            body.extend_from_slice(id.as_bytes());
        }
        let numbers = self.by_id.iter().map(|(_, number)| number.to_le_bytes());
        body.extend(numbers.flatten());
        for id in self.commits {
            body.extend_from_slice(id.as_bytes());
        }
    }
}

/// Encodes the sidecar of a segment that a collection wrote.
pub(crate) fn encode_kept(
    segment: SegmentHeader,
    covered: Position,
    kinds: [KindStats; 4],
    rows: &Rows<'_>,
) -> Vec<u8> {
    let mut body = Vec::new();
    rows.put(&mut body);
    let meta = Meta {
        segment,
        covered,
        is_complete: true,
        kinds,
        commits: narrow(rows.commits.len()),
        refs_bytes: 0,
    };
    let mut bytes = meta.encode(crc32fast::hash(&body));
    bytes.append(&mut body);
    bytes
}

/// Returns the ids with their positions, in the order of the ids.
pub(crate) fn sorted_by_id(ids: &[Id]) -> Vec<(Id, u32)> {
    let mut sorted: Vec<(Id, u32)> = ids.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted
}

impl Meta {
    pub(crate) const BYTES: usize = 120;

    fn encode(&self, body_crc: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.segment.version().to_le_bytes());
        bytes.extend_from_slice(&self.segment.number.to_le_bytes());
        bytes.extend_from_slice(&self.segment.salt.to_le_bytes());
        for field in [
            self.covered.offset,
            self.covered.frames,
            self.covered.records,
            self.commits,
            self.refs_bytes,
            u32::from(self.is_complete),
        ] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for kind in &self.kinds {
            bytes.extend_from_slice(&kind.objects.to_le_bytes());
            bytes.extend_from_slice(&kind.bytes.to_le_bytes());
        }
        bytes.extend_from_slice(&body_crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Tells whether these are bytes of a sound sidecar of the segment with another salt.
    pub(crate) fn is_stale(bytes: &[u8], segment: SegmentHeader) -> bool {
        let checked = bytes.get(..CRC_AT).unwrap_or_default();
        let stored = Reader::new(bytes, CRC_AT).u32();
        stored == Some(crc32fast::hash(checked))
            && Self::fields(bytes).is_some_and(|(meta, _)| {
                meta.segment.number == segment.number && meta.segment.salt != segment.salt
            })
    }

    /// Returns the front and the checksum of the rest.
    fn decode(bytes: &[u8], segment: SegmentHeader) -> Result<(Self, u32), Damage> {
        let front = bytes
            .first_chunk::<{ Self::BYTES }>()
            .ok_or_else(|| Damage::ends(bytes.len() as u64, "a sidecar's front"))?;
        let (checked, stored) = front.split_at(CRC_AT);
        let stored = Reader::new(stored, 0).u32().unwrap_or_default();
        let computed = crc32fast::hash(checked);
        if stored != computed {
            return Err(Damage::crc(CRC_AT as u64, stored, computed));
        }
        let (meta, body_crc) = Self::fields(front)
            .ok_or_else(|| Damage::new(0, "a sidecar of version 1 or 2", "something else"))?;
        if meta.segment != segment {
            let expected = format!("the salt of segment {}", segment.number);
            return Err(Damage::new(12, expected, "another one"));
        }
        Ok((meta, body_crc))
    }

    fn fields(bytes: &[u8]) -> Option<(Self, u32)> {
        let mut reader = Reader::new(bytes, 0);
        if reader.take(8)? != MAGIC {
            return None;
        }
        let version = reader.u32()?;
        let segment = SegmentHeader {
            number: reader.u32()?,
            salt: reader.u64()?,
            is_sparse: version > 1,
        };
        if version != segment.version() {
            return None;
        }
        let covered = Position {
            offset: reader.u32()?,
            frames: reader.u32()?,
            records: reader.u32()?,
        };
        let (commits, refs_bytes) = (reader.u32()?, reader.u32()?);
        let is_complete = reader.u32()? == 1;
        let mut kinds = [KindStats::default(); 4];
        for kind in &mut kinds {
            *kind = KindStats {
                objects: reader.u64()?,
                bytes: reader.u64()?,
            };
        }
        let meta = Self {
            segment,
            covered,
            is_complete,
            kinds,
            commits,
            refs_bytes,
        };
        Some((meta, reader.u32()?))
    }

    fn records(&self) -> usize {
        self.covered.records as usize
    }

    fn ids_start(&self) -> usize {
        self.refs_bytes as usize + 4 * self.records()
    }

    fn commits_start(&self) -> usize {
        self.ids_start() + 36 * self.records()
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.commits_start() + Id::BYTES * self.commits as usize
    }

    /// Where in the file the sorted ids start.
    pub(crate) fn ids_at(&self) -> u64 {
        (Self::BYTES + self.ids_start()) as u64
    }

    /// Where in the file the ids of commits start, and how many there are.
    pub(crate) fn commits_at(&self) -> (u64, u32) {
        ((Self::BYTES + self.commits_start()) as u64, self.commits)
    }
}

impl Sidecar {
    /// Checks the bytes of a sidecar.
    pub(crate) fn decode(bytes: Vec<u8>, segment: SegmentHeader) -> Result<Self, Damage> {
        let (meta, body_crc) = Meta::decode(&bytes, segment)?;
        let mut body = bytes;
        body.drain(..Meta::BYTES);
        if body.len() != meta.body_bytes() {
            let expected = format!("{} bytes in the sidecar's body", meta.body_bytes());
            let found = body.len().to_string();
            return Err(Damage::new(Meta::BYTES as u64, expected, found));
        }
        let crc = crc32fast::hash(&body);
        if crc != body_crc {
            return Err(Damage::crc(Meta::BYTES as u64, body_crc, crc));
        }
        Ok(Self { meta, body })
    }

    pub(crate) fn refs(&self) -> Option<Vec<RefChange>> {
        let bytes = self.body.get(..self.meta.refs_bytes as usize)?;
        decode_changes(&mut Reader::new(bytes, 0), &[])
    }

    pub(crate) fn offsets(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.numbers_at(self.meta.refs_bytes as usize)
    }

    /// The ids in their order.
    pub(crate) fn ids(&self) -> impl ExactSizeIterator<Item = Id> + '_ {
        self.ids_from(self.meta.ids_start(), self.meta.records())
    }

    /// The record numbers, in the order of [`ids`](Self::ids).
    pub(crate) fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.numbers_at(self.meta.ids_start() + Id::BYTES * self.meta.records())
    }

    pub(crate) fn commits(&self) -> impl ExactSizeIterator<Item = Id> + '_ {
        self.ids_from(self.meta.commits_start(), self.meta.commits as usize)
    }

    fn section(&self, start: usize, bytes: usize) -> &[u8] {
        self.body.get(start..start + bytes).unwrap_or_default()
    }

    fn numbers_at(&self, start: usize) -> impl ExactSizeIterator<Item = u32> + '_ {
        let section = self.section(start, 4 * self.meta.records());
        let (chunks, _) = section.as_chunks::<4>();
        chunks.iter().map(|chunk| u32::from_le_bytes(*chunk))
    }

    fn ids_from(&self, start: usize, count: usize) -> impl ExactSizeIterator<Item = Id> + '_ {
        let section = self.section(start, Id::BYTES * count);
        let (chunks, _) = section.as_chunks::<{ Id::BYTES }>();
        chunks.iter().map(|chunk| Id::from_bytes(*chunk))
    }
}

const MAGIC: &[u8; 8] = b"irmnside";
const CRC_AT: usize = Meta::BYTES - 4;
