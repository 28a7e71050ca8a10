//! Who may listen at a path: whoever holds the lock beside it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often a lock file may vanish between opening and locking it.
const TRIES_MAX: usize = 100;

/// A lock on `<path>.lock`. The file is removed when this is dropped.
pub(super) struct PathLock {
    path: PathBuf,
    /// Held until it is closed.
    _file: File,
}

impl PathLock {
    /// Locks the path.
    ///
    /// # Errors
    /// `AddrInUse` when somebody else holds the lock: it listens, or is about to.
    pub(super) fn take(socket: &Path) -> io::Result<Self> {
        let mut name = OsString::from(socket);
        name.push(".lock");
        let path = PathBuf::from(name);
        for _ in 0..TRIES_MAX {
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(in_use("another process listens there"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its last owner removes the file while it holds the lock; then this is nobody's file.
            if is_same_file(&file, &path)? {
                return Ok(Self { path, _file: file });
            }
        }
        Err(in_use("its lock file keeps changing"))
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // A file that stays is locked again by the next owner.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options.open(path)
}

fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn in_use(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, problem.to_owned())
}
