//! Counting what a handle does.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of a handle.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) syncs: AtomicU64,
    /// How many bytes were made durable by commits that asked for it.
    pub(crate) committed: AtomicU64,
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

/// Adds to a counter and returns what it was before.
pub(crate) fn add(counter: &AtomicU64, count: u64) -> u64 {
    counter.fetch_add(count, Ordering::Relaxed)
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
