//! Writing a tree to a directory of files.
//!
//! The caller's thread walks the tree page by page and makes directories; some threads write
//! files. Memory does not grow with the tree.

mod walk;
mod write;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use irminsule::{Blob, Repo, Tree};

use crate::failure::Failure;
use crate::files::{FilesError, home, not_a_directory, show};
use walk::{FileWalk, Found};
use write::Writer;

/// How many files a thread hands on at once.
const BATCH: usize = 64;
/// How many batches may wait.
const BATCHES_WAITING: usize = 16;
/// More writers than this wait for each other.
const WRITERS_MAX: usize = 4;

/// What an export did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExportReport {
    /// How many files and links were written.
    pub(crate) files: u64,
    /// How many bytes they have.
    pub(crate) bytes: u64,
}

/// What an export tells while it runs.
#[derive(Debug)]
pub(crate) enum ExportEvent<'a> {
    /// So far, from time to time.
    Progress(&'a ExportReport),
    /// Not written, because the name belongs to a version control system or to this program.
    StaysApart(&'a FilePath),
}

/// What writers have in common.
#[derive(Default)]
struct Shared {
    files: AtomicU64,
    bytes: AtomicU64,
    failure: Mutex<Option<FilesError>>,
}

impl Shared {
    fn report(&self) -> ExportReport {
        ExportReport {
            files: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<FilesError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is in `tree` to `dir`, which is made if it is missing and has to be empty unless
/// `force`. Then files of the same name are replaced and others stay.
///
/// Each file appears under its name when it is complete; nothing is synced. Symbolic links in
/// `dir` are replaced and never followed, as long as nobody else changes `dir` meanwhile. What is
/// called `.git` or `.irmin` is not written.
///
/// # Errors
/// Before anything is written if `dir` may not be written to; half way if the system or the
/// repository fails, or a directory is where a file is to be written.
pub(crate) fn export(
    repo: &Repo,
    tree: &Tree,
    dir: &FilePath,
    force: bool,
    tell: &mut dyn FnMut(ExportEvent<'_>),
) -> Result<ExportReport, FilesError> {
    refuse_store(repo, dir)?;
    prepare(dir, force)?;
    let writers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let shared = Shared::default();
    let (batches_in, batches) = sync_channel(BATCHES_WAITING);
    let batches = Mutex::new(batches);
    let walked = std::thread::scope(|scope| {
        for number in 0..writers.min(WRITERS_MAX) {
            let (batches, shared) = (&batches, &shared);
            scope.spawn(move || Writer::new(number).run(batches, shared));
        }
        walk(tree, dir, batches_in, &shared, tell)
    });
    walked?;
    match shared.failure().take() {
        Some(error) => Err(error),
        None => Ok(shared.report()),
    }
}

/// Makes directories and hands files to the writers.
fn walk(
    tree: &Tree,
    dir: &FilePath,
    batches: SyncSender<Vec<(PathBuf, Blob)>>,
    shared: &Shared,
    tell: &mut dyn FnMut(ExportEvent<'_>),
) -> Result<(), FilesError> {
    let mut batch = Vec::with_capacity(BATCH);
    for found in FileWalk::new(tree, dir) {
        match found? {
            Found::Dir(path) => make_dir(&path)?,
            Found::File(path, blob) => batch.push((path, blob)),
            Found::Apart(path) => tell(ExportEvent::StaysApart(&path)),
        }
        if batch.len() >= BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if batches.send(full).is_err() || shared.failure().is_some() {
                return Ok(());
            }
            tell(ExportEvent::Progress(&shared.report()));
        }
    }
    // Writers that are gone have left a failure.
    let _ = batches.send(batch);
    Ok(())
}

/// Makes the directory, or looks whether it may be written to.
fn prepare(dir: &FilePath, force: bool) -> Result<(), FilesError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            Some(_) if !force => Err(not_empty(dir).into()),
            _ => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(dir).map_err(FilesError::io("make", dir))
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(not_a_directory(dir).into())
        }
        Err(error) => Err(FilesError::io("read", dir)(error)),
    }
}

fn not_empty(dir: &FilePath) -> Failure {
    Failure::new(format!("'{}' is not empty", show(dir)))
        .hint("'--force' replaces files of the same name and leaves others")
}

/// Refuses to write between the store's own files.
fn refuse_store(repo: &Repo, dir: &FilePath) -> Result<(), FilesError> {
    // What is missing will be made in the nearest directory that is there.
    let absolute = std::path::absolute(dir).map_err(FilesError::io("find", dir))?;
    let real = absolute.ancestors().find_map(|dir| dir.canonicalize().ok());
    if let (Some(home), Some(real)) = (home(repo), real)
        && real.starts_with(home)
    {
        let message = format!("'{}' lies inside the repository's own directory", show(dir));
        return Err(Failure::new(message)
            .hint("export to another directory")
            .into());
    }
    Ok(())
}

/// Makes a directory where there is none, or something else than a directory.
fn make_dir(path: &FilePath) -> Result<(), FilesError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map_err(FilesError::io("make", path)),
    }
    let metadata = fs::symlink_metadata(path).map_err(FilesError::io("read", path))?;
    if metadata.is_dir() {
        return Ok(());
    }
    fs::remove_file(path).map_err(FilesError::io("replace", path))?;
    fs::create_dir(path).map_err(FilesError::io("make", path))
}
