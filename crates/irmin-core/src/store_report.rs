//! What an engine tells about itself: figures, and what is wrong.

use std::ops::AddAssign;

use crate::{Kind, StoreError};

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes of segments that were checked.
    pub bytes_done: u64,
    /// Bytes of all segments.
    pub bytes_total: u64,
}

/// What a verification found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How many segments were read.
    pub segments: u64,
    /// How many frames.
    pub frames: u64,
    /// How many objects, each of which was hashed.
    pub objects: u64,
    /// How many commits are among them.
    pub commits: u64,
    /// How many links were followed to the record that they name.
    pub links: u64,
    /// How many links were stored without a place.
    pub links_unknown: u64,
    /// How many refs were followed to their commit.
    pub refs: u64,
    /// How many bytes of segments were read.
    pub bytes: u64,
    /// How many bytes of a torn tail, never acknowledged as durable, were cut off when the handle
    /// was opened. That is what a crash leaves and no problem by itself.
    pub bytes_cut: u64,
    /// All that is wrong, each with file, offset, what is expected and what was found.
    pub problems: Vec<StoreError>,
}

impl VerifyReport {
    /// Tells whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// How many objects of one kind are stored, and how many bytes their encodings have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindStats {
    /// How many there are, an object that is stored twice counted twice.
    pub objects: u64,
    /// The bytes of their encodings, without framing.
    pub bytes: u64,
}

impl AddAssign for KindStats {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

/// Figures about a store. What an engine does not have is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
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
    /// Syncs of files and directories since it was opened.
    pub syncs: u64,
    /// Writes to files since it was opened.
    pub writes: u64,
    /// Bytes written to files since it was opened.
    pub bytes_written: u64,
    /// Reads of records from files since it was opened.
    pub reads: u64,
    /// Records that were looked for in the cache and were there, since it was opened.
    pub cache_hits: u64,
    /// Bytes of frames that were scanned to open the store or to rebuild a sidecar.
    pub bytes_scanned: u64,
    /// Bytes of a torn, never acknowledged tail that were cut off when the store was opened.
    pub bytes_cut: u64,
}

impl StoreStats {
    /// Counts an object.
    pub(crate) const fn count(&mut self, kind: Kind, bytes: u64) {
        let sum = match kind {
            Kind::Blob => &mut self.blobs,
            Kind::Chunks => &mut self.chunk_lists,
            Kind::Node => &mut self.nodes,
            Kind::Commit => &mut self.commits,
        };
        sum.objects += 1;
        sum.bytes += bytes;
    }
}
