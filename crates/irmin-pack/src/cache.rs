//! Records that were read recently.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use irmin_core::{Cut, Locator, Stored};
use quick_cache::Weighter;
use quick_cache::sync;

use crate::chain::Whole;
use crate::place::Place;

/// A bounded cache of records by place; threads seldom meet in it.
#[derive(Debug)]
pub(crate) struct Cache {
    records: sync::Cache<Place, Arc<Cached>, ByBytes>,
    record_bytes_max: usize,
    /// How often all was forgotten.
    epoch: AtomicU64,
    /// How often a record was found.
    hits: AtomicU64,
}

/// A record without its frame.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) bytes: Bytes,
    pub(crate) links: Vec<Option<Locator>>,
    pub(crate) generation: u32,
    pub(crate) cut: Cut,
    /// How many differences its record is away from a whole one.
    pub(crate) depth: u8,
}

impl Cached {
    pub(crate) fn stored(&self) -> Stored {
        Stored {
            region: None,
            bytes: self.bytes.clone(),
            links: self.links.clone(),
            generation: self.generation,
            cut: self.cut,
        }
    }

    fn weight(&self) -> usize {
        self.bytes.len() + self.links.len() * size_of::<Option<Locator>>() + OVERHEAD_BYTES
    }
}

impl Cache {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            records: sync::Cache::with_weighter(bytes / RECORD_BYTES, bytes as u64, ByBytes),
            record_bytes_max: bytes / 16,
            epoch: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }
    }

    pub(crate) fn get(&self, place: Place) -> Option<Stored> {
        let cached = self.records.get(&place)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(cached.stored())
    }

    /// Returns an object that others are made from.
    pub(crate) fn whole(&self, place: Place) -> Option<Whole> {
        self.records.get(&place).map(|cached| Whole {
            bytes: cached.bytes.clone(),
            links: cached.links.clone(),
            depth: cached.depth,
        })
    }

    /// Returns how often all was forgotten, to be asked before a record is read.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Forgets all: records may be gone.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.records.clear();
    }

    /// Keeps a record that was read in this epoch.
    pub(crate) fn insert(&self, place: Place, cached: Cached, epoch: u64) -> Stored {
        let stored = cached.stored();
        // A few large blobs must not drive all nodes out.
        if cached.weight() <= self.record_bytes_max {
            self.records.insert(place, Arc::new(cached));
            if self.epoch() != epoch {
                self.records.remove(&place);
            }
        }
        stored
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.records.weight()
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Place, Arc<Cached>> for ByBytes {
    fn weight(&self, _place: &Place, cached: &Arc<Cached>) -> u64 {
        cached.weight() as u64
    }
}

/// What a record costs beside its bytes: the map's entry, two reference counts, the structure.
const OVERHEAD_BYTES: usize = 150;
/// How large a record usually is with its overhead.
const RECORD_BYTES: usize = 1000;
