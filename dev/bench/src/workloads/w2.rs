//! W2: a million entries in one commit, durable at the end.

use std::path::Path;

use super::must_be;
use crate::measure::{Phase, disk_bytes, time_writes};
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes, by_sets: bool) -> Result<Vec<Phase>> {
    let name = if by_sets { "W2 set" } else { "W2" };
    let mut store = peer.create(dir)?;
    let mut phase = time_writes(name, sizes.entries, store.as_mut(), |store| {
        let entries = &mut data::bulk(sizes.entries);
        match by_sets {
            true => store.load_by_sets(entries),
            false => store.load(entries),
        }
    })?;
    let mut reader = store.reader("main")?;
    data::bulk(sizes.entries)
        .step_by(9973)
        .try_for_each(|(key, value)| must_be(reader.as_mut(), &key, &value))?;
    drop(reader);
    drop(store);
    if peer.has_files() {
        phase.sample.disk_bytes = Some(disk_bytes(dir)?);
    }
    Ok(vec![phase])
}
