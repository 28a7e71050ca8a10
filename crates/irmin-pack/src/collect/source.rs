//! A segment as a collection reads it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use irmin_core::{Id, StoreError};

use crate::active::Active;
use crate::collect::meter::{Meter, Stop};
use crate::damage;
use crate::files::File;
use crate::frame::HEADER_BYTES;
use crate::place::{Place, narrow};
use crate::scan::Position;
use crate::sealed::{Loaded, Sealed};
use crate::segment::SegmentHeader;
use crate::sidecar::{self, Entry};
use crate::store::Inner;
use crate::table::Table;

/// A segment's file and tables, as long as the collection is about it.
pub(crate) struct Source {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    /// Up to where there are frames in the file.
    pub(crate) frames_end: u32,
    /// Up to where there are records.
    end: u32,
    /// How long the complete segment and its sidecar are.
    pub(crate) bytes: u64,
    tables: Tables,
}

enum Tables {
    Sealed(Arc<Loaded>),
    /// For a dry run, which does not complete the newest segment.
    Active(Box<Table>),
}

impl Source {
    pub(crate) fn sealed(inner: &Inner, sealed: &Arc<Sealed>) -> Result<Self, StoreError> {
        let loaded = sealed.peek()?;
        let meta = loaded.meta();
        let end = meta.covered.offset;
        Ok(Self {
            header: meta.segment,
            path: inner.layout.segment(sealed.number),
            file: inner.home.open_segment(sealed.number)?.0,
            frames_end: end,
            end,
            bytes: u64::from(end) + meta.file_bytes() as u64,
            tables: Tables::Sealed(loaded),
        })
    }

    /// The newest segment as it would be if it were completed now.
    pub(crate) fn active(active: &Active, refs: &BTreeMap<String, Id>) -> Result<Self, StoreError> {
        let written = active.written.offset;
        let end = written + narrow(active.pending_bytes());
        let covered = Position {
            offset: end + HEADER_BYTES,
            ..active.written
        };
        let sidecar = sidecar::encode(active.header, covered, true, &active.table, refs)?;
        let file = Tail {
            file: Arc::clone(&active.file),
            start: u64::from(written),
            bytes: active.pending().to_vec(),
        };
        Ok(Self {
            header: active.header,
            path: active.path.clone(),
            file: Arc::new(file),
            frames_end: written,
            end,
            bytes: u64::from(covered.offset) + sidecar.len() as u64,
            tables: Tables::Active(Box::new(active.table.clone())),
        })
    }

    /// How long the segment is.
    pub(crate) fn segment_bytes(&self) -> u64 {
        u64::from(self.end)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        match &self.tables {
            Tables::Sealed(loaded) => loaded.tables.len(),
            Tables::Active(table) => table.len() as usize,
        }
    }

    /// Returns the place of a record, and where its bytes begin and end at the latest.
    pub(crate) fn record(&self, row: usize) -> Result<(Place, u32, u32), StoreError> {
        let (number, (start, end)) = match &self.tables {
            Tables::Sealed(loaded) => loaded.tables.record(row)?,
            Tables::Active(table) => {
                let number = narrow(row);
                let (start, next) = table.span(number)?.unwrap_or((self.end, None));
                (number, (start, next.unwrap_or(self.end)))
            }
        };
        let segment = self.header.number;
        Ok((Place { segment, number }, start, end))
    }

    /// Tells whether a record has no object of its own.
    pub(crate) fn is_remnant(&self, number: u32) -> Result<bool, StoreError> {
        match &self.tables {
            Tables::Sealed(loaded) => loaded.tables.is_remnant(number),
            Tables::Active(_) => Ok(false),
        }
    }

    pub(crate) fn has(&self, number: u32) -> Result<bool, StoreError> {
        Ok(match &self.tables {
            Tables::Sealed(loaded) => loaded.tables.row(number)?.is_some(),
            Tables::Active(table) => number < table.len(),
        })
    }

    /// Returns the place of the last record below a number that holds the object.
    pub(crate) fn find(
        &self,
        inner: &Inner,
        id: &Id,
        below: u32,
    ) -> Result<Option<Place>, StoreError> {
        let segment = self.header.number;
        let mut numbers = Vec::new();
        match &self.tables {
            Tables::Sealed(loaded) => loaded.tables.candidates(id, &mut numbers)?,
            Tables::Active(table) => {
                numbers.extend(table.find_recent(id));
                table.candidates(id, &mut numbers)?;
            }
        }
        numbers.retain(|&number| number < below);
        for number in numbers {
            let place = Place { segment, number };
            if inner.holds(place, id)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Returns the entries of all records, in order. 8 bytes an object.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        match &self.tables {
            Tables::Active(table) => table.entries(),
            Tables::Sealed(loaded) => loaded.tables.entries(),
        }
    }
}

/// The part of a segment that is in memory.
#[derive(Default)]
pub(crate) struct Window {
    start: u32,
    bytes: Vec<u8>,
}

impl Window {
    /// Returns bytes of the segment, and reads about a mebibyte when they are not there: what
    /// follows with `is_ahead`, or else what comes before.
    pub(crate) fn get(
        &mut self,
        source: &Source,
        (start, end): (u32, u32),
        is_ahead: bool,
        meter: &mut Meter<'_>,
    ) -> Result<&[u8], Stop> {
        let has = |window: &Self| {
            start >= window.start && (end - window.start) as usize <= window.bytes.len()
        };
        if end < start || end > source.end {
            let damage = damage::Damage::new(u64::from(start), "a record", "bytes beyond the end");
            return Err(damage.at(&source.path).into());
        }
        if !has(self) {
            let (from, to) = match is_ahead {
                true => (
                    start,
                    end.max(start.saturating_add(WINDOW_BYTES)).min(source.end),
                ),
                false => (start.min(end.saturating_sub(WINDOW_BYTES)), end),
            };
            self.bytes.resize((to - from) as usize, 0);
            self.start = from;
            let read = source.file.read_at(&mut self.bytes, u64::from(from));
            read.map_err(damage::read(&source.path, u64::from(from)))?;
            meter.spend(u64::from(to - from))?;
        }
        let start = (start - self.start) as usize;
        let end = (end - self.start) as usize;
        Ok(self.bytes.get(start..end).unwrap_or_default())
    }
}

/// A file with bytes behind it that were not written yet.
#[derive(Debug)]
struct Tail {
    file: Arc<dyn File>,
    start: u64,
    bytes: Vec<u8>,
}

impl File for Tail {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let in_file = self.start.saturating_sub(offset).min(buffer.len() as u64);
        let (front, rest) = buffer.split_at_mut(usize::try_from(in_file).unwrap_or(usize::MAX));
        if !front.is_empty() {
            self.file.read_at(front, offset)?;
        }
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let found = self
            .bytes
            .get(from..)
            .and_then(|bytes| bytes.get(..rest.len()));
        rest.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.start + self.bytes.len() as u64)
    }

    fn try_lock(&self) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn unlock(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

const WINDOW_BYTES: u32 = 1 << 20;
