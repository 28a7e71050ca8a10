//! Irminsule in the memory of the process.

use std::path::Path;
use std::sync::Arc;

use irminsule::MemoryStore;

use super::irminsule::Irminsule;
use super::{Abilities, Peer, Store};
use crate::Result;
use crate::measure::Counters;

pub(crate) const PEER: Peer = Peer::new(
    "memory",
    Abilities {
        has_files: false,
        has_history: true,
        loads_by_sets: true,
        can_sync_commits: false,
        has_committers: true,
        can_collect: true,
        largest_value: u64::MAX,
        ..Abilities::PLAIN
    },
    create,
    create,
);

fn create(_dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Irminsule::new(
        Arc::new(MemoryStore::new()),
        Box::new(|| Ok(Counters::default())),
    )))
}
