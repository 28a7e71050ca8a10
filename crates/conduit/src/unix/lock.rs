//! Who may listen at a path: whoever holds the lock beside it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

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

/// Opens the file, but nothing that somebody has linked to from there.
fn open(path: &Path) -> io::Result<File> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let opened = options.mode(0o600).custom_flags(no_follow).open(path);
    opened.map_err(|error| {
        let problem = format!("its lock file {}: {error}", path.display());
        io::Error::new(error.kind(), problem)
    })
}

fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn in_use(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, problem.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_path_has_one_owner_at_a_time_although_lock_files_come_and_go() {
        const TURNS: u32 = 2_000;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let (is_owned, turns) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while turns.load(Ordering::SeqCst) < TURNS {
                        let Ok(lock) = PathLock::take(&path) else {
                            std::thread::yield_now();
                            continue;
                        };
                        assert!(!is_owned.swap(true, Ordering::SeqCst), "two owners");
                        std::thread::yield_now();
                        is_owned.store(false, Ordering::SeqCst);
                        turns.fetch_add(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_was_removed_or_replaced_is_not_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = open(&path).unwrap();
        assert!(is_same_file(&file, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_same_file(&file, &path).unwrap());
        let _other = open(&path).unwrap();
        assert!(!is_same_file(&file, &path).unwrap());
    }

    #[test]
    fn a_lock_file_is_not_looked_for_behind_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("socket"), dir.path().join("victim"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("socket.lock")).unwrap();
        let error = PathLock::take(&path).err().unwrap().to_string();
        assert!(error.starts_with("its lock file /"), "{error}");
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    }
}
