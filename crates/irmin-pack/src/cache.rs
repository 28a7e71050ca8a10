//! Records that were read recently.

use std::sync::Arc;

use bytes::Bytes;
use irmin_core::{Cut, Locator, Stored};
use quick_cache::Weighter;
use quick_cache::sync;

use crate::place::Place;

/// A bounded cache of records by place; threads seldom meet in it.
#[derive(Debug)]
pub(crate) struct Cache {
    records: sync::Cache<Place, Arc<Cached>, ByBytes>,
    record_bytes_max: usize,
}

/// A record without its frame.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) bytes: Bytes,
    pub(crate) links: Vec<Option<Locator>>,
    pub(crate) generation: u32,
    pub(crate) cut: Cut,
}

impl Cached {
    pub(crate) fn stored(&self) -> Stored {
        Stored {
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
        }
    }

    pub(crate) fn get(&self, place: Place) -> Option<Stored> {
        self.records.get(&place).map(|cached| cached.stored())
    }

    pub(crate) fn insert(&self, place: Place, cached: Cached) -> Stored {
        let stored = cached.stored();
        // A few large blobs must not drive all nodes out.
        if cached.weight() <= self.record_bytes_max {
            self.records.insert(place, Arc::new(cached));
        }
        stored
    }

    pub(crate) fn clear(&self) {
        self.records.clear();
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
