//! Wg, Wh, Wo: what collections move, and what opening looks at.

use std::ops::ControlFlow;

use irmin_bench::data;
use irminsule::pack::Options;
use irminsule::{CollectOptions, Durability};

use crate::Result;
use crate::counted::{Counted, within};

const SEGMENT_BYTES: u32 = 1 << 20;

fn small_segments() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::default()
    }
}

#[test]
fn a_collection_of_half_a_store_writes_what_lives_once() -> Result {
    let counted = Counted::with(small_segments())?;
    for commit in 0..10 {
        for branch in 0..data::BRANCHES {
            let entries = data::share(branch, commit);
            counted.commit_all(&data::branch(branch), entries)?;
        }
    }
    for branch in (1..data::BRANCHES).step_by(2) {
        counted.repo.branch(&data::branch(branch))?.delete()?;
    }
    let mut after = 0;
    let work = counted.work(|| {
        let go_on = &mut |_| ControlFlow::Continue(());
        after = counted
            .repo
            .collect(&CollectOptions::default(), go_on)?
            .bytes_after;
        Ok(())
    })?;
    let segments = counted
        .store
        .stats()?
        .segment_bytes
        .div_ceil(SEGMENT_BYTES.into());
    within(
        "Wg: bytes moved a byte that stays",
        work.bytes_written,
        after,
        1.1,
    );
    within("Wg: syncs a segment", work.syncs, segments, 8.8);
    Ok(())
}

#[test]
fn opening_after_a_crash_scans_at_most_a_segment() -> Result {
    let counted = Counted::with(small_segments())?;
    let mut commits = 0;
    while counted.store.stats()?.segment_bytes < 5 * u64::from(SEGMENT_BYTES) / 2 {
        counted.commit_each(data::spread_range(commits..commits + 100), Durability::None)?;
        commits += 100;
    }
    // The files as they are now are what a killed process leaves.
    let crashed = counted.copied()?;
    let scanned = crashed.store.stats()?.bytes_scanned;
    within("Wo: bytes scanned", scanned, SEGMENT_BYTES.into(), 1.0);
    crashed.repo.branch("main")?.must_have_head()?;
    Ok(())
}

#[test]
fn opening_looks_at_no_more_after_a_long_history_than_after_a_short_one() -> Result {
    let mut reads = Vec::new();
    for commits in [500, 5_000] {
        let counted = Counted::with(small_segments())?;
        counted.commit_each(data::ticks(1, commits), Durability::None)?;
        let counted = counted.reopened()?;
        let work = counted.work(|| {
            counted.repo.branch("main")?.must_have_head()?;
            Ok(())
        })?;
        let scanned = counted.store.stats()?.bytes_scanned;
        within(
            "Wh: bytes scanned",
            scanned,
            1,
            Options::default().checkpoint_bytes.into(),
        );
        reads.push(work.objects_read);
    }
    assert_eq!(reads[0], reads[1]);
    Ok(())
}
