//! W9: opening W2's store and reading one value.

use std::path::Path;

use super::must_find;
use crate::measure::{Phase, drop_page_cache, time};
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let key = data::bulk_key(sizes.entries / 2);
    let open_and_read = || {
        let store = peer.open(dir)?;
        must_find(store.reader("main")?.as_mut(), &key)
    };
    drop_page_cache(dir)?;
    Ok(vec![
        time("W9 cold", 1, open_and_read)?,
        time("W9 warm", 1, open_and_read)?,
    ])
}
