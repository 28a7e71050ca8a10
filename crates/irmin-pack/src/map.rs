//! Files in memory. The only module of the engine with `unsafe` code, two calls of it.
//!
//! What makes it sound is a promise of all who call [`File::map`](crate::File::map): **only bytes are
//! mapped that were synced and that nobody ever changes or cuts off again.** Segments are appended to,
//! and cut only where something was never durable; sidecars are written under another name and
//! renamed; a collection puts another file in a segment's place, and the old one stays as long as it is
//! mapped. What this cannot keep off: whoever cuts a file of the store from outside, or a disk that
//! fails, ends the process with `SIGBUS` when it touches a lost page. Where that is not acceptable,
//! [`Options::map`](crate::Options::map) turns mapping off.
#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{Advice, Mmap, MmapOptions};

/// The front of a file in memory, which never changes. Clones share it.
#[derive(Clone, Debug)]
pub struct Map {
    bytes: Bytes,
    /// `None` for bytes that are in memory anyway.
    pages: Option<Arc<Mmap>>,
}

/// Keeps the pages as long as some of their bytes are used.
struct Owner(Arc<Mmap>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes in ordinary memory, for file systems of tests.
impl From<Vec<u8>> for Map {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            pages: None,
        }
    }
}

impl Map {
    /// Maps the first `length` bytes of a file; `None` where addresses are too few for that.
    ///
    /// # Errors
    /// As the system says; [`io::ErrorKind::UnexpectedEof`] when the file is shorter.
    pub(crate) fn of_file(file: &fs::File, length: u64) -> io::Result<Option<Self>> {
        if cfg!(not(target_pointer_width = "64")) || length == 0 {
            return Ok(None);
        }
        if file.metadata()?.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        // SAFETY: the mapping is read-only and as long as the file at most, so its memory is valid. That
        // it never changes, as long as somebody may look at it, is what callers promise: see above.
        let pages = unsafe { MmapOptions::new().len(length).map(file)? };
        // One page a fault and not what lies around it: one read of a store that is not in memory
        // takes 0.1 ms so, and 5 ms where the system reads 8 MiB around. See `ahead.rs`.
        pages.advise(Advice::Random)?;
        let pages = Arc::new(pages);
        Ok(Some(Self {
            bytes: Bytes::from_owner(Owner(Arc::clone(&pages))),
            pages: Some(pages),
        }))
    }

    /// Returns the bytes. Clones and slices of them keep the file mapped.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Has the system begin to read these bytes from the disk, without waiting.
    pub(crate) fn will_need(&self, range: Range<usize>) {
        let Some(pages) = &self.pages else {
            return;
        };
        let end = range.end.min(pages.len());
        let length = end.saturating_sub(range.start);
        // Only advice: without it, reading waits longer.
        let _without = pages.advise_range(Advice::WillNeed, range.start, length);
    }

    /// Elsewhere the system is not asked.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_resident(&self, _offset: usize) -> bool {
        true
    }

    /// Tells whether the byte's page is in memory already. One system call, 0.3 µs.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_resident(&self, offset: usize) -> bool {
        let Some(byte) = self.bytes.get(offset).filter(|_| self.pages.is_some()) else {
            return true;
        };
        let page_bytes = rustix::param::page_size();
        let address = std::ptr::from_ref(byte).addr() / page_bytes * page_bytes;
        let mut resident = 1_u8;
        // SAFETY: the call writes one byte for each page, of which there is one. It does not touch the
        // page, and fails for addresses where there is none.
        let result = unsafe {
            libc::mincore(
                std::ptr::without_provenance_mut(address),
                page_bytes,
                &raw mut resident,
            )
        };
        result != 0 || resident & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_map_has_the_bytes_of_the_file_and_outlives_it() {
        let written: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        let file = file(&written);
        let map = Map::of_file(&file, 70_001).unwrap().unwrap();
        drop(file);
        let slice = map.bytes().slice(4096..8192);
        assert_eq!(map.bytes(), &written[..70_001]);
        drop(map);
        assert_eq!(slice, &written[4096..8192]);
    }

    #[test]
    fn a_map_does_not_see_what_is_appended() {
        let mut file = file(b"durable");
        let map = Map::of_file(&file, 7).unwrap().unwrap();
        file.write_all(b", and more").unwrap();
        assert_eq!(map.bytes(), "durable");
    }

    #[test]
    fn nothing_beyond_the_end_of_a_file_is_mapped() {
        let file = file(b"short");
        let error = Map::of_file(&file, 6).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(Map::of_file(&file, 0).unwrap().is_none());
    }

    #[test]
    fn advice_changes_nothing() {
        let map = Map::of_file(&file(&[7; 10_000]), 10_000).unwrap().unwrap();
        map.will_need(5000..90_000);
        map.will_need(20_000..30_000);
        assert!(map.is_resident(9999));
        assert!(map.is_resident(10_000), "there is nothing to wait for");
        assert_eq!(map.bytes()[9999], 7);
    }
}
