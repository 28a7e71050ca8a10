//! The two images of the disk, and what a power cut makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::random::Random;

/// What is on the disk, and what is on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) files: Vec<Content>,
    pub(crate) names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    /// All directories; those whose names are durable are in the other set, too.
    dirs: BTreeSet<PathBuf>,
    durable_dirs: BTreeSet<PathBuf>,
    pub(crate) locked: BTreeSet<usize>,
    pub(crate) salt: u64,
    /// How many operations that change something were begun.
    pub(crate) operations: u64,
    pub(crate) cut_at: Option<u64>,
    pub(crate) fail_next: Option<Operation>,
    pub(crate) fail_with: Option<io::ErrorKind>,
    pub(crate) syncs: u64,
    /// How many operations that only read were begun.
    pub(crate) reads: u64,
    /// Reads with a number in this range fail.
    pub(crate) bad_reads: Range<u64>,
    /// Operations with a number in this range find no room.
    pub(crate) full: Range<u64>,
    /// Whether cutting and removing need room, too, as where nothing is written in place.
    pub(crate) is_copying: bool,
    /// How many bytes all files together may have.
    pub(crate) bytes_max: Option<u64>,
}

/// Operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write,
    Truncate,
    Sync,
    SyncDir,
    Link,
    Rename,
    Unlink,
    MakeDir,
}

/// A file's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) written: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// So many bytes are mapped, and must stay what they are.
    mapped: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    MakeDir(PathBuf),
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
}

impl Content {
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset >= self.mapped, "what is mapped is never changed");
        write(&mut self.written, offset, bytes);
        self.pending.push(Change::Write(offset, bytes.to_vec()));
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        assert!(length >= self.mapped, "what is mapped is never cut off");
        self.written.resize(length, 0);
        self.pending.push(Change::Truncate(length));
    }

    pub(crate) fn sync(&mut self) {
        self.durable.clone_from(&self.written);
        self.pending.clear();
    }

    /// Returns the first bytes, which must be durable and stay as they are from now on.
    pub(crate) fn map(&mut self, length: usize) -> Option<Vec<u8>> {
        let bytes = self.written.get(..length)?;
        let is_durable = self.durable.get(..length) == Some(bytes);
        assert!(is_durable, "only what is durable is mapped");
        self.mapped = self.mapped.max(length);
        Some(bytes.to_vec())
    }

    /// Forgets what was mapped, as its process is dead.
    pub(crate) fn unmap(&mut self) {
        self.mapped = 0;
    }

    /// Replaces the content in both images.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.written = bytes.to_vec();
        self.sync();
    }

    fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut bytes = self.durable.clone();
        let survivors = survivors(&self.pending, random);
        // Which ones are torn: none, the last one, or any.
        let whole = [survivors.len(), survivors.len().saturating_sub(1), 0][random.below(3)];
        for (index, change) in survivors.into_iter().enumerate() {
            match change {
                Change::Truncate(length) => bytes.resize(length, 0),
                Change::Write(offset, written) if index < whole => {
                    write(&mut bytes, offset, &written);
                }
                Change::Write(offset, written) => tear(&mut bytes, offset, &written, random),
            }
        }
        Self {
            written: bytes.clone(),
            durable: bytes,
            pending: Vec::new(),
            mapped: 0,
        }
    }
}

impl Disk {
    /// Tells whether the operation that was begun last finds no room. Writes are counted byte by
    /// byte in [`room`](Self::room) when the disk has a size.
    pub(crate) fn is_full_for(&self, operation: Operation) -> bool {
        let needs_room = match operation {
            // Of a write, a part is done.
            Operation::Write | Operation::Sync | Operation::SyncDir => false,
            Operation::Link | Operation::Rename | Operation::MakeDir => true,
            Operation::Truncate | Operation::Unlink => self.is_copying,
        };
        let is_new = matches!(operation, Operation::Link | Operation::MakeDir);
        needs_room && self.full.contains(&self.operations) || is_new && self.room() == Some(0)
    }

    /// Returns how many bytes files can still grow by, if there is a limit.
    pub(crate) fn room(&self) -> Option<u64> {
        let files = self.names.values().filter_map(|&file| self.files.get(file));
        let used: usize = files.map(|content| content.written.len()).sum();
        Some(self.bytes_max?.saturating_sub(used as u64))
    }

    /// Returns how many of so many bytes from an offset on can be written to a file.
    pub(crate) fn fits(&self, file: usize, offset: u64, count: usize) -> usize {
        let length = self
            .files
            .get(file)
            .map_or(0, |content| content.written.len());
        let within = (length as u64).saturating_sub(offset);
        let within = usize::try_from(within).unwrap_or(usize::MAX).min(count);
        let outside = count - within;
        if outside > 0 && self.full.contains(&self.operations) {
            // Any part, another one each time.
            return within + Random::new(self.operations).below(outside);
        }
        let room = self.room().map_or(usize::MAX, |room| {
            usize::try_from(room).unwrap_or(usize::MAX)
        });
        within + outside.min(room)
    }

    pub(crate) fn has_dir(&self, dir: &Path) -> bool {
        is_root(dir) || self.dirs.contains(dir)
    }

    pub(crate) fn make_dir(&mut self, dir: &Path) {
        if self.dirs.insert(dir.to_owned()) {
            self.pending_names.push(NameChange::MakeDir(dir.to_owned()));
        }
    }

    pub(crate) fn link(&mut self, path: &Path) -> usize {
        let file = self.files.len();
        self.files.push(Content::default());
        self.names.insert(path.to_owned(), file);
        self.pending_names
            .push(NameChange::Link(path.to_owned(), file));
        file
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Option<()> {
        let file = self.names.remove(from)?;
        self.names.insert(to.to_owned(), file);
        let change = NameChange::Rename(from.to_owned(), to.to_owned(), file);
        self.pending_names.push(change);
        Some(())
    }

    pub(crate) fn unlink(&mut self, path: &Path) -> Option<()> {
        self.names.remove(path)?;
        let change = NameChange::Unlink(path.to_owned());
        self.pending_names.push(change);
        Some(())
    }

    pub(crate) fn sync_dir(&mut self, dir: &Path) {
        let changes = std::mem::take(&mut self.pending_names);
        let (durable, rest) = changes
            .into_iter()
            .partition(|change| change.dir() == Some(dir));
        self.pending_names = rest;
        apply(&mut self.durable_names, &mut self.durable_dirs, durable);
    }

    /// Returns what another process finds when the one that held the locks is dead.
    pub(crate) fn after_kill(&self) -> Self {
        let mut files = self.files.clone();
        files.iter_mut().for_each(Content::unmap);
        Self {
            files,
            locked: BTreeSet::new(),
            cut_at: None,
            fail_next: None,
            bad_reads: 0..0,
            full: 0..0,
            ..self.clone()
        }
    }

    /// Returns what a machine finds when it comes up again.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut names = self.durable_names.clone();
        let mut dirs = self.durable_dirs.clone();
        let changes = survivors(&self.pending_names, &mut random);
        apply(&mut names, &mut dirs, changes);
        // What is in a lost directory is lost.
        let is_whole = |path: &Path| {
            path.ancestors()
                .all(|dir| is_root(dir) || dirs.contains(dir))
        };
        let dirs: BTreeSet<PathBuf> = dirs.iter().filter(|dir| is_whole(dir)).cloned().collect();
        names.retain(|path, _| {
            path.parent()
                .is_some_and(|dir| is_root(dir) || dirs.contains(dir))
        });
        let contents = self.files.iter();
        Self {
            files: contents
                .map(|content| content.after_power_cut(&mut random))
                .collect(),
            durable_names: names.clone(),
            names,
            durable_dirs: dirs.clone(),
            dirs,
            salt: self.salt,
            full: 0..0,
            bytes_max: self.bytes_max,
            ..Self::default()
        }
    }
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::MakeDir(path)
            | Self::Link(path, _)
            | Self::Rename(path, ..)
            | Self::Unlink(path) => path.parent(),
        }
    }
}

fn is_root(dir: &Path) -> bool {
    dir.parent().is_none()
}

fn apply(
    names: &mut BTreeMap<PathBuf, usize>,
    dirs: &mut BTreeSet<PathBuf>,
    changes: Vec<NameChange>,
) {
    for change in changes {
        match change {
            NameChange::MakeDir(path) => {
                dirs.insert(path);
            }
            NameChange::Link(path, file) => {
                names.insert(path, file);
            }
            NameChange::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
            NameChange::Unlink(path) => {
                names.remove(&path);
            }
        }
    }
}

/// Chooses which changes reached the disk: none, all, the first ones, or any in any order.
fn survivors<T: Clone>(changes: &[T], random: &mut Random) -> Vec<T> {
    match random.below(4) {
        0 => Vec::new(),
        1 => changes.to_vec(),
        2 => changes[..random.below(changes.len() + 1)].to_vec(),
        _ => {
            let mut chosen: Vec<T> = changes
                .iter()
                .filter(|_| random.one_in(2))
                .cloned()
                .collect();
            for index in (1..chosen.len()).rev() {
                chosen.swap(index, random.below(index + 1));
            }
            chosen
        }
    }
}

/// Writes all of the bytes, their front, some sectors of them, or only their length.
fn tear(content: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Random) {
    match random.below(5) {
        0 | 1 => write(content, offset, bytes),
        2 => write(content, offset, &bytes[..random.below(bytes.len() + 1)]),
        3 => {
            // The length is there before the data is, and what is missing reads as zeros.
            let end = offset + bytes.len();
            content.resize(content.len().max(end), 0);
            let start = random.below(bytes.len() + 1);
            let from = bytes.get(start..).unwrap_or_default();
            if random.one_in(2) {
                write(content, offset + start, from);
            }
        }
        _ => {
            for (number, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                if random.one_in(2) {
                    write(content, offset + number * SECTOR_BYTES, sector);
                }
            }
        }
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end && !bytes.is_empty() {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// Smaller than a real disk's, so that small test frames are torn in the middle too.
const SECTOR_BYTES: usize = 64;
