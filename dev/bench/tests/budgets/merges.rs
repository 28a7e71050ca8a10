//! W5, W6, W7: what is visited of two branches.

use irmin_bench::data;
use irminsule::{Durability, MergeOptions, MergeOutcome};

use crate::Result;
use crate::counted::{Counted, within};

/// W2's store, smaller, with branches `a` and `b` of a hundred changes each; just opened.
fn branched(entries: u64) -> Result<Counted> {
    let counted = Counted::create()?;
    let main = counted.commit_all("main", data::bulk(entries))?;
    for (branch, number) in [("a", 0), ("b", 1)] {
        counted.repo.branch(branch)?.reset(&main)?;
        counted.commit_all(branch, data::changes(number, entries, 100))?;
    }
    drop(main);
    counted.reopened()
}

#[test]
fn a_merge_visits_only_what_differs() -> Result {
    let counted = branched(50_000)?;
    let work = counted.work(|| {
        let theirs = counted.repo.branch("b")?.must_have_head()?;
        let options = MergeOptions {
            info: counted.repo.info("merge")?,
            always_commit: false,
            durability: Durability::None,
        };
        let outcome = counted.repo.branch("a")?.merge(&theirs, &options)?;
        assert!(matches!(outcome, MergeOutcome::Merged(_)));
        Ok(())
    })?;
    within("W5: objects read a change", work.objects_read, 200, 0.97);
    within(
        "W5: objects written a change",
        work.objects_written,
        200,
        0.32,
    );
    within("W5: bytes written a change", work.bytes_written, 200, 36.0);
    Ok(())
}

#[test]
fn a_diff_visits_only_what_differs() -> Result {
    let counted = branched(50_000)?;
    let work = counted.work(|| {
        let old = counted.repo.branch("main")?.tree()?;
        let new = counted.repo.branch("a")?.tree()?;
        assert_eq!(old.diff(&new)?.len(), 100);
        Ok(())
    })?;
    within("W7: objects read a change", work.objects_read, 100, 5.19);
    Ok(())
}

#[test]
fn a_merge_base_reads_each_commit_above_it_once() -> Result {
    const LINE: u64 = 500;
    const TWIG: u64 = 50;
    let counted = Counted::create()?;
    for (key, value) in data::ticks(60, LINE) {
        counted.commit_all("main", std::iter::once((key, value)))?;
    }
    let base = counted.repo.branch("main")?.must_have_head()?;
    for (branch, tag) in [("a", 61), ("b", 62)] {
        counted.repo.branch(branch)?.reset(&base)?;
        for (key, value) in data::ticks(tag, TWIG) {
            counted.commit_all(branch, std::iter::once((key, value)))?;
        }
    }
    let expected = base.id();
    drop(base);
    let counted = counted.reopened()?;
    let heads = ["a", "b"].map(|name| counted.repo.branch(name).and_then(|b| b.must_have_head()));
    let [a, b] = heads.map(|head| head.map(|head| head.id()));
    let (a, b) = (a?, b?);
    let ask = || {
        let bases = counted.repo.history().lowest_common_ancestors(&[a], &[b])?;
        assert_eq!(bases, [expected]);
        Ok(())
    };
    let fresh = counted.work(ask)?;
    within(
        "W6: objects read a commit above the base",
        fresh.objects_read,
        2 * TWIG,
        1.11,
    );
    let again = counted.work(ask)?;
    within("W6: objects read again", again.objects_read, 2 * TWIG, 0.0);
    Ok(())
}
