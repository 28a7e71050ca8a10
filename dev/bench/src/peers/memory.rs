//! Irminsule in the memory of the process.

use std::sync::Arc;

use irminsule::MemoryStore;

use super::irminsule::Irminsule;
use crate::measure::Counters;

pub(crate) fn create() -> Irminsule {
    Irminsule::new(
        Arc::new(MemoryStore::new()),
        Box::new(|| Ok(Counters::default())),
    )
}
