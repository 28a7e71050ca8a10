//! W3: random finds in W2's store: cold, the same again, and by two threads.

use std::path::Path;
use std::thread;

use super::must_find;
use crate::base::Base;
use crate::measure::{Phase, drop_page_cache, time};
use crate::peers::{Peer, Reader};
use crate::sizes::Sizes;
use crate::{Failure, Result, data};

/// How many finds are enough of a peer that takes 0.2 ms for one.
const FEW_FINDS: u64 = 10_000;

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    if peer.has_files() {
        drop_page_cache(dir)?;
    }
    let sizes = &Sizes {
        finds: match peer.is_slow_in_large_directories() {
            true => sizes.finds.min(FEW_FINDS),
            false => sizes.finds,
        },
        ..*sizes
    };
    let store = Base::Bulk.open(peer, dir, sizes)?;
    let mut reader = store.reader("main")?;
    let cold = time("W3 cold", sizes.finds, || find(reader.as_mut(), 3, sizes))?;
    let again = time("W3 again", sizes.finds, || find(reader.as_mut(), 3, sizes))?;
    let mut other = store.reader("main")?;
    // The second reader's first pass is not measured, as the first one's is not.
    find(other.as_mut(), 4, sizes)?;
    let readers = [reader, other];
    let threads = time("W3 threads", 2 * sizes.finds, || {
        thread::scope(|scope| {
            let started: Vec<_> = readers
                .into_iter()
                .zip([3, 4])
                .map(|(mut reader, tag)| scope.spawn(move || find(reader.as_mut(), tag, sizes)))
                .collect();
            started.into_iter().try_for_each(|thread| {
                let panicked = |_| Failure::from("a reading thread panicked");
                thread.join().map_err(panicked)?
            })
        })
    })?;
    Ok(vec![cold, again, threads])
}

fn find(reader: &mut dyn Reader, tag: u64, sizes: &Sizes) -> Result<()> {
    let mut key = String::new();
    let count = usize::try_from(sizes.finds)?;
    for index in data::indices(tag, sizes.entries).take(count) {
        data::write_bulk_key(&mut key, index);
        must_find(reader, &key)?;
    }
    Ok(())
}
