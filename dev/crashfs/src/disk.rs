//! The two images of the disk, and what a power cut makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::random::Random;

/// What is on the disk, and what is on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) files: Vec<Content>,
    pub(crate) names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    pub(crate) dirs: BTreeSet<PathBuf>,
    pub(crate) locked: BTreeSet<usize>,
    pub(crate) salt: u64,
    /// How many operations that change something were begun.
    pub(crate) operations: u64,
    pub(crate) cut_at: Option<u64>,
    pub(crate) fail_next: Option<Operation>,
}

/// Operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write,
    Sync,
    Name,
}

/// A file's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) written: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
}

impl Content {
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        write(&mut self.written, offset, bytes);
        self.pending.push(Change::Write(offset, bytes.to_vec()));
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.written.resize(length, 0);
        self.pending.push(Change::Truncate(length));
    }

    pub(crate) fn sync(&mut self) {
        self.durable.clone_from(&self.written);
        self.pending.clear();
    }

    /// Replaces the content in both images.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.written = bytes.to_vec();
        self.sync();
    }

    fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut bytes = self.durable.clone();
        for change in survivors(&self.pending, random) {
            match change {
                Change::Truncate(length) => bytes.resize(length, 0),
                Change::Write(offset, written) => tear(&mut bytes, offset, &written, random),
            }
        }
        Self {
            written: bytes.clone(),
            durable: bytes,
            pending: Vec::new(),
        }
    }
}

impl Disk {
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
        apply(&mut self.durable_names, durable);
    }

    /// Returns what a machine finds when it comes up again.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut names = self.durable_names.clone();
        apply(&mut names, survivors(&self.pending_names, &mut random));
        let contents = self.files.iter();
        Self {
            files: contents
                .map(|content| content.after_power_cut(&mut random))
                .collect(),
            durable_names: names.clone(),
            names,
            dirs: self.dirs.clone(),
            salt: self.salt,
            ..Self::default()
        }
    }
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Link(path, _) | Self::Rename(path, ..) | Self::Unlink(path) => path.parent(),
        }
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, changes: Vec<NameChange>) {
    for change in changes {
        match change {
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

/// Writes all of the bytes, their front, or some sectors of them.
fn tear(content: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Random) {
    match random.below(3) {
        0 => write(content, offset, bytes),
        1 => write(content, offset, &bytes[..random.below(bytes.len() + 1)]),
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
