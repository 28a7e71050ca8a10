//! A disk that takes so long for a sync, whatever the one beneath it does.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use irminsule::pack::{Background, File, Files, Map, OsFiles};

use crate::measure::wait;

/// The operating system's files; instead of a sync, a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowDisk(pub(crate) Duration);

#[derive(Debug)]
struct SlowFile {
    file: Arc<dyn File>,
    sync_takes: Duration,
}

impl SlowDisk {
    fn wrap(self, file: Arc<dyn File>) -> Arc<dyn File> {
        let sync_takes = self.0;
        Arc::new(SlowFile { file, sync_takes })
    }
}

impl Files for SlowDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.wrap(OsFiles.open(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.wrap(OsFiles.open_read(path)?))
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.wrap(OsFiles.open_or_create(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFiles.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFiles.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsFiles.list(dir)
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        OsFiles.create_dirs(dir)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        wait(self.0);
        Ok(())
    }

    fn salt(&self) -> u64 {
        OsFiles.salt()
    }

    fn background(&self) -> Background {
        OsFiles.background()
    }
}

impl File for SlowFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        wait(self.sync_takes);
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn map(&self, length: u64) -> io::Result<Option<Map>> {
        self.file.map(length)
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        self.file.is_named(path)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
