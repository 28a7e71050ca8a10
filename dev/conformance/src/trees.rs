//! Trees: ordered maps that share what they can and read what they must.

use std::sync::Arc;

use irmin_core::{Blob, Difference, EntryKind, Mode, Order, Path, Step, Tree, WalkOptions};
use proptest::prelude::*;

use crate::place::{main, path, probed, repo, text, tree};
use crate::script::run_cases;
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "a no-op is the same tree and writes nothing",
        a_no_op_is_the_same_tree,
    ),
    (
        "the id ignores the order of edits",
        the_id_ignores_the_order_of_edits,
    ),
    (
        "removing the last entry removes the directory",
        removing_prunes,
    ),
    (
        "blobs and directories replace each other",
        blobs_and_directories_replace_each_other,
    ),
    ("kinds and the root", kinds_and_the_root),
    (
        "a diff is exact and symmetric",
        a_diff_is_exact_and_symmetric,
    ),
    ("a change of mode is a change", a_change_of_mode_is_a_change),
    (
        "all pages together are the list",
        all_pages_together_are_the_list,
    ),
    ("walks obey order, depth, prefix and pruning", walks_obey),
    (
        "stats follow loading and storing",
        stats_follow_loading_and_storing,
    ),
    ("reads are as few as can be", reads_are_as_few_as_can_be),
    (
        "equal empty trees share nothing that changes",
        empty_trees_are_independent,
    ),
];

fn a_no_op_is_the_same_tree(open: Open<'_>) {
    let place = open();
    let (repo, probe) = probed(place.as_ref());
    main(&repo).set(&path("a/b"), "1", "set").unwrap();
    let before = main(&repo).tree().unwrap();
    let mut after = before.clone();
    assert!(!after.set(&path("a/b"), "1").unwrap());
    assert!(!after.remove(&path("a/c")).unwrap());
    assert!(!after.remove(&path("x/y/z")).unwrap());
    let dir = after.get(&path("a")).unwrap().unwrap();
    assert!(!after.set(&path("a"), dir).unwrap());
    assert!(after.same(&before));
    probe.writes();
    assert_eq!(main(&repo).set(&path("a/b"), "1", "again").unwrap(), None);
    assert_eq!(main(&repo).remove(&path("none"), "nothing").unwrap(), None);
    assert_eq!(probe.writes(), 0);
}

fn the_id_ignores_the_order_of_edits(_: Open<'_>) {
    let names = prop::collection::vec(("[ab]{1,6}", any::<u8>()), 1..120);
    run_cases(64, &(names, any::<u64>()), |(names, seed)| {
        let (mut one, mut other) = (Tree::empty(), Tree::empty());
        for (name, value) in &names {
            one.set(&path(name), value.to_string()).unwrap();
        }
        let mut shuffled: Vec<_> = one.entries().unwrap().map(Result::unwrap).collect();
        shuffled.sort_by_key(|(step, _)| {
            let bytes = [step.as_bytes(), &seed.to_le_bytes()].concat();
            irmin_core::Id::of(&bytes)
        });
        for (step, entry) in shuffled {
            let extra = Path::root().child(Step::new([step.as_bytes(), b"~"].concat()).unwrap());
            other.set(&extra, "goes again").unwrap();
            other.set(&Path::root().child(step), entry).unwrap();
            other.remove(&extra).unwrap();
        }
        assert_eq!(one.id().unwrap(), other.id().unwrap());
    });
}

fn removing_prunes(_: Open<'_>) {
    let mut pruned = tree(&[("a/b/c/d", "1"), ("a/x", "2")]);
    assert!(pruned.remove(&path("a/b/c/d")).unwrap());
    assert_eq!(pruned.id().unwrap(), tree(&[("a/x", "2")]).id().unwrap());
    assert!(pruned.remove(&path("a/x")).unwrap());
    assert!(pruned.is_empty().unwrap());
    assert_eq!(pruned.id().unwrap(), Tree::empty().id().unwrap());
    let mut emptied = tree(&[("a", "1"), ("b", "2")]);
    assert!(emptied.remove(&Path::root()).unwrap());
    assert!(!emptied.remove(&Path::root()).unwrap());
    let mut grafted = tree(&[("a/b", "1"), ("c", "2")]);
    assert!(
        grafted.set(&path("a"), Tree::empty()).unwrap(),
        "an empty tree removes"
    );
    assert_eq!(grafted.id().unwrap(), tree(&[("c", "2")]).id().unwrap());
}

fn blobs_and_directories_replace_each_other(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    main.set(&path("a/b/c"), "1", "directory").unwrap();
    main.set(&path("a/b"), "2", "blob").unwrap();
    assert_eq!(main.get(&path("a/b/c")).unwrap(), None);
    assert_eq!(main.get(&path("a/b")).unwrap().unwrap(), "2");
    main.set(&path("a/b/c/d"), "3", "directory").unwrap();
    assert_eq!(main.get(&path("a/b")).unwrap(), None);
    assert_eq!(text(&main.tree().unwrap(), "a/b/c/d"), "3");
    assert!(main.set(&Path::root(), "4", "a blob at the root").is_err());
    main.remove(&Path::root(), "all").unwrap();
    assert!(main.tree().unwrap().is_empty().unwrap());
}

fn kinds_and_the_root(_: Open<'_>) {
    let mut kinds = tree(&[("d/f", "1")]);
    kinds
        .set(&path("run"), Blob::new("x").with_mode(Mode::Executable))
        .unwrap();
    assert_eq!(kinds.kind(&Path::root()).unwrap(), Some(EntryKind::Tree));
    assert_eq!(
        Tree::empty().kind(&Path::root()).unwrap(),
        Some(EntryKind::Tree)
    );
    assert_eq!(kinds.kind(&path("d")).unwrap(), Some(EntryKind::Tree));
    assert_eq!(
        kinds.kind(&path("run")).unwrap(),
        Some(EntryKind::Blob(Mode::Executable))
    );
    assert_eq!(
        kinds.kind(&path("d/f")).unwrap(),
        Some(EntryKind::Blob(Mode::Normal))
    );
    assert_eq!(kinds.kind(&path("d/f/g")).unwrap(), None);
    assert_eq!(kinds.get_bytes(&Path::root()).unwrap(), None);
    assert!(Tree::empty().is_empty().unwrap());
}

fn a_diff_is_exact_and_symmetric(_: Open<'_>) {
    let old = tree(&[
        ("a", "1"),
        ("d/e/f", "2"),
        ("d/e/g", "3"),
        ("h", "4"),
        ("x/y", "5"),
    ]);
    let new = tree(&[
        ("a", "1"),
        ("d/e/f", "9"),
        ("d/i", "3"),
        ("h/j", "4"),
        ("x", "5"),
    ]);
    let show = |from: &Tree, to: &Tree| -> Vec<String> {
        let changes = from.diff(to).unwrap().into_iter();
        let shown = changes.map(|change| match change.difference {
            Difference::Added(_) => format!("+{}", change.path),
            Difference::Removed(_) => format!("-{}", change.path),
            Difference::Modified { .. } => format!("*{}", change.path),
        });
        shown.collect()
    };
    let there = show(&old, &new);
    assert_eq!(
        there,
        ["*d/e/f", "-d/e/g", "+d/i", "-h", "+h/j", "+x", "-x/y"]
    );
    let back: Vec<_> = there
        .iter()
        .map(|line| match line.split_at(1) {
            ("+", path) => format!("-{path}"),
            ("-", path) => format!("+{path}"),
            _ => line.clone(),
        })
        .collect();
    assert_eq!(show(&new, &old), back);
    assert!(old.diff(&old.clone()).unwrap().is_empty());
    let same = tree(&[
        ("x/y", "5"),
        ("h", "4"),
        ("d/e/g", "3"),
        ("d/e/f", "2"),
        ("a", "1"),
    ]);
    assert!(
        old.diff(&same).unwrap().is_empty(),
        "equal, but not the same in memory"
    );
}

fn a_change_of_mode_is_a_change(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    main.set(&path("run"), "x", "normal").unwrap();
    let old = main.tree().unwrap();
    let executable = Blob::new("x").with_mode(Mode::Executable);
    assert!(
        main.set(&path("run"), executable, "executable")
            .unwrap()
            .is_some()
    );
    let changes = old.diff(&main.tree().unwrap()).unwrap();
    assert!(matches!(changes[0].difference, Difference::Modified { .. }));
}

fn all_pages_together_are_the_list(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let mut dir = Tree::empty();
    for number in 0..150 {
        dir.set(&path(&format!("{:b}", number * 37)), number.to_string())
            .unwrap();
    }
    main(&repo).set(&path("dir"), dir, "fill").unwrap();
    let names = |page: Vec<(Step, irmin_core::Entry)>| -> Vec<Step> {
        page.into_iter().map(|(step, _)| step).collect()
    };
    let dir = main(&repo)
        .tree()
        .unwrap()
        .unloaded()
        .get_tree(&path("dir"))
        .unwrap()
        .unwrap();
    let all = names(dir.list(None, usize::MAX).unwrap());
    assert_eq!(all.len() as u64, dir.len().unwrap());
    assert!(all.is_sorted());
    for offset in 0..all.len() {
        let nth = dir.nth(offset as u64).unwrap().unwrap().0;
        assert_eq!(nth, all[offset]);
        for limit in [0, 1, 31, 33, 150] {
            let page = names(dir.list(Some(&nth), limit).unwrap());
            let rest = &all[offset + 1..];
            assert_eq!(page, rest[..limit.min(rest.len())]);
        }
    }
    assert!(dir.nth(all.len() as u64).unwrap().is_none());
    assert!(dir.nth(u64::MAX).unwrap().is_none());
}

fn walks_obey(_: Open<'_>) {
    let tree = tree(&[("a/b/c", "1"), ("a/d", "2"), ("e", "3"), ("f/g", "4")]);
    let walk = |order, depth, prefix: &str| -> Vec<String> {
        let prefix = path(prefix);
        let walk = tree.walk(WalkOptions {
            order,
            depth,
            prefix,
        });
        walk.map(|found| found.unwrap().0.to_string()).collect()
    };
    let all = || 0..=usize::MAX;
    let before = ["a", "a/b", "a/b/c", "a/d", "e", "f", "f/g"];
    assert_eq!(walk(Order::Before, all(), ""), before);
    let after = ["a/b/c", "a/b", "a/d", "a", "e", "f/g", "f"];
    assert_eq!(walk(Order::After, all(), ""), after);
    assert_eq!(walk(Order::Before, 1..=1, ""), ["a", "e", "f"]);
    assert_eq!(walk(Order::After, 2..=2, ""), ["a/b", "a/d", "f/g"]);
    assert_eq!(walk(Order::Before, 3..=usize::MAX, ""), ["a/b/c"]);
    assert_eq!(walk(Order::Before, all(), "a/b"), ["a/b", "a/b/c"]);
    assert_eq!(walk(Order::After, all(), "a/b"), ["a/b/c", "a/b"]);
    assert_eq!(walk(Order::Before, all(), "e"), ["e"]);
    assert_eq!(walk(Order::Before, all(), "e/f"), [""; 0]);
    assert_eq!(walk(Order::Before, 0..=0, ""), [""; 0]);
    let mut walk = tree.walk(WalkOptions::default());
    let mut pruned = Vec::new();
    while let Some(found) = walk.next() {
        let path = found.unwrap().0.to_string();
        if path == "a" || path == "e" {
            walk.prune();
        }
        pruned.push(path);
    }
    assert_eq!(pruned, ["a", "e", "f", "f/g"]);
}

fn stats_follow_loading_and_storing(open: Open<'_>) {
    let place = open();
    let (repo, _) = probed(place.as_ref());
    let mut tree = tree(&[("a/b", "1"), ("c/d", "2")]);
    let stats = tree.stats();
    assert_eq!((stats.loaded, stats.dirty, stats.unloaded), (3, 3, 0));
    tree.set(&path("large"), vec![1; 1000]).unwrap();
    assert_eq!(tree.stats().pending_blobs, 1);
    let key = tree.persist(&repo.objects()).unwrap();
    let stats = tree.stats();
    assert_eq!((stats.loaded, stats.dirty, stats.pending_blobs), (3, 0, 0));
    let mut lazy = Tree::load(repo.objects(), key);
    assert_eq!((lazy.stats().loaded, lazy.stats().unloaded), (0, 1));
    lazy.get(&path("a/b")).unwrap();
    let stats = lazy.stats();
    assert_eq!((stats.loaded, stats.unloaded, stats.dirty), (2, 1, 0));
    let before = lazy.clone();
    lazy.set(&path("a/b"), "9").unwrap();
    let stats = lazy.stats();
    assert_eq!((stats.loaded, stats.unloaded, stats.dirty), (2, 1, 2));
    assert_eq!(before.stats().dirty, 0, "the clone is as it was");
    let unloaded = Tree::load(repo.objects(), lazy.persist(&repo.objects()).unwrap());
    assert_eq!(unloaded.stats().unloaded, 1);
}

fn reads_are_as_few_as_can_be(open: Open<'_>) {
    let place = open();
    let (repo, probe) = probed(place.as_ref());
    let key = tree(&[("a/b/c", "1"), ("d/e", "2")])
        .persist(&repo.objects())
        .unwrap();
    let lazy = || Tree::load(repo.objects(), key);
    probe.reads();
    assert_eq!(lazy().id().unwrap(), key.id);
    let kept = lazy();
    kept.clone().kind(&Path::root()).unwrap();
    assert_eq!(
        probe.reads(),
        0,
        "nothing for an id, a clone, the root's kind"
    );
    kept.get(&path("a/b/c")).unwrap();
    assert_eq!(probe.reads(), 3, "one for each node on the path");
    kept.get(&path("a/b/c")).unwrap();
    kept.clone().get(&path("a/b/x")).unwrap();
    assert_eq!(probe.reads(), 0, "none for what is loaded");
    kept.get(&path("d/e")).unwrap();
    assert_eq!(probe.reads(), 1);
    let mut moved = lazy();
    let dir = moved.get(&path("a")).unwrap().unwrap();
    moved.set(&path("d"), dir).unwrap();
    moved.persist(&repo.objects()).unwrap();
    assert_eq!(probe.reads(), 1, "a directory is moved unread");
    assert!(lazy().diff(&lazy()).unwrap().is_empty());
    assert_eq!(probe.reads(), 0, "equal trees are compared unread");
}

fn empty_trees_are_independent(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let (mut one, two) = (Tree::empty(), Tree::empty());
    one.set(&path("a"), "1").unwrap();
    let objects: Arc<_> = repo.objects();
    one.persist(&objects).unwrap();
    assert!(two.is_empty().unwrap());
    let key = two.persist(&objects).unwrap();
    let stored = Tree::load(objects, key);
    assert!(stored.is_empty().unwrap());
    assert_eq!(stored.list(None, 9).unwrap().len(), 0);
    assert_eq!(Tree::default().id().unwrap(), stored.id().unwrap());
}
