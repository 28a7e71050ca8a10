//! W5: a three-way merge of branches that changed a thousand of a million entries each.

use std::path::Path;

use super::must_be;
use crate::base::Base;
use crate::measure::{Phase, time_writes};
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let mut store = Base::Branches.open(peer, dir, sizes)?;
    let mut merged = String::new();
    let phase = time_writes("W5", 1, store.as_mut(), |store| {
        merged = store.merge("a", "b")?;
        Ok(())
    })?;
    let mut reader = store.reader(&merged)?;
    for branch in [0, 1] {
        data::changes(branch, sizes.entries, sizes.changes)
            .try_for_each(|(key, value)| must_be(reader.as_mut(), &key, &value))?;
    }
    Ok(vec![phase])
}
