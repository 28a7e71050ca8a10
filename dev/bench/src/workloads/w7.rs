//! W7: what a thousand changes in a million entries were.

use std::path::Path;

use crate::base::Base;
use crate::measure::{Phase, time};
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let store = Base::Branches.open(peer, dir, sizes)?;
    let changed = data::changed(0, sizes.entries, sizes.changes);
    let expected: Vec<_> = changed.into_iter().map(data::bulk_key).collect();
    let mut found = Vec::new();
    let mut phases = Vec::new();
    for name in ["W7 fresh", "W7 again"] {
        phases.push(time(name, 1, || {
            found = store.diff("main", "a")?;
            Ok(())
        })?);
        if found != expected {
            return Err(format!("{} paths, not those that changed", found.len()).into());
        }
    }
    Ok(phases)
}
