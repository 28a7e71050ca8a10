//! A directory of a million entries; of fewer when compiled for debugging.

use std::sync::Arc;

use irmin_core::{Path, Step, Tree, WalkOptions, merge_trees, rules::RuleTypes};

use crate::place::{main, probed, report};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "a wide directory is read in places and changed",
        a_wide_directory,
    ),
    (
        "a merge reads in proportion to the differences",
        a_merge_reads_what_differs,
    ),
];

/// How many entries the directory has, and in how many each side of a merge differs.
fn sizes() -> (u64, u64) {
    if cfg!(debug_assertions) {
        report("compiled for debugging: 30,000 entries instead of 1,000,000");
        (30_000, 100)
    } else {
        (1_000_000, 1000)
    }
}

/// A name that says nothing about its neighbours, from a bijection on 32 bits.
fn name(number: u64) -> Step {
    let mixed = (number * 2_654_435_769) & 0xffff_ffff;
    Step::new(format!("{mixed:08x}")).unwrap()
}

fn at(number: u64) -> Path {
    Path::root().child(name(number))
}

fn fill(entries: u64) -> Tree {
    let mut tree = Tree::empty();
    for number in 0..entries {
        tree.set(&at(number), number.to_string()).unwrap();
    }
    tree
}

fn a_wide_directory(open: Open<'_>) {
    let place = open();
    let (entries, _) = sizes();
    let (repo, probe) = probed(place.as_ref());
    let branch = main(&repo);
    let full = fill(entries);
    let id = full.id().unwrap();
    branch.set(&Path::root(), full, "fill").unwrap();
    let lazy = || branch.tree().unwrap().unloaded();
    let mut names: Vec<_> = (0..entries).map(name).collect();
    names.sort();
    probe.reads();
    let reads = |what: &str, limit: u64| {
        let reads = probe.reads();
        report(&format!("{what} in {entries} entries: {reads} reads"));
        assert!(reads <= limit, "{what}: {reads} reads");
    };
    assert_eq!(lazy().len().unwrap(), entries);
    reads("the length", 1);
    let middle = entries / 2;
    assert!(lazy().get(&at(middle)).unwrap().is_some());
    reads("an entry", 12);
    let nth = lazy().nth(middle).unwrap().unwrap().0;
    assert_eq!(Some(&nth), names.get(middle as usize));
    reads("the entry in the middle", 12 * 16);
    let page = lazy().list(Some(&nth), 100).unwrap();
    let expected = &names[middle as usize + 1..][..100];
    assert!(page.iter().map(|(step, _)| step).eq(expected));
    reads("a page of 100 from the middle", 12 * 16 + 100);
    let walked = lazy()
        .walk(WalkOptions::default())
        .map(|found| found.unwrap().0);
    assert!(walked.map(|path| path.steps()[0].clone()).eq(names));
    let mut edited = lazy();
    for number in (0..entries).step_by(97) {
        assert!(edited.remove(&at(number)).unwrap());
    }
    assert_eq!(edited.len().unwrap(), entries - entries.div_ceil(97));
    for number in (0..entries).step_by(97) {
        assert!(edited.set(&at(number), number.to_string()).unwrap());
    }
    assert_eq!(edited.id().unwrap(), id, "back where it was");
    probe.writes();
    branch.set(&at(middle), "changed", "one of many").unwrap();
    let writes = probe.writes();
    report(&format!(
        "one update in {entries} entries: {writes} objects written"
    ));
    assert!(writes <= 14);
}

fn a_merge_reads_what_differs(open: Open<'_>) {
    let place = open();
    let (entries, differences) = sizes();
    let (repo, probe) = probed(place.as_ref());
    let objects = repo.objects();
    let base = fill(entries);
    let base_key = base.persist(&objects).unwrap();
    let side = |offset: u64| {
        let mut side = base.clone();
        for number in 0..differences {
            let number = number * (entries / differences) + offset;
            match number % 3 {
                0 => side.remove(&at(number)).unwrap(),
                1 => side.set(&at(number), "changed").unwrap(),
                _ => side.set(&at(number + (1 << 31)), "added").unwrap(),
            };
        }
        side.persist(&objects).unwrap()
    };
    let (ours, theirs) = (side(3), side(7));
    drop(base);
    let load = |key| Tree::load(Arc::clone(&objects), key);
    let (base, ours, theirs) = (load(base_key), load(ours), load(theirs));
    probe.reads();
    let merged = merge_trees(&base, &ours, &theirs, &RuleTypes::default()).unwrap();
    let (reads, rounds) = (probe.reads(), probe.rounds());
    report(&format!(
        "a merge of {entries} entries with {differences} differences on each side: {reads} reads"
    ));
    assert!(merged.conflicts().is_empty());
    // Three trees, two sides' differences, at most eight nodes from the root to an entry.
    assert!(reads <= 3 * 2 * differences * 8, "{reads} reads");
    let _ = rounds;
    let back = [(&ours, &theirs), (&theirs, &ours)]
        .map(|(one, other)| merge_trees(&base, one, other, &RuleTypes::default()).unwrap());
    let ids = back.map(|merged| merged.tree().id().unwrap());
    assert_eq!(ids[0], ids[1]);
    let changes = ours.diff(merged.tree()).unwrap().len() as u64;
    assert_eq!(changes, differences);
}
