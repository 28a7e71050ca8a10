//! The file operations that the engine uses, so that tests can put a failing disk beneath it.

use std::fmt::Debug;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use crate::background::Background;
use crate::map::Map;

/// A file system.
///
/// The contract the engine relies on: what [`File::sync`] returned for survives a power cut;
/// a renamed, created or removed name survives after [`sync_dir`](Self::sync_dir) of its directory;
/// a rename shows the old or the new file, never a mixture; everything else may be lost, torn or
/// reordered.
pub trait Files: Debug + Send + Sync {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// As the system says; [`io::ErrorKind::NotFound`] when there is none.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading, which needs no leave to write. What is provided here opens it for
    /// writing too.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.open(path)
    }

    /// Opens a file for reading and writing, and makes an empty one when there is none.
    ///
    /// # Errors
    /// As the system says.
    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name in the same directory, in place of one that has it.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns the names of the files in a directory, in any order; names that are not UTF-8 are
    /// left out.
    ///
    /// # Errors
    /// As the system says; [`io::ErrorKind::NotFound`] when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory and those above it, as far as they are missing.
    ///
    /// # Errors
    /// As the system says.
    fn create_dirs(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Returns a number that is unlikely to come again, for the salt of a segment.
    fn salt(&self) -> u64;

    /// Tells who does the work that nobody waits for. What is provided here is for tests: whoever
    /// writes, at once.
    fn background(&self) -> Background {
        Background::Frames(0)
    }
}

/// An open file.
pub trait File: Debug + Send + Sync {
    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// As the system says; [`io::ErrorKind::UnexpectedEof`] when the file ends before.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` from `offset` on, and makes the file longer as needed.
    ///
    /// # Errors
    /// As the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the content and the length of the file durable.
    ///
    /// # Errors
    /// As the system says. After an error it is unknown what is durable, also after another sync.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file off after `length` bytes.
    ///
    /// # Errors
    /// As the system says.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns the length in bytes.
    ///
    /// # Errors
    /// As the system says.
    fn length(&self) -> io::Result<u64>;

    /// Maps the first `length` bytes into memory; `None` where that is not possible, and what is provided
    /// here. Then bytes are read by [`read_at`](Self::read_at).
    ///
    /// **Only bytes that are durable and are never changed nor cut off may be asked for**: whoever has
    /// a slice of them relies on it.
    ///
    /// # Errors
    /// As the system says; [`io::ErrorKind::UnexpectedEof`] when the file is shorter.
    fn map(&self, _length: u64) -> io::Result<Option<Map>> {
        Ok(None)
    }

    /// Tells whether a path still names this file, and not another one or none. What is provided
    /// here is for file systems without other processes: it does.
    ///
    /// # Errors
    /// As the system says, but for [`io::ErrorKind::NotFound`], which is `false`.
    fn is_named(&self, _path: &Path) -> io::Result<bool> {
        Ok(true)
    }

    /// Takes the lock of the file until it is closed; `false` when another holder has it.
    ///
    /// # Errors
    /// As the system says.
    fn try_lock(&self) -> io::Result<bool>;

    /// Gives the lock back before the file is closed.
    ///
    /// # Errors
    /// As the system says.
    fn unlock(&self) -> io::Result<()>;
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = fs::File::options().read(true).write(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(fs::File::open(path)?))
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut options = fs::File::options();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Arc::new(options.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn salt(&self) -> u64 {
        // Each `RandomState` has keys from the system's source of randomness.
        RandomState::new().hash_one(std::process::id())
    }

    fn background(&self) -> Background {
        Background::Thread
    }
}

impl File for fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn map(&self, length: u64) -> io::Result<Option<Map>> {
        Map::of_file(self, length)
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        let own = self.metadata()?;
        match fs::metadata(path) {
            Ok(named) => Ok((own.dev(), own.ino()) == (named.dev(), named.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        match Self::try_lock(self) {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        Self::unlock(self)
    }
}
