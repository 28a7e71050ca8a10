//! Irminsule in a directory, with the embedded engine's default options.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use irminsule::pack::{Options, PackStore};

use super::irminsule::Irminsule;
use super::{Abilities, PACK, Peer, Store};
use crate::Result;
use crate::measure::Counters;
use crate::slow_disk::SlowDisk;

pub(crate) const PEER: Peer = Peer::new(
    PACK,
    Abilities {
        has_history: true,
        loads_by_sets: true,
        counts_syncs: true,
        can_clone: true,
        has_committers: true,
        can_collect: true,
        largest_value: u64::MAX,
        ..Abilities::PLAIN
    },
    create,
    open,
);

fn create(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(wrap(PackStore::create(dir, Options::default())?))
}

/// Makes a store on a disk whose syncs take so long.
pub(crate) fn create_on_slow_disk(dir: &Path, sync_takes: Duration) -> Result<Box<dyn Store>> {
    let options = Options {
        files: Arc::new(SlowDisk(sync_takes)),
        ..Options::default()
    };
    Ok(wrap(PackStore::create(dir, options)?))
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(wrap(PackStore::open(dir, Options::default())?))
}

fn wrap(store: PackStore) -> Box<dyn Store> {
    let store = Arc::new(store);
    let counted = Arc::clone(&store);
    let counters = move || {
        let stats = counted.stats()?;
        Ok(Counters {
            bytes_written: Some(stats.bytes_written),
            syncs: Some(stats.syncs),
        })
    };
    Box::new(Irminsule::new(store, Box::new(counters)))
}
