//! W3, W9: what finds read and allocate.

use allocation_counter::measure;
use irmin_bench::data;
use irminsule::Path;

use crate::Result;
use crate::counted::{Counted, within};

#[test]
fn a_find_reads_a_path_of_nodes_once_and_allocates_nothing_then() -> Result {
    const ENTRIES: u64 = 50_000;
    const FINDS: usize = 1_000;
    let counted = Counted::create()?;
    counted.commit_all("main", data::bulk(ENTRIES))?;
    let counted = counted.reopened()?;
    let tree = counted.repo.branch("main")?.tree()?;
    let indices = data::indices(3, ENTRIES).take(FINDS);
    let keys: Vec<_> = indices.map(data::bulk_key).collect();
    let find = || {
        for key in &keys {
            let found = tree.find(key)?.and_then(|blob| blob.inline());
            assert!(found.is_some());
        }
        Ok(())
    };
    let first = counted.work(find)?;
    within(
        "W3: objects read a first find",
        first.objects_read,
        FINDS as u64,
        1.55,
    );
    let mut outcome = Ok(());
    let again = counted.work(|| {
        let info = measure(|| outcome = find());
        within(
            "W3: allocations a find",
            info.count_total,
            FINDS as u64,
            0.0,
        );
        outcome
    })?;
    within(
        "W3: objects read a find again",
        again.objects_read,
        FINDS as u64,
        0.0,
    );
    Ok(())
}

#[test]
fn opening_reads_little_of_a_large_store() -> Result {
    let counted = Counted::create()?;
    counted.commit_all("main", data::bulk(50_000))?;
    let counted = counted.reopened()?;
    let path = Path::parse(data::bulk_key(25_000))?;
    let work = counted.work(|| {
        assert!(counted.repo.branch("main")?.get(&path)?.is_some());
        Ok(())
    })?;
    within("W9: objects read", work.objects_read, 1, 6.6);
    within(
        "W9: bytes scanned",
        counted.store.stats()?.bytes_scanned,
        1,
        1_000.0,
    );
    Ok(())
}
