//! History: ancestors, moves forward, and the log of a path.

use std::collections::BTreeMap;

use irmin_core::{Branch, Commit, FastForward, Id, Moved, Repo};

use crate::place::{main, path, repo};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "lowest common ancestors of known shapes",
        lowest_common_ancestors_of_known_shapes,
    ),
    (
        "fast forward accepts and rejects",
        fast_forward_accepts_and_rejects,
    ),
    (
        "a limit that is hit is an error",
        a_limit_that_is_hit_is_an_error,
    ),
    ("last modified", last_modified),
    (
        "a log has each commit once, children first",
        a_log_has_each_commit_once,
    ),
    ("an empty repository", an_empty_repository),
    ("generations are kept", generations_are_kept),
];

/// Commits with names, made without branches.
struct Shape<'a> {
    repo: &'a Repo,
    commits: BTreeMap<&'static str, Commit>,
}

impl<'a> Shape<'a> {
    fn new(repo: &'a Repo, shape: &[(&'static str, &[&'static str])]) -> Self {
        let commits = BTreeMap::new();
        let mut made = Self { repo, commits };
        for (name, parents) in shape {
            let parents: Vec<_> = parents
                .iter()
                .map(|name| made.commits[name].clone())
                .collect();
            let tree = crate::place::tree(&[("name", name)]);
            let info = repo.info(name).unwrap();
            let commit = repo.create_commit(&tree, &parents, info).unwrap();
            made.commits.insert(name, commit);
        }
        made
    }

    fn id(&self, name: &str) -> Id {
        self.commits[name].id()
    }

    fn lowest(&self, left: &str, right: &str) -> Vec<&'static str> {
        let history = self.repo.history();
        let found = history.lowest_common_ancestors(&[self.id(left)], &[self.id(right)]);
        let found = found.unwrap();
        let named = self
            .commits
            .iter()
            .filter(|(_, commit)| found.contains(&commit.id()));
        named.map(|(name, _)| *name).collect()
    }
}

fn lowest_common_ancestors_of_known_shapes(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let line = Shape::new(
        &repo,
        &[("1", &[]), ("2", &["1"]), ("3", &["2"]), ("4", &["3"])],
    );
    assert_eq!(line.lowest("2", "4"), ["2"]);
    assert_eq!(line.lowest("4", "2"), ["2"]);
    assert_eq!(line.lowest("3", "3"), ["3"]);
    let cross = Shape::new(
        &repo,
        &[
            ("r", &[]),
            ("a", &["r"]),
            ("b", &["r"]),
            ("c", &["a", "b"]),
            ("d", &["b", "a"]),
            ("e", &["c"]),
            ("x", &[]),
        ],
    );
    assert_eq!(cross.lowest("a", "b"), ["r"]);
    assert_eq!(cross.lowest("c", "d"), ["a", "b"]);
    assert_eq!(cross.lowest("e", "d"), ["a", "b"]);
    assert_eq!(cross.lowest("e", "a"), ["a"]);
    assert_eq!(cross.lowest("x", "e"), [""; 0]);
    // 4 has its grandparent as a parent, too.
    let shortcut = Shape::new(
        &repo,
        &[
            ("p1", &[]),
            ("p2", &["p1"]),
            ("p3", &["p2"]),
            ("p4", &["p3", "p1"]),
            ("p5", &["p2", "p1"]),
        ],
    );
    assert_eq!(shortcut.lowest("p4", "p5"), ["p2"]);
    assert_eq!(shortcut.lowest("p4", "p1"), ["p1"]);
}

fn fast_forward_accepts_and_rejects(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let shape = Shape::new(
        &repo,
        &[
            ("1", &[]),
            ("2", &["1"]),
            ("3", &["2"]),
            ("side", &["1"]),
            ("merge", &["3", "side"]),
            ("other", &[]),
        ],
    );
    let main = main(&repo);
    let go = |to: &str| main.fast_forward(&shape.commits[to]).unwrap();
    let table = [
        ("1", FastForward::Possible, "1"),
        ("1", FastForward::Contained, "1"),
        ("3", FastForward::Possible, "3"),
        ("2", FastForward::Contained, "3"),
        ("side", FastForward::Diverged, "3"),
        ("other", FastForward::Diverged, "3"),
        ("merge", FastForward::Possible, "merge"),
        ("side", FastForward::Contained, "merge"),
    ];
    for (to, verdict, head) in table {
        assert_eq!(go(to), verdict, "to {to}");
        assert_eq!(main.head_id().unwrap(), Some(shape.id(head)), "after {to}");
    }
}

fn line(main: &Branch, length: u32) -> Vec<Id> {
    let ids = (0..length).map(|number| {
        let commit = main.set(&path("n"), number.to_string(), &format!("commit {number}"));
        commit.unwrap().unwrap().id()
    });
    ids.collect()
}

fn a_limit_that_is_hit_is_an_error(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let ids = line(&main(&repo), 40);
    let (first, last) = (ids[0], ids[39]);
    let lowest = |limit| {
        let history = repo.history().with_limit(limit);
        history.lowest_common_ancestors(&[first], &[last])
    };
    assert_eq!(lowest(1000).unwrap(), [first]);
    assert!(lowest(10).is_err(), "not taken for no ancestor");
    assert!(
        repo.history()
            .with_limit(10)
            .is_ancestor(first, last)
            .is_err()
    );
}

fn last_modified(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let set = |at: &str, value: &str, message: &str| {
        main.set(&path(at), value.to_owned(), message)
            .unwrap()
            .unwrap();
    };
    set("a", "1", "a is 1");
    set("d/x", "1", "x is 1");
    set("a", "2", "a is 2");
    set("d/y", "1", "y is 1");
    main.remove(&path("a"), "a is gone").unwrap();
    set("a", "2", "a is 2 again");
    let head = main.head().unwrap().unwrap();
    let last = |at: &str, limit: usize| -> Vec<String> {
        let found = repo.last_modified(&head, &path(at), limit).unwrap();
        found.iter().map(|commit| commit.info().subject()).collect()
    };
    assert_eq!(
        last("a", 9),
        ["a is 2 again", "a is gone", "a is 2", "a is 1"]
    );
    assert_eq!(last("a", 1), ["a is 2 again"]);
    assert_eq!(last("d", 9), ["y is 1", "x is 1"]);
    assert_eq!(last("d/x", 9), ["x is 1"]);
    assert_eq!(last("never", 9), [""; 0]);
    assert_eq!(last("a", 0), [""; 0]);
    let blame = repo.blame(&head, &irmin_core::Path::root()).unwrap();
    let subjects: Vec<_> = blame
        .iter()
        .map(|(path, id)| format!("{path}: {}", repo.must_load(*id).unwrap().info().subject()))
        .collect();
    assert_eq!(subjects, ["a: a is 2 again", "d/x: x is 1", "d/y: y is 1"]);
}

fn a_log_has_each_commit_once(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let single = line(&main(&repo), 1);
    let log = |head: Id| -> Vec<Id> {
        repo.history()
            .log(head)
            .map(|entry| entry.unwrap().key.id)
            .collect()
    };
    assert_eq!(
        log(single[0]),
        single,
        "a history of one commit is not empty"
    );
    let shape = Shape::new(
        &repo,
        &[
            ("1", &[]),
            ("2", &["1"]),
            ("3", &["1"]),
            ("4", &["2", "3"]),
            ("5", &["3", "2"]),
            ("6", &["4", "5"]),
        ],
    );
    let order = log(shape.id("6"));
    assert_eq!(order.len(), 6);
    let place_of = |name: &str| order.iter().position(|id| *id == shape.id(name)).unwrap();
    for (child, parent) in [("6", "4"), ("6", "5"), ("4", "2"), ("5", "3"), ("2", "1")] {
        assert!(
            place_of(child) < place_of(parent),
            "{child} before {parent}"
        );
    }
    let history = repo.history();
    let between = history.commits_between(shape.id("4"), shape.id("6"));
    let between: Vec<_> = between.map(|entry| entry.unwrap().key.id).collect();
    assert_eq!(between, [shape.id("6"), shape.id("5")]);
}

fn an_empty_repository(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    assert!(repo.branches().unwrap().is_empty());
    assert!(repo.tags().unwrap().is_empty());
    let main = main(&repo);
    assert_eq!(main.head_id().unwrap(), None);
    assert!(main.tree().unwrap().is_empty().unwrap());
    assert!(!main.delete().unwrap());
    assert!(main.must_have_head().is_err());
    assert!(repo.resolve("main", main.name()).is_err());
    let first = main.set(&path("a"), "1", "first").unwrap().unwrap();
    assert!(first.parents().is_empty());
    assert_eq!(first.generation(), 1);
    let by_hand = repo.create_commit(
        &crate::place::tree(&[("a", "1")]),
        &[],
        repo.info("first").unwrap(),
    );
    assert_eq!(first, by_hand.unwrap(), "the first commit is what it says");
    let again = main
        .move_from(None, &first, irmin_core::Durability::Sync)
        .unwrap();
    assert_eq!(again, Moved::Lost(Some(first.id())));
}

fn generations_are_kept(open: Open<'_>) {
    let place = open();
    let (before, ids): (Vec<u32>, Vec<Id>) = {
        let repo = repo(place.as_ref());
        let shape = Shape::new(
            &repo,
            &[
                ("1", &[]),
                ("2", &["1"]),
                ("3", &["2"]),
                ("far", &["1"]),
                ("m", &["far", "3"]),
            ],
        );
        main(&repo).reset(&shape.commits["m"]).unwrap();
        shape
            .commits
            .values()
            .map(|commit| (commit.generation(), commit.id()))
            .unzip()
    };
    assert_eq!(before, [1, 2, 3, 2, 4]);
    let repo = repo(place.as_ref());
    let after = ids
        .iter()
        .map(|&id| repo.must_load(id).unwrap().generation());
    assert_eq!(after.collect::<Vec<_>>(), before);
}
