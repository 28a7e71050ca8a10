//! Watches: what an engine's count of changes and its history have to give.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use irmin_core::{
    Branch, Collect, Commit, Cut, Error, Id, Path, Since, Watch, WatchError, WatchKind,
};

use crate::place::{main, path, repo};
use crate::{Check, Open};

/// Longer than any wait that ends by itself.
const LONG: Duration = Duration::from_secs(60);

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "each commit is told once, in order, while threads write",
        each_commit_is_told_once,
    ),
    (
        "a watch goes on where it stood after the store was opened again",
        a_watch_goes_on_after_opening,
    ),
    ("moves and removals are told", moves_and_removals_are_told),
    ("names are told", names_are_told),
    (
        "history that was cut or collected is passed over, or an error",
        history_that_was_cut,
    ),
    (
        "a place that is not there is an error",
        a_place_that_is_not_there,
    ),
];

fn set(branch: &Branch, at: &str, value: &str) -> Commit {
    let value = value.to_owned();
    branch.set(&path(at), value, at).unwrap().unwrap()
}

/// Waits for so many commits.
fn take(watch: &mut Watch, count: usize) -> Vec<Id> {
    let mut ids = Vec::new();
    while ids.len() < count {
        if let Some(event) = watch.next(LONG).unwrap() {
            assert_eq!(event.kind(), WatchKind::Commit);
            ids.extend(event.commit().map(Commit::id));
        }
    }
    ids
}

/// Returns the commits of a branch, oldest first.
fn line(branch: &Branch) -> Vec<Id> {
    let head = branch.head_id().unwrap().unwrap();
    let log = branch.repo().history().log(head);
    let mut ids: Vec<Id> = log.map(|entry| entry.unwrap().key.id).collect();
    ids.reverse();
    ids
}

fn each_commit_is_told_once(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let (writers, commits) = (3, 20);
    thread::scope(|scope| {
        for writer in 0..writers {
            let main = &main;
            scope.spawn(move || {
                for number in 0..commits {
                    set(main, &format!("{writer}/{number}"), "x");
                }
            });
        }
        let watching: Vec<_> = (0..2)
            .map(|_| {
                let mut watch = main.watch(&Path::root(), Since::Start).unwrap();
                scope.spawn(move || take(&mut watch, writers * commits))
            })
            .collect();
        for told in watching {
            let told = told.join().unwrap();
            assert_eq!(told, line(&main));
        }
    });
}

fn a_watch_goes_on_after_opening(open: Open<'_>) {
    let place = open();
    let repo_before = repo(place.as_ref());
    let branch = main(&repo_before);
    for number in 0..30 {
        set(&branch, "n", &number.to_string());
    }
    let mut watch = branch.watch(&path("n"), Since::Start).unwrap();
    let mut told = take(&mut watch, 12);
    let cursor = watch.cursor().to_string();
    let whole = line(&branch);
    drop((watch, branch, repo_before));
    let repo = repo(place.as_ref());
    let since = cursor.parse().unwrap();
    let mut watch = main(&repo).watch(&path("n"), since).unwrap();
    told.extend(take(&mut watch, 18));
    assert_eq!(told, whole);
    assert!(watch.next(Duration::ZERO).unwrap().is_none());
}

fn moves_and_removals_are_told(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let first = set(&main, "a", "1");
    set(&main, "a", "2");
    let mut watch = main.watch(&Path::root(), Since::Now).unwrap();
    let mut expect = |kind: WatchKind| {
        let event = watch.next(Duration::ZERO).unwrap().unwrap();
        assert_eq!(event.kind(), kind);
        assert_eq!(event.changes().unwrap().len(), 1);
        assert!(watch.next(Duration::ZERO).unwrap().is_none());
    };
    main.reset(&first).unwrap();
    expect(WatchKind::Reset);
    main.delete().unwrap();
    expect(WatchKind::Removed);
    main.reset(&first).unwrap();
    expect(WatchKind::Created);
}

fn names_are_told(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let first = set(&main(&repo), "a", "1");
    let mut watch = repo.watch_names("heads/").unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            loop {
                let changes = watch.next(LONG).unwrap();
                if !changes.is_empty() {
                    return changes;
                }
            }
        });
        repo.tag("v1", &first).unwrap();
        repo.branch("side").unwrap().reset(&first).unwrap();
        let changes = waiting.join().unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].name, "heads/side");
        assert_eq!(changes[0].after, Some(first.id()));
    });
}

fn history_that_was_cut(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let ids: Vec<Id> = (0..9)
        .map(|number| set(&main, &format!("f{number}"), "x").id())
        .collect();
    let watch = |since| main.watch(&Path::root(), since).unwrap();
    let (mut fresh, mut begun) = (watch(Since::Start), watch(Since::Start));
    assert_eq!(take(&mut begun, 5), ids[..5]);
    let cut_of = |id: &Id| Cut {
        contents: [2, 5, 6].iter().any(|&at: &usize| ids[at] == *id),
        parents: ids[2] == *id,
    };
    let collect = Collect {
        roots: &[],
        cut: Some(&cut_of),
        dry_run: false,
    };
    let report = repo
        .engine()
        .collect(&collect, &mut |_| ControlFlow::Continue(()));
    if report.unwrap().commits_cut == 0 {
        return; // The engine keeps all.
    }
    assert_eq!(take(&mut fresh, 4), [ids[3], ids[4], ids[7], ids[8]]);
    assert_eq!(take(&mut begun, 2), ids[7..]);
    let gone = watch(Since::Commit(ids[5])).next(Duration::ZERO);
    assert!(matches!(gone, Err(Error::Watch(WatchError::Gone { commit })) if commit == ids[5]));
}

fn a_place_that_is_not_there(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    set(&main, "a", "1");
    let lost = Since::Commit(Id::of(b"never stored"));
    let mut watch = main.watch(&Path::root(), lost).unwrap();
    let gone = watch.next(Duration::ZERO);
    assert!(matches!(gone, Err(Error::Watch(WatchError::Gone { .. }))));
}
