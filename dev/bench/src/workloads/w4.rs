//! W4: commits that each replace a random entry of one large directory.

use std::collections::HashMap;
use std::path::Path;

use super::must_be;
use crate::base::Base;
use crate::measure::{Phase, time_writes};
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::{Result, data};

/// What a peer does whose time grows with the directory.
const FEW_COMMITS: u64 = 100;

pub(super) fn run(
    peer: Peer,
    dir: &Path,
    sizes: &Sizes,
    name: &str,
    names: u64,
    base: Base,
) -> Result<Vec<Phase>> {
    let commits = match peer.is_slow_in_large_directories() {
        true => sizes.replacements.min(FEW_COMMITS),
        false => sizes.replacements,
    };
    let mut store = base.open(peer, dir, sizes)?;
    let phase = time_writes(name, commits, store.as_mut(), |store| {
        store.commit_each("main", &mut data::replacements(names, commits), false)
    })?;
    let newest: HashMap<_, _> = data::replacements(names, commits).collect();
    let mut reader = store.reader("main")?;
    newest
        .iter()
        .try_for_each(|(key, value)| must_be(reader.as_mut(), key, value))?;
    Ok(vec![phase])
}
