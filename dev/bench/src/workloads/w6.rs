//! W6: the merge base of two branches of a thousand commits, after ten thousand in common.

use std::path::Path;

use crate::Result;
use crate::base::Base;
use crate::measure::{Phase, time};
use crate::peers::Peer;
use crate::sizes::Sizes;

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let store = Base::History.open(peer, dir, sizes)?;
    let expected = store.head("main")?;
    let check = || match store.merge_base("a", "b")? {
        base if base == expected => Ok(()),
        other => Err(format!("{other} is not the merge base, {expected} is").into()),
    };
    Ok(vec![
        time("W6 fresh", 1, check)?,
        time("W6 again", 1, check)?,
    ])
}
