//! Copying what can be read out of a damaged store.

mod names;
mod objects;
mod partial;
mod walk;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use irmin_core::{Durability, Id, Kind, RefEdit, RefOutcome, RefStore, StoreError, VerifyProgress};

use crate::damage::{self, Damage};
use crate::files::{File, Files};
use crate::layout::{Layout, segment_number, temporary};
use crate::options::Options;
use crate::place::Place;
use crate::record::Record;
use crate::salvage::names::Names;
use crate::salvage::objects::{Found, Objects};
use crate::salvage::walk::{Known, RefEvent, Visit, Walk};
use crate::segment::SegmentHeader;
use crate::sidecar::Sidecar;
use crate::store::PackStore;

/// What was found in a damaged store, and what became of it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Where the files are damaged or cannot be read, with what was expected and found. A tail that
    /// was never whole, as a crash leaves it, is among them.
    pub problems: Vec<StoreError>,
    /// Bytes of the segments.
    pub bytes: u64,
    /// How many different objects can be read.
    pub objects: u64,
    /// How many of them lead to something that cannot, and are left behind.
    pub objects_broken: u64,
    /// How many were copied; 0 when nothing was to be.
    pub objects_copied: u64,
    /// All names, in order, with what becomes of them; then commits whose name may be lost; at the
    /// end, in a copy, the names of commits that were salvaged in part.
    pub names: Vec<SalvagedName>,
}

impl SalvageReport {
    /// Tells whether every name keeps what it points to and no file is damaged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_kept = |name: &SalvagedName| name.was.is_some() && name.was == name.now;
        self.problems.is_empty() && self.names.iter().all(is_kept)
    }
}

/// What becomes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalvagedName {
    /// The full name.
    pub name: String,
    /// What it pointed to; `None` when that is not known.
    pub was: Option<Id>,
    /// What it points to in the copy: the same, its newest ancestor that is whole, or nothing.
    pub now: Option<Id>,
    /// What is lost of what it pointed to, at most 1,000.
    pub missing: Vec<Missing>,
}

/// Something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where it was in the commit's tree; empty for the root of it, and for commits.
    pub path: String,
    /// The object.
    pub id: Id,
}

impl Missing {
    fn new(path: &str, id: Id) -> Self {
        Self {
            path: path.to_owned(),
            id,
        }
    }
}

/// Reads all that can be read of a damaged store, and copies it to a new one, unless `to` is `None`.
/// Never writes to the damaged store.
///
/// Trusts nothing but checksums: goes on behind a bad frame at the next good one, takes the sound
/// records of damaged frames, and does without the segment's header or its sidecar. Copied is what
/// is there with all that it leads to. A name whose commit is not whole falls back to its newest
/// ancestor that is; where names themselves were lost, commits that nothing leads to are named
/// `heads/salvaged/1`, `2`, …
///
/// Of the newest commit of a name that can be read, but is not whole, the copy gets another commit
/// without parents, which has those entries of its tree that are whole:
/// `heads/salvaged/partial/main`. Such a name `was` the commit that it has a part of.
///
/// Reads the segments twice, each wholly into memory the first time. Memory: about 240 bytes an
/// object. What is told by its difference to an object that is lost is lost with it.
///
/// ```
/// use irmin_pack::{Options, PackStore, salvage};
/// let dir = tempfile::tempdir()?;
/// let (damaged, copy) = (dir.path().join("damaged"), dir.path().join("copy"));
/// PackStore::create(&damaged, Options::default())?.close()?;
/// let report = salvage(&damaged, Some(&copy), &Options::default(), &mut |_| ())?;
/// assert!(report.is_whole());
/// PackStore::open(&copy, Options::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`StoreError::NotFound`] when there are no segments, [`StoreError::Locked`] when a process
/// writes to the store, [`StoreError::AlreadyExists`] when there is a store at `to`, [`StoreError::Io`]
/// when a directory cannot be read or the copy cannot be written.
pub fn salvage(
    from: &Path,
    to: Option<&Path>,
    options: &Options,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<SalvageReport, StoreError> {
    let mut layout = Layout::new(from);
    let _lock = lock(&*options.files, &layout)?;
    let mut numbers = numbers(&*options.files, &layout)?;
    // A writer that was killed may have left the last segment without its name.
    let next = numbers.last().map_or(1, |last| last.saturating_add(1));
    let begun = temporary(&layout.segment(next));
    if options.files.open_read(&begun).is_ok() {
        layout.begun = Some(next);
        numbers.push(next);
    }
    // First of all, so that nobody waits for nothing.
    let copy = to.map(|to| PackStore::create(to, options.clone()));
    let copy = copy.transpose()?.map(Arc::new);
    let mut taken = Taken {
        report: SalvageReport::default(),
        names: Names::default(),
        objects: Objects::new(Arc::clone(&options.files), layout),
    };
    let total = taken.measure(&numbers) * if copy.is_some() { 2 } else { 1 };
    let mut newest = numbers.first().copied().unwrap_or(1);
    for &number in &numbers {
        taken.missing_segments(newest, number);
        newest = number + 1;
        taken.segment(number)?;
        progress(VerifyProgress {
            bytes_done: taken.report.bytes,
            bytes_total: total,
        });
    }
    taken.finish(copy.as_ref(), total, progress)
}

/// What was read so far.
struct Taken {
    report: SalvageReport,
    names: Names,
    objects: Objects,
}

impl Taken {
    fn measure(&self, numbers: &[u32]) -> u64 {
        let lengths = numbers.iter().filter_map(|&number| {
            let path = self.objects.layout.segment(number);
            self.objects.files.open_read(&path).ok()?.length().ok()
        });
        lengths.sum()
    }

    /// Numbers are never left out.
    fn missing_segments(&mut self, from: u32, to: u32) {
        if from < to {
            let damage = Damage::new(0, "a segment", "no file");
            let path = self.objects.layout.segment(from);
            self.report.problems.push(damage.at(&path));
            self.names.apply(RefEvent::Lost);
        }
    }

    fn segment(&mut self, number: u32) -> Result<(), StoreError> {
        let path = self.objects.layout.segment(number);
        let files = Arc::clone(&self.objects.files);
        let sidecar = read_sidecar(&*files, &self.objects.layout, number);
        let bytes = match files.open_read(&path) {
            Ok(file) => self.bytes(&*file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let damage = Damage::new(0, "the segment of a sidecar", "no file");
                self.report.problems.push(damage.at(&path));
                Vec::new()
            }
            Err(error) => {
                self.report.problems.push(damage::io("open", &path)(error));
                Vec::new()
            }
        };
        self.report.bytes += bytes.len() as u64;
        let front = bytes.first_chunk::<{ SegmentHeader::BYTES }>();
        let header = match front.map(|front| SegmentHeader::decode(front, number)) {
            Some(Ok(header)) => Some(header),
            Some(Err(damage)) => {
                self.report.problems.push(damage.at(&path));
                None
            }
            None if bytes.is_empty() => None,
            None => {
                let damage = Damage::ends(bytes.len() as u64, "a segment's header");
                self.report.problems.push(damage.at(&path));
                None
            }
        };
        // A sidecar of the segment as it was before a collection says nothing about it.
        let sidecar = sidecar.filter(|sidecar| header.is_none_or(|h| h == sidecar.meta.segment));
        let known = header.or(sidecar.as_ref().map(|sidecar| sidecar.meta.segment));
        let mut visitor = Visitor {
            path: &path,
            taken: self,
            sidecar: sidecar.filter(|sidecar| !sidecar.meta.segment.is_sparse),
        };
        let walk = Walk::new(
            Known {
                number,
                salt: known.map(|known| known.salt),
                is_sparse: known.is_some_and(|known| known.is_sparse),
                bytes: &bytes,
            },
            &mut visitor,
        );
        walk.run();
        visitor.reach(usize::MAX);
        Ok(())
    }

    /// Reads a file as far as it can be read: what cannot is zero, and damaged.
    fn bytes(&mut self, file: &dyn File, path: &Path) -> Vec<u8> {
        let length = match file.length() {
            Ok(length) => length.min(u64::from(u32::MAX)),
            Err(error) => {
                self.report
                    .problems
                    .push(damage::io("measure", path)(error));
                return Vec::new();
            }
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        for (index, part) in bytes.chunks_mut(PART_BYTES).enumerate() {
            let start = (index * PART_BYTES) as u64;
            if file.read_at(part, start).is_ok() {
                continue;
            }
            for (index, block) in part.chunks_mut(BLOCK_BYTES).enumerate() {
                let offset = start + (index * BLOCK_BYTES) as u64;
                if let Err(error) = file.read_at(block, offset) {
                    block.fill(0);
                    let problem = damage::read(path, offset)(error);
                    self.report.problems.push(problem);
                }
            }
        }
        bytes
    }

    fn finish(
        mut self,
        copy: Option<&Arc<PackStore>>,
        total: u64,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<SalvageReport, StoreError> {
        self.objects.find_whole()?;
        let mut report = self.report;
        report.objects = self.objects.found.len() as u64;
        report.objects_broken = report.objects - self.objects.whole.len() as u64;
        if let Some(copy) = copy {
            let mut done = report.bytes;
            report.objects_copied = self.objects.copy(&**copy, &mut |bytes| {
                done += bytes;
                progress(VerifyProgress {
                    bytes_done: done.min(total),
                    bytes_total: total,
                });
            })?;
        }
        let objects = Arc::new(self.objects);
        report.names = self.names.settle(&objects)?;
        if let Some(copy) = copy {
            partial::add(&self.names, &objects, copy, &mut report.names)?;
            name_all(copy, &report.names)?;
        }
        Ok(report)
    }
}

/// Gives a copy its names, and makes all of it durable.
fn name_all(copy: &PackStore, names: &[SalvagedName]) -> Result<(), StoreError> {
    let edits: Vec<RefEdit> = names
        .iter()
        .filter(|name| name.now.is_some())
        .map(|name| RefEdit {
            name: name.name.clone(),
            expected: None,
            new: name.now,
        })
        .collect();
    match copy.compare_and_swap(&edits, Durability::Sync)? {
        RefOutcome::Applied => Ok(()),
        RefOutcome::Lost { name, .. } => Err(StoreError::Limit {
            what: format!("a second ref '{name}'"),
            limit: "one".to_owned(),
        }),
    }
}

struct Visitor<'a> {
    path: &'a Path,
    taken: &'a mut Taken,
    /// Until the place is reached where it says what the refs are.
    sidecar: Option<Sidecar>,
}

impl Visit for Visitor<'_> {
    fn record(&mut self, offset: usize, record: &Record<'_>, place: Place) -> Option<Id> {
        let payload = offset + record.length - record.payload.len();
        let payload = u32::try_from(payload).ok()?;
        let length = u32::try_from(record.payload.len()).ok()?;
        let is_alone = record.kind == Kind::Blob && record.delta.is_none();
        let offset = u32::try_from(offset).ok()?;
        self.taken.objects.note(record, place, offset);
        let id = match is_alone {
            true => Id::of(record.payload),
            false => match self.taken.objects.make(record, place, offset) {
                Ok(whole) => Id::of(&whole.bytes),
                Err(error) => {
                    self.taken.report.problems.push(error);
                    return None;
                }
            },
        };
        if record.is_remnant {
            return None;
        }
        let found = Found {
            segment: place.segment,
            number: place.number,
            span: record.delta.is_none().then_some((payload, length)),
            kind: record.kind,
            generation: record.generation,
            cut: record.cut,
            copied: None,
        };
        self.taken.objects.add(id, found);
        Some(id)
    }

    fn refs(&mut self, event: RefEvent) {
        self.taken.names.apply(event);
    }

    fn damage(&mut self, damage: Damage) {
        self.taken.report.problems.push(damage.at(self.path));
    }

    fn reach(&mut self, offset: usize) {
        let covered = |sidecar: &mut Sidecar| sidecar.meta.covered.offset as usize <= offset;
        let refs = self
            .sidecar
            .take_if(covered)
            .and_then(|sidecar| sidecar.refs());
        if let Some(refs) = refs {
            self.taken.names.apply(RefEvent::All(refs));
        }
    }
}

/// Keeps writers out, without writing who does.
fn lock(files: &dyn Files, layout: &Layout) -> Result<Option<Arc<dyn File>>, StoreError> {
    let path = &layout.lock;
    let file = match files.open_read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(damage::io("open", path))?,
    };
    if file.try_lock().map_err(damage::io("lock", path))? {
        return Ok(Some(file));
    }
    Err(StoreError::Locked {
        path: path.clone(),
        holder: crate::open::holder(&*file, path)?,
    })
}

/// Returns the numbers of all segments that there are traces of.
fn numbers(files: &dyn Files, layout: &Layout) -> Result<Vec<u32>, StoreError> {
    let dir = &layout.segments;
    let names = match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(damage::io("list", dir))?,
    };
    let of_sidecar = |name: &String| segment_number(&name.replace(".idx", ".seg"));
    let numbers: BTreeSet<u32> = names.iter().filter_map(of_sidecar).collect();
    if numbers.is_empty() {
        return Err(StoreError::NotFound {
            path: layout.dir.clone(),
        });
    }
    Ok(numbers.into_iter().collect())
}

/// Reads a sidecar, believing what it says of its segment: that may be all that is left.
fn read_sidecar(files: &dyn Files, layout: &Layout, number: u32) -> Option<Sidecar> {
    let file = files.open_read(&layout.sidecar(number)).ok()?;
    let length = file
        .length()
        .ok()
        .filter(|&length| length <= SIDECAR_BYTES_MAX)?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_at(&mut bytes, 0).ok()?;
    let sidecar = Sidecar::believe(bytes.into()).ok()??;
    sidecar.check().ok()?;
    (sidecar.meta.segment.number == number).then_some(sidecar)
}

const PART_BYTES: usize = 1 << 20;
/// What a disk reads or fails to read at once.
const BLOCK_BYTES: usize = 4096;
/// Forty bytes for each record of 4 GiB.
const SIDECAR_BYTES_MAX: u64 = 1 << 32;
