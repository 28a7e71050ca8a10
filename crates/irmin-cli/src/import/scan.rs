//! Listing a directory of files beside the tree that the branch has of it.

use std::ffi::OsString;
use std::fs::{self, FileType};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use irminsule::{Entry, Listing, Step, Tree};

use super::{Batcher, Edit, ImportOptions, Notice, Task};
use crate::files::{FilesError, not_a_directory, stays_apart, step_of};

/// The file that marks a directory of things that can be made again: see bford.info/cachedir.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// The walk over the directory that is imported.
pub(super) struct Scanner {
    dir: PathBuf,
    /// The repository's own directory, if it lies inside.
    home: Option<PathBuf>,
    keep_going: bool,
    skip_caches: bool,
}

/// A directory that is being listed.
struct Level {
    path: PathBuf,
    /// What is in it, by name.
    found: std::vec::IntoIter<(OsString, FileType)>,
    /// What the branch has, by name.
    old: Peekable<Listing>,
}

/// Why a walk ends early.
enum Stop {
    /// Nobody wants to know more.
    Unheard,
    Failed(FilesError),
}

impl From<FilesError> for Stop {
    fn from(error: FilesError) -> Self {
        Self::Failed(error)
    }
}

impl From<irminsule::Error> for Stop {
    fn from(error: irminsule::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Scanner {
    /// Looks whether there is such a directory.
    pub(super) fn new(
        dir: &Path,
        home: Option<PathBuf>,
        options: &ImportOptions,
    ) -> Result<Self, FilesError> {
        let metadata = fs::metadata(dir).map_err(FilesError::io("read", dir))?;
        if !metadata.is_dir() {
            return Err(not_a_directory(dir).into());
        }
        let real = dir.canonicalize().map_err(FilesError::io("read", dir))?;
        let home = home.and_then(|home| Some(dir.join(home.strip_prefix(real).ok()?)));
        Ok(Self {
            dir: dir.to_owned(),
            home,
            keep_going: options.keep_going,
            skip_caches: options.skip_caches,
        })
    }

    /// Walks all, and sends what to do about each entry.
    pub(super) fn run(self, old: Tree, out: &mut Batcher) {
        match self.walk(old, out) {
            Ok(()) => drop(out.flush()),
            Err(Stop::Failed(error)) => out.fail(error),
            Err(Stop::Unheard) => {}
        }
    }

    fn walk(&self, old: Tree, out: &mut Batcher) -> Result<(), Stop> {
        let mut levels = vec![level(self.dir.clone(), &old)?];
        while let Some(top) = levels.last_mut() {
            let Some((name, kind)) = top.found.next() else {
                remove_before(top, None, out)?;
                levels.pop();
                if !levels.is_empty() {
                    send(out, Edit::Leave)?;
                }
                continue;
            };
            let path = top.path.join(&name);
            if self.leaves_out(name.as_bytes(), &path, kind) {
                send(out, Edit::Notice(Notice::StaysApart(path)))?;
                continue;
            }
            let step = step_of(name.as_bytes(), &path)?;
            let old = remove_before(top, Some(&step), out)?;
            if kind.is_dir() {
                levels.extend(self.enter(step, path, old, out)?);
            } else {
                push(out, task(step, path, kind, old))?;
            }
        }
        Ok(())
    }

    fn leaves_out(&self, name: &[u8], path: &PathBuf, kind: FileType) -> bool {
        stays_apart(name)
            || self.home.as_ref() == Some(path)
            || (self.skip_caches && kind.is_dir() && path.join(CACHE_TAG).is_file())
    }

    /// Begins to list a directory; `None` if it cannot be read and the import goes on.
    fn enter(
        &self,
        step: Step,
        path: PathBuf,
        old: Option<Entry>,
        out: &mut Batcher,
    ) -> Result<Option<Level>, Stop> {
        let old = old.and_then(Entry::into_tree).unwrap_or_default();
        match level(path, &old) {
            Ok(level) => {
                send(out, Edit::Enter(step, old))?;
                Ok(Some(level))
            }
            Err(error @ FilesError::Io { .. }) if self.keep_going => {
                send(out, Edit::Notice(Notice::Unreadable(error.into())))?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Lists a directory and sorts it as trees are sorted: by bytes.
fn level(path: PathBuf, old: &Tree) -> Result<Level, FilesError> {
    let mut found = Vec::new();
    let entries = fs::read_dir(&path).map_err(FilesError::io("read", &path))?;
    for entry in entries {
        let entry = entry.map_err(FilesError::io("read", &path))?;
        let kind = entry.file_type().map_err(FilesError::io("read", &path))?;
        found.push((entry.file_name(), kind));
    }
    found.sort_unstable_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
    Ok(Level {
        path,
        found: found.into_iter(),
        // Nothing that is loaded here outlives the listing.
        old: old.unloaded().entries()?.peekable(),
    })
}

/// Removes what the branch has before `step` (`None`: all that is left) and the directory lacks;
/// returns what the branch has at `step`.
fn remove_before(
    level: &mut Level,
    step: Option<&Step>,
    out: &mut Batcher,
) -> Result<Option<Entry>, Stop> {
    let is_due = |next: &irminsule::Result<(Step, Entry)>| match (next, step) {
        (Ok((name, _)), Some(step)) => name <= step,
        _ => true,
    };
    while let Some(next) = level.old.next_if(is_due) {
        let (name, entry) = next?;
        if Some(&name) == step {
            return Ok(Some(entry));
        }
        if !stays_apart(name.as_bytes()) {
            send(out, Edit::Remove(name))?;
        }
    }
    Ok(None)
}

/// What to do about what is no directory.
fn task(step: Step, path: PathBuf, kind: FileType, old: Option<Entry>) -> Task {
    if kind.is_file() {
        Task::Read(step, path, old.and_then(Entry::into_blob))
    } else if kind.is_symlink() {
        Task::Link(step, path)
    } else {
        // The walk removes what the branch has there: that file is gone.
        Task::Done(Edit::Special(step, path))
    }
}

fn send(out: &mut Batcher, edit: Edit) -> Result<(), Stop> {
    push(out, Task::Done(edit))
}

fn push(out: &mut Batcher, task: Task) -> Result<(), Stop> {
    if out.push(task) {
        return Ok(());
    }
    Err(Stop::Unheard)
}
