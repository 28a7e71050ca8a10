//! What a caller may choose.

use std::sync::Arc;
use std::time::Duration;

use crate::files::{Files, OsFiles};

/// How a store is opened.
///
/// ```
/// use irmin_pack::Options;
/// let options = Options { cache_bytes: 64 << 20, ..Options::default() };
/// assert_eq!(options.segment_bytes, 64 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// A segment that has reached this size in bytes is completed and a new one begun. At most
    /// 1 GiB is used of it. Default: 64 MiB.
    pub segment_bytes: u32,
    /// How many bytes of objects are kept in memory before they are written out ahead of their
    /// commit. Default: 1 MiB.
    pub pending_bytes: usize,
    /// How many bytes of recently read records are kept in memory. Default: 8 MiB.
    pub cache_bytes: usize,
    /// A clean close writes the newest segment's sidecar when more than this many bytes came after
    /// the last one; the next open scans what is less. Default: 256 KiB (scanned in about 1 ms).
    pub checkpoint_bytes: u32,
    /// Within which time a [`Deferred`](irmin_core::Durability::Deferred) commit is synced.
    /// Default: 100 ms.
    pub deferred_interval: Duration,
    /// How many bytes may be written and not durable before a thread of the store makes them so, even
    /// if nobody asks for it: then the sync of who asks finds little to do. Default: 4 MiB.
    pub sync_ahead_bytes: u32,
    /// By how many bytes the log is extended ahead, with zeros, while durable commits are made: a
    /// sync then finds the file's length and its blocks on the disk already. The first time when a
    /// sixteenth of it was committed durably; a close cuts off what is left. 0: never. Default: 1 MiB.
    pub prepare_bytes: u32,
    /// How many threads may wait for their turn to write; one more gets
    /// [`StoreError::TooManyWriters`](irmin_core::StoreError::TooManyWriters). Default: 1024.
    pub writers_max: usize,
    /// Whether durable bytes are read where the system has them in memory, without copying. Off, every
    /// object that is not cached costs a read (1 µs more), and tables of complete segments are kept in
    /// memory (12 bytes an object); but whoever cuts a file of the store from outside, or a disk that
    /// fails, is an error then and does not end the process (`SIGBUS`). Default: on.
    pub map: bool,
    /// Where the files are.
    pub files: Arc<dyn Files>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            pending_bytes: 1 << 20,
            cache_bytes: 8 << 20,
            checkpoint_bytes: 256 << 10,
            deferred_interval: Duration::from_millis(100),
            sync_ahead_bytes: 4 << 20,
            prepare_bytes: 1 << 20,
            writers_max: 1024,
            map: true,
            files: Arc::new(OsFiles),
        }
    }
}
