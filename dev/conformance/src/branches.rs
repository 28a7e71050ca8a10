//! Branches and tags: names that move under compare-and-swap, and names that do not.

use std::thread;

use irmin_core::{Durability, Moved, Repo};

use crate::place::{main, path, repo, tree};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "branches are made, moved, listed and removed",
        branches_are_made_and_removed,
    ),
    ("tags do not move", tags_do_not_move),
    (
        "threads on disjoint keys lose nothing",
        threads_on_disjoint_keys_lose_nothing,
    ),
    (
        "threads on the same key lose nothing",
        threads_on_the_same_key_lose_nothing,
    ),
    (
        "a swap of the head that lost says where it is",
        a_lost_swap_says_where_it_is,
    ),
    ("two handles see each other", two_handles_see_each_other),
    (
        "a tree of another repository is copied whole",
        a_tree_of_another_repository_is_copied,
    ),
    (
        "all is there after opening again",
        all_is_there_after_opening_again,
    ),
];

fn names(repo: &Repo) -> Vec<String> {
    let branches = repo.branches().unwrap();
    branches
        .into_iter()
        .map(|(name, _)| name.to_string())
        .collect()
}

fn branches_are_made_and_removed(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    assert!(repo.branch("bad..name").is_err());
    let main = main(&repo);
    let first = main.set(&path("a"), "1", "first").unwrap().unwrap();
    let topic = repo.branch("topic/x").unwrap();
    assert_eq!(names(&repo), ["main"], "a handle makes no branch");
    topic.reset(&first).unwrap();
    let second = topic.set(&path("a"), "2", "second").unwrap().unwrap();
    assert_eq!(names(&repo), ["main", "topic/x"]);
    assert_eq!(main.head_id().unwrap(), Some(first.id()));
    topic.reset(&first).unwrap();
    assert_eq!(topic.get(&path("a")).unwrap().unwrap(), "1");
    assert!(
        repo.commit(second.id()).unwrap().is_some(),
        "the commit stays"
    );
    assert!(topic.delete().unwrap());
    assert!(!topic.delete().unwrap());
    assert_eq!(names(&repo), ["main"]);
    assert!(topic.tree().unwrap().is_empty().unwrap());
}

fn tags_do_not_move(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let first = main(&repo).set(&path("a"), "1", "first").unwrap().unwrap();
    let second = main(&repo).set(&path("a"), "2", "second").unwrap().unwrap();
    assert!(repo.tag("v1", &first).unwrap());
    assert!(!repo.tag("v1", &second).unwrap());
    assert_eq!(repo.tags().unwrap(), [("v1".to_owned(), first.id())]);
    assert_eq!(names(&repo), ["main"]);
    assert_eq!(repo.resolve("v1", main(&repo).name()).unwrap(), first);
    assert!(repo.remove_tag("v1").unwrap());
    assert!(!repo.remove_tag("v1").unwrap());
}

fn threads_on_disjoint_keys_lose_nothing(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    thread::scope(|scope| {
        for thread in 0..4 {
            let repo = &repo;
            scope.spawn(move || {
                for round in 0..25 {
                    let at = path(&format!("{thread}/{round}"));
                    main(repo).set(&at, "x", "set").unwrap().unwrap();
                }
            });
        }
    });
    let mut expected = irmin_core::Tree::empty();
    for number in 0..100 {
        let at = path(&format!("{}/{}", number / 25, number % 25));
        expected.set(&at, "x").unwrap();
    }
    let head = main(&repo).must_have_head().unwrap();
    assert_eq!(head.tree().id().unwrap(), expected.id().unwrap());
    assert_eq!(head.generation(), 100);
}

fn threads_on_the_same_key_lose_nothing(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let count = |old: Option<bytes::Bytes>| {
                        let old = String::from_utf8(old.unwrap_or_default().to_vec()).unwrap();
                        let new = old.parse().unwrap_or(0) + 1;
                        Ok(Some(i32::to_string(&new).into()))
                    };
                    main(&repo).update(&path("hits"), "count", count).unwrap();
                }
            });
        }
    });
    assert_eq!(main(&repo).get(&path("hits")).unwrap().unwrap(), "100");
    assert_eq!(main(&repo).must_have_head().unwrap().generation(), 100);
}

fn a_lost_swap_says_where_it_is(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let first = main.set(&path("a"), "1", "first").unwrap().unwrap();
    let second = main.set(&path("a"), "2", "second").unwrap().unwrap();
    let lost = main
        .move_from(Some(first.id()), &first, Durability::Sync)
        .unwrap();
    assert_eq!(lost, Moved::Lost(Some(second.id())));
    let info = repo.info("late").unwrap();
    let (_, moved) = main
        .commit(&tree(&[("b", "1")]), Some(&first), info, Durability::Sync)
        .unwrap();
    assert_eq!(moved, Moved::Lost(Some(second.id())));
    assert_eq!(main.head_id().unwrap(), Some(second.id()));
    let swap = |expected, new: &'static str| {
        let done = main
            .test_and_set(&path("a"), expected, Some(new.into()), "swap")
            .unwrap();
        (done.value, done.commit.is_some())
    };
    assert_eq!(swap(Some(b"1"), "3"), (false, false));
    assert_eq!(swap(None, "3"), (false, false));
    assert_eq!(swap(Some(b"2"), "3"), (true, true));
    assert_eq!(swap(Some(b"3"), "3"), (true, false));
    assert_eq!(main.get(&path("a")).unwrap().unwrap(), "3");
}

fn two_handles_see_each_other(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let other = Repo::new(
        std::sync::Arc::clone(repo.engine()),
        irmin_core::Env::fixed(2),
    );
    for round in 0..10 {
        let (writer, reader) = if round % 2 == 0 {
            (&repo, &other)
        } else {
            (&other, &repo)
        };
        let value = round.to_string();
        main(writer).set(&path("a"), value.clone(), "set").unwrap();
        assert_eq!(main(reader).get(&path("a")).unwrap().unwrap(), value);
    }
    main(&repo).delete().unwrap();
    assert_eq!(main(&other).head_id().unwrap(), None);
}

fn a_tree_of_another_repository_is_copied(open: Open<'_>) {
    let (there, here) = (open(), open());
    let source = repo(there.as_ref());
    // What came first decides where an engine keeps things: let it be different here and there.
    main(&source)
        .set(&path("noise"), vec![3; 3000], "noise")
        .unwrap();
    let mut dir = tree(&[("a", "1"), ("b/c", "2")]);
    dir.set(&path("large"), vec![5; 5000]).unwrap();
    main(&source).set(&path("dir"), dir, "set").unwrap();
    let tree = main(&source).tree().unwrap().unloaded();
    let dir = tree.get(&path("dir")).unwrap().unwrap();
    let target = repo(here.as_ref());
    main(&target)
        .set(&path("copy/of"), dir.clone(), "into an empty branch")
        .unwrap();
    main(&target)
        .set(&path("again"), dir, "into one with a commit")
        .unwrap();
    let whole = target
        .create_commit(&tree, &[], target.info("whole").unwrap())
        .unwrap();
    target.branch("whole").unwrap().reset(&whole).unwrap();
    drop((whole, target));
    let target = repo(here.as_ref());
    let copy = main(&target).tree().unwrap();
    for at in ["copy/of", "again"] {
        let found = copy.get_tree(&path(at)).unwrap().unwrap();
        assert_eq!(crate::place::text(&found, "b/c"), "2");
        assert_eq!(
            found.get_bytes(&path("large")).unwrap().unwrap(),
            vec![5; 5000]
        );
    }
    let whole = target.branch("whole").unwrap().tree().unwrap();
    assert_eq!(
        whole.get_bytes(&path("noise")).unwrap().unwrap(),
        vec![3; 3000]
    );
    assert_eq!(
        whole.get_bytes(&path("dir/large")).unwrap().unwrap(),
        vec![5; 5000]
    );
}

fn all_is_there_after_opening_again(open: Open<'_>) {
    let place = open();
    let heads = {
        let repo = repo(place.as_ref());
        for number in 0..60 {
            let branch = repo
                .branch(if number % 3 == 0 { "side" } else { "main" })
                .unwrap();
            let at = path(&format!("{}/{number}", number % 7));
            branch
                .set(&at, vec![number; usize::from(number) * 9], "set")
                .unwrap();
        }
        repo.tag("v1", &main(&repo).must_have_head().unwrap())
            .unwrap();
        (repo.branches().unwrap(), repo.tags().unwrap())
    };
    let repo = repo(place.as_ref());
    assert_eq!((repo.branches().unwrap(), repo.tags().unwrap()), heads);
    for number in 0..60_u8 {
        let branch = repo
            .branch(if number % 3 == 0 { "side" } else { "main" })
            .unwrap();
        let found = branch
            .get(&path(&format!("{}/{number}", number % 7)))
            .unwrap()
            .unwrap();
        assert_eq!(found, vec![number; usize::from(number) * 9]);
    }
    let log = repo.history().log(main(&repo).head_id().unwrap().unwrap());
    assert_eq!(log.count(), 40);
}
