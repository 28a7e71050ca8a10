//! The file system as the engine uses it, and the switches of a test.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use irmin_pack::{Background, File, Files, Map};

use crate::disk::{Disk, Operation};

/// A file system in memory. Clones are handles to the same disk.
#[derive(Clone, Debug, Default)]
pub struct CrashFs {
    disk: Arc<Mutex<Disk>>,
    gate: Arc<Gate>,
    /// After how many frames a store does what nobody waits for.
    frames_later: Arc<AtomicU32>,
}

/// Where syncs wait while they are paused.
#[derive(Debug, Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set_closed(&self, is_closed: bool) {
        *self.closed() = is_closed;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut is_closed = self.closed();
        while *is_closed {
            let woken = self.opened.wait(is_closed);
            is_closed = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn closed(&self) -> MutexGuard<'_, bool> {
        self.is_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Disk> for CrashFs {
    fn from(disk: Disk) -> Self {
        Self {
            disk: Arc::new(Mutex::new(disk)),
            gate: Arc::default(),
            frames_later: Arc::default(),
        }
    }
}

impl CrashFs {
    /// Returns an empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the power fail at the operation after so many more: writes, syncs, truncations,
    /// renames, removals, new names and directory syncs count. That operation and all after it
    /// return an error; whether it reached the disk is open.
    pub fn cut_power_at(&self, operations: u64) {
        let mut disk = self.disk();
        disk.cut_at = Some(disk.operations + operations);
    }

    /// Lets the next write fail, and nothing else.
    pub fn fail_next_write(&self) {
        self.disk().fail_next = Some(Operation::Write);
    }

    /// Lets the next sync of a file fail, and nothing else.
    pub fn fail_next_sync(&self) {
        self.disk().fail_next = Some(Operation::Sync);
    }

    /// Makes the disk full from the operation after so many more on, for so many operations: of a
    /// write only a part is done, and no name can be added. Cutting and removing still work, unless
    /// `is_copying`: there are file systems that write nothing in place.
    pub fn fill_at(&self, operations: u64, count: u64, is_copying: bool) {
        let mut disk = self.disk();
        let start = disk.operations.saturating_add(operations);
        disk.full = start..start.saturating_add(count);
        disk.is_copying = is_copying;
    }

    /// Makes room again, after [`fill_at`](Self::fill_at).
    pub fn make_room(&self) {
        self.disk().full = 0..0;
    }

    /// Tells whether the disk was found full since [`fill_at`](Self::fill_at).
    #[must_use]
    pub fn was_full(&self) -> bool {
        let disk = self.disk();
        !disk.full.is_empty() && disk.operations >= disk.full.start
    }

    /// Sets how many bytes all files together may have; `None`: any number.
    pub fn set_size(&self, bytes: Option<u64>) {
        self.disk().bytes_max = bytes;
    }

    /// Lets the read after so many more fail, and those after it up to `count`. Opening, listing and
    /// measuring count as reads.
    pub fn fail_reads_at(&self, reads: u64, count: u64) {
        let mut disk = self.disk();
        let start = disk.reads.saturating_add(reads);
        disk.bad_reads = start..start.saturating_add(count);
    }

    /// Tells whether a read failed since [`fail_reads_at`](Self::fail_reads_at).
    #[must_use]
    pub fn had_bad_reads(&self) -> bool {
        let disk = self.disk();
        !disk.bad_reads.is_empty() && disk.reads >= disk.bad_reads.start
    }

    /// Returns how many operations that only read were begun.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.disk().reads
    }

    /// Tells whether the power has failed.
    #[must_use]
    pub fn is_off(&self) -> bool {
        let disk = self.disk();
        disk.cut_at.is_some_and(|at| disk.operations >= at)
    }

    /// Returns how many operations that change something were begun.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Lets syncs of files wait until [`resume_syncs`](Self::resume_syncs).
    pub fn pause_syncs(&self) {
        self.gate.set_closed(true);
    }

    /// Lets the syncs that wait go on.
    pub fn resume_syncs(&self) {
        self.gate.set_closed(false);
    }

    /// Lets a store do what nobody waits for after so many more frames, and not at once.
    pub fn set_frames_later(&self, frames: u32) {
        self.frames_later.store(frames, Ordering::Relaxed);
    }

    /// Returns how many syncs of files were done or failed.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Lets the next sync of a file fail with an error of this kind, and nothing else.
    pub fn fail_next_sync_with(&self, kind: io::ErrorKind) {
        let mut disk = self.disk();
        disk.fail_next = Some(Operation::Sync);
        disk.fail_with = Some(kind);
    }

    /// Returns the disk as it is found when the power is back: of what was not durable, any part
    /// may be there. Each seed chooses another part.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> Self {
        self.disk().after_power_cut(seed).into()
    }

    /// Returns the disk as another process finds it after this one was killed: all that was written is
    /// there, durable or not. Nothing fails any more.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        self.disk().after_kill().into()
    }

    /// Returns a copy of the disk, with no lock held on it.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut disk = self.disk().clone();
        disk.locked.clear();
        disk.into()
    }

    /// Returns the paths of all files, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.disk().names.keys().cloned().collect()
    }

    /// Returns what a file holds, or nothing when there is none.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let disk = self.disk();
        let content = disk.names.get(path).and_then(|&file| disk.files.get(file));
        content
            .map(|content| content.written.clone())
            .unwrap_or_default()
    }

    /// Replaces what a file holds, if there is one.
    pub fn set_bytes(&self, path: &Path, bytes: &[u8]) {
        let mut disk = self.disk();
        let file = disk.names.get(path).copied().unwrap_or(usize::MAX);
        if let Some(content) = disk.files.get_mut(file) {
            content.set(bytes);
        }
    }

    /// Returns a handle to the file with this name.
    fn handle(&self, path: &Path) -> Option<Arc<dyn File>> {
        let number = *self.disk().names.get(path)?;
        Some(Arc::new(CrashFile {
            disk: self.clone(),
            number,
            is_locker: Mutex::new(false),
        }))
    }

    /// Begins an operation: an error when it is to fail. `reached` is run when the power fails
    /// while the operation is on its way.
    fn begin(
        &self,
        operation: Operation,
        reached: impl FnOnce(&mut Disk),
    ) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        disk.operations += 1;
        let number = disk.operations;
        if disk.cut_at.is_some_and(|at| number >= at) {
            if disk.cut_at == Some(number) {
                reached(&mut disk);
            }
            return Err(io::Error::other("the power is off"));
        }
        if disk.fail_next == Some(operation) {
            disk.fail_next = None;
            let kind = disk.fail_with.take().unwrap_or(io::ErrorKind::Other);
            return Err(io::Error::new(kind, "the disk failed"));
        }
        Ok(disk)
    }

    /// Begins an operation that needs room.
    fn begin_growing(
        &self,
        operation: Operation,
        reached: impl FnOnce(&mut Disk),
    ) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.begin(operation, reached)?;
        if disk.is_full_for(operation) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(disk)
    }

    /// Begins an operation that only reads.
    fn begin_reading(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        disk.reads += 1;
        if disk.bad_reads.contains(&disk.reads) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(disk)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for CrashFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        drop(self.begin_reading()?);
        self.handle(path).ok_or_else(not_found)
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        if let Some(file) = self.handle(path) {
            return Ok(file);
        }
        if !path.parent().is_some_and(|dir| self.disk().has_dir(dir)) {
            return Err(not_found());
        }
        let link = |disk: &mut Disk| {
            disk.link(path);
        };
        link(&mut *self.begin_growing(Operation::Link, link)?);
        self.handle(path).ok_or_else(not_found)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.begin_growing(Operation::Rename, |disk| {
            disk.rename(from, to);
        })?;
        disk.rename(from, to).ok_or_else(not_found)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.begin_growing(Operation::Unlink, |disk| {
            disk.unlink(path);
        })?;
        disk.unlink(path).ok_or_else(not_found)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.begin_reading()?;
        if !disk.has_dir(dir) {
            return Err(not_found());
        }
        let inside = disk.names.keys().filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        Ok(names.collect())
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        let mut missing: Vec<&Path> = dir.ancestors().collect();
        missing.retain(|dir| !self.disk().has_dir(dir));
        for dir in missing.iter().rev() {
            let make = |disk: &mut Disk| disk.make_dir(dir);
            make(&mut *self.begin_growing(Operation::MakeDir, make)?);
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.begin(Operation::SyncDir, |_| ())?;
        if !disk.has_dir(dir) {
            return Err(not_found());
        }
        disk.sync_dir(dir);
        Ok(())
    }

    fn salt(&self) -> u64 {
        let mut disk = self.disk();
        disk.salt += 1;
        disk.salt
    }

    fn background(&self) -> Background {
        Background::Frames(self.frames_later.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct CrashFile {
    disk: CrashFs,
    number: usize,
    is_locker: Mutex<bool>,
}

impl File for CrashFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let disk = self.disk.begin_reading()?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let content = disk.files.get(self.number);
        let bytes = content.and_then(|content| content.written.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let write = |disk: &mut Disk| {
            if let Some(content) = disk.files.get_mut(self.number) {
                content.write(usize::try_from(offset).unwrap_or(usize::MAX), bytes);
            }
        };
        let mut disk = self.disk.begin(Operation::Write, write)?;
        let fits = disk.fits(self.number, offset, bytes.len());
        let Some(part) = bytes.get(..fits).filter(|_| fits < bytes.len()) else {
            write(&mut disk);
            return Ok(());
        };
        if let Some(content) = disk.files.get_mut(self.number) {
            content.write(usize::try_from(offset).unwrap_or(usize::MAX), part);
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.gate.pass();
        self.disk.disk().syncs += 1;
        // A sync that the power cuts leaves what it was to write on its way.
        let mut disk = self.disk.begin(Operation::Sync, |_| ())?;
        if let Some(content) = disk.files.get_mut(self.number) {
            content.sync();
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let truncate = |disk: &mut Disk| {
            if let Some(content) = disk.files.get_mut(self.number) {
                content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            }
        };
        truncate(&mut *self.disk.begin_growing(Operation::Truncate, truncate)?);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let disk = self.disk.begin_reading()?;
        let content = disk.files.get(self.number).ok_or_else(not_found)?;
        Ok(content.written.len() as u64)
    }

    fn map(&self, length: u64) -> io::Result<Option<Map>> {
        let mut disk = self.disk.begin_reading()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let content = disk.files.get_mut(self.number);
        let bytes = content.and_then(|content| content.map(length));
        let bytes = bytes.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Some(bytes.into()))
    }

    fn try_lock(&self) -> io::Result<bool> {
        let is_free = self.disk.disk().locked.insert(self.number);
        if is_free {
            *self
                .is_locker
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = true;
        }
        Ok(is_free)
    }

    fn unlock(&self) -> io::Result<()> {
        let mut is_locker = self
            .is_locker
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *is_locker) {
            self.disk.disk().locked.remove(&self.number);
        }
        Ok(())
    }
}

impl Drop for CrashFile {
    fn drop(&mut self) {
        // It cannot fail.
        let _ = self.unlock();
    }
}

/// "Input/output error".
const EIO: i32 = 5;

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}
