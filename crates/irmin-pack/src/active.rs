//! The segment that is being written, and the objects that wait for their frame.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};

use crc32fast::Hasher;
use irmin_core::{Id, Locator, Object, RefEdit, StoreError};

use crate::files::File;
use crate::frame::{FrameHeader, FrameKind, HEADER_BYTES, Target, encode_changes};
use crate::home::Home;
use crate::lock::{read, write};
use crate::mapped::Mapped;
use crate::place::{Place, narrow};
use crate::record::{self, Delta};
use crate::scan::Position;
use crate::sealed::Sealed;
use crate::segment::{NewSegment, SegmentHeader};
use crate::table::Table;

/// All that readers see, changed only by the holder of the writer's lock.
#[derive(Debug)]
pub(crate) struct State {
    /// The complete segments, by ascending number.
    pub(crate) sealed: Arc<Vec<Arc<Sealed>>>,
    pub(crate) active: Active,
    pub(crate) refs: BTreeMap<String, Id>,
}

/// The newest segment.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) table: Table,
    /// How much of the file was written.
    pub(crate) written: Position,
    /// The position in the log of the file's first byte: what a sync reached is told by numbers
    /// that go on from segment to segment.
    pub(crate) base: u64,
    /// Up to where the sidecar covers the segment.
    pub(crate) covered: u32,
    /// Whether the file ends with a proof that all of it is durable.
    pub(crate) is_marked: bool,
    /// Whether the file ends with the frame that ends a segment: the next segment is yet to be made.
    pub(crate) is_complete: bool,
    /// Up to where zeros follow what was written, at most.
    pub(crate) prepared: u32,
    /// Whether zeros may be written behind it: there was room for that.
    pub(crate) may_prepare: bool,
    /// The segment before it, as long as this one has no name.
    pub(crate) before: Option<Before>,
    /// Whether something that was never acknowledged may follow what was written, and has to be cut
    /// off before more is.
    pub(crate) is_ragged: bool,
    /// Up to where the file is known to be durable.
    durable: AtomicU32,
    /// The front of the file in memory, as far as it was durable.
    mapped: RwLock<Option<Arc<Mapped>>>,
    /// The next frame: room for its header, then records.
    pending: Vec<u8>,
    /// The checksum of the pending records.
    crc: Hasher,
}

/// A segment that is complete, but not known to be durable.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    pub(crate) file: Arc<dyn File>,
    pub(crate) path: PathBuf,
}

/// Where a record's bytes are.
pub(crate) enum Span {
    /// In memory, from one offset of the pending frame to another.
    Pending(usize, usize),
    /// In the file, from one offset to another.
    Written(u32, u32),
}

impl Active {
    pub(crate) fn new(
        header: SegmentHeader,
        path: PathBuf,
        file: Arc<dyn File>,
        table: Table,
        written: Position,
    ) -> Self {
        Self {
            header,
            path,
            file,
            table,
            written,
            base: 0,
            covered: 0,
            is_marked: true,
            is_complete: false,
            prepared: 0,
            may_prepare: true,
            before: None,
            is_ragged: false,
            durable: AtomicU32::new(0),
            mapped: RwLock::default(),
            pending: Vec::new(),
            crc: Hasher::new(),
        }
    }

    /// The segment after this one, with nothing but its checkpoint.
    pub(crate) fn fresh(new: NewSegment, path: PathBuf) -> Self {
        let written = Position {
            offset: new.length,
            frames: 1,
            records: 0,
        };
        Self::new(new.header, path, new.file, Table::default(), written)
    }

    /// The end of what was written, as a position in the log.
    pub(crate) fn log_end(&self) -> u64 {
        self.base + u64::from(self.written.offset)
    }

    /// How many bytes wait to be written.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// How many records wait to be written.
    pub(crate) fn pending_records(&self) -> u32 {
        self.table.len() - self.written.records
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Returns the place of the next record.
    pub(crate) fn next_place(&self) -> Place {
        Place {
            segment: self.header.number,
            number: self.table.len(),
        }
    }

    /// Adds an object to the next frame, with its links, or as the difference to another one.
    pub(crate) fn push(
        &mut self,
        object: &Object<'_>,
        links: &[Option<Locator>],
        delta: Option<(Delta<'_>, &[u8])>,
    ) -> Place {
        if self.pending.is_empty() {
            self.pending.resize(FrameHeader::BYTES, 0);
            self.crc = Hasher::new();
        }
        let place = self.next_place();
        let start = self.pending.len();
        match delta {
            None => record::encode(&mut self.pending, place, object, links),
            Some((delta, hunks)) => {
                record::encode_delta(&mut self.pending, place, object, &delta, hunks);
            }
        }
        self.crc.update(&self.pending[start..]);
        let offset = self.written.offset + narrow(start);
        self.table
            .push(offset, object.id, object.kind, object.bytes.len());
        place
    }

    /// Completes the next frame, and returns how much of it is kept when it cannot be written.
    /// `synced` is up to where the file is durable.
    pub(crate) fn finish(&mut self, kind: FrameKind, edits: &[RefEdit], synced: u32) -> usize {
        let kept = self.pending.len();
        if self.pending.is_empty() {
            self.pending.resize(FrameHeader::BYTES, 0);
            self.crc = Hasher::new();
        }
        let records = self.pending_records();
        let start = self.pending.len();
        let targets: Vec<_> = edits.iter().map(|edit| self.target(edit)).collect();
        encode_changes(&mut self.pending, targets.into_iter());
        // Of a copy, so that the changes can be taken back.
        let mut crc = self.crc.clone();
        crc.update(&self.pending[start..]);
        let header = FrameHeader {
            kind,
            payload_bytes: narrow(self.pending.len()) - HEADER_BYTES,
            records,
            frame: self.written.frames,
            synced,
            payload_crc: crc.finalize(),
        };
        let place = self.written.in_segment(self.header);
        self.pending[..FrameHeader::BYTES].copy_from_slice(&header.encode(&place));
        kept
    }

    /// Takes the changes of a frame that was not written back; its records go on waiting.
    pub(crate) fn unfinish(&mut self, kept: usize) {
        self.pending.truncate(kept);
    }

    /// A ref mostly moves to the commit beside it, whose number is shorter than its id.
    fn target<'e>(&self, edit: &'e RefEdit) -> (&'e str, Target) {
        let target = match edit.new {
            None => Target::Gone,
            Some(id) => self
                .table
                .find_recent(&id)
                .and_then(|number| number.checked_sub(self.written.records))
                .map_or(Target::Id(id), Target::Record),
        };
        (&edit.name, target)
    }

    /// Notes that the next frame was written.
    pub(crate) fn frame_written(&mut self, kind: FrameKind) {
        self.is_marked = kind == FrameKind::Close;
        self.is_complete = kind == FrameKind::End;
        self.written = Position {
            offset: self.written.offset + narrow(self.pending.len()),
            frames: self.written.frames + 1,
            records: self.table.len(),
        };
        self.pending.clear();
    }

    /// Notes up to where the file is durable.
    pub(crate) fn is_durable_to(&self, offset: u32) {
        self.durable.fetch_max(offset, Ordering::Relaxed);
    }

    /// Returns the front of the file in memory, if the record that starts at an offset is in it: what is
    /// durable ends between frames. Grows in large steps, as each one is a new mapping.
    pub(crate) fn mapped(&self, home: &Home, start: u32) -> Option<Arc<Mapped>> {
        let mapped = read(&self.mapped).clone();
        let length = mapped.as_ref().map_or(0, |mapped| narrow(mapped.len()));
        if start < length {
            return mapped;
        }
        let durable = self.durable.load(Ordering::Relaxed);
        let step = (length / 4).max(MAP_STEP_BYTES);
        if start >= durable || length > 0 && durable - length < step {
            return None;
        }
        let map = home.map(&*self.file, u64::from(durable));
        let mapped = map.map(|map| Arc::new(Mapped::new(map)));
        write(&self.mapped).clone_from(&mapped);
        mapped
    }

    pub(crate) fn span(&self, number: u32) -> Result<Option<Span>, StoreError> {
        let Some((start, next)) = self.table.span(number)? else {
            return Ok(None);
        };
        Ok(Some(match start.checked_sub(self.written.offset) {
            Some(offset) => {
                let end = next.map(|next| (next - self.written.offset) as usize);
                Span::Pending(offset as usize, end.unwrap_or(self.pending.len()))
            }
            None => Span::Written(start, next.unwrap_or(u32::MAX).min(self.written.offset)),
        }))
    }
}

/// So much more has to be durable before it is mapped, too.
const MAP_STEP_BYTES: u32 = 1 << 20;
