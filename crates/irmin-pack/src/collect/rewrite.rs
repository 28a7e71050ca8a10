//! Writing a segment anew, without what is dead.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use irmin_core::{Cut, KindStats, StoreError};

use crate::collect::kept::{Fate, Kept};
use crate::collect::mark::{Run, Segment};
use crate::collect::meter::{Meter, Stop};
use crate::collect::source::Window;
use crate::damage;
use crate::files::File;
use crate::frame::{FrameHeader, FrameKind, encode_runs};
use crate::layout::temporary;
use crate::place::{Place, narrow};
use crate::record::{Record, encode_again};
use crate::scan::Position;
use crate::segment::{SegmentHeader, first_bytes};
use crate::sidecar::{self, Entry, Rows};
use crate::stats::add;

/// A segment that was written anew, under another name.
pub(crate) struct Rewritten {
    /// The length of the segment.
    pub(crate) length: u32,
    /// How often it was synced on the way.
    syncs: u64,
    pub(crate) sidecar: Vec<u8>,
}

impl Run<'_> {
    /// Writes the marked records of a segment to a new file, synced but not in place yet; a dry run
    /// only counts.
    pub(crate) fn rewrite(&mut self, segment: &Segment, kept: &Kept) -> Result<Rewritten, Stop> {
        let number = segment.source.header.number;
        if self.collect.dry_run {
            return self.copy(segment, kept, Arc::new(Sink), 0);
        }
        let files = &*self.inner.options.files;
        let fresh = temporary(&segment.source.path);
        let salt = files.salt();
        debug_assert!(salt != segment.source.header.salt, "segment {number}");
        let file = files.open_or_create(&fresh);
        let file = file.map_err(damage::grow("create", &fresh))?;
        file.truncate(0).map_err(damage::grow("truncate", &fresh))?;
        let written = self.copy(segment, kept, Arc::clone(&file), salt)?;
        file.sync().map_err(damage::io("sync", &fresh))?;
        add(&self.inner.counters.syncs, written.syncs + 1);
        self.inner.counters.wrote(written.length as usize);
        Ok(written)
    }

    fn copy(
        &mut self,
        segment: &Segment,
        kept: &Kept,
        file: Arc<dyn File>,
        salt: u64,
    ) -> Result<Rewritten, Stop> {
        let source = &segment.source;
        let header = SegmentHeader {
            number: source.header.number,
            salt,
            is_sparse: true,
        };
        let fresh = temporary(&source.path);
        let mut writer = Writer::begin(header, &*file, &fresh)?;
        let mut window = Window::default();
        for row in 0..source.len() {
            let (place, start, end) = source.record(row)?;
            let fate = kept.fate(place.number);
            if fate == Fate::Gone {
                continue;
            }
            let bytes = window.get(source, (start, end), true, &mut self.meter)?;
            let record = Record::parse(bytes, place, u64::from(start))
                .map_err(|damage| damage.at(&source.path))?;
            let bytes = bytes.get(..record.length).unwrap_or_default();
            writer.add(place, &record, bytes, fate, segment.cuts.get(&place.number));
            if writer.is_full() {
                writer.flush(&mut self.meter)?;
            }
        }
        let mut entries = source.entries()?;
        entries.retain(|entry| kept.fate(entry.number()) != Fate::Gone);
        for entry in &mut entries {
            if kept.fate(entry.number()) == Fate::Remnant {
                *entry = Entry::remnant(entry.number());
            }
        }
        entries.sort_unstable_by_key(|entry| entry.sort_key());
        writer.finish(&entries, &mut self.meter)
    }
}

/// The front of a new file, and the frame that is being filled.
struct Writer<'a> {
    header: SegmentHeader,
    file: &'a dyn File,
    path: &'a Path,
    written: Position,
    /// Up to where it was synced, and how often.
    synced: u32,
    syncs: u64,
    runs: Vec<Range<u32>>,
    records: Vec<u8>,
    /// Where each record of the frame begins, behind the numbers of all.
    starts: Vec<u32>,
    offsets: Vec<u32>,
    kinds: [KindStats; 4],
}

impl<'a> Writer<'a> {
    fn begin(
        header: SegmentHeader,
        file: &'a dyn File,
        path: &'a Path,
    ) -> Result<Self, StoreError> {
        let front = first_bytes(&header, &BTreeMap::new())?;
        file.write_at(&front, 0)
            .map_err(damage::grow("write", path))?;
        Ok(Self {
            header,
            file,
            path,
            written: Position {
                offset: narrow(front.len()),
                frames: 1,
                records: 0,
            },
            synced: 0,
            syncs: 0,
            runs: Vec::new(),
            records: Vec::new(),
            starts: Vec::new(),
            offsets: Vec::new(),
            kinds: [KindStats::default(); 4],
        })
    }

    /// Adds a record under its old number.
    fn add(
        &mut self,
        place: Place,
        record: &Record<'_>,
        bytes: &[u8],
        fate: Fate,
        cut: Option<&Cut>,
    ) {
        self.starts.push(narrow(self.records.len()));
        let is_remnant = fate == Fate::Remnant;
        match cut {
            None if is_remnant == record.is_remnant => self.records.extend_from_slice(bytes),
            _ => {
                let cut = cut.copied().unwrap_or(record.cut);
                encode_again(&mut self.records, place, record, cut, is_remnant);
            }
        }
        match self.runs.last_mut() {
            Some(run) if run.end == place.number => run.end += 1,
            _ => self.runs.push(place.number..place.number + 1),
        }
        if is_remnant {
            return;
        }
        let index = usize::from(record.kind.code() - 1);
        if let Some(kind) = self.kinds.get_mut(index) {
            kind.objects += 1;
            kind.bytes += record.object_bytes() as u64;
        }
    }

    fn is_full(&self) -> bool {
        self.records.len() >= FRAME_BYTES || self.starts.len() >= FRAME_RECORDS
    }

    /// Writes what was added as one frame.
    fn flush(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        if self.starts.is_empty() {
            return Ok(());
        }
        let mut frame = vec![0; FrameHeader::BYTES];
        encode_runs(&mut frame, &self.runs);
        let start = self.written.offset + narrow(frame.len());
        let starts = self.starts.iter().map(|at| start + at);
        self.offsets.extend(starts);
        frame.append(&mut self.records);
        let records = narrow(self.starts.len());
        self.write(FrameKind::Kept, frame, records)?;
        self.runs.clear();
        self.starts.clear();
        self.sync_some()?;
        // Reading is counted; writing costs as much again, and is less.
        meter.spend(0)
    }

    /// Syncs in small steps: a commit that is to be durable waits for what the disk was given before.
    fn sync_some(&mut self) -> Result<(), Stop> {
        if self.written.offset - self.synced >= SYNC_BYTES {
            self.file.sync().map_err(damage::io("sync", self.path))?;
            self.synced = self.written.offset;
            self.syncs += 1;
        }
        Ok(())
    }

    fn write(&mut self, kind: FrameKind, mut frame: Vec<u8>, records: u32) -> Result<(), Stop> {
        let header = FrameHeader {
            kind,
            payload_bytes: narrow(frame.len() - FrameHeader::BYTES),
            records,
            frame: self.written.frames,
            synced: 0,
            payload_crc: crc32fast::hash(frame.get(FrameHeader::BYTES..).unwrap_or_default()),
        };
        let place = self.written.in_segment(self.header);
        frame[..FrameHeader::BYTES].copy_from_slice(&header.encode(&place));
        self.file
            .write_at(&frame, u64::from(self.written.offset))
            .map_err(damage::grow("write", self.path))?;
        self.written = Position {
            offset: self.written.offset + narrow(frame.len()),
            frames: self.written.frames + 1,
            records: self.written.records + records,
        };
        Ok(())
    }

    fn finish(mut self, entries: &[Entry], meter: &mut Meter<'_>) -> Result<Rewritten, Stop> {
        self.flush(meter)?;
        self.write(FrameKind::End, vec![0; FrameHeader::BYTES], 0)?;
        let rows = Rows {
            offsets: &self.offsets,
            entries,
        };
        Ok(Rewritten {
            length: self.written.offset,
            syncs: self.syncs,
            sidecar: sidecar::encode_kept(self.header, self.written, self.kinds, &rows),
        })
    }
}

/// Where a dry run writes.
#[derive(Debug)]
struct Sink;

impl File for Sink {
    fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn try_lock(&self) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn unlock(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How much is written at most before it is synced.
const SYNC_BYTES: u32 = 4 << 20;
/// How large a frame of kept records becomes before the next one is begun.
const FRAME_BYTES: usize = 1 << 20;
const FRAME_RECORDS: usize = 1 << 20;
