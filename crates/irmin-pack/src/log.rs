//! What reading needs, for the handle that writes and for those that only follow.

use std::sync::{Arc, RwLock};

use irmin_core::{Id, Signal, StoreError, StoreId, StoreStats};

use crate::active::State;
use crate::cache::Cache;
use crate::home::Home;
use crate::layout::Layout;
use crate::lock::{read, write};
use crate::options::Options;
use crate::sealed::Sealed;
use crate::stats::{Counters, get};

/// The files of a store, as far as this handle knows them.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) home: Arc<Home>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) options: Options,
    pub(crate) state: RwLock<State>,
    pub(crate) cache: Cache,
    pub(crate) counters: Arc<Counters>,
    pub(crate) id: StoreId,
    /// Counts the changes of names, and wakes who waits for one.
    pub(crate) changes: Signal,
}

impl Log {
    pub(crate) fn new(home: Arc<Home>, options: Options, state: State) -> Self {
        Self {
            layout: Arc::clone(&home.layout),
            counters: Arc::clone(&home.counters),
            home,
            cache: Cache::new(options.cache_bytes),
            options,
            state: RwLock::new(state),
            id: StoreId::fresh(),
            changes: Signal::default(),
        }
    }

    pub(crate) fn get_ref(&self, name: &str) -> Option<Id> {
        read(&self.state).refs.get(name).copied()
    }

    pub(crate) fn list_refs(&self, prefix: &str) -> Vec<(String, Id)> {
        let state = read(&self.state);
        let from = state.refs.range(prefix.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(prefix))
            .map(|(name, id)| (name.clone(), *id))
            .collect()
    }

    pub(crate) fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        for id in ids {
            out.push(self.find(id, usize::MAX)?.is_some());
        }
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        format!("pack:{}", self.layout.dir.display())
    }

    /// Has these as the complete segments, in this order.
    pub(crate) fn set_sealed(&self, numbers: &[u32]) {
        let sealed = numbers.iter().map(|&number| Arc::new(self.sealed(number)));
        write(&self.state).sealed = Arc::new(sealed.collect());
    }

    pub(crate) fn sealed(&self, number: u32) -> Sealed {
        Sealed::new(number, Arc::clone(&self.home))
    }

    pub(crate) fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = StoreStats::default();
        let state = read(&self.state);
        let sealed = Arc::clone(&state.sealed);
        let mut kinds = state.active.table.kinds;
        stats.refs = state.refs.len() as u64;
        stats.segment_bytes = u64::from(state.active.written.offset);
        stats.pending_bytes = state.active.pending_bytes() as u64;
        drop(state);
        for segment in sealed.iter() {
            let (length, of_segment) = segment.figures()?;
            stats.segment_bytes += u64::from(length);
            for (sum, kind) in kinds.iter_mut().zip(of_segment) {
                *sum += kind;
            }
        }
        stats.segments = sealed.len() as u64 + 1;
        [stats.blobs, stats.chunk_lists, stats.nodes, stats.commits] = kinds;
        stats.cache_bytes = self.cache.bytes();
        stats.cache_hits = self.cache.hits();
        stats.syncs = get(&self.counters.syncs);
        stats.writes = get(&self.counters.writes);
        stats.bytes_written = get(&self.counters.bytes_written);
        stats.reads = get(&self.counters.reads);
        stats.bytes_scanned = get(&self.counters.bytes_scanned);
        stats.bytes_cut = get(&self.counters.bytes_cut);
        Ok(stats)
    }
}
