//! A path of a thousand steps, and a history of a hundred thousand commits.

use irmin_core::{
    CommitData, CommitInfo, Durability, Engine, Id, Key, Order, Path, RefEdit, Repo, Signature,
    Step, Time, Tree, WalkOptions, merge_trees, rules::RuleTypes,
};

use crate::place::{main, path, repo, report};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    ("a path of a thousand steps", a_path_of_a_thousand_steps),
    (
        "a history of a hundred thousand commits",
        a_history_of_100_000_commits,
    ),
    ("copies within copies are shared", copies_within_copies),
    ("removals go up the chain", removals_go_up_the_chain),
];

const STEPS: usize = 1000;
/// Fewer when compiled for debugging.
const COMMITS: u32 = if cfg!(debug_assertions) {
    20_000
} else {
    100_000
};

fn deep(last: &str) -> Path {
    let steps = std::iter::repeat_n("down", STEPS - 1).chain([last]);
    Path::from_steps(steps.map(|step| Step::new(step).unwrap()).collect()).unwrap()
}

fn a_path_of_a_thousand_steps(open: Open<'_>) {
    let place = open();
    {
        let repo = repo(place.as_ref());
        main(&repo).set(&deep("a"), "1", "set").unwrap();
    }
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let old = main.tree().unwrap();
    assert_eq!(old.get_bytes(&deep("a")).unwrap().unwrap(), "1");
    main.set(&deep("b"), "2", "beside it").unwrap();
    let new = main.tree().unwrap();
    let changes = old.diff(&new).unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, deep("b"));
    for order in [Order::Before, Order::After] {
        let walk = new.walk(WalkOptions {
            order,
            ..WalkOptions::default()
        });
        assert_eq!(walk.map(Result::unwrap).count(), STEPS - 1 + 2);
    }
    let mut theirs = old.clone();
    theirs.set(&deep("c"), "3").unwrap();
    let merged = merge_trees(&old, &new, &theirs, &RuleTypes::default()).unwrap();
    assert!(merged.conflicts().is_empty());
    assert_eq!(merged.tree().get_bytes(&deep("c")).unwrap().unwrap(), "3");
    let log = repo
        .last_modified(&main.must_have_head().unwrap(), &deep("a"), 9)
        .unwrap();
    assert_eq!(log.len(), 1);
    let mut emptied = new;
    emptied.remove(&deep("a")).unwrap();
    emptied.remove(&deep("b")).unwrap();
    assert!(
        emptied.is_empty().unwrap(),
        "a thousand directories went with it"
    );
}

/// Stores a line of commits with nothing in them, in large batches.
fn line(engine: &dyn Engine, tree: Id) -> Vec<Key> {
    let mut ids: Vec<Key> = Vec::new();
    for from in (1..=COMMITS).step_by(1000) {
        let mut batch = Vec::new();
        for generation in from..from + 1000 {
            let time = Time::utc(generation.into());
            let author = Signature::new("Ada", "ada@example.org", time).unwrap();
            let commit = CommitData {
                tree: tree.into(),
                parents: ids.last().copied().into_iter().collect(),
                info: CommitInfo::new(author, "go on"),
            };
            let encoded = commit.encode().unwrap();
            ids.push(encoded.id.into());
            batch.push((encoded, generation));
        }
        let objects: Vec<_> = batch
            .iter()
            .map(|(commit, number)| commit.object(*number))
            .collect();
        let keys = engine.put_many(&objects).unwrap();
        let from = ids.len() - keys.len();
        ids[from..].copy_from_slice(&keys);
    }
    ids
}

fn a_history_of_100_000_commits(open: Open<'_>) {
    if cfg!(debug_assertions) {
        report("compiled for debugging: 20,000 commits instead of 100,000");
    }
    let place = open();
    let keys = {
        let repo = repo(place.as_ref());
        let tree = crate::place::tree(&[("a", "1")])
            .persist(&repo.objects())
            .unwrap();
        let keys = line(repo.engine().as_ref(), tree.id);
        let edit = RefEdit {
            name: "heads/main".to_owned(),
            expected: None,
            new: keys.last().map(|key| key.id),
        };
        repo.engine()
            .compare_and_swap(&[edit], Durability::Sync)
            .unwrap();
        keys
    };
    let repo: Repo = repo(place.as_ref());
    let branch = main(&repo);
    let (first, last) = (keys[0].id, branch.head_id().unwrap().unwrap());
    let history = repo.history();
    assert_eq!(
        history.log(last).map(Result::unwrap).count(),
        COMMITS as usize
    );
    assert!(history.is_ancestor(first, last).unwrap());
    assert_eq!(
        history.lowest_common_ancestors(&[first], &[last]).unwrap(),
        [first]
    );
    assert_eq!(
        history.step_back(last, COMMITS as usize - 1).unwrap().0,
        first
    );
    assert_eq!(
        repo.resolve(&format!("main~{}", COMMITS - 1), branch.name())
            .unwrap()
            .id(),
        first
    );
    assert_eq!(repo.must_load(last).unwrap().generation(), COMMITS);
    // A side branch from the beginning merges.
    let side = repo.branch("side").unwrap();
    side.reset(&repo.must_load(first).unwrap()).unwrap();
    side.set(&path("b"), "2", "late").unwrap();
    let options = irmin_core::MergeOptions {
        info: repo.info("merge").unwrap(),
        always_commit: false,
        durability: Durability::Sync,
    };
    let outcome = branch
        .merge(&side.must_have_head().unwrap(), &options)
        .unwrap();
    let irmin_core::MergeOutcome::Merged(commit) = outcome else {
        panic!("a merge commit expected, not {outcome:?}");
    };
    assert_eq!(commit.generation(), COMMITS + 1);
    let head = branch.must_have_head().unwrap();
    let found = repo.last_modified(&head, &path("b"), 1).unwrap();
    assert_eq!(found[0].info().subject(), "late");
}

/// Copies of a tree inside itself are shared: 2 to the power of 40 directories, of which few are
/// different, are made, hashed, stored and compared.
fn copies_within_copies(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let mut tree = crate::place::tree(&[("value", "1")]);
    for round in 0..40 {
        let before = tree.clone();
        tree.set(&path("left"), before.clone()).unwrap();
        tree.set(&path("right"), before).unwrap();
        tree.set(&path("round"), round.to_string()).unwrap();
    }
    let id = tree.id().unwrap();
    let commit = main(&repo)
        .set(&Path::root(), tree, "set")
        .unwrap()
        .unwrap();
    let stored = commit.tree().unloaded();
    assert_eq!(stored.id().unwrap(), id);
    let at = ["left", "right"]
        .iter()
        .cycle()
        .take(40)
        .copied()
        .collect::<Vec<_>>()
        .join("/");
    assert_eq!(crate::place::text(&stored, &format!("{at}/value")), "1");
    assert_eq!(crate::place::text(&stored, "left/round"), "38");
}

fn removals_go_up_the_chain(_: Open<'_>) {
    let mut tree = Tree::empty();
    for depth in 1..200 {
        let steps = vec![Step::new("down").unwrap(); depth];
        let chain = Path::from_steps(steps)
            .unwrap()
            .child(Step::new("leaf").unwrap());
        tree.set(&chain, "x").unwrap();
    }
    for depth in 1..200 {
        let steps = vec![Step::new("down").unwrap(); depth];
        let chain = Path::from_steps(steps)
            .unwrap()
            .child(Step::new("leaf").unwrap());
        assert!(!tree.is_empty().unwrap());
        assert!(tree.remove(&chain).unwrap());
    }
    assert!(tree.is_empty().unwrap());
}
