//! W2: a million entries in one commit, durable at the end.

use std::path::Path;

use super::must_be;
use crate::measure::{Phase, disk_bytes, time_writes};
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let mut store = peer.create(dir)?;
    let mut phase = time_writes("W2", sizes.entries, store.as_mut(), |store| {
        store.load(&mut data::bulk(sizes.entries))
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
