//! Collection: what a name leads to stays, the rest goes, and nobody is disturbed.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use irmin_core::{
    Collect, CollectReport, Commit, Cut, Durability, Engine, Error, Id, Key, Path, RefEdit, Repo,
    StoreError,
};

use crate::place::{main, path, repo, text, tree};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "what names lead to stays and the rest goes",
        what_names_lead_to_stays,
    ),
    (
        "a dry run tells what a run does and does nothing",
        a_dry_run_does_nothing,
    ),
    (
        "a cut commit stays in the log without its contents",
        a_cut_commit_stays_in_the_log,
    ),
    (
        "what was collected can be stored again",
        what_was_collected_can_be_stored_again,
    ),
    (
        "nothing can point to what was collected",
        nothing_can_point_to_what_was_collected,
    ),
    ("a held commit stays", a_held_commit_stays),
    (
        "a cancelled collection loses nothing",
        a_cancelled_one_loses_nothing,
    ),
    (
        "threads commit and read beside collections",
        threads_go_on_beside_collections,
    ),
];

fn go_on(_: irmin_core::CollectProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn collect(engine: &dyn Engine) -> CollectReport {
    let what = Collect::everything_named();
    engine.collect(&what, &mut go_on).unwrap()
}

/// Collects until only what is reachable is there: what was in use a moment ago goes at the second
/// time, and the third finds nothing to do.
fn purge(engine: &dyn Engine) {
    collect(engine);
    collect(engine);
    assert_eq!(collect(engine).objects_removed, 0);
    assert!(engine.verify(&mut |_| ()).unwrap().is_clean());
}

/// Commits that share some directories and have others of their own.
fn grow(repo: &Repo, branch: &str, commits: usize) -> Vec<Commit> {
    let branch = repo.branch(branch).unwrap();
    let name = branch.name().as_str().to_owned();
    let commit = |number: usize| {
        let at = path(&format!("{name}/d{}/f{number}", number % 7));
        let value = vec![b'v'; 20 + number * 13 % 400];
        branch.set(&at, value, "grow").unwrap().unwrap()
    };
    (0..commits).map(commit).collect()
}

fn ids(commits: &[Commit]) -> Vec<Id> {
    commits.iter().map(Commit::id).collect()
}

fn is_stored(engine: &dyn Engine, id: Id) -> bool {
    engine.get(&Key::from(id)).unwrap().is_some()
}

fn assert_sound(repo: &Repo) {
    let report = repo.check(&mut |_| ()).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
}

fn what_names_lead_to_stays(open: Open<'_>) {
    let place = open();
    let (kept, tagged, gone) = {
        let repo = repo(place.as_ref());
        let kept = grow(&repo, "main", 60);
        let tagged = grow(&repo, "tagged", 60);
        let gone = grow(&repo, "gone", 60);
        repo.tag("v1", &tagged[59]).unwrap();
        repo.branch("tagged").unwrap().delete().unwrap();
        repo.branch("gone").unwrap().delete().unwrap();
        let before = repo.engine().stats().unwrap();
        purge(repo.engine().as_ref());
        let after = repo.engine().stats().unwrap();
        assert!(after.nodes.objects < before.nodes.objects);
        assert_eq!(after.commits.objects, 120);
        // Without what they loaded, which keeps the engine open.
        (ids(&kept), ids(&tagged), ids(&gone))
    };
    let repo = repo(place.as_ref());
    let engine = repo.engine().as_ref();
    for id in kept.iter().chain(&tagged) {
        assert!(is_stored(engine, *id));
    }
    for id in &gone {
        assert!(!is_stored(engine, *id));
        assert!(repo.commit(*id).unwrap().is_none());
    }
    assert_eq!(repo.history().log(tagged[59]).count(), 60);
    assert_sound(&repo);
}

fn a_dry_run_does_nothing(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    grow(&repo, "main", 30);
    let gone = grow(&repo, "gone", 30);
    repo.branch("gone").unwrap().delete().unwrap();
    let what = Collect {
        dry_run: true,
        ..Collect::everything_named()
    };
    let dry = repo.engine().collect(&what, &mut go_on).unwrap();
    assert!(dry.objects_removed >= 30);
    assert!(dry.bytes_after < dry.bytes_before);
    assert!(is_stored(repo.engine().as_ref(), gone[29].id()));
    assert_eq!(collect(repo.engine().as_ref()), dry);
    assert!(!is_stored(repo.engine().as_ref(), gone[29].id()));
}

fn a_cut_commit_stays_in_the_log(open: Open<'_>) {
    let place = open();
    let commits = {
        let repo = repo(place.as_ref());
        let commits = grow(&repo, "main", 20);
        let (bare, last) = (commits[10].id(), commits[5].id());
        let what = Collect {
            cut: Some(&|id| Cut {
                contents: *id == bare,
                parents: *id == last,
            }),
            ..Collect::everything_named()
        };
        let report = repo.engine().collect(&what, &mut go_on).unwrap();
        assert_eq!(report.commits_cut, 2);
        let again = repo.engine().collect(&what, &mut go_on).unwrap();
        assert_eq!(again.commits_cut, 0);
        assert!(repo.engine().verify(&mut |_| ()).unwrap().is_clean());
        ids(&commits)
    };
    let repo = repo(place.as_ref());
    let head = main(&repo).head().unwrap().unwrap();
    let log = repo.history().log(head.id());
    let logged: Vec<Id> = log.map(|commit| commit.unwrap().key.id).collect();
    let expected: Vec<Id> = commits[5..].iter().rev().copied().collect();
    assert_eq!(logged, expected);
    let bare = repo.commit(commits[10]).unwrap().unwrap();
    assert!(bare.cut().contents && bare.info().subject() == "grow");
    let error = bare.tree().get(&path("main/d3/f10")).unwrap_err();
    let expected = bare.id();
    assert!(
        matches!(error, Error::Store(StoreError::Cut { commit }) if commit == expected),
        "{error}"
    );
    let last = repo.commit(commits[5]).unwrap().unwrap();
    assert!(last.parents().is_empty());
    assert!(last.tree().get(&path("main/d5/f5")).unwrap().is_some());
    assert!(!is_stored(repo.engine().as_ref(), commits[4]));
}

fn what_was_collected_can_be_stored_again(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    for round in 0..3 {
        let draft = repo.branch("draft").unwrap();
        let contents = tree(&[("a/b", "1"), ("a/c", &"2".repeat(300)), ("d", "3")]);
        draft.set(&Path::root(), contents, "draft").unwrap();
        grow(&repo, &format!("main{round}"), 5);
        let head = draft.head().unwrap().unwrap();
        assert_eq!(text(head.tree(), "a/c"), "2".repeat(300));
        assert_sound(&repo);
        draft.delete().unwrap();
        purge(repo.engine().as_ref());
        assert!(!is_stored(repo.engine().as_ref(), head.id()));
    }
}

fn nothing_can_point_to_what_was_collected(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    grow(&repo, "main", 3);
    let gone = grow(&repo, "gone", 3);
    repo.branch("gone").unwrap().delete().unwrap();
    purge(repo.engine().as_ref());
    let edit = RefEdit {
        name: "heads/again".to_owned(),
        expected: None,
        new: Some(gone[2].id()),
    };
    let error = repo.engine().compare_and_swap(&[edit], Durability::Sync);
    assert!(matches!(error, Err(StoreError::Dangling { id }) if id == gone[2].id()));
    let info = repo.info("a child of what is gone").unwrap();
    let contents = tree(&[("a", "1")]);
    let error = repo.create_commit(&contents, &gone[2..], info).unwrap_err();
    assert!(matches!(error, Error::Store(StoreError::Dangling { id }) if id == gone[2].id()));
    assert_sound(&repo);
}

fn a_held_commit_stays(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    grow(&repo, "main", 3);
    let held = grow(&repo, "held", 10).pop().unwrap();
    repo.branch("held").unwrap().delete().unwrap();
    let hold = repo.engine().hold(held.id()).unwrap();
    purge(repo.engine().as_ref());
    let again = repo.commit(held.id()).unwrap().unwrap();
    assert!(again.tree().get(&path("held/d2/f9")).unwrap().is_some());
    drop(hold);
    purge(repo.engine().as_ref());
    assert!(repo.commit(held.id()).unwrap().is_none());
}

fn a_cancelled_one_loses_nothing(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let kept = grow(&repo, "main", 40);
    grow(&repo, "gone", 40);
    repo.branch("gone").unwrap().delete().unwrap();
    for at in 0..6 {
        let mut calls = 0;
        let report = repo
            .engine()
            .collect(&Collect::everything_named(), &mut |_| {
                calls += 1;
                match calls > at {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
        let report = report.unwrap();
        assert!(report.is_cancelled || calls <= at);
        assert!(repo.engine().verify(&mut |_| ()).unwrap().is_clean());
        assert_sound(&repo);
    }
    purge(repo.engine().as_ref());
    assert!(
        kept.iter()
            .all(|commit| is_stored(repo.engine().as_ref(), commit.id()))
    );
}

/// Four threads make branches and remove them, often with contents that were there before; two
/// read; and collections follow each other.
fn threads_go_on_beside_collections(open: Open<'_>) {
    const ROUNDS: usize = 40;
    let place = open();
    let repo = repo(place.as_ref());
    grow(&repo, "main", 10);
    let is_over = AtomicBool::new(false);
    let write = |thread: usize| {
        let own = repo.branch(&format!("own{thread}")).unwrap();
        for round in 0..ROUNDS {
            // What another thread, or this one, stored and let go of before.
            let draft = repo.branch(&format!("draft{thread}")).unwrap();
            let at = path(&format!("shared/{}/{}", round % 5, round % 3));
            tolerate(|| draft.set(&at, vec![b's'; 200 + round % 3], "draft"));
            let at = path(&format!("own/{round}"));
            tolerate(|| own.set(&at, format!("{thread} {round}"), "own"));
            tolerate(|| main(&repo).set(&path(&format!("t{thread}")), format!("{round}"), "main"));
            draft.delete().unwrap();
        }
    };
    let read = || {
        while !is_over.load(Ordering::Relaxed) {
            for number in 0..10 {
                let at = path(&format!("main/d{}/f{number}", number % 7));
                let value = main(&repo).get(&at).unwrap();
                assert_eq!(value.map(|value| value.len()), Some(20 + number * 13 % 400));
            }
        }
    };
    let mut collections = 0;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|thread| scope.spawn(move || write(thread)))
            .collect();
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(read)).collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            collect(repo.engine().as_ref());
            collections += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
    assert!(collections > 0);
    for thread in 0..4 {
        let tree = repo
            .branch(&format!("own{thread}"))
            .unwrap()
            .tree()
            .unwrap();
        for round in 0..ROUNDS {
            assert_eq!(
                text(&tree, &format!("own/{round}")),
                format!("{thread} {round}")
            );
        }
    }
    assert_sound(&repo);
    purge(repo.engine().as_ref());
    assert_sound(&repo);
}

/// A commit that is on its way while two collections begin is refused, and made again.
fn tolerate<T>(commit: impl Fn() -> irmin_core::Result<T>) {
    for _ in 0..1000 {
        match commit() {
            Ok(_) => return,
            Err(Error::Store(StoreError::Dangling { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a commit never gets through");
}
