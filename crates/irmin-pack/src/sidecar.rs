//! A segment's sidecar: where its records start and which ids they have, derived from the segment
//! and thrown away without regret.
//!
//! Its name is not synced when it is written, and it is not trusted when it is read: when it is
//! missing or a checksum fails, it is made again from the segment. Opening it looks at its front only;
//! the rest is checked block by block as it is used, so that a look-up touches a page or two.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use irmin_core::{Id, KindStats, StoreError};

use crate::damage::Damage;
use crate::files::Files;
use crate::frame::{RefChange, decode_changes};
use crate::layout::Layout;
use crate::meta::Meta;
use crate::place::narrow;
use crate::scan::Position;
use crate::search;
use crate::segment::{self, SegmentHeader};
use crate::table::Table;
use crate::varint::Reader;

/// A sidecar whose front was checked. Rows are records in the order of their numbers.
#[derive(Debug)]
pub(crate) struct Sidecar {
    pub(crate) meta: Meta,
    bytes: Bytes,
    /// A bit for each block of the body that was found sound.
    checked: Box<[AtomicU64]>,
}

/// What is kept of an object to find it by its id: its first four bytes, as a number, and the number
/// of its record. The whole id takes seven times as much and is told by the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) prefix: u32,
    /// The number, and whether it is a commit.
    code: u32,
}

impl Entry {
    /// Not an entry. No record has this number.
    pub(crate) const NONE: Self = Self {
        prefix: u32::MAX,
        code: u32::MAX,
    };

    pub(crate) const fn is_none(self) -> bool {
        self.code == u32::MAX
    }

    pub(crate) const fn new(prefix: u32, number: u32, is_commit: bool) -> Self {
        let flag = if is_commit { COMMIT } else { 0 };
        let code = number | flag;
        Self { prefix, code }
    }

    /// Returns the entry of a record that has no object of its own, and so no id.
    pub(crate) const fn remnant(number: u32) -> Self {
        let code = number | REMNANT;
        Self { prefix: 0, code }
    }

    pub(crate) const fn number(self) -> u32 {
        self.code & !(COMMIT | REMNANT)
    }

    pub(crate) const fn is_commit(self) -> bool {
        self.code & COMMIT != 0
    }

    pub(crate) const fn is_remnant(self) -> bool {
        self.code & REMNANT != 0
    }

    /// One number for all, which sorts by the id's front and then by the record's number.
    pub(crate) fn sort_key(self) -> u64 {
        u64::from(self.prefix) << 32 | u64::from(self.number())
    }
}

/// Returns the first four bytes of an id as a number.
pub(crate) fn prefix(id: &Id) -> u32 {
    let bytes = id.as_bytes().first_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(bytes)
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
///
/// # Errors
/// [`StoreError`] when what an earlier sidecar covers can neither be read from it nor from the segment.
pub(crate) fn encode(
    segment: SegmentHeader,
    covered: Position,
    is_complete: bool,
    table: &Table,
    refs: &BTreeMap<String, Id>,
) -> Result<Vec<u8>, StoreError> {
    let rows = Rows {
        offsets: &table.offsets()?,
        entries: &table.entries()?,
    };
    let meta = Meta {
        segment,
        covered,
        is_complete,
        kinds: table.kinds,
        refs_bytes: 0,
    };
    Ok(meta.with_rows(refs, &rows))
}

/// Encodes the sidecar of a segment that a collection wrote.
pub(crate) fn encode_kept(
    segment: SegmentHeader,
    covered: Position,
    kinds: [KindStats; 4],
    rows: &Rows<'_>,
) -> Vec<u8> {
    let meta = Meta {
        segment,
        covered,
        is_complete: true,
        kinds,
        refs_bytes: 0,
    };
    meta.with_rows(&BTreeMap::new(), rows)
}

/// What a sidecar tells of records.
pub(crate) struct Rows<'a> {
    /// Of each record, by number.
    pub(crate) offsets: &'a [u32],
    /// In order.
    pub(crate) entries: &'a [Entry],
}

impl Rows<'_> {
    pub(crate) fn put(&self, body: &mut Vec<u8>, has_gaps: bool) {
        let offsets = self.offsets.iter().map(|offset| offset.to_le_bytes());
        body.extend(offsets.flatten());
        if has_gaps {
            let mut numbers: Vec<u32> = self.entries.iter().map(|e| e.number()).collect();
            numbers.sort_unstable();
            body.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        for entry in self.entries {
            body.extend_from_slice(&entry.prefix.to_le_bytes());
            body.extend_from_slice(&entry.code.to_le_bytes());
        }
    }
}

impl Sidecar {
    /// Takes the bytes of a segment's sidecar and checks their front. `None` when they are the sidecar
    /// of the segment as it was before a collection, or of another version.
    pub(crate) fn open(bytes: Bytes, segment: SegmentHeader) -> Result<Option<Self>, Damage> {
        let Some(sidecar) = Self::believe(bytes)? else {
            return Ok(None);
        };
        let found = sidecar.meta.segment;
        if found.number == segment.number && found.salt != segment.salt {
            return Ok(None);
        }
        if found != segment {
            let expected = format!("the sidecar of segment {}", segment.number);
            return Err(Damage::new(12, expected, "another one"));
        }
        Ok(Some(sidecar))
    }

    /// As [`open`](Self::open), believing what it says of its segment. `None` for another version.
    pub(crate) fn believe(bytes: Bytes) -> Result<Option<Self>, Damage> {
        let Some((meta, front_crc)) = Meta::decode(&bytes)? else {
            return Ok(None);
        };
        if bytes.len() != meta.file_bytes() {
            let expected = format!("a sidecar of {} bytes", meta.file_bytes());
            return Err(Damage::new(0, expected, bytes.len().to_string()));
        }
        let front = bytes.get(Meta::BYTES..meta.body_start());
        let crc = crc32fast::hash(front.unwrap_or_default());
        if crc != front_crc {
            return Err(Damage::crc(Meta::BYTES as u64, front_crc, crc));
        }
        let words = meta.blocks().div_ceil(64);
        let checked = std::iter::repeat_with(AtomicU64::default).take(words);
        Ok(Some(Self {
            meta,
            bytes,
            checked: checked.collect(),
        }))
    }

    pub(crate) fn refs(&self) -> Option<Vec<RefChange>> {
        let front = self.bytes.get(Meta::BYTES..)?;
        let bytes = front.get(..self.meta.refs_bytes as usize)?;
        decode_changes(&mut Reader::new(bytes, 0), &[])
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.meta.records()
    }

    /// Returns which of the records, in their order, has this number. With gaps, a binary search.
    pub(crate) fn row(&self, number: u32) -> Result<Option<usize>, Damage> {
        if !self.meta.segment.is_sparse {
            let row = number as usize;
            return Ok((row < self.len()).then_some(row));
        }
        let row = search::first_at_least(self.len(), number, |row| self.number(row))?;
        Ok((row < self.len() && self.number(row)? == number).then_some(row))
    }

    /// Returns the number of a record.
    pub(crate) fn number(&self, row: usize) -> Result<u32, Damage> {
        match self.meta.segment.is_sparse {
            true => self.u32_at(self.meta.numbers_start() + 4 * row),
            false => Ok(narrow(row)),
        }
    }

    /// Returns where the record in a row starts.
    pub(crate) fn offset(&self, row: usize) -> Result<u32, Damage> {
        self.u32_at(4 * row)
    }

    /// Returns where the record in a row starts and where the next one does, or what is covered ends.
    pub(crate) fn span(&self, row: usize) -> Result<(u32, u32), Damage> {
        let next = match row + 1 < self.len() {
            true => self.offset(row + 1)?,
            false => self.meta.covered.offset,
        };
        Ok((self.offset(row)?, next))
    }

    /// Returns an entry, in the order of the ids.
    pub(crate) fn entry(&self, index: usize) -> Result<Entry, Damage> {
        let at = self.meta.entries_start() + ENTRY_BYTES * index;
        let prefix = self.u32_at(at)?;
        let code = self.u32_at(at + 4)?;
        Ok(Entry { prefix, code })
    }

    /// Returns the index of the first entry whose prefix is not below this one. Touches about two
    /// cache lines.
    pub(crate) fn first_entry(&self, prefix: u32) -> Result<usize, Damage> {
        search::near_guess(self.len(), prefix, |index| {
            self.u32_at(self.meta.entries_start() + ENTRY_BYTES * index)
        })
    }

    /// Appends the numbers of the records whose ids begin as this one, last ones first.
    pub(crate) fn candidates(&self, id: &Id, out: &mut Vec<u32>) -> Result<(), Damage> {
        let prefix = prefix(id);
        let start = out.len();
        for index in self.first_entry(prefix)?..self.len() {
            let entry = self.entry(index)?;
            if entry.prefix != prefix {
                break;
            }
            if !entry.is_remnant() {
                out.push(entry.number());
            }
        }
        if let Some(found) = out.get_mut(start..) {
            found.reverse();
        }
        Ok(())
    }

    /// Tells whether a record has no object of its own: those come first, in the order of their numbers,
    /// among objects whose ids begin with four zeros.
    pub(crate) fn is_remnant(&self, number: u32) -> Result<bool, Damage> {
        if !self.meta.segment.is_sparse {
            return Ok(false);
        }
        let count = self.first_entry(1)?;
        let index =
            search::first_at_least(count, number, |index| self.entry(index).map(Entry::number))?;
        let entry = match index < count {
            true => self.entry(index)?,
            false => return Ok(false),
        };
        Ok(entry.number() == number && entry.is_remnant())
    }

    /// Returns all entries, in the order of the ids.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Damage> {
        (0..self.len()).map(|index| self.entry(index)).collect()
    }

    /// Returns the offsets of all records.
    pub(crate) fn offsets(&self) -> Result<Vec<u32>, Damage> {
        (0..self.len()).map(|row| self.offset(row)).collect()
    }

    /// Checks all that was not looked at yet.
    pub(crate) fn check(&self) -> Result<(), Damage> {
        (0..self.meta.blocks()).try_for_each(|block| self.check_block(block))
    }

    fn u32_at(&self, at: usize) -> Result<u32, Damage> {
        let block = at / BLOCK_BYTES;
        let word = self.checked.get(block / 64);
        let is_checked = word.is_some_and(|w| w.load(Ordering::Relaxed) >> (block % 64) & 1 == 1);
        if !is_checked {
            self.check_block(block)?;
        }
        let start = self.meta.body_start() + at;
        let bytes = self.bytes.get(start..).and_then(|rest| rest.first_chunk());
        let missing = || Damage::ends(start as u64, "a row of the sidecar");
        bytes
            .map(|bytes| u32::from_le_bytes(*bytes))
            .ok_or_else(missing)
    }

    #[cold]
    fn check_block(&self, block: usize) -> Result<(), Damage> {
        let crcs = Meta::BYTES + self.meta.refs_bytes as usize;
        let stored = Reader::new(&self.bytes, crcs + 4 * block).u32();
        let start = self.meta.body_start() + block * BLOCK_BYTES;
        let end = (start + BLOCK_BYTES).min(self.bytes.len());
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let computed = crc32fast::hash(bytes);
        if bytes.is_empty() || stored != Some(computed) {
            let stored = stored.unwrap_or_default();
            return Err(Damage::crc(start as u64, stored, computed));
        }
        if let Some(word) = self.checked.get(block / 64) {
            word.fetch_or(1 << (block % 64), Ordering::Relaxed);
        }
        Ok(())
    }
}

pub(crate) const ENTRY_BYTES: usize = 8;
/// Marks commits among entries. No segment has room for so many records.
const COMMIT: u32 = 1 << 31;
/// Marks records without an object.
const REMNANT: u32 = 1 << 30;
/// So much has a checksum of its own: what a page fault brings.
pub(crate) const BLOCK_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use irmin_core::Kind;

    use super::*;

    const HEADER: SegmentHeader = SegmentHeader {
        number: 3,
        salt: 7,
        is_sparse: false,
    };

    fn id(number: u32) -> Id {
        Id::of(&number.to_le_bytes())
    }

    fn sidecar(records: u32) -> Sidecar {
        let mut table = Table::default();
        for number in 0..records {
            table.push(100 + number, id(number), Kind::Blob, 1);
        }
        let covered = Position {
            offset: 100 + records,
            frames: 1,
            records,
        };
        let bytes = encode(HEADER, covered, true, &table, &BTreeMap::new()).unwrap();
        Sidecar::open(bytes.into(), HEADER).unwrap().unwrap()
    }

    fn blocks_checked(sidecar: &Sidecar) -> u32 {
        let words = sidecar.checked.iter();
        words.map(|w| w.load(Ordering::Relaxed).count_ones()).sum()
    }

    #[test]
    fn a_look_up_checks_a_block_or_two() {
        for number in [0, 1, 77_777, 99_999] {
            let sidecar = sidecar(100_000);
            assert_eq!(blocks_checked(&sidecar), 0);
            assert_eq!(sidecar.span(number as usize).unwrap().0, 100 + number);
            assert!(blocks_checked(&sidecar) <= 2);
            let mut found = Vec::new();
            sidecar.candidates(&id(number), &mut found).unwrap();
            assert!(found.contains(&number));
            assert!(
                blocks_checked(&sidecar) <= 5,
                "{}",
                blocks_checked(&sidecar)
            );
        }
    }

    #[test]
    fn an_object_takes_twelve_bytes() {
        let bytes = sidecar(100_000).bytes.len() - sidecar(0).bytes.len();
        assert_eq!(
            bytes,
            12 * 100_000 + 4 * (1_200_000_usize.div_ceil(BLOCK_BYTES))
        );
    }
}
