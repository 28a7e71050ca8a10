//! W1, W2, W4: what commits write.

use allocation_counter::measure;
use irmin_bench::data;
use irminsule::Durability;

use crate::Result;
use crate::counted::{Counted, within};

#[test]
fn a_commit_of_one_entry_writes_few_bytes_and_hashes_few_nodes() -> Result {
    const COMMITS: u64 = 2_000;
    let counted = Counted::create()?;
    let work = counted.work(|| counted.commit_each(data::spread(COMMITS), Durability::None))?;
    within("W1: bytes a commit", work.bytes_written, COMMITS, 687.0);
    within("W1: hashes a commit", work.objects_written, COMMITS, 5.49);
    within("W1: objects read a commit", work.objects_read, COMMITS, 0.0);
    within("W1: syncs a commit", work.syncs, COMMITS, 0.0);
    Ok(())
}

#[test]
fn a_durable_commit_syncs_exactly_once() -> Result {
    const COMMITS: u64 = 50;
    let counted = Counted::create()?;
    counted.commit_each(data::names(1), Durability::Sync)?;
    let work = counted.work(|| counted.commit_each(data::spread(COMMITS), Durability::Sync))?;
    assert_eq!(work.syncs, COMMITS);
    within(
        "W1 durable: bytes a commit",
        work.bytes_written,
        COMMITS,
        666.0,
    );
    Ok(())
}

#[test]
fn a_commit_of_one_entry_allocates_little() -> Result {
    const COMMITS: u64 = 1_000;
    let counted = Counted::create()?;
    counted.commit_each(data::spread(COMMITS), Durability::None)?;
    let entries: Vec<_> = data::replacements(1_000, COMMITS).collect();
    counted.commit_all("main", data::names(1_000))?;
    let mut outcome = Ok(());
    let info = measure(|| outcome = counted.commit_each(entries.into_iter(), Durability::None));
    outcome?;
    within("W1: allocations a commit", info.count_total, COMMITS, 54.0);
    Ok(())
}

#[test]
fn a_bulk_load_writes_little_more_than_its_values() -> Result {
    const ENTRIES: u64 = 50_000;
    let counted = Counted::create()?;
    let work = counted.work(|| counted.commit_all("main", data::bulk(ENTRIES)).map(drop))?;
    within("W2: bytes an entry", work.bytes_written, ENTRIES, 120.0);
    within("W2: hashes an entry", work.objects_written, ENTRIES, 0.12);
    Ok(())
}

#[test]
fn a_change_in_a_large_directory_writes_a_path_of_nodes() -> Result {
    const NAMES: u64 = 50_000;
    const COMMITS: u64 = 500;
    let counted = Counted::create()?;
    counted.commit_all("main", data::names(NAMES))?;
    let counted = counted.reopened()?;
    let replacements = data::replacements(NAMES, COMMITS);
    let work = counted.work(|| counted.commit_each(replacements, Durability::None))?;
    within("W4: bytes a commit", work.bytes_written, COMMITS, 673.0);
    within("W4: hashes a commit", work.objects_written, COMMITS, 7.7);
    within(
        "W4: objects read a commit",
        work.objects_read,
        COMMITS,
        1.88,
    );
    Ok(())
}
