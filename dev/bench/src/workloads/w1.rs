//! W1: a commit for every set.

use std::path::Path;

use super::must_be;
use crate::measure::{Phase, disk_bytes, time_writes};
use crate::peers::Peer;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, commits: u64, durable: bool) -> Result<Vec<Phase>> {
    let name = if durable { "W1d" } else { "W1n" };
    let mut store = peer.create(dir)?;
    let mut phase = time_writes(name, commits, store.as_mut(), |store| {
        store.commit_each("main", &mut data::spread(commits), durable)?;
        if durable { Ok(()) } else { store.sync() }
    })?;
    let mut reader = store.reader("main")?;
    data::spread(commits)
        .step_by(97)
        .try_for_each(|(key, value)| must_be(reader.as_mut(), &key, &value))?;
    drop(reader);
    drop(store);
    if peer.has_files() {
        phase.sample.disk_bytes = Some(disk_bytes(dir)?);
    }
    Ok(vec![phase])
}
