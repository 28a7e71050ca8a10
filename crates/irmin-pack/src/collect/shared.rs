//! The barrier's lock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use crate::collect::barrier::Barrier;
use crate::lock::lock;

/// The barrier, which the collection takes for each record that it passes, and the writer for what it
/// comes to depend on.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    barrier: Mutex<Option<Barrier>>,
    /// How many writers want it.
    wanted: AtomicU32,
}

impl Shared {
    /// Takes it for a writer.
    pub(crate) fn first(&self) -> MutexGuard<'_, Option<Barrier>> {
        self.wanted.fetch_add(1, Ordering::SeqCst);
        let barrier = lock(&self.barrier);
        self.wanted.fetch_sub(1, Ordering::SeqCst);
        barrier
    }

    /// Takes it for the collection, when no writer wants it: one that slept until the lock was free found it
    /// taken for the next record, again and again. That was most of a writer's pauses, up to 16 ms.
    pub(crate) fn last(&self) -> MutexGuard<'_, Option<Barrier>> {
        while self.wanted.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        lock(&self.barrier)
    }
}
