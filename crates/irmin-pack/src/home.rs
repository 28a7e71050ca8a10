//! Where the files of a store are, and how a handle uses them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use irmin_core::StoreError;

use crate::damage::{self, Damage};
use crate::files::{File, Files};
use crate::layout::Layout;
use crate::map::Map;
use crate::options::Options;
use crate::scan;
use crate::segment::SegmentHeader;
use crate::sidecar::{self, Sidecar};
use crate::stats::{Counters, add};

/// What all parts of a handle need to read files.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) counters: Arc<Counters>,
    /// Whether this handle may change files.
    pub(crate) may_write: bool,
    may_map: bool,
    /// How many complete segments are open.
    pub(crate) open: AtomicUsize,
}

impl Home {
    pub(crate) fn new(
        layout: Layout,
        options: &Options,
        counters: Arc<Counters>,
        may_write: bool,
    ) -> Self {
        Self {
            files: Arc::clone(&options.files),
            layout: Arc::new(layout),
            counters,
            may_write,
            may_map: options.map,
            open: AtomicUsize::new(0),
        }
    }

    /// Maps the front of a file, which is durable and never changes, if that is possible. Where it fails,
    /// as a process may have only so many maps, reading says what is wrong, if anything is.
    pub(crate) fn map(&self, file: &dyn File, length: u64) -> Option<Map> {
        let wanted = self.may_map.then_some(length);
        wanted.and_then(|length| file.map(length).ok().flatten())
    }

    /// How many complete segments are kept open: of those that are mapped, only addresses are used up;
    /// others take a file handle and 12 bytes an object each.
    pub(crate) const fn open_max(&self) -> usize {
        match self.may_map {
            true => 1024,
            false => 16,
        }
    }

    /// Opens a segment, and returns what it says of itself and how long it is.
    pub(crate) fn open_segment(
        &self,
        number: u32,
    ) -> Result<(Arc<dyn File>, SegmentHeader, u32), StoreError> {
        let path = self.layout.segment(number);
        let file = self.files.open_read(&path);
        let file = file.map_err(damage::io("open", &path))?;
        let header = SegmentHeader::read(&*file, &path, number)?;
        let length = scan::length(&*file, &path)?;
        Ok((file, header, length))
    }

    /// Opens a segment's sidecar; `None` when there is none, or one of the segment as it was before a
    /// collection wrote it anew, or of another version.
    pub(crate) fn sidecar(
        &self,
        header: SegmentHeader,
    ) -> Result<Option<Result<Sidecar, Damage>>, StoreError> {
        let bytes = self.sidecar_bytes(header.number)?;
        let opened = bytes.map(|bytes| bytes.and_then(|bytes| Sidecar::open(bytes, header)));
        Ok(opened.and_then(Result::transpose))
    }

    /// Returns what is in a segment's sidecar, mapped or read.
    pub(crate) fn sidecar_bytes(
        &self,
        number: u32,
    ) -> Result<Option<Result<Bytes, Damage>>, StoreError> {
        let path = self.layout.sidecar(number);
        let file = match self.files.open_read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damage::io("open", &path)(error)),
        };
        let length = file.length().map_err(damage::io("measure", &path))?;
        // A length that no sidecar can have must not make room for it.
        let Some(room) = usize::try_from(length)
            .ok()
            .filter(|&length| length <= SIDECAR_BYTES_MAX)
        else {
            let damage = Damage::new(0, "a sidecar", "a larger file");
            return Ok(Some(Err(damage)));
        };
        // It was synced before it got its name, and is only ever replaced.
        if let Some(map) = self.map(&*file, length) {
            return Ok(Some(Ok(map.bytes().clone())));
        }
        let mut bytes = vec![0; room];
        file.read_at(&mut bytes, 0)
            .map_err(damage::read(&path, 0))?;
        Ok(Some(Ok(bytes.into())))
    }

    /// Writes the sidecar of a complete segment, if this handle may and there is room for it.
    pub(crate) fn keep_sidecar(&self, bytes: &[u8], number: u32) -> Result<(), StoreError> {
        if !self.may_write {
            return Ok(());
        }
        match sidecar::write(&*self.files, &self.layout, bytes, number) {
            Err(StoreError::Full { .. }) => Ok(()),
            written => {
                written?;
                add(&self.counters.syncs, 1);
                self.counters.wrote(bytes.len());
                Ok(())
            }
        }
    }
}

const SIDECAR_BYTES_MAX: usize = 1 << 32;
