//! The front of a segment's file, and how a new segment comes to be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use irmin_core::{Id, StoreError};

use crate::damage::{self, Damage};
use crate::files::{File, Files};
use crate::frame::{FrameHeader, FrameKind, FramePlace, Target, encode_changes};
use crate::layout::{Layout, temporary};
use crate::place::narrow;
use crate::varint::Reader;

/// What the first 32 bytes of a segment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u32,
    pub(crate) salt: u64,
    /// Whether the numbers of its records have gaps: a collection wrote it.
    pub(crate) is_sparse: bool,
}

impl SegmentHeader {
    pub(crate) const BYTES: usize = 32;
    pub(crate) const BYTES_U32: u32 = 32;

    pub(crate) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&self.version().to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.salt.to_le_bytes());
        // Four bytes are left for later.
        let crc = crc32fast::hash(&bytes[..CRC_AT]).to_le_bytes();
        bytes[CRC_AT..].copy_from_slice(&crc);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; Self::BYTES], number: u32) -> Result<Self, Damage> {
        let mut reader = Reader::new(bytes, 8);
        let version = reader.u32().unwrap_or_default();
        let header = Self {
            number: reader.u32().unwrap_or_default(),
            salt: reader.u64().unwrap_or_default(),
            is_sparse: version == VERSION_SPARSE,
        };
        let (computed, stored) = (
            crc32fast::hash(&bytes[..CRC_AT]),
            Reader::new(bytes, CRC_AT).u32().unwrap_or_default(),
        );
        if !bytes.starts_with(MAGIC) {
            return Err(Damage::new(0, "a segment", "another file"));
        }
        if stored != computed {
            return Err(Damage::crc(CRC_AT as u64, stored, computed));
        }
        if version != header.version() {
            let found = format!("version {version}");
            let expected = format!("version {VERSION} or {VERSION_SPARSE}");
            return Err(Damage::new(8, expected, found));
        }
        if header.number != number {
            let found = format!("segment {}", header.number);
            return Err(Damage::new(12, format!("segment {number}"), found));
        }
        Ok(header)
    }

    /// The version of the segment, and of its sidecar.
    pub(crate) const fn version(&self) -> u32 {
        if self.is_sparse {
            VERSION_SPARSE
        } else {
            VERSION
        }
    }

    /// Reads the header of the segment with this number. One read.
    pub(crate) fn read(file: &dyn File, path: &Path, number: u32) -> Result<Self, StoreError> {
        let mut bytes = [0; Self::BYTES];
        file.read_at(&mut bytes, 0).map_err(damage::read(path, 0))?;
        Self::decode(&bytes, number).map_err(|damage| damage.at(path))
    }
}

/// A segment that was made just now.
pub(crate) struct NewSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
    /// How long the file is.
    pub(crate) length: u32,
}

/// Makes a segment whose first frame holds all refs, under a temporary name. Nothing of it is
/// durable.
pub(crate) fn begin(
    files: &dyn Files,
    layout: &Layout,
    number: u32,
    refs: &BTreeMap<String, Id>,
) -> Result<NewSegment, StoreError> {
    let (header, bytes) = front(files, number, refs)?;
    let fresh = temporary(&layout.segment(number));
    match files.remove(&fresh) {
        // One that was left there must never be taken for the new one.
        Ok(()) => files
            .sync_dir(&layout.segments)
            .map_err(damage::io("sync", &layout.segments))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(damage::grow("remove", &fresh)(error)),
    }
    let written = write_file(files, &fresh, &bytes);
    if written.is_err() {
        // It may take the room that the next attempt needs. The next open removes it, too.
        let _ = files.remove(&fresh);
    }
    Ok(NewSegment {
        header,
        file: written?,
        length: narrow(bytes.len()),
    })
}

/// Makes a segment whose first frame holds all refs. When this returns, the file, its content and
/// its name are durable: a segment with a damaged front is never the work of a power cut. Two
/// syncs.
pub(crate) fn create(
    files: &dyn Files,
    layout: &Layout,
    number: u32,
    refs: &BTreeMap<String, Id>,
) -> Result<NewSegment, StoreError> {
    let (header, bytes) = front(files, number, refs)?;
    let path = layout.segment(number);
    let file = put_file(files, &path, &bytes)?;
    files
        .sync_dir(&layout.segments)
        .map_err(damage::io("sync", &layout.segments))?;
    Ok(NewSegment {
        header,
        file,
        length: narrow(bytes.len()),
    })
}

/// Returns the header of a new segment, and the bytes that it begins with.
fn front(
    files: &dyn Files,
    number: u32,
    refs: &BTreeMap<String, Id>,
) -> Result<(SegmentHeader, Vec<u8>), StoreError> {
    let header = SegmentHeader {
        number,
        salt: files.salt(),
        is_sparse: false,
    };
    let bytes = first_bytes(&header, refs)?;
    Ok((header, bytes))
}

/// Writes a file under a temporary name, syncs it and gives it its name, so that nobody ever sees
/// half of it. One sync; the name is not durable yet.
pub(crate) fn put_file(
    files: &dyn Files,
    path: &Path,
    bytes: &[u8],
) -> Result<Arc<dyn File>, StoreError> {
    let fresh = temporary(path);
    let written = write_file(files, &fresh, bytes).and_then(|file| {
        file.sync().map_err(damage::io("sync", &fresh))?;
        files
            .rename(&fresh, path)
            .map_err(damage::grow("rename", &fresh))?;
        Ok(file)
    });
    if written.is_err() {
        // It may take the room that the next attempt needs. The next open removes it, too.
        let _ = files.remove(&fresh);
    }
    written
}

fn write_file(files: &dyn Files, fresh: &Path, bytes: &[u8]) -> Result<Arc<dyn File>, StoreError> {
    let file = files
        .open_or_create(fresh)
        .map_err(damage::grow("create", fresh))?;
    file.truncate(0).map_err(damage::grow("truncate", fresh))?;
    file.write_at(bytes, 0)
        .map_err(damage::grow("write", fresh))?;
    Ok(file)
}

/// Returns the header and the checkpoint of a segment.
pub(crate) fn first_bytes(
    header: &SegmentHeader,
    refs: &BTreeMap<String, Id>,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = header.encode().to_vec();
    let place = FramePlace {
        salt: header.salt,
        segment: header.number,
        offset: narrow(bytes.len()),
        frame: 0,
        record: 0,
    };
    let mut payload = Vec::new();
    let changes = refs
        .iter()
        .map(|(name, id)| (name.as_str(), Target::Id(*id)));
    encode_changes(&mut payload, changes);
    if payload.len() > CHECKPOINT_BYTES_MAX {
        return Err(StoreError::Limit {
            what: format!("a checkpoint of {} refs", refs.len()),
            limit: format!("{CHECKPOINT_BYTES_MAX} bytes"),
        });
    }
    let frame = FrameHeader {
        kind: FrameKind::Checkpoint,
        payload_bytes: narrow(payload.len()),
        records: 0,
        frame: 0,
        synced: 0,
        payload_crc: crc32fast::hash(&payload),
    };
    bytes.extend_from_slice(&frame.encode(&place));
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

const MAGIC: &[u8; 8] = b"irmnpack";
const VERSION: u32 = 1;
const VERSION_SPARSE: u32 = 2;
const CRC_AT: usize = SegmentHeader::BYTES - 4;
/// What all refs together may take: some 20 million of them.
const CHECKPOINT_BYTES_MAX: usize = 1 << 30;
/// How long a segment without refs and records is.
pub(crate) const EMPTY_BYTES: u64 = (SegmentHeader::BYTES + FrameHeader::BYTES) as u64;
