//! W3: random finds in W2's store: cold, the same again, and by two threads.

use std::path::Path;
use std::sync::Barrier;
use std::thread;

use super::must_find;
use crate::base::Base;
use crate::measure::{Phase, drop_page_cache, time};
use crate::peers::{Peer, Reader, Store};
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
    drop(reader);
    let threads = by_threads(store.as_ref(), sizes)?;
    Ok(vec![cold, again, threads])
}

/// Measures two threads, each with a reader of its own whose first pass is not measured.
fn by_threads(store: &dyn Store, sizes: &Sizes) -> Result<Phase> {
    let start = Barrier::new(3);
    let run = |tag| {
        let mut reader = store.reader("main");
        let warmed = match &mut reader {
            Ok(reader) => find(reader.as_mut(), tag, sizes),
            Err(_) => Ok(()),
        };
        // Also after a failure, because the others wait.
        start.wait();
        warmed?;
        find(reader?.as_mut(), tag, sizes)
    };
    thread::scope(|scope| {
        let threads = [3, 4].map(|tag| {
            let run = &run;
            scope.spawn(move || run(tag))
        });
        start.wait();
        time("W3 threads", 2 * sizes.finds, || {
            threads.into_iter().try_for_each(|thread| {
                let panicked = |_| Failure::from("a reading thread panicked");
                thread.join().map_err(panicked)?
            })
        })
    })
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
