//! The bytes of a segment in memory, and reading ahead where that helps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;

use crate::map::Map;

/// A mapped segment.
///
/// A record that is not in memory is read from the disk with its own pages only, in 0.1 ms: nothing is
/// as good for one. When many are read, and wait for the disk, the segment is had in memory in pieces of
/// a mebibyte as they are touched, then in twice as many each time: so a store is in memory as fast as
/// the disk can be read from front to end.
#[derive(Debug)]
pub(crate) struct Mapped {
    map: Map,
    /// All its bytes, for whoever keeps many objects of them.
    region: Arc<Bytes>,
    /// How many records were read.
    reads: AtomicU32,
    /// From how many on it is looked whether they wait.
    patience: AtomicU32,
    /// How many pieces are asked for at once; 1 as long as none was.
    pieces: AtomicU32,
    /// A bit for each piece that was asked for.
    asked: Box<[AtomicU64]>,
}

impl Mapped {
    pub(crate) fn new(map: Map) -> Self {
        let pieces = map.bytes().len().div_ceil(PIECE_BYTES);
        let words = std::iter::repeat_with(AtomicU64::default).take(pieces.div_ceil(64));
        Self {
            region: Arc::new(map.bytes().clone()),
            map,
            reads: AtomicU32::new(0),
            patience: AtomicU32::new(PATIENCE),
            pieces: AtomicU32::new(1),
            asked: words.collect(),
        }
    }

    pub(crate) fn region(&self) -> Arc<Bytes> {
        Arc::clone(&self.region)
    }

    /// How many bytes are there.
    pub(crate) fn len(&self) -> usize {
        self.map.bytes().len()
    }

    /// Returns bytes that are about to be read; `None` when the segment ends before.
    pub(crate) fn get(&self, start: u32, end: u32) -> Option<Bytes> {
        let (start, end) = (start as usize, end as usize);
        if start > end || end > self.len() {
            return None;
        }
        if end - start > LARGE_BYTES {
            self.map.will_need(start..end);
        } else {
            self.look_ahead(start);
        }
        Some(self.map.bytes().slice(start..end))
    }

    fn look_ahead(&self, at: usize) {
        let piece = at / PIECE_BYTES;
        if self.is_asked(piece) {
            return;
        }
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        if reads >= self.patience.load(Ordering::Relaxed) {
            self.ask(at, reads);
        }
    }

    /// Asks for the piece around a record and for those behind it, once a record was found that is not
    /// in memory.
    #[cold]
    fn ask(&self, at: usize, reads: u32) {
        let pieces = self.pieces.load(Ordering::Relaxed);
        if pieces == 1 && self.map.is_resident(at) {
            let patience = reads.saturating_add(PATIENCE);
            self.patience.store(patience, Ordering::Relaxed);
            return;
        }
        self.pieces
            .store((pieces * 2).min(PIECES_MAX), Ordering::Relaxed);
        let first = at / PIECE_BYTES;
        for piece in first..first + pieces as usize {
            if !self.is_asked(piece) {
                self.set_asked(piece);
                let start = piece * PIECE_BYTES;
                self.map.will_need(start..start + PIECE_BYTES);
            }
        }
    }

    fn is_asked(&self, piece: usize) -> bool {
        let word = self.asked.get(piece / 64);
        word.is_none_or(|word| word.load(Ordering::Relaxed) >> (piece % 64) & 1 == 1)
    }

    fn set_asked(&self, piece: usize) {
        if let Some(word) = self.asked.get(piece / 64) {
            word.fetch_or(1 << (piece % 64), Ordering::Relaxed);
        }
    }
}

/// What the system is asked to read at once: more it may refuse.
const PIECE_BYTES: usize = 1 << 20;
/// At most so many pieces are asked for at a time.
const PIECES_MAX: u32 = 8;
/// So many records are read before it is looked whether one waits for the disk, and before it is looked
/// again.
const PATIENCE: u32 = 32;
/// A record of more bytes is asked for as a whole, not page by page.
const LARGE_BYTES: usize = 16 << 10;
