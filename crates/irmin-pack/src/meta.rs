//! The front of a sidecar: what it covers, and where the rest of it is.

use std::collections::BTreeMap;

use irmin_core::{Id, KindStats};

use crate::damage::Damage;
use crate::frame::{Target, encode_changes};
use crate::place::narrow;
use crate::scan::Position;
use crate::segment::SegmentHeader;
use crate::sidecar::{BLOCK_BYTES, ENTRY_BYTES, Rows};
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
    /// How long the refs are.
    pub(crate) refs_bytes: u32,
}

impl Meta {
    pub(crate) const BYTES: usize = 120;

    pub(crate) fn with_rows(mut self, refs: &BTreeMap<String, Id>, rows: &Rows<'_>) -> Vec<u8> {
        let mut front = Vec::new();
        let changes = refs
            .iter()
            .map(|(name, id)| (name.as_str(), Target::Id(*id)));
        encode_changes(&mut front, changes);
        self.refs_bytes = narrow(front.len());
        let mut body = Vec::with_capacity(self.body_bytes());
        rows.put(&mut body, self.segment.is_sparse);
        for block in body.chunks(BLOCK_BYTES) {
            front.extend_from_slice(&crc32fast::hash(block).to_le_bytes());
        }
        let mut bytes = self.encode(crc32fast::hash(&front));
        bytes.append(&mut front);
        bytes.append(&mut body);
        bytes
    }

    fn encode(&self, front_crc: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.file_bytes());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.segment.number.to_le_bytes());
        bytes.extend_from_slice(&self.segment.salt.to_le_bytes());
        for field in [
            self.covered.offset,
            self.covered.frames,
            self.covered.records,
            self.refs_bytes,
            u32::from(self.is_complete) | u32::from(self.segment.is_sparse) << 1,
            0,
        ] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for kind in &self.kinds {
            bytes.extend_from_slice(&kind.objects.to_le_bytes());
            bytes.extend_from_slice(&kind.bytes.to_le_bytes());
        }
        bytes.extend_from_slice(&front_crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Returns the fixed front and the checksum of what follows before the body; `None` for a sidecar of
    /// another version, which is as good as none.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Self, u32)>, Damage> {
        let front = bytes
            .first_chunk::<{ Self::BYTES }>()
            .ok_or_else(|| Damage::ends(bytes.len() as u64, "a sidecar's front"))?;
        let (checked, stored) = front.split_at(CRC_AT);
        let stored = Reader::new(stored, 0).u32().unwrap_or_default();
        let computed = crc32fast::hash(checked);
        if stored != computed {
            return Err(Damage::crc(CRC_AT as u64, stored, computed));
        }
        let mut reader = Reader::new(front, 0);
        if reader.take(8) != Some(MAGIC) {
            return Err(Damage::new(0, "a sidecar", "something else"));
        }
        if reader.u32() != Some(VERSION) {
            return Ok(None);
        }
        Ok(Self::fields(&mut reader))
    }

    fn fields(reader: &mut Reader<'_>) -> Option<(Self, u32)> {
        let (number, salt) = (reader.u32()?, reader.u64()?);
        let covered = Position {
            offset: reader.u32()?,
            frames: reader.u32()?,
            records: reader.u32()?,
        };
        let (refs_bytes, flags) = (reader.u32()?, reader.u32()?);
        // Four bytes are left for later.
        reader.u32()?;
        let mut kinds = [KindStats::default(); 4];
        for kind in &mut kinds {
            *kind = KindStats {
                objects: reader.u64()?,
                bytes: reader.u64()?,
            };
        }
        let segment = SegmentHeader {
            number,
            salt,
            is_sparse: flags & 2 != 0,
        };
        let meta = Self {
            segment,
            covered,
            is_complete: flags & 1 != 0,
            kinds,
            refs_bytes,
        };
        Some((meta, reader.u32()?))
    }

    pub(crate) fn records(&self) -> usize {
        self.covered.records as usize
    }

    /// Where in the body the numbers of records with gaps are.
    pub(crate) fn numbers_start(&self) -> usize {
        4 * self.records()
    }

    /// Where in the body the entries are.
    pub(crate) fn entries_start(&self) -> usize {
        let gaps = usize::from(self.segment.is_sparse);
        self.numbers_start() + 4 * gaps * self.records()
    }

    fn body_bytes(&self) -> usize {
        self.entries_start() + ENTRY_BYTES * self.records()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.body_bytes().div_ceil(BLOCK_BYTES)
    }

    pub(crate) fn body_start(&self) -> usize {
        Self::BYTES + self.refs_bytes as usize + 4 * self.blocks()
    }

    /// How long the file is.
    pub(crate) fn file_bytes(&self) -> usize {
        self.body_start() + self.body_bytes()
    }
}

const MAGIC: &[u8; 8] = b"irmnside";
const VERSION: u32 = 3;
const CRC_AT: usize = Meta::BYTES - 4;
