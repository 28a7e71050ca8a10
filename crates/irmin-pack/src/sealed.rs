//! A segment that is complete: its tables are read when first needed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use irmin_core::{Id, KindStats, StoreError};

use crate::damage;
use crate::files::{File, Files};
use crate::frame::{Frame, FrameKind, RefChange};
use crate::fresh::Fresh;
use crate::layout::Layout;
use crate::lock::lock;
use crate::scan::{self, Position, Scan, Scanned};
use crate::segment::SegmentHeader;
use crate::sidecar::{self, Meta, Sidecar};
use crate::stats::{Counters, add};
use crate::table::Table;

/// A complete segment.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) number: u32,
    files: Arc<dyn Files>,
    layout: Arc<Layout>,
    counters: Arc<Counters>,
    /// Whether a sidecar that is made again is kept as a file.
    may_write: bool,
    /// What is in memory of a segment that has no sidecar yet.
    fresh: Mutex<Option<Arc<Fresh>>>,
    loaded: OnceLock<Arc<Loaded>>,
    /// Held while the tables are loaded, and while the segment's files are replaced.
    pub(crate) loading: Mutex<()>,
    is_sparse: OnceLock<bool>,
}

/// What is in memory of a segment that was used: 12 bytes an object.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) file: Arc<dyn File>,
    pub(crate) meta: Meta,
    sidecar: Body,
    offsets: Box<[u32]>,
    /// The numbers of the records in order, where they have gaps: 4 bytes an object more.
    gaps: Option<Box<[u32]>>,
    /// The first four bytes of each id, in order.
    prefixes: Box<[u32]>,
    /// The record numbers in the order of the ids. Not read from the disk one by one, because
    /// there they have only one checksum for all.
    numbers: Box<[u32]>,
}

/// Where the rest of a sidecar is.
#[derive(Debug)]
enum Body {
    File(Arc<dyn File>),
    /// Of a sidecar that cannot be kept.
    Memory(Box<[u8]>),
}

impl Sealed {
    pub(crate) fn new(
        number: u32,
        files: Arc<dyn Files>,
        layout: Arc<Layout>,
        counters: Arc<Counters>,
        may_write: bool,
    ) -> Self {
        Self {
            number,
            files,
            layout,
            counters,
            may_write,
            fresh: Mutex::default(),
            loaded: OnceLock::new(),
            loading: Mutex::new(()),
            is_sparse: OnceLock::new(),
        }
    }

    /// Has what is in memory serve until [`seal`](Self::seal) is called.
    #[must_use]
    pub(crate) fn with_fresh(self, fresh: Fresh) -> Self {
        *lock(&self.fresh) = Some(Arc::new(fresh));
        self
    }

    /// Returns what is in memory of a segment that has no sidecar yet.
    pub(crate) fn fresh(&self) -> Option<Arc<Fresh>> {
        match self.loaded.get() {
            Some(_) => None,
            None => lock(&self.fresh).clone(),
        }
    }

    /// Writes the sidecar of a segment that was completed and is durable by now; keeps it in memory
    /// when there is no room for it.
    pub(crate) fn seal(&self) -> Result<(), StoreError> {
        self.loaded()?;
        *lock(&self.fresh) = None;
        Ok(())
    }

    /// Returns the file of the segment.
    pub(crate) fn file(&self) -> Result<Arc<dyn File>, StoreError> {
        match self.fresh() {
            Some(fresh) => Ok(Arc::clone(&fresh.file)),
            None => Ok(Arc::clone(&self.loaded()?.file)),
        }
    }

    /// Returns the length of the segment in bytes, and how many objects of each kind it has.
    pub(crate) fn figures(&self) -> Result<(u32, [KindStats; 4]), StoreError> {
        if let Some(fresh) = self.fresh() {
            return Ok((fresh.end.offset, fresh.kinds()));
        }
        let meta = &self.loaded()?.meta;
        Ok((meta.covered.offset, meta.kinds))
    }

    /// Returns the segment's tables, reading the sidecar the first time, or the segment when the
    /// sidecar is missing or damaged: then a new one is written, or kept in memory by a handle that
    /// only reads.
    pub(crate) fn loaded(&self) -> Result<&Loaded, StoreError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let _guard = lock(&self.loading);
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = Arc::new(self.load()?);
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// Returns the segment's tables without keeping them for the next who asks.
    pub(crate) fn peek(&self) -> Result<Arc<Loaded>, StoreError> {
        let _guard = lock(&self.loading);
        match self.loaded.get() {
            Some(loaded) => Ok(Arc::clone(loaded)),
            None => self.load().map(Arc::new),
        }
    }

    /// Tells whether a collection took records out of the segment. Reads its header once.
    pub(crate) fn is_sparse(&self) -> Result<bool, StoreError> {
        if let Some(is_sparse) = self.is_sparse.get() {
            return Ok(*is_sparse);
        }
        let is_sparse = match (self.loaded.get(), self.fresh()) {
            (Some(loaded), _) => loaded.meta.segment.is_sparse,
            (None, Some(fresh)) => fresh.header.is_sparse,
            (None, None) => self.open()?.1.is_sparse,
        };
        Ok(*self.is_sparse.get_or_init(|| is_sparse))
    }

    /// Returns the number of the last record that holds the object. A search in memory, and a read of
    /// 32 bytes for each id that starts with the same four bytes.
    pub(crate) fn find(&self, id: &Id) -> Result<Option<u32>, StoreError> {
        match self.fresh() {
            Some(fresh) => Ok(fresh.table.find(id)),
            None => self.find_in(self.loaded()?, id, u32::MAX),
        }
    }

    /// As [`find`](Self::find), in tables that were had before, below a number.
    pub(crate) fn find_in(
        &self,
        loaded: &Loaded,
        id: &Id,
        below: u32,
    ) -> Result<Option<u32>, StoreError> {
        let prefix = prefix(id);
        let first = first_at_least(&loaded.prefixes, prefix);
        let alike = loaded.prefixes.iter().skip(first);
        let mut found = None;
        for (row, _) in (first..).zip(alike.take_while(|&&other| other == prefix)) {
            if self.id_at(loaded, loaded.meta.ids_at(), row)? == *id {
                let number = loaded.numbers.get(row).copied();
                found = number.filter(|&number| number < below).or(found);
            }
        }
        Ok(found)
    }

    /// Returns where a record starts and where the next one does, or the segment ends.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(u32, u32)>, StoreError> {
        if let Some(fresh) = self.fresh() {
            return Ok(fresh.span(number));
        }
        let loaded = self.loaded()?;
        Ok(loaded.row(number).and_then(|row| loaded.span(row)))
    }

    /// Appends the ids of commits in a range, at most `limit`, in order. A binary search by reads.
    pub(crate) fn commits_between(
        &self,
        first: &Id,
        last: &Id,
        limit: usize,
        out: &mut Vec<Id>,
    ) -> Result<(), StoreError> {
        if let Some(fresh) = self.fresh() {
            out.extend(fresh.table.commits.range(first..=last).take(limit));
            return Ok(());
        }
        let loaded = self.loaded()?;
        let (start, count) = loaded.meta.commits_at();
        let (mut low, mut high) = (0, count as usize);
        while low < high {
            let middle = low.midpoint(high);
            if self.id_at(loaded, start, middle)? < *first {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for row in (low..count as usize).take(limit) {
            let id = self.id_at(loaded, start, row)?;
            if id > *last {
                break;
            }
            out.push(id);
        }
        Ok(())
    }

    fn id_at(&self, loaded: &Loaded, start: u64, row: usize) -> Result<Id, StoreError> {
        let mut bytes = [0; Id::BYTES];
        let offset = start + (row * Id::BYTES) as u64;
        let read = match &loaded.sidecar {
            Body::File(file) => file.read_at(&mut bytes, offset),
            Body::Memory(body) => read_at(body, &mut bytes, offset - Meta::BYTES as u64),
        };
        read.map_err(damage::read(&self.layout.sidecar(self.number), offset))?;
        Ok(Id::from_bytes(bytes))
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        if let Some(fresh) = self.fresh() {
            return self.keep(Arc::clone(&fresh.file), fresh.header, fresh.sidecar());
        }
        let attempts = if self.may_write { 1 } else { READER_ATTEMPTS };
        for _ in 0..attempts {
            if let Some(loaded) = self.load_kept()? {
                return Ok(loaded);
            }
        }
        self.rebuild()
    }

    /// Loads the tables from the sidecar, if there is one of this very segment and all of it.
    fn load_kept(&self) -> Result<Option<Loaded>, StoreError> {
        let (file, header, length) = self.open()?;
        let kept = open_sidecar(&*self.files, &self.layout, header)?;
        let Some((body, Ok(sidecar))) = kept else {
            return Ok(None);
        };
        let path = self.layout.segment(self.number);
        let scan = Scan {
            file: &*file,
            path: &path,
            header,
            end: length,
        };
        let covered = sidecar.meta.covered.offset;
        let is_whole = sidecar.meta.is_complete && covered <= length && scan.is_blank(covered)?;
        Ok(is_whole.then(|| loaded(Arc::clone(&file), &sidecar, Body::File(body))))
    }

    fn open(&self) -> Result<(Arc<dyn File>, SegmentHeader, u32), StoreError> {
        let path = self.layout.segment(self.number);
        let file = self.files.open_read(&path);
        let file = file.map_err(damage::io("open", &path))?;
        let header = SegmentHeader::read(&*file, &path, self.number)?;
        let length = scan::length(&*file, &path)?;
        Ok((file, header, length))
    }

    fn rebuild(&self) -> Result<Loaded, StoreError> {
        let (file, header, length) = self.open()?;
        let path = self.layout.segment(self.number);
        let scan = Scan {
            file: &*file,
            path: &path,
            header,
            end: length,
        };
        let mut replay = Replay::default();
        let scanned = replay.run(&scan, Position::START)?;
        if let Some(damage) = why_incomplete(&scan, &scanned)? {
            return Err(damage.at(&path));
        }
        add(&self.counters.bytes_scanned, u64::from(length));
        let bytes = sidecar::encode(header, scanned.position, true, &replay.table, &replay.refs);
        self.keep(file, header, bytes)
    }

    /// Writes a sidecar, or keeps it in memory, and returns the tables.
    fn keep(
        &self,
        file: Arc<dyn File>,
        header: SegmentHeader,
        bytes: Vec<u8>,
    ) -> Result<Loaded, StoreError> {
        let path = self.layout.sidecar(self.number);
        let is_kept = self.write_sidecar(&bytes)?;
        // A file that cannot be opened just now is no reason to stop writing.
        let kept = is_kept.then(|| self.files.open_read(&path).ok()).flatten();
        let body = match kept {
            Some(kept) => Body::File(kept),
            None => Body::Memory(bytes.get(Meta::BYTES..).unwrap_or_default().into()),
        };
        let sidecar = Sidecar::decode(bytes, header).map_err(|damage| damage.at(&path))?;
        Ok(loaded(file, &sidecar, body))
    }

    /// Writes the sidecar; `false` for a reader, which writes nothing, and on a full disk.
    fn write_sidecar(&self, bytes: &[u8]) -> Result<bool, StoreError> {
        if !self.may_write {
            return Ok(false);
        }
        match sidecar::write(&*self.files, &self.layout, bytes, self.number) {
            Err(StoreError::Full { .. }) => Ok(false),
            written => {
                written?;
                add(&self.counters.syncs, 1);
                self.counters.wrote(bytes.len());
                Ok(true)
            }
        }
    }
}

impl Loaded {
    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Returns which of the records, in their order, has this number.
    pub(crate) fn row(&self, number: u32) -> Option<usize> {
        match &self.gaps {
            None => ((number as usize) < self.len()).then_some(number as usize),
            Some(gaps) => gaps.binary_search(&number).ok(),
        }
    }

    /// Returns the number of a record.
    pub(crate) fn number(&self, row: usize) -> Option<u32> {
        match &self.gaps {
            None => u32::try_from(row).ok(),
            Some(gaps) => gaps.get(row).copied(),
        }
    }

    /// Returns the ids with the numbers of their records, in order, where the sidecar could not be
    /// kept as a file.
    pub(crate) fn by_id_in_memory(&self) -> Option<Vec<(Id, u32)>> {
        let Body::Memory(body) = &self.sidecar else {
            return None;
        };
        let start = usize::try_from(self.meta.ids_at()).ok()? - Meta::BYTES;
        let (ids, _) = body.get(start..)?.as_chunks();
        let ids = ids.iter().map(|bytes| Id::from_bytes(*bytes));
        Some(ids.zip(self.numbers.iter().copied()).collect())
    }

    /// Returns where a record starts and where the next one does, or the segment ends.
    pub(crate) fn span(&self, row: usize) -> Option<(u32, u32)> {
        let start = *self.offsets.get(row)?;
        let next = self.offsets.get(row + 1).copied();
        Some((start, next.unwrap_or(self.meta.covered.offset)))
    }
}

fn loaded(file: Arc<dyn File>, sidecar: &Sidecar, body: Body) -> Loaded {
    let gaps = sidecar.meta.segment.is_sparse.then(|| {
        let mut numbers: Box<[u32]> = sidecar.numbers().collect();
        numbers.sort_unstable();
        numbers
    });
    Loaded {
        file,
        gaps,
        sidecar: body,
        offsets: sidecar.offsets().collect(),
        prefixes: sidecar.ids().map(|id| prefix(&id)).collect(),
        numbers: sidecar.numbers().collect(),
        meta: sidecar.meta.clone(),
    }
}

fn read_at(bytes: &[u8], buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let found = bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
    buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

/// A complete segment ends with a frame that says so: else its end was lost. Nothing but zeros may
/// follow, which could not be cut off for want of room.
pub(crate) fn why_incomplete(
    scan: &Scan<'_>,
    scanned: &Scanned,
) -> Result<Option<damage::Damage>, StoreError> {
    let at = scanned.position.offset;
    if scanned.last == Some(FrameKind::End) && scan.is_blank(at)? {
        return Ok(None);
    }
    let lost = || damage::Damage::ends(u64::from(scan.end), "the frame that ends the segment");
    Ok(Some(scanned.damage.clone().unwrap_or_else(lost)))
}

/// Reads and checks a segment's sidecar; `None` when there is none, or one of the segment as it
/// was before a collection wrote it anew.
pub(crate) fn read_sidecar(
    files: &dyn Files,
    layout: &Layout,
    header: SegmentHeader,
) -> Result<Option<Result<Sidecar, damage::Damage>>, StoreError> {
    Ok(open_sidecar(files, layout, header)?.map(|(_, sidecar)| sidecar))
}

/// A sidecar's file, and what it holds.
type Opened = (Arc<dyn File>, Result<Sidecar, damage::Damage>);

fn open_sidecar(
    files: &dyn Files,
    layout: &Layout,
    header: SegmentHeader,
) -> Result<Option<Opened>, StoreError> {
    let path = layout.sidecar(header.number);
    let file = match files.open_read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damage::io("open", &path)(error)),
    };
    let length = file.length().map_err(damage::io("measure", &path))?;
    // A length that no sidecar can have must not make room for it.
    let Some(length) = usize::try_from(length)
        .ok()
        .filter(|&l| l <= SIDECAR_BYTES_MAX)
    else {
        let damage = damage::Damage::new(0, "a sidecar", "a larger file");
        return Ok(Some((file, Err(damage))));
    };
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0)
        .map_err(damage::read(&path, 0))?;
    if Meta::is_stale(&bytes, header) {
        return Ok(None);
    }
    Ok(Some((file, Sidecar::decode(bytes, header))))
}

/// What a segment's frames amount to.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) table: Table,
    pub(crate) refs: BTreeMap<String, Id>,
    /// Whether a frame said that a collection wrote earlier segments anew.
    pub(crate) has_collected: bool,
}

impl Replay {
    /// Starts from what a sidecar covers.
    pub(crate) fn from_sidecar(sidecar: &Sidecar) -> Option<Self> {
        let mut replay = Self {
            table: Table::with_capacity(sidecar.ids().len()),
            ..Self::default()
        };
        apply_refs(&mut replay.refs, &sidecar.refs()?);
        let mut ids = vec![None; sidecar.ids().len()];
        for (id, number) in sidecar.ids().zip(sidecar.numbers()) {
            *ids.get_mut(number as usize)? = Some(id);
        }
        for (offset, id) in sidecar.offsets().zip(ids) {
            // The kinds are counted and the commits listed in the sidecar already.
            replay.table.push(offset, id?, irmin_core::Kind::Blob, 0);
        }
        replay.table.kinds = sidecar.meta.kinds;
        replay.table.commits = sidecar.commits().collect();
        Some(replay)
    }

    /// Applies the frames from a boundary on.
    pub(crate) fn run(&mut self, scan: &Scan<'_>, from: Position) -> Result<Scanned, StoreError> {
        scan.run(from, &mut |_, frame| {
            self.apply(frame);
            Ok(())
        })
    }

    fn apply(&mut self, frame: &Frame<'_>) {
        apply(frame, &mut self.table, &mut self.refs);
        self.has_collected |= frame.kind == FrameKind::Collected;
    }
}

/// Adds what a frame says to what is known of a segment and of all names.
pub(crate) fn apply(frame: &Frame<'_>, table: &mut Table, refs: &mut BTreeMap<String, Id>) {
    let numbers = frame.ids.iter().zip(&frame.numbers);
    for ((offset, record), (id, number)) in frame.records.iter().zip(numbers) {
        let kind = (record.kind, record.payload.len());
        match frame.kind {
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

/// Returns the index of the first of the sorted values that is not below `value`.
///
/// Ids are spread evenly, so `value` is near the place that its size suggests: the search begins
/// there and stays within a few cache lines, where a plain binary search touches one a step.
fn first_at_least(sorted: &[u32], value: u32) -> usize {
    let guess = (u64::from(value) * sorted.len() as u64) >> 32;
    let guess = usize::try_from(guess).unwrap_or_default();
    let mut reach = 64;
    loop {
        let low = guess.saturating_sub(reach);
        let high = (guess + reach).min(sorted.len());
        let low_is_below = low == 0 || sorted.get(low - 1).is_none_or(|&other| other < value);
        let high_is_not = sorted.get(high).is_none_or(|&other| other >= value);
        if low_is_below && high_is_not {
            let window = sorted.get(low..high).unwrap_or_default();
            return low + window.partition_point(|&other| other < value);
        }
        reach *= 4;
    }
}

fn prefix(id: &Id) -> u32 {
    let bytes = id.as_bytes().first_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(bytes)
}

/// How often a reader looks for the sidecar of the segment: both may just be replaced.
const READER_ATTEMPTS: usize = 3;
const SIDECAR_BYTES_MAX: usize = 1 << 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_search_from_a_guess_finds_what_a_plain_one_does(
            mut sorted in prop::collection::vec(prop_oneof![any::<u32>(), 0..9u32], 0..2000),
            values in prop::collection::vec(prop_oneof![any::<u32>(), 0..9u32], 1..20),
        ) {
            sorted.sort_unstable();
            for value in values.into_iter().chain(sorted.iter().copied()).chain([0, u32::MAX]) {
                let expected = sorted.partition_point(|&other| other < value);
                prop_assert_eq!(first_at_least(&sorted, value), expected);
            }
        }
    }
}
