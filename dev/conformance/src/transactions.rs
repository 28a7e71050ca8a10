//! Transactions: all or nothing, as if alone, and everybody gets a turn.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use irmin_core::{Branch, Durability, Error, Isolation, TransactOptions, TransactionError};

use crate::place::{main, path, probed, repo};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "one that fails leaves nothing",
        one_that_fails_leaves_nothing,
    ),
    (
        "one that only reads never fails and never commits",
        one_that_reads_never_commits,
    ),
    (
        "no update of a hot counter is lost",
        no_update_of_a_hot_counter_is_lost,
    ),
    ("a long one gets through", a_long_one_gets_through),
    (
        "each item of a queue is taken once",
        each_item_is_taken_once,
    ),
    (
        "isolations differ as they say",
        isolations_differ_as_they_say,
    ),
    (
        "bounded attempts say what got in the way",
        bounded_attempts_say_why,
    ),
    (
        "all durabilities are visible at once",
        all_durabilities_are_visible,
    ),
];

fn options(isolation: Isolation) -> TransactOptions {
    TransactOptions::new("go")
        .isolation(isolation)
        .durability(Durability::None)
}

fn one_that_fails_leaves_nothing(open: Open<'_>) {
    let place = open();
    let (repo, probe) = probed(place.as_ref());
    let main = main(&repo);
    main.set(&path("a"), "1", "set").unwrap();
    let head = main.head_id().unwrap();
    probe.writes();
    let failed = main.transact(&options(Isolation::Serializable), |view| {
        view.set(&path("a"), "2")?;
        view.set(&path("large"), vec![1; 5000])?;
        Err::<(), _>(Error::RootNeedsTree)
    });
    assert!(matches!(failed, Err(Error::RootNeedsTree)));
    assert_eq!(main.head_id().unwrap(), head);
    assert_eq!(probe.writes(), 0);
    assert_eq!(main.get(&path("a")).unwrap().unwrap(), "1");
    main.set(&path("a"), "3", "the branch is free").unwrap();
}

fn one_that_reads_never_commits(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    main.set(&path("a"), "1", "set").unwrap();
    let mut options = options(Isolation::Serializable);
    options.attempts_max = std::num::NonZeroU32::MIN;
    let done = main
        .transact(&options, |view| {
            let seen = view.get(&path("a"))?;
            main.set(&path("a"), "2", "in the way")?;
            assert_eq!(view.get(&path("a"))?, seen, "it reads one state");
            Ok(seen.unwrap())
        })
        .unwrap();
    assert_eq!(
        (done.value, done.commit, done.attempts),
        ("1".into(), None, 1)
    );
    let mut forced = options;
    forced.allow_empty = true;
    assert!(main.transact(&forced, |_| Ok(())).unwrap().commit.is_some());
}

fn no_update_of_a_hot_counter_is_lost(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let worst = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let done = main.transact(&options(Isolation::Serializable), |view| {
                        let old = view.get(&path("hits"))?.unwrap_or_default();
                        let old: u32 = String::from_utf8(old.to_vec())
                            .unwrap()
                            .parse()
                            .unwrap_or(0);
                        thread::yield_now();
                        view.set(&path("hits"), (old + 1).to_string())
                    });
                    worst.fetch_max(done.unwrap().attempts, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(main.get(&path("hits")).unwrap().unwrap(), "160");
    assert!(worst.into_inner() <= 6);
}

fn a_long_one_gets_through(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..2 {
            let (main, stop) = (&main, &stop);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let at = path(&format!("k{}", round % 20));
                    let value = format!("{writer} {round}");
                    let done = main.transact(&options(Isolation::Overwrite), |view| {
                        view.set(&at, value.clone())
                    });
                    done.unwrap();
                }
            });
        }
        for _ in 0..10 {
            let done = main.transact(&options(Isolation::Serializable), |view| {
                for key in 0..20 {
                    view.get(&path(&format!("k{key}")))?;
                    thread::yield_now();
                }
                let base = view.base().id()?;
                view.set(&path("sum"), base.to_string())
            });
            assert!(done.unwrap().attempts <= 6);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

fn each_item_is_taken_once(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let fill = main.transact(&options(Isolation::Overwrite), |view| {
        (0..60).try_for_each(|item| {
            view.set(&path(&format!("queue/{item:02}")), "job")
                .map(drop)
        })
    });
    fill.unwrap();
    let taken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for item in 0..60 {
                    let at = path(&format!("queue/{item:02}"));
                    let done =
                        main.transact(&options(Isolation::Serializable), |view| view.remove(&at));
                    if done.unwrap().value {
                        taken.lock().unwrap().push(item);
                    }
                }
            });
        }
    });
    let taken = taken.into_inner().unwrap();
    assert_eq!(taken.len(), 60, "each item for one thread");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 60);
    assert!(main.tree().unwrap().is_empty().unwrap());
}

/// Runs a transaction that reads `a` and `b` and writes `a`, while another one writes `at`.
fn overtaken(main: &Branch, isolation: Isolation, at: &str) -> irmin_core::Result<u32> {
    let mut runs = 0;
    let done = main.transact(&options(isolation), |view| {
        runs += 1;
        view.get(&path("a"))?;
        view.get(&path("b"))?;
        if runs == 1 {
            main.set(&path(at), "theirs", "overtake")?;
        }
        view.set(&path("a"), "mine")
    })?;
    Ok(done.attempts)
}

fn isolations_differ_as_they_say(open: Open<'_>) {
    let table = [
        (Isolation::Serializable, "a", Some(2)),
        (Isolation::Serializable, "b", Some(2)),
        (Isolation::Serializable, "c", Some(1)),
        (Isolation::Snapshot, "a", None),
        (Isolation::Snapshot, "b", Some(1)),
        (Isolation::Overwrite, "a", Some(1)),
        (Isolation::Overwrite, "b", Some(1)),
    ];
    for (isolation, at, attempts) in table {
        let place = open();
        let repo = repo(place.as_ref());
        let main = main(&repo);
        main.set(&path("a"), "0", "start").unwrap();
        match (overtaken(&main, isolation, at), attempts) {
            (Ok(found), Some(expected)) => {
                assert_eq!(found, expected, "{isolation:?} {at}");
                assert_eq!(main.get(&path("a")).unwrap().unwrap(), "mine");
            }
            (Err(Error::Transaction(TransactionError::Conflicts { conflicts })), None) => {
                assert_eq!(conflicts[0].path, path("a"));
                assert_eq!(main.get(&path("a")).unwrap().unwrap(), "theirs");
            }
            (found, _) => panic!("{isolation:?} {at}: {found:?}"),
        }
    }
}

fn bounded_attempts_say_why(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    main.set(&path("a"), "0", "start").unwrap();
    let mut options = options(Isolation::Serializable);
    options.attempts_max = std::num::NonZeroU32::MIN.saturating_add(1);
    let mut runs = 0;
    let failed = main.transact(&options, |view| {
        runs += 1;
        view.list(&irmin_core::Path::root(), None, 9)?;
        main.set(&path(&format!("new{runs}")), "x", "overtake")?;
        view.set(&path("a"), "mine")
    });
    let Err(Error::Transaction(TransactionError::TooManyAttempts {
        attempts,
        path,
        commit,
        ..
    })) = failed
    else {
        panic!("giving up expected, not {failed:?}");
    };
    assert_eq!((attempts, runs), (2, 2));
    assert!(path.is_root());
    assert_eq!(Some(commit), main.head_id().unwrap());
}

fn all_durabilities_are_visible(open: Open<'_>) {
    let place = open();
    let durabilities = [Durability::None, Durability::Deferred, Durability::Sync];
    {
        let repo = repo(place.as_ref());
        for (number, durability) in durabilities.into_iter().enumerate() {
            let options = TransactOptions::new("go").durability(durability);
            let at = path(&format!("k{number}"));
            main(&repo)
                .transact(&options, |view| view.set(&at, "1"))
                .unwrap();
            assert_eq!(main(&repo).get(&at).unwrap().unwrap(), "1");
        }
    }
    let repo = repo(place.as_ref());
    assert_eq!(
        main(&repo).tree().unwrap().len().unwrap(),
        3,
        "after a clean close"
    );
}
