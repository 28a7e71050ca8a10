use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::*;
use crate::{Env, MemoryStore, Repo};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn branch() -> Branch {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1))
        .branch("main")
        .unwrap()
}

fn number(bytes: Option<bytes::Bytes>) -> u64 {
    bytes.map_or(0, |bytes| {
        std::str::from_utf8(&bytes).unwrap().parse().unwrap()
    })
}

#[test]
fn eight_threads_on_one_counter_lose_no_update_and_all_get_through() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 50;
    let main = branch();
    let worst = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let done = main.update(&path("hits"), "count", |old| {
                        Ok(Some((number(old) + 1).to_string().into()))
                    });
                    worst.fetch_max(done.unwrap().attempts, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(number(main.get(&path("hits")).unwrap()), THREADS * ROUNDS);
    assert_eq!(
        u64::from(main.head().unwrap().unwrap().generation()),
        THREADS * ROUNDS
    );
    let worst = worst.into_inner();
    assert!(worst <= OPTIMISTIC_ATTEMPTS + 1, "{worst} attempts");
}

#[test]
fn a_long_transaction_gets_through_against_writers_that_never_stop() {
    let main = branch();
    for i in 0..20 {
        main.set(&path(&format!("k{i}")), "0", "start").unwrap();
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..2 {
            let (main, stop) = (&main, &stop);
            scope.spawn(move || {
                let mut round = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let at = path(&format!("k{}", (round * 7 + writer) % 20));
                    main.set(&at, format!("{writer}-{round}"), "noise").unwrap();
                }
            });
        }
        for _ in 0..5 {
            let mut runs = 0;
            let done = main.transact(&TransactOptions::new("long"), |view| {
                runs += 1;
                let before = main.head_id()?;
                for i in 0..20 {
                    view.get(&path(&format!("k{i}")))?;
                }
                // Without the turn, let a writer get in the way for certain.
                while runs <= OPTIMISTIC_ATTEMPTS && main.head_id()? == before {
                    thread::yield_now();
                }
                view.set(&path("sum"), format!("{:?}{runs}", view.base().id()?))
            });
            let done = done.unwrap();
            assert!(done.attempts <= 6, "{} attempts", done.attempts);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Each of two doctors may go off duty if the other is on: read both, write one.
fn go_off_duty(isolation: Isolation) -> (u32, usize) {
    let main = branch();
    main.set(&path("on/ada"), "", "start").unwrap();
    main.set(&path("on/bob"), "", "start").unwrap();
    let leave = |who: &str, meanwhile: &mut dyn FnMut()| {
        let options = TransactOptions::new("leave").isolation(isolation);
        let done = main.transact(&options, |view| {
            let on_duty = view.list(&path("on"), None, 10)?.len();
            meanwhile();
            if on_duty > 1 {
                view.remove(&path("on").join(&path(who)))?;
            }
            Ok(())
        });
        done.unwrap().attempts
    };
    let mut first = true;
    let attempts = leave("ada", &mut || {
        if std::mem::take(&mut first) {
            leave("bob", &mut || {});
        }
    });
    let on_duty = main.tree().unwrap().get_tree(&path("on")).unwrap();
    (
        attempts,
        on_duty.map_or(0, |dir| usize::try_from(dir.len().unwrap()).unwrap()),
    )
}

#[test]
fn write_skew_is_refused_when_serializable_and_allowed_under_snapshot() {
    assert_eq!(go_off_duty(Isolation::Serializable), (2, 1));
    assert_eq!(go_off_duty(Isolation::Snapshot), (1, 0));
}

#[test]
fn an_overwrite_wins_on_what_it_wrote_only() {
    let main = branch();
    main.set(&path("a"), "0", "start").unwrap();
    let options = TransactOptions::new("mine").isolation(Isolation::Overwrite);
    main.transact(&options, |view| {
        view.set(&path("a"), "mine")?;
        main.set(&path("a"), "theirs", "other")?;
        main.set(&path("b"), "theirs", "other")
    })
    .unwrap();
    assert_eq!(main.get(&path("a")).unwrap().unwrap(), "mine");
    assert_eq!(main.get(&path("b")).unwrap().unwrap(), "theirs");
}

#[test]
fn a_snapshot_conflict_names_every_path() {
    let main = branch();
    main.set(&path("a"), "0", "start").unwrap();
    let options = TransactOptions::new("mine").isolation(Isolation::Snapshot);
    let failed = main.transact(&options, |view| {
        view.set(&path("a"), "mine")?;
        view.set(&path("new"), "mine")?;
        main.set(&path("a"), "theirs", "other")?;
        main.set(&path("new"), "theirs", "other")
    });
    let Err(Error::Transaction(TransactionError::Conflicts { conflicts })) = failed else {
        panic!("conflicts expected, not {failed:?}");
    };
    assert_eq!(conflicts.len(), 2);
}

#[test]
fn giving_up_says_how_often_which_path_and_which_commit() {
    let main = branch();
    main.set(&path("a"), "0", "start").unwrap();
    let mut options = TransactOptions::new("mine");
    options.attempts_max = NonZeroU32::MIN;
    let failed = main.transact(&options, |view| {
        view.get(&path("a"))?;
        main.set(&path("a"), "1", "other")?;
        view.set(&path("b"), "1")
    });
    let head = main.head_id().unwrap().unwrap();
    let Err(Error::Transaction(TransactionError::TooManyAttempts {
        attempts,
        path: at,
        commit,
        ..
    })) = failed
    else {
        panic!("giving up expected, not {failed:?}");
    };
    assert_eq!((attempts, at, commit), (1, path("a"), head));
}

#[test]
fn a_transaction_inside_one_that_has_the_turn_is_an_error_and_not_a_deadlock() {
    let main = branch();
    main.set(&path("a"), "0", "start").unwrap();
    let mut runs = 0;
    let failed = main.transact(&TransactOptions::new("outer"), |view| {
        runs += 1;
        view.get(&path("a"))?;
        main.set(&path("a"), runs.to_string(), "inner")?;
        view.set(&path("b"), runs.to_string())
    });
    assert!(matches!(
        failed,
        Err(Error::Transaction(TransactionError::Nested { .. }))
    ));
    main.set(&path("a"), "free again", "after").unwrap();
}

#[test]
fn reading_or_changing_nothing_commits_nothing() {
    let main = branch();
    let done = main
        .transact(&TransactOptions::new("look"), |view| view.get(&path("a")))
        .unwrap();
    assert!(done.value.is_none() && done.commit.is_none());
    assert_eq!(main.head_id().unwrap(), None);
    main.set(&path("a"), "1", "set").unwrap().unwrap();
    assert!(main.set(&path("a"), "1", "again").unwrap().is_none());
    let mut options = TransactOptions::new("empty");
    options.allow_empty = true;
    assert!(
        main.transact(&options, |_| Ok(()))
            .unwrap()
            .commit
            .is_some()
    );
}

#[test]
fn an_error_of_the_body_commits_nothing() {
    let main = branch();
    let failed: Result<Transacted<()>> = main.transact(&TransactOptions::new("bad"), |view| {
        view.set(&path("a"), "1")?;
        Err(Error::RootNeedsTree)
    });
    assert!(failed.is_err());
    assert_eq!(main.head_id().unwrap(), None);
}

#[test]
fn test_and_set_changes_only_what_is_as_expected() {
    let main = branch();
    let set = |expected: Option<&[u8]>, new: &'static str| {
        main.test_and_set(&path("lock"), expected, Some(new.into()), "lock")
            .unwrap()
            .value
    };
    assert!(set(None, "ada"));
    assert!(!set(None, "bob"));
    assert!(set(Some(b"ada"), "bob"));
    assert!(
        main.test_and_set(&path("lock"), Some(b"bob"), None, "free")
            .unwrap()
            .value
    );
    assert_eq!(main.get(&path("lock")).unwrap(), None);
}

#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
struct Server {
    host: String,
    port: u16,
    tags: Vec<String>,
}

#[test]
fn two_writers_of_different_fields_of_one_struct_merge() {
    let main = branch();
    let at = path("servers/alpha");
    let start = Server {
        host: "alpha".into(),
        port: 80,
        tags: vec!["eu".into()],
    };
    main.transact(&TransactOptions::new("start"), |view| {
        view.store(&at, &start)
    })
    .unwrap();
    let change = |edit: &dyn Fn(&mut Server), meanwhile: &dyn Fn()| {
        let options = TransactOptions::new("change").isolation(Isolation::Snapshot);
        let done = main.transact(&options, |view| {
            let mut server: Server = view.load(&at)?.unwrap();
            edit(&mut server);
            meanwhile();
            view.store(&at, &server)
        });
        assert_eq!(done.unwrap().attempts, 1);
    };
    change(&|server| server.port = 8080, &|| {
        change(&|server| server.host = "alpha.example".into(), &|| {});
    });
    let merged: Server = main.tree().unwrap().read_value(&at).unwrap().unwrap();
    assert_eq!(
        merged,
        Server {
            host: "alpha.example".into(),
            port: 8080,
            tags: vec!["eu".into()]
        }
    );
}

/// Whoever removes a job does it: two must not both be told that they removed it.
#[test]
fn what_a_removal_answers_counts_as_read() {
    let main = branch();
    main.set(&path("jobs/1"), "", "start").unwrap();
    let take = |who: &'static str, meanwhile: &mut dyn FnMut()| {
        let done = main.transact(&TransactOptions::new("take"), |view| {
            let mine = view.remove(&path("jobs/1"))?;
            meanwhile();
            view.set(&path(who), "was here")?;
            Ok(mine)
        });
        done.unwrap().value
    };
    let mut bob = None;
    let ada = take("ada", &mut || {
        if bob.is_none() {
            bob = Some(take("bob", &mut || {}));
        }
    });
    assert_eq!((ada, bob), (false, Some(true)));
}

#[test]
fn a_transaction_on_a_head_that_was_left_and_collected_runs_again() {
    let branch = branch();
    let repo = branch.repo().clone();
    let large = |tag: u8| crate::Blob::from(vec![tag; 5000]);
    for number in 0..40 {
        branch
            .set(&path(&format!("d{number}/old")), large(number), "old")
            .unwrap();
    }
    let other = repo.branch("other").unwrap();
    other.set(&path("other"), large(99), "other").unwrap();
    let mut runs = 0;
    let done = branch.transact(&TransactOptions::new("add"), |view| {
        runs += 1;
        view.set(&path("d1/new"), large(100))?;
        if runs == 1 {
            branch.reset(&other.head()?.unwrap())?;
            let options = crate::CollectOptions::default();
            let go_on = &mut |_| std::ops::ControlFlow::Continue(());
            let report = repo.collect(&options, go_on)?;
            assert!(report.objects_removed > 0);
        }
        // In the first run this is there no more.
        view.get(&path("d2/old"))?;
        Ok(())
    });
    assert_eq!((done.unwrap().attempts, runs), (2, 2));
    assert_eq!(branch.get(&path("d2/old")).unwrap(), None);
    assert_eq!(
        branch.get(&path("d1/new")).unwrap().unwrap(),
        vec![100; 5000]
    );
    assert_eq!(branch.get(&path("other")).unwrap().unwrap(), vec![99; 5000]);
    assert!(repo.check(&mut |_| ()).unwrap().is_clean());
}

#[test]
fn a_check_sees_what_others_committed_meanwhile_and_can_refuse_the_commit() {
    for isolation in [
        Isolation::Serializable,
        Isolation::Snapshot,
        Isolation::Overwrite,
    ] {
        let branch = branch();
        let options = TransactOptions::new("late").isolation(isolation);
        let mut asked = Vec::new();
        let mut is_first = true;
        let done = branch.transact_checked(
            &options,
            &mut |old, new| {
                let have = |tree: &Tree| tree.get(&path("theirs")).map(|found| found.is_some());
                asked.push((have(old)?, have(new)?));
                Err(Error::NestedOutdated)
            },
            |view| {
                if std::mem::take(&mut is_first) {
                    branch.set(&path("theirs"), "1", "meanwhile")?;
                }
                view.set(&path("mine"), "1")
            },
        );
        assert!(matches!(done, Err(Error::NestedOutdated)));
        assert_eq!(asked, [(true, true)], "{isolation:?}");
        assert!(branch.get(&path("mine")).unwrap().is_none());
    }
}

#[test]
fn a_view_that_was_opened_long_ago_is_committed_under_its_isolation() {
    let cases = [
        (Isolation::Serializable, false),
        (Isolation::Snapshot, true),
    ];
    for (isolation, gets_through) in cases {
        let branch = branch();
        let opened_on = branch.set(&path("read"), "1", "before").unwrap();
        let mut view = View::new(branch.tree().unwrap());
        view.get(&path("read")).unwrap();
        view.set(&path("mine"), "1").unwrap();
        let between = branch
            .set(&path("read"), "2", "meanwhile")
            .unwrap()
            .unwrap();
        let options = TransactOptions::new("late").isolation(isolation);
        let mut fine = |_: &Tree, _: &Tree| Ok(());
        match branch.commit_view(&options, &view, opened_on.as_ref(), &mut fine) {
            Ok(commit) => {
                assert!(gets_through);
                assert_eq!(commit.unwrap().parents()[0].id, between.id());
                assert_eq!(branch.get(&path("read")).unwrap().unwrap(), "2");
            }
            Err(Error::Transaction(TransactionError::TooManyAttempts { path: at, .. })) => {
                assert!(!gets_through);
                assert_eq!(at, path("read"));
            }
            Err(error) => panic!("{error}"),
        }
    }
    let branch = branch();
    let options = TransactOptions::new("nothing");
    let view = View::new(Tree::empty());
    let done = branch.commit_view(&options, &view, None, &mut |_, _| Ok(()));
    assert!(done.unwrap().is_none());
}
