//! Irminsule in a directory, with the embedded engine's default options.

use std::path::Path;
use std::sync::Arc;

use irminsule::pack::{Options, PackStore};

use super::irminsule::Irminsule;
use crate::Result;
use crate::measure::Counters;

pub(crate) fn create(dir: &Path) -> Result<Irminsule> {
    Ok(wrap(PackStore::create(dir, Options::default())?))
}

pub(crate) fn open(dir: &Path) -> Result<Irminsule> {
    Ok(wrap(PackStore::open(dir, Options::default())?))
}

fn wrap(store: PackStore) -> Irminsule {
    let store = Arc::new(store);
    let counted = Arc::clone(&store);
    let counters = move || {
        let stats = counted.stats()?;
        Ok(Counters {
            bytes_written: Some(stats.bytes_written),
            syncs: Some(stats.syncs),
        })
    };
    Irminsule::new(store, Box::new(counters))
}
