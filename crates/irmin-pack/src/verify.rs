//! Reading all and believing nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use irmin_core::{Id, Kind, StoreError, VerifyProgress, VerifyReport};

use crate::chain::Whole;
use crate::collect::bits::Bits;
use crate::damage::{self, Damage};
use crate::files::File;
use crate::frame::{Frame, FrameKind, RefChange};
use crate::lock::{lock, read};
use crate::log::Log;
use crate::older::missing;
use crate::place::Place;
use crate::replay::why_incomplete;
use crate::scan::{self, Position, Scan, Visit};
use crate::segment::SegmentHeader;
use crate::sidecar::{Entry, Sidecar, prefix};
use crate::stats::get;
use crate::store::Inner;

impl Inner {
    pub(crate) fn verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport, StoreError> {
        // A collection waits too, before it replaces the next segment.
        let _replacing = lock(&self.collection.replacing);
        // Writers wait: what they do would look like damage half way.
        let _turn = self.turn(usize::MAX)?;
        let _writer = lock(&self.writer);
        // What has no name yet is not found.
        if self.poison.check().is_ok() {
            self.settle()?;
        }
        self.log.verify(progress)
    }
}

impl Log {
    pub(crate) fn verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport, StoreError> {
        let state = read(&self.state);
        let mut numbers: Vec<u32> = state.sealed.iter().map(|segment| segment.number).collect();
        numbers.push(state.active.header.number);
        let refs = state.refs.clone();
        // A handle that only reads looks at what it has followed: more may just be written.
        let is_read = !self.home.may_write || state.active.before.is_some();
        let followed = is_read.then(|| Arc::clone(&state.active.file));
        let newest_end = state.active.written.offset;
        drop(state);
        let mut verifier = Verifier {
            log: self,
            followed,
            newest_end,
            report: VerifyReport::default(),
            records: BTreeMap::new(),
            refs: BTreeMap::new(),
            targets: refs.values().map(|id| (*id, false)).collect(),
        };
        verifier.report.bytes_cut = get(&self.counters.bytes_cut);
        let bytes_total = verifier.bytes_total(&numbers)?;
        for (index, &number) in numbers.iter().enumerate() {
            verifier.segment(number, index + 1 == numbers.len())?;
            progress(VerifyProgress {
                bytes_done: verifier.report.bytes,
                bytes_total,
            });
        }
        verifier.refs(&refs);
        Ok(verifier.report)
    }
}

struct Verifier<'a> {
    log: &'a Log,
    /// The newest segment as a reader has followed it: its name may be another file's by now.
    followed: Option<Arc<dyn File>>,
    /// Up to where the newest segment is known to this handle.
    newest_end: u32,
    report: VerifyReport,
    /// The numbers of the records that each segment has: a bit a record.
    records: BTreeMap<u32, Bits>,
    /// The refs according to the files.
    refs: BTreeMap<String, Id>,
    /// What the refs of this handle point to, and whether a commit with that id was seen.
    targets: BTreeMap<Id, bool>,
}

/// What was read of one segment, to compare the sidecar with.
#[derive(Default)]
struct Seen {
    offsets: Vec<u32>,
    entries: Vec<Entry>,
    /// What objects are made from and could not be read, with the reason.
    lost: HashMap<Place, String>,
}

struct Reading<'a, 'b> {
    verifier: &'a mut Verifier<'b>,
    scan: &'a Scan<'a>,
    seen: Seen,
}

impl Visit for Reading<'_, '_> {
    fn base(&mut self, place: Place) -> Result<Option<Arc<Whole>>, StoreError> {
        let log = self.verifier.log;
        let base = log.base(place);
        match base.and_then(|base| base.ok_or_else(|| missing(place, &log.layout))) {
            Ok(base) => Ok(Some(base)),
            Err(error) if is_of_files(&error) => {
                self.seen.lost.insert(place, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn frame(&mut self, at: Position, frame: &Frame<'_>) -> Result<(), StoreError> {
        self.verifier.frame(self.scan, at, frame, &mut self.seen);
        Ok(())
    }
}

impl Verifier<'_> {
    fn bytes_total(&self, numbers: &[u32]) -> Result<u64, StoreError> {
        let mut total = 0;
        for &number in numbers {
            let path = self.log.layout.segment(number);
            match self.log.options.files.open_read(&path) {
                Ok(file) => total += file.length().map_err(damage::io("measure", &path))?,
                // What is missing is told of later.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(damage::io("open", &path)(error)),
            }
        }
        Ok(total)
    }

    fn segment(&mut self, number: u32, is_newest: bool) -> Result<(), StoreError> {
        let path = self.log.layout.segment(number);
        let opened = match self.followed.as_ref().filter(|_| is_newest) {
            Some(followed) => Ok(Arc::clone(followed)),
            None => self.log.options.files.open_read(&path),
        };
        let file = match opened.map_err(damage::io("open", &path)) {
            Ok(file) => file,
            Err(error) => return self.problem(error),
        };
        self.report.segments += 1;
        match SegmentHeader::read(&*file, &path, number) {
            Ok(header) => self.frames(&file, header, is_newest),
            Err(error) => self.problem(error),
        }
    }

    /// Notes what is wrong with the files and passes on what is wrong with reading them.
    fn problem(&mut self, error: StoreError) -> Result<(), StoreError> {
        if !is_of_files(&error) {
            return Err(error);
        }
        self.report.problems.push(error);
        Ok(())
    }

    fn frames(
        &mut self,
        file: &Arc<dyn File>,
        header: SegmentHeader,
        is_newest: bool,
    ) -> Result<(), StoreError> {
        let path = self.log.layout.segment(header.number);
        let mut end = scan::length(&**file, &path)?;
        if is_newest {
            // What may follow was never acknowledged and is yet to be cut off, or is just being
            // written by another process.
            end = end.min(self.newest_end);
        }
        let scan = Scan {
            file: &**file,
            path: &path,
            header,
            end,
        };
        self.records.insert(header.number, Bits::default());
        let mut reading = Reading {
            verifier: self,
            scan: &scan,
            seen: Seen::default(),
        };
        let scanned = scan.run(Position::START, &mut reading)?;
        let seen = reading.seen;
        self.report.bytes += u64::from(end);
        let damage = match is_newest {
            true => scanned.damage,
            false => why_incomplete(&scan, &scanned)?,
        };
        let is_damaged = damage.is_some() || !seen.lost.is_empty();
        let problem = damage.map(|damage| damage.at(&path));
        self.report.problems.extend(problem);
        if is_damaged {
            // A sidecar cannot be compared with what cannot be read.
            return Ok(());
        }
        self.sidecar(header, &seen, scanned.position, is_newest)
    }

    fn frame(&mut self, scan: &Scan<'_>, at: Position, frame: &Frame<'_>, seen: &mut Seen) {
        self.report.frames += 1;
        if (at.frames == 0) != (frame.kind == FrameKind::Checkpoint) {
            let found = format!("{:?}", frame.kind);
            let damage = Damage::new(u64::from(at.offset), "a checkpoint first and only", found);
            self.report.problems.push(damage.at(scan.path));
        }
        let numbers = frame.numbers.iter().zip(&frame.ids);
        for ((offset, record), (number, id)) in frame.records.iter().zip(numbers) {
            seen.offsets.push(*offset);
            if record.is_remnant {
                seen.entries.push(Entry::remnant(*number));
                continue;
            }
            let is_commit = record.kind == Kind::Commit;
            let entry = Entry::new(prefix(id), *number, is_commit);
            seen.entries.push(entry);
            self.report.objects += 1;
            if let Some(delta) = record.delta.filter(|_| *id == Id::NULL) {
                let damage = seen.without_base(Place::of(delta.base), *offset);
                self.report.problems.push(damage.at(scan.path));
                continue;
            }
            if is_commit {
                self.report.commits += 1;
                if let Some(is_there) = self.targets.get_mut(id) {
                    *is_there = true;
                }
            }
            let place = Place {
                segment: scan.header.number,
                number: *number,
            };
            for (index, link) in record.links.iter().enumerate() {
                if record.cut.leaves_out(index) {
                    continue;
                }
                let Some(target) = link.map(Place::of) else {
                    self.report.links_unknown += 1;
                    continue;
                };
                self.report.links += 1;
                if !self.is_stored(target, place) {
                    let expected = format!(
                        "record {} in segment {}, which a link names",
                        target.number, target.segment
                    );
                    let damage = Damage::new(u64::from(*offset), expected, "no such record");
                    self.report.problems.push(damage.at(scan.path));
                }
            }
            if let Some(bits) = self.records.get_mut(&place.segment) {
                bits.set(place.number);
            }
        }
        self.apply(frame.kind, &frame.changes);
    }

    /// Objects are stored after those that they link to.
    fn is_stored(&self, target: Place, place: Place) -> bool {
        let bits = self.records.get(&target.segment);
        target < place && bits.is_some_and(|bits| bits.get(target.number))
    }

    fn apply(&mut self, kind: FrameKind, changes: &[RefChange]) {
        if kind == FrameKind::Checkpoint {
            self.refs.clear();
        }
        for change in changes {
            match change.target {
                Some(id) => self.refs.insert(change.name.clone(), id),
                None => self.refs.remove(&change.name),
            };
        }
    }

    fn sidecar(
        &mut self,
        header: SegmentHeader,
        seen: &Seen,
        end: Position,
        is_newest: bool,
    ) -> Result<(), StoreError> {
        let path = self.log.layout.sidecar(header.number);
        let damage = match self.log.home.sidecar(header)? {
            // It is made again when it is needed.
            None => None,
            Some(Err(damage)) => Some(damage),
            // Written meanwhile.
            Some(Ok(sidecar))
                if is_newest
                    && self.followed.is_some()
                    && sidecar.meta.covered.offset > end.offset =>
            {
                None
            }
            Some(Ok(sidecar)) => compare(&sidecar, seen, end, is_newest).err(),
        };
        if let Some(damage) = damage {
            self.report.problems.push(damage.at(&path));
        }
        Ok(())
    }

    fn refs(&mut self, refs: &BTreeMap<String, Id>) {
        let newest = read(&self.log.state).active.path.clone();
        if self.refs != *refs && self.report.is_clean() {
            let expected = format!("{} refs", refs.len());
            let found = format!("{} refs, or other ones", self.refs.len());
            let damage = Damage::new(0, expected, found);
            self.report.problems.push(damage.at(&newest));
        }
        let found = match self.report.is_clean() {
            true => "no such commit",
            false => "none in what could be read: what is behind damage was not",
        };
        for (name, id) in refs {
            self.report.refs += 1;
            if self.targets.get(id) != Some(&true) {
                let expected = format!("commit {id}, which '{name}' points to");
                let damage = Damage::new(0, expected, found);
                self.report.problems.push(damage.at(&newest));
            }
        }
    }
}

impl Seen {
    fn without_base(&self, base: Place, offset: u32) -> Damage {
        let (number, segment) = (base.number, base.segment);
        let expected = format!("record {number} in segment {segment}, which this one is made from");
        let reason = self.lost.get(&base);
        let found = reason.map_or("one that cannot be made either", String::as_str);
        Damage::new(u64::from(offset), expected, found)
    }
}

/// Whether something is wrong with the files, and not with reading them.
fn is_of_files(error: &StoreError) -> bool {
    !matches!(error, StoreError::Io { source, .. } if source.kind() != std::io::ErrorKind::NotFound)
}

/// Compares a sidecar with the segment, as far as it covers it.
fn compare(sidecar: &Sidecar, seen: &Seen, end: Position, is_newest: bool) -> Result<(), Damage> {
    sidecar.check()?;
    // One that was written when the segment was the last; it is made again when it is needed.
    let is_part = is_newest || !sidecar.meta.is_complete;
    let covered = sidecar.meta.covered;
    let records = covered.records as usize;
    let wrong = |what: &str| Err(Damage::new(0, what, "other ones"));
    if covered.offset > end.offset || !is_part && covered != end {
        return wrong("the positions of the segment");
    }
    if Some(&*sidecar.offsets()?) != seen.offsets.get(..records) {
        return wrong("the offsets of the segment's records");
    }
    let mut sorted = seen.entries.get(..records).unwrap_or_default().to_vec();
    sorted.sort_unstable_by_key(|entry| entry.sort_key());
    if sidecar.entries()? != sorted {
        return wrong("the ids of the segment's records");
    }
    for (row, entry) in by_number(sorted).into_iter().enumerate() {
        if sidecar.number(row)? != entry.number() {
            return wrong("the numbers of the segment's records");
        }
    }
    Ok(())
}

fn by_number(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_unstable_by_key(|entry| entry.number());
    entries
}
