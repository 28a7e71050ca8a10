//! Figures about a store.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many objects of one kind are stored, and how many bytes their encodings have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindStats {
    /// How many there are, an object that is stored twice counted twice.
    pub objects: u64,
    /// The bytes of their encodings, without framing.
    pub bytes: u64,
}

impl KindStats {
    pub(crate) fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

/// What [`PackStore::stats`](crate::PackStore::stats) returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many segments there are.
    pub segments: u64,
    /// Bytes in the segments' files, pending objects not included.
    pub segment_bytes: u64,
    /// Blobs, or chunks of them.
    pub blobs: KindStats,
    /// Lists of chunks.
    pub chunk_lists: KindStats,
    /// Nodes of directories.
    pub nodes: KindStats,
    /// Commits.
    pub commits: KindStats,
    /// How many names there are.
    pub refs: u64,
    /// Bytes of objects that wait in memory.
    pub pending_bytes: u64,
    /// Bytes of records in the cache.
    pub cache_bytes: u64,
    /// Syncs of files and directories since the handle was opened.
    pub syncs: u64,
    /// Writes to files since the handle was opened.
    pub writes: u64,
    /// Bytes written to files since the handle was opened.
    pub bytes_written: u64,
    /// Reads of records from files since the handle was opened.
    pub reads: u64,
    /// Bytes of frames that were scanned to open the store or to rebuild a sidecar.
    pub bytes_scanned: u64,
    /// Bytes of a torn, never acknowledged tail that were cut off when the store was opened.
    pub bytes_cut: u64,
}

/// The counters of a handle.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) syncs: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) bytes_scanned: AtomicU64,
    pub(crate) bytes_cut: AtomicU64,
}

impl Counters {
    pub(crate) fn wrote(&self, bytes: usize) {
        add(&self.writes, 1);
        add(&self.bytes_written, bytes as u64);
    }
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
