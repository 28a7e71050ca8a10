//! Writing one file so that it is there as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use irminsule::{Blob, Mode};

use super::Shared;
use crate::failure::Failure;
use crate::files::{FilesError, show};

/// One of the threads that write.
pub(super) struct Writer {
    /// What its unfinished files are called.
    name: String,
    /// How many such names were taken by something else.
    taken: u32,
}

impl Writer {
    pub(super) fn new(number: usize) -> Self {
        Self {
            name: format!(".irmin-export-{}-{number}", std::process::id()),
            taken: 0,
        }
    }

    /// Writes until there is no more to write or a writer has failed.
    pub(super) fn run(&mut self, batches: &Mutex<Receiver<Vec<(PathBuf, Blob)>>>, shared: &Shared) {
        loop {
            let next = batches
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv();
            let Ok(batch) = next else { return };
            // After a failure the others are taken and dropped, so that nobody waits for room.
            if shared.failure().is_some() {
                continue;
            }
            if let Err(error) = self.write_all(&batch, shared) {
                shared.failure().get_or_insert(error);
            }
        }
    }

    fn write_all(&mut self, batch: &[(PathBuf, Blob)], shared: &Shared) -> Result<(), FilesError> {
        for (path, blob) in batch {
            self.write(path, blob)?;
            shared.files.fetch_add(1, Ordering::Relaxed);
            shared.bytes.fetch_add(blob.size(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes a file under another name and then gives it its own.
    fn write(&mut self, path: &Path, blob: &Blob) -> Result<(), FilesError> {
        let unfinished = self.make(path, blob)?;
        fs::rename(&unfinished, path).map_err(|error| {
            // What matters is why it failed.
            let _ = fs::remove_file(&unfinished);
            match error.kind() {
                io::ErrorKind::IsADirectory => in_the_way(path).into(),
                _ => FilesError::io("write", path)(error),
            }
        })
    }

    /// Makes the unfinished file beside its place, under a name that nothing else has.
    fn make(&mut self, path: &Path, blob: &Blob) -> Result<PathBuf, FilesError> {
        loop {
            let name = match self.taken {
                0 => self.name.clone(),
                taken => format!("{}-{taken}", self.name),
            };
            let unfinished = path.with_file_name(name);
            let made = match blob.mode() {
                Mode::Link => {
                    let target = std::ffi::OsString::from_vec(blob.bytes()?.to_vec());
                    symlink(target, &unfinished)
                }
                mode => match open(&unfinished, mode) {
                    Ok(file) => return fill(file, blob, path, &unfinished),
                    Err(error) => Err(error),
                },
            };
            match made {
                Ok(()) => return Ok(unfinished),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.taken += 1,
                Err(error) => return Err(FilesError::io("write", path)(error)),
            }
        }
    }
}

fn open(path: &Path, mode: Mode) -> io::Result<File> {
    // The user's mask takes away from these.
    let bits = if mode == Mode::Executable {
        0o777
    } else {
        0o666
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(bits).open(path)
}

fn fill(
    mut file: File,
    blob: &Blob,
    path: &Path,
    unfinished: &Path,
) -> Result<PathBuf, FilesError> {
    match blob.copy_to(&mut file) {
        Ok(()) => Ok(unfinished.to_owned()),
        Err(error) => {
            let _ = fs::remove_file(unfinished);
            Err(match error {
                irminsule::Error::Write(source) => FilesError::io("write", path)(source),
                other => other.into(),
            })
        }
    }
}

fn in_the_way(path: &Path) -> Failure {
    let message = format!(
        "'{}' is a directory where a file is to be written",
        show(path)
    );
    Failure::new(message).hint("remove it, or export to another directory")
}
