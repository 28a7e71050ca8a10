//! What a segment's frames amount to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use irmin_core::{Id, StoreError};

use crate::chain::Whole;
use crate::damage::Damage;
use crate::files::File;
use crate::frame::{Frame, FrameKind, RefChange};
use crate::home::Home;
use crate::meta::Meta;
use crate::older::Older;
use crate::place::Place;
use crate::scan::{Position, Scan, Scanned, Visit};
use crate::segment::SegmentHeader;
use crate::sidecar::{self, Sidecar};
use crate::stats::add;
use crate::table::Table;
use crate::tables::Tables;

/// The records and the refs of frames that were read.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) table: Table,
    pub(crate) refs: BTreeMap<String, Id>,
    /// Whether a frame said that a collection wrote earlier segments anew.
    pub(crate) has_collected: bool,
}

impl Replay {
    /// Starts from what a sidecar covers.
    pub(crate) fn after(home: &Arc<Home>, sidecar: Sidecar) -> Option<Self> {
        let mut refs = BTreeMap::new();
        apply_refs(&mut refs, &sidecar.refs()?);
        let base = Arc::new(Tables::new(Arc::clone(home), sidecar));
        Some(Self {
            table: Table::after(base),
            refs,
            has_collected: false,
        })
    }

    /// Applies the frames from a boundary on.
    pub(crate) fn run(
        &mut self,
        scan: &Scan<'_>,
        from: Position,
        older: &mut Older<'_>,
    ) -> Result<Scanned, StoreError> {
        let mut replaying = Replaying {
            replay: self,
            scan,
            older,
        };
        scan.run(from, &mut replaying)
    }
}

struct Replaying<'a, 'b> {
    replay: &'a mut Replay,
    scan: &'a Scan<'a>,
    older: &'a mut Older<'b>,
}

impl Visit for Replaying<'_, '_> {
    fn base(&mut self, place: Place) -> Result<Option<Arc<Whole>>, StoreError> {
        let table = &self.replay.table;
        let here = |number| {
            let span = table.span(number)?;
            Ok(span.map(|(start, next)| (start, next.unwrap_or(self.scan.end))))
        };
        self.older.base(place, self.scan, &here).map(Some)
    }

    fn frame(&mut self, _at: Position, frame: &Frame<'_>) -> Result<(), StoreError> {
        let replay = &mut *self.replay;
        apply(frame, &mut replay.table, &mut replay.refs);
        replay.has_collected |= frame.kind == FrameKind::Collected;
        Ok(())
    }
}

/// Adds what a frame says to what is known of a segment and of all names.
pub(crate) fn apply(frame: &Frame<'_>, table: &mut Table, refs: &mut BTreeMap<String, Id>) {
    let numbers = frame.ids.iter().zip(&frame.numbers);
    for ((offset, record), (id, number)) in frame.records.iter().zip(numbers) {
        let kind = (record.kind, record.object_bytes());
        match frame.kind {
            _ if record.is_remnant => table.push_remnant(*number, *offset),
            FrameKind::Kept => table.push_kept(*number, *offset, *id, kind),
            _ => table.push(*offset, *id, kind.0, kind.1),
        }
    }
    if frame.kind == FrameKind::Checkpoint {
        refs.clear();
    }
    apply_refs(refs, &frame.changes);
}

fn apply_refs(refs: &mut BTreeMap<String, Id>, changes: &[RefChange]) {
    for change in changes {
        match change.target {
            Some(id) => refs.insert(change.name.clone(), id),
            None => refs.remove(&change.name),
        };
    }
}

/// Reads a complete segment to its end and returns its sidecar.
pub(crate) fn sidecar_of(
    home: &Home,
    file: &dyn File,
    header: SegmentHeader,
    length: u32,
) -> Result<Vec<u8>, StoreError> {
    let path = home.layout.segment(header.number);
    let (replay, scanned) = replay(home, file, &path, header, length)?;
    let scan = Scan {
        file,
        path: &path,
        header,
        end: length,
    };
    if let Some(damage) = why_incomplete(&scan, &scanned)? {
        return Err(damage.at(&path));
    }
    sidecar::encode(header, scanned.position, true, &replay.table, &replay.refs)
}

/// Reads again what a damaged sidecar covers, and returns another one: in memory, and in the place of
/// the other if it is that of a complete segment. `None` when the segment was written anew meanwhile.
pub(crate) fn rebuild(home: &Home, meta: &Meta) -> Result<Option<Sidecar>, StoreError> {
    let header = meta.segment;
    let (file, found, length) = home.open_segment(header.number)?;
    if found != header {
        return Ok(None);
    }
    let path = home.layout.segment(header.number);
    let end = meta.covered.offset.min(length);
    let (replay, scanned) = replay(home, &*file, &path, header, end)?;
    if scanned.position != meta.covered {
        let lost = || {
            Damage::ends(
                u64::from(scanned.position.offset),
                "what its sidecar covers",
            )
        };
        return Err(scanned.damage.unwrap_or_else(lost).at(&path));
    }
    let bytes = sidecar::encode(
        header,
        meta.covered,
        meta.is_complete,
        &replay.table,
        &replay.refs,
    )?;
    if meta.is_complete {
        home.keep_sidecar(&bytes, header.number)?;
    }
    let sidecar = Sidecar::open(bytes.into(), header);
    sidecar.map_err(|damage| damage.at(&home.layout.sidecar(header.number)))
}

fn replay(
    home: &Home,
    file: &dyn File,
    path: &Path,
    header: SegmentHeader,
    end: u32,
) -> Result<(Replay, Scanned), StoreError> {
    let scan = Scan {
        file,
        path,
        header,
        end,
    };
    let mut replay = Replay::default();
    let mut older = Older::new(home);
    let scanned = replay.run(&scan, Position::START, &mut older)?;
    add(&home.counters.bytes_scanned, u64::from(end));
    Ok((replay, scanned))
}

/// A complete segment ends with a frame that says so: else its end was lost. Nothing but zeros may
/// follow, which could not be cut off for want of room.
pub(crate) fn why_incomplete(
    scan: &Scan<'_>,
    scanned: &Scanned,
) -> Result<Option<Damage>, StoreError> {
    let at = scanned.position.offset;
    if scanned.last == Some(FrameKind::End) && scan.is_blank(at)? {
        return Ok(None);
    }
    let lost = || Damage::ends(u64::from(scan.end), "the frame that ends the segment");
    Ok(Some(scanned.damage.clone().unwrap_or_else(lost)))
}
