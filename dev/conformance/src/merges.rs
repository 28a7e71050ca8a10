//! Merges of branches.

use std::thread;

use irmin_core::{
    Branch, Commit, ConflictKind, Durability, MergeOptions, MergeOutcome, Moved, Repo, Resolution,
};

use crate::place::{main, path, repo, text, tree};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "merging with oneself or an ancestor changes nothing",
        merging_with_an_ancestor,
    ),
    (
        "a merge commit is what one makes by hand",
        a_merge_commit_is_made_by_hand,
    ),
    ("a merge is symmetric up to sides", a_merge_is_symmetric),
    (
        "all conflicts come at once with their kinds",
        all_conflicts_come_at_once,
    ),
    (
        "a conflict changes nothing, and can be settled later",
        a_conflict_is_settled_later,
    ),
    ("criss-cross merges", criss_cross_merges),
    (
        "three that keep merging each other stay fast",
        three_that_keep_merging,
    ),
    ("unrelated histories merge", unrelated_histories_merge),
    (
        "an outdated subtree that is put back is no conflict",
        an_outdated_subtree,
    ),
    (
        "merges in parallel lose nothing",
        merges_in_parallel_lose_nothing,
    ),
    (
        "equal histories have equal ids",
        equal_histories_have_equal_ids,
    ),
];

fn options(repo: &Repo, message: &str) -> MergeOptions {
    MergeOptions {
        info: repo.info(message).unwrap(),
        always_commit: false,
        durability: Durability::Sync,
    }
}

fn set(branch: &Branch, at: &str, value: &str) -> Commit {
    let message = format!("{at} is {value}");
    branch
        .set(&path(at), value.to_owned(), &message)
        .unwrap()
        .unwrap()
}

fn fork(from: &Branch, name: &str) -> Branch {
    let side = from.repo().branch(name).unwrap();
    let head = from.must_have_head().unwrap();
    assert_eq!(
        side.move_from(None, &head, Durability::Sync).unwrap(),
        Moved::Done
    );
    side
}

fn merge(into: &Branch, from: &Branch) -> MergeOutcome {
    let options = options(into.repo(), "merge");
    into.merge(&from.must_have_head().unwrap(), &options)
        .unwrap()
}

fn merged(outcome: MergeOutcome) -> Commit {
    match outcome {
        MergeOutcome::Merged(commit) => commit,
        other => panic!("a merge commit expected, not {other:?}"),
    }
}

fn merging_with_an_ancestor(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let old = set(&main, "a", "1");
    let head = set(&main, "a", "2");
    for other in [&head, &old] {
        let outcome = main.merge(other, &options(&repo, "merge")).unwrap();
        assert!(matches!(outcome, MergeOutcome::AlreadyMerged));
        assert_eq!(main.head_id().unwrap(), Some(head.id()));
    }
    let behind = repo.branch("behind").unwrap();
    behind.reset(&old).unwrap();
    let outcome = behind.merge(&head, &options(&repo, "merge")).unwrap();
    assert!(matches!(outcome, MergeOutcome::FastForward(to) if to == head));
    behind.reset(&old).unwrap();
    let always_commit = MergeOptions {
        always_commit: true,
        ..options(&repo, "merge")
    };
    let commit = merged(behind.merge(&head, &always_commit).unwrap());
    assert_eq!(commit.tree().id().unwrap(), head.tree().id().unwrap());
    let parents: Vec<_> = commit.parents().iter().map(|key| key.id).collect();
    assert_eq!(parents, [old.id(), head.id()]);
    let nowhere = repo.branch("nowhere").unwrap();
    let outcome = nowhere.merge(&head, &options(&repo, "merge")).unwrap();
    assert!(matches!(outcome, MergeOutcome::FastForward(_)));
}

fn a_merge_commit_is_made_by_hand(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    set(&main, "base", "1");
    let side = fork(&main, "side");
    let (ours, theirs) = (set(&main, "a", "1"), set(&side, "b", "2"));
    let commit = merged(merge(&main, &side));
    let tree = tree(&[("base", "1"), ("a", "1"), ("b", "2")]);
    let by_hand = repo.create_commit(&tree, &[ours, theirs], repo.info("merge").unwrap());
    assert_eq!(commit, by_hand.unwrap());
    assert_eq!(main.head_id().unwrap(), Some(commit.id()));
}

/// The changes of two sides, with one of each conflict.
fn diverge(repo: &Repo) -> (Branch, Branch) {
    let ours = main(repo);
    let base = tree(&[
        ("both", "0"),
        ("gone", "0"),
        ("kind", "0"),
        ("quiet", "0"),
        ("d/x", "0"),
        ("d/y", "0"),
    ]);
    ours.set(&irmin_core::Path::root(), base, "base").unwrap();
    let theirs = fork(&ours, "theirs");
    for (branch, name) in [(&ours, "ours"), (&theirs, "theirs")] {
        set(branch, "both", name);
        set(branch, "new", name);
        set(branch, &format!("only/{name}"), name);
    }
    ours.remove(&path("gone"), "remove").unwrap();
    set(&theirs, "gone", "changed");
    set(&ours, "kind/below", "1");
    set(&theirs, "kind", "2");
    ours.remove(&path("d"), "remove").unwrap();
    set(&theirs, "d/x", "changed");
    for (branch, mode) in [
        (&ours, irmin_core::Mode::Executable),
        (&theirs, irmin_core::Mode::Link),
    ] {
        let blob = irmin_core::Blob::new("0").with_mode(mode);
        branch.set(&path("quiet"), blob, "mode").unwrap();
    }
    (ours, theirs)
}

fn all_conflicts_come_at_once(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let (ours, theirs) = diverge(&repo);
    let MergeOutcome::Conflicts { merged, .. } = merge(&ours, &theirs) else {
        panic!("conflicts expected");
    };
    let found: Vec<_> = merged
        .conflicts()
        .iter()
        .map(|c| (c.path.to_string(), c.kind))
        .collect();
    let expected = [
        ("both", ConflictKind::Content),
        ("d/x", ConflictKind::ModifyRemove),
        ("gone", ConflictKind::ModifyRemove),
        ("kind", ConflictKind::BlobTree),
        ("new", ConflictKind::AddAdd),
        ("quiet", ConflictKind::Mode),
    ];
    assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
    assert_eq!(text(merged.tree(), "both"), "ours");
    assert_eq!(text(merged.tree(), "only/theirs"), "theirs");
    assert_eq!(merged.tree().kind(&path("d")).unwrap(), None);
}

fn a_merge_is_symmetric(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let (ours, theirs) = diverge(&repo);
    let [here, there] = [(&ours, &theirs), (&theirs, &ours)].map(|(ours, theirs)| {
        let [ours, theirs] = [ours, theirs].map(|side| side.must_have_head().unwrap());
        repo.merge(&ours, &theirs).unwrap()
    });
    let id =
        |entry: &Option<irmin_core::Entry>| entry.as_ref().map(|e| (e.kind(), e.id().unwrap()));
    assert_eq!(here.conflicts().len(), there.conflicts().len());
    for (left, right) in here.conflicts().iter().zip(there.conflicts()) {
        assert_eq!((&left.path, left.kind), (&right.path, right.kind));
        assert_eq!(id(&left.base), id(&right.base));
        assert_eq!(id(&left.ours), id(&right.theirs));
        assert_eq!(id(&left.theirs), id(&right.ours));
    }
    let settled = |mut merged: irmin_core::Merged, side: &Resolution| {
        merged.resolve_all(side).unwrap();
        merged.tree().id().unwrap()
    };
    let (base, sides) = (Resolution::Base, (Resolution::Ours, Resolution::Theirs));
    assert_eq!(settled(here.clone(), &base), settled(there.clone(), &base));
    assert_eq!(
        settled(here.clone(), &sides.0),
        settled(there.clone(), &sides.1)
    );
    assert_eq!(settled(here, &sides.1), settled(there, &sides.0));
}

fn a_conflict_is_settled_later(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let (ours, theirs) = diverge(&repo);
    let before = ours.head_id().unwrap();
    let MergeOutcome::Conflicts {
        mut merged,
        ours: head,
    } = merge(&ours, &theirs)
    else {
        panic!("conflicts expected");
    };
    assert_eq!(ours.head_id().unwrap(), before);
    let (their_head, options) = (theirs.must_have_head().unwrap(), options(&repo, "merge"));
    assert!(
        ours.commit_merge(&merged, &head, &their_head, &options)
            .is_err()
    );
    merged
        .resolve(&path("both"), Resolution::Entry(Some("agreed".into())))
        .unwrap();
    assert!(
        merged.resolve(&path("both"), Resolution::Ours).is_err(),
        "settled already"
    );
    merged
        .resolve(&path("gone"), Resolution::Entry(None))
        .unwrap();
    merged.resolve_all(&Resolution::Theirs).unwrap();
    let (commit, moved) = ours
        .commit_merge(&merged, &head, &their_head, &options)
        .unwrap();
    assert_eq!(moved, Moved::Done);
    for (at, value) in [
        ("both", "agreed"),
        ("new", "theirs"),
        ("kind", "2"),
        ("d/x", "changed"),
    ] {
        assert_eq!(text(commit.tree(), at), value);
    }
    assert_eq!(commit.tree().kind(&path("gone")).unwrap(), None);
    assert!(matches!(merge(&ours, &theirs), MergeOutcome::AlreadyMerged));
}

fn criss_cross_merges(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    set(&main, "a", "0");
    let side = fork(&main, "side");
    let (one, two) = (set(&main, "a", "1"), set(&side, "b", "1"));
    merged(main.merge(&two, &options(&repo, "there")).unwrap());
    merged(side.merge(&one, &options(&repo, "back")).unwrap());
    set(&main, "a", "2");
    set(&side, "b", "2");
    let commit = merged(merge(&main, &side));
    assert_eq!(text(commit.tree(), "a"), "2");
    assert_eq!(text(commit.tree(), "b"), "2");
}

/// Three replicas that merge each other in every round have three best common ancestors, of which
/// each pair has three again, down to the beginning.
fn three_that_keep_merging(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let first = main(&repo);
    set(&first, "start", "0");
    let branches = [first.clone(), fork(&first, "two"), fork(&first, "three")];
    for round in 0..24 {
        let heads: Vec<_> = branches
            .iter()
            .enumerate()
            .map(|(own, branch)| set(branch, &format!("b{own}"), &round.to_string()))
            .collect();
        for (own, branch) in branches.iter().enumerate() {
            for other in [1, 2] {
                let theirs = &heads[(own + other) % 3];
                merged(
                    branch
                        .merge(theirs, &options(&repo, &format!("{own} {round}")))
                        .unwrap(),
                );
            }
        }
    }
    for branch in &branches {
        for own in 0..3 {
            assert_eq!(text(&branch.tree().unwrap(), &format!("b{own}")), "23");
        }
    }
}

fn unrelated_histories_merge(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let (main, other) = (main(&repo), repo.branch("other").unwrap());
    set(&main, "a", "1");
    set(&main, "same", "1");
    set(&other, "b", "2");
    set(&other, "same", "1");
    let commit = merged(merge(&main, &other));
    let expected = tree(&[("a", "1"), ("b", "2"), ("same", "1")]);
    assert_eq!(commit.tree().id().unwrap(), expected.id().unwrap());
    let third = repo.branch("third").unwrap();
    set(&third, "a", "different");
    let MergeOutcome::Conflicts { merged, .. } = merge(&main, &third) else {
        panic!("a conflict expected");
    };
    assert_eq!(merged.conflicts()[0].kind, ConflictKind::AddAdd);
    assert!(merged.conflicts()[0].base.is_none());
}

fn an_outdated_subtree(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let old = set(&main, "d/x", "1");
    set(&main, "d/x", "2");
    let side = fork(&main, "side");
    let outdated = old.tree().get(&path("d")).unwrap().unwrap();
    side.set(&path("d"), outdated, "put back").unwrap();
    set(&main, "other", "1");
    let commit = merged(merge(&main, &side));
    assert_eq!(text(commit.tree(), "d/x"), "1");
    assert_eq!(text(commit.tree(), "other"), "1");
}

fn merges_in_parallel_lose_nothing(open: Open<'_>) {
    const THREADS: usize = 4;
    const ROUNDS: usize = 8;
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    set(&main, "start", "0");
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (repo, main) = (&repo, &main);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = format!("b{number}-{round}");
                    let side = fork(main, &name);
                    set(&side, &format!("{number}/{round}"), "done");
                    let theirs = side.must_have_head().unwrap();
                    let outcome = main.merge(&theirs, &options(repo, &name)).unwrap();
                    assert!(!matches!(outcome, MergeOutcome::Conflicts { .. }));
                }
            });
        }
    });
    for number in 0..THREADS {
        let dir = main
            .tree()
            .unwrap()
            .get_tree(&path(&number.to_string()))
            .unwrap()
            .unwrap();
        assert_eq!(dir.len().unwrap(), ROUNDS as u64);
    }
}

fn equal_histories_have_equal_ids(open: Open<'_>) {
    let heads = [(), ()].map(|()| {
        let place = open();
        let repo = repo(place.as_ref());
        let main = main(&repo);
        set(&main, "a", "1");
        let side = fork(&main, "side");
        set(&main, "b", "2");
        set(&side, "c", "3");
        merged(merge(&main, &side)).id()
    });
    assert_eq!(heads[0], heads[1]);
}
