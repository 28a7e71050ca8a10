//! Reading files into blobs.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use irminsule::{Blob, Id, IdPrefix, Key, Mode, Object, ObjectStore, StoreError, Stored};

use super::{Edit, Job, Notice, Task};
use crate::files::FilesError;

/// Files of this size in bytes or more are never in memory as a whole.
const STREAMED_BYTES_MIN: u64 = 1 << 20;

/// One of the threads that read.
pub(super) struct Reader {
    store: Arc<dyn ObjectStore>,
    /// Computes ids and keeps nothing.
    nowhere: Arc<dyn ObjectStore>,
    keep_going: bool,
    buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new(store: Arc<dyn ObjectStore>, keep_going: bool) -> Self {
        Self {
            store,
            nowhere: Arc::new(Nowhere),
            keep_going,
            buffer: Vec::new(),
        }
    }

    /// Answers jobs until there are no more.
    pub(super) fn run(&mut self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            let edits = job.tasks.into_iter().map(|task| self.edit(task));
            // Nobody may wait for it any more, when another stage failed.
            let _ = job.answer.send(edits.collect());
        }
    }

    pub(super) fn edit(&mut self, task: Task) -> Result<Edit, FilesError> {
        let result = match task {
            Task::Done(edit) => return Ok(edit),
            Task::Read(name, path, old) => self.file(&path, old).map(|(size, blob)| match blob {
                Some(blob) => Edit::Put(name, blob),
                None => Edit::Keep(size),
            }),
            Task::Link(name, path) => link(&path).map(|blob| Edit::Put(name, blob)),
        };
        match result {
            Err(error @ FilesError::Io { .. }) if self.keep_going => {
                Ok(Edit::Notice(Notice::Unreadable(error.into())))
            }
            other => other,
        }
    }

    /// Reads and stores a file; `None` if it is what `old` says.
    fn file(&mut self, path: &Path, old: Option<Blob>) -> Result<(u64, Option<Blob>), FilesError> {
        let mut file = File::open(path).map_err(FilesError::io("open", path))?;
        let metadata = file.metadata().map_err(FilesError::io("read", path))?;
        let mode = if metadata.mode() & 0o100 == 0 {
            Mode::Normal
        } else {
            Mode::Executable
        };
        let old = old.filter(|old| old.size() == metadata.len() && old.mode() != Mode::Link);
        let blob = if metadata.len() < STREAMED_BYTES_MIN {
            self.small(&mut file, path, metadata.len(), old.as_ref())?
        } else {
            self.large(&mut file, path, old.as_ref())?
        };
        let blob = blob.with_mode(mode);
        Ok((blob.size(), (old.as_ref() != Some(&blob)).then_some(blob)))
    }

    fn small(
        &mut self,
        file: &mut File,
        path: &Path,
        size: u64,
        old: Option<&Blob>,
    ) -> Result<Blob, FilesError> {
        // One byte more than expected shows whether the file has grown.
        let room = usize::try_from(size)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let read = fill(file, &mut self.buffer[..room]).map_err(FilesError::io("read", path))?;
        let bytes = &self.buffer[..read];
        if read == room {
            return write(&self.store, &mut bytes.chain(file), path);
        }
        if read <= irminsule::INLINE_BYTES_MAX {
            return Ok(Blob::new(Bytes::copy_from_slice(bytes)));
        }
        if let Some(old) = old {
            let same = Blob::write(&self.nowhere, &mut &*bytes)?;
            if same.id() == old.id() {
                return Ok(old.clone());
            }
        }
        write(&self.store, &mut &*bytes, path)
    }

    fn large(&self, file: &mut File, path: &Path, old: Option<&Blob>) -> Result<Blob, FilesError> {
        if let Some(old) = old {
            if write(&self.nowhere, file, path)?.id() == old.id() {
                return Ok(old.clone());
            }
            file.rewind().map_err(FilesError::io("read", path))?;
        }
        write(&self.store, file, path)
    }
}

/// Stores what a file yields, and names the file if that fails.
fn write(
    store: &Arc<dyn ObjectStore>,
    from: &mut dyn Read,
    path: &Path,
) -> Result<Blob, FilesError> {
    Blob::write(store, from).map_err(|error| match error {
        irminsule::Error::Read(source) => FilesError::io("read", path)(source),
        other => other.into(),
    })
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn link(path: &Path) -> Result<Blob, FilesError> {
    let target = fs::read_link(path).map_err(FilesError::io("read", path))?;
    Ok(Blob::new(target.into_os_string().into_vec()).with_mode(Mode::Link))
}

/// A store that takes all and has nothing: for the ids of large values.
struct Nowhere;

impl ObjectStore for Nowhere {
    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        (0..keys.len()).for_each(|index| out(index, None));
        Ok(())
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}
