use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::rules::RuleTypes;
use crate::{Blob, Branch, Commit, Env, MemoryStore, Mode, Repo, Step, TransactOptions};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn tree(entries: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::empty();
    for (at, value) in entries {
        tree.set(&path(at), (*value).to_owned()).unwrap();
    }
    tree
}

fn merge(base: &Tree, ours: &Tree, theirs: &Tree) -> Merged {
    merge_trees(base, ours, theirs, &RuleTypes::default()).unwrap()
}

fn kinds(merged: &Merged) -> Vec<(String, ConflictKind)> {
    merged
        .conflicts()
        .iter()
        .map(|c| (c.path.to_string(), c.kind))
        .collect()
}

fn bytes(entry: &Option<Entry>) -> Bytes {
    match entry {
        Some(Entry::Blob(blob)) => blob.bytes().unwrap(),
        _ => panic!("a blob expected"),
    }
}

#[test]
fn all_conflicts_are_found_at_once_with_their_kinds_and_sides() {
    let mut base = tree(&[
        ("both", "0"),
        ("gone", "0"),
        ("dir/x", "0"),
        ("dir/y", "0"),
        ("m", "0"),
    ]);
    base.set(&path("shape"), "0").unwrap();
    let mut ours = base.clone();
    let mut theirs = base.clone();
    ours.set(&path("both"), "1").unwrap();
    theirs.set(&path("both"), "2").unwrap();
    ours.remove(&path("gone")).unwrap();
    theirs.set(&path("gone"), "2").unwrap();
    ours.set(&path("new"), "1").unwrap();
    theirs.set(&path("new"), "2").unwrap();
    ours.remove(&path("dir")).unwrap();
    theirs.set(&path("dir/x"), "2").unwrap();
    ours.set(&path("shape/below"), "1").unwrap();
    theirs.set(&path("shape"), "2").unwrap();
    ours.set(&path("m"), Blob::new("0").with_mode(Mode::Executable))
        .unwrap();
    theirs
        .set(&path("m"), Blob::new("0").with_mode(Mode::Link))
        .unwrap();
    theirs.set(&path("quiet"), "2").unwrap();
    let mut merged = merge(&base, &ours, &theirs);
    assert_eq!(
        kinds(&merged),
        [
            ("both".into(), ConflictKind::Content),
            ("dir/x".into(), ConflictKind::ModifyRemove),
            ("gone".into(), ConflictKind::ModifyRemove),
            ("m".into(), ConflictKind::Mode),
            ("new".into(), ConflictKind::AddAdd),
            ("shape".into(), ConflictKind::BlobTree),
        ]
    );
    let both = &merged.conflicts()[0];
    assert_eq!(
        (bytes(&both.base), bytes(&both.ours), bytes(&both.theirs)),
        ("0".into(), "1".into(), "2".into())
    );
    assert_eq!(
        merged.tree().get_bytes(&path("quiet")).unwrap().unwrap(),
        "2"
    );
    assert_eq!(merged.tree().kind(&path("dir/y")).unwrap(), None);
    merged
        .resolve(&path("both"), Resolution::Entry(Some("3".into())))
        .unwrap();
    merged.resolve(&path("gone"), Resolution::Theirs).unwrap();
    assert!(matches!(
        merged.resolve(&path("gone"), Resolution::Ours),
        Err(Error::NoConflict { .. })
    ));
    merged.resolve_all(&Resolution::Ours).unwrap();
    assert_eq!(
        merged.tree().get_bytes(&path("both")).unwrap().unwrap(),
        "3"
    );
    assert_eq!(
        merged.tree().get_bytes(&path("gone")).unwrap().unwrap(),
        "2"
    );
    assert_eq!(merged.tree().get_bytes(&path("new")).unwrap().unwrap(), "1");
}

#[test]
fn a_mode_change_and_a_content_change_of_one_blob_merge() {
    let base = tree(&[("run", "old")]);
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    ours.set(&path("run"), Blob::new("old").with_mode(Mode::Executable))
        .unwrap();
    theirs.set(&path("run"), "new").unwrap();
    let merged = merge(&base, &ours, &theirs);
    let blob = merged.tree().get_blob(&path("run")).unwrap().unwrap();
    assert_eq!(
        (blob.mode(), blob.bytes().unwrap()),
        (Mode::Executable, "new".into())
    );
}

#[test]
fn rules_of_the_repository_apply_and_merge_themselves() {
    let base = tree(&[
        (".irmin/rules", "hits counter\n"),
        ("hits", "5"),
        ("other", "5"),
    ]);
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    ours.set(&path("hits"), "6").unwrap();
    theirs.set(&path("hits"), "6").unwrap();
    theirs
        .set(&path(".irmin/rules"), "hits counter\nother counter\n")
        .unwrap();
    ours.set(&path("other"), "7").unwrap();
    theirs.set(&path("other"), "4").unwrap();
    let merged = merge(&base, &ours, &theirs);
    assert_eq!(kinds(&merged), []);
    assert_eq!(
        merged.tree().get_bytes(&path("hits")).unwrap().unwrap(),
        "7"
    );
    assert_eq!(
        merged.tree().get_bytes(&path("other")).unwrap().unwrap(),
        "6"
    );
    let bad = tree(&[(".irmin/rules", "hits banana\n"), ("hits", "6")]);
    let error = merge_trees(&base, &base, &bad, &RuleTypes::default()).unwrap_err();
    assert!(error.to_string().contains("banana"), "{error}");
}

type Model = BTreeMap<(u8, u8), u8>;

fn edits() -> impl Strategy<Value = Vec<((u8, u8), Option<u8>)>> {
    prop::collection::vec(
        ((0_u8..3, 0_u8..60), prop::option::weighted(0.8, 0_u8..3)),
        0..40,
    )
}

fn apply(model: &Model, edits: &[((u8, u8), Option<u8>)]) -> Model {
    let mut model = model.clone();
    for (key, value) in edits {
        match value {
            Some(value) => model.insert(*key, *value),
            None => model.remove(key),
        };
    }
    model
}

fn build(model: &Model) -> Tree {
    let mut tree = Tree::empty();
    for ((dir, file), value) in model {
        let at = path(&format!("d{dir}/f{file}"));
        tree.set(&at, vec![*value]).unwrap();
    }
    tree
}

/// The merge that anyone would write down for maps: conflicts are left as ours.
fn naive(base: &Model, ours: &Model, theirs: &Model) -> (Model, Vec<(u8, u8)>) {
    let mut merged = Model::new();
    let mut conflicts = Vec::new();
    for key in base.keys().chain(ours.keys()).chain(theirs.keys()) {
        let (b, o, t) = (base.get(key), ours.get(key), theirs.get(key));
        let value = if o == t || t == b {
            o
        } else if o == b {
            t
        } else {
            if !conflicts.contains(key) {
                conflicts.push(*key);
            }
            o
        };
        if let Some(value) = value {
            merged.insert(*key, *value);
        }
    }
    (merged, conflicts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_of_trees_is_the_merge_of_maps(start in edits(), left in edits(), right in edits()) {
        let base = apply(&Model::new(), &start);
        let (ours, theirs) = (apply(&base, &left), apply(&base, &right));
        let (expected, conflicts) = naive(&base, &ours, &theirs);
        let trees = [build(&base), build(&ours), build(&theirs)];
        let merged = merge(&trees[0], &trees[1], &trees[2]);
        prop_assert_eq!(merged.tree().id().unwrap(), build(&expected).id().unwrap());
        let mut found: Vec<_> = merged.conflicts().iter().map(|c| c.path.to_string()).collect();
        let mut wanted: Vec<_> = conflicts.iter().map(|(d, f)| format!("d{d}/f{f}")).collect();
        found.sort();
        wanted.sort();
        prop_assert_eq!(found, wanted);

        let mirrored = merge(&trees[0], &trees[2], &trees[1]);
        prop_assert_eq!(kinds(&mirrored), kinds(&merged));
        let (mut one, mut two) = (merged, mirrored);
        one.resolve_all(&Resolution::Theirs).unwrap();
        two.resolve_all(&Resolution::Ours).unwrap();
        prop_assert_eq!(one.tree().id().unwrap(), two.tree().id().unwrap());
    }

    #[test]
    fn merging_with_oneself_or_an_ancestor_changes_nothing(start in edits(), left in edits()) {
        let base = apply(&Model::new(), &start);
        let ours = build(&apply(&base, &left));
        let base = build(&base);
        for (b, o, t) in [(&base, &ours, &ours), (&base, &ours, &base), (&base, &base, &ours)] {
            let merged = merge(b, o, t);
            prop_assert!(merged.conflicts().is_empty());
            prop_assert_eq!(merged.tree().id().unwrap(), ours.id().unwrap());
        }
    }
}

fn repo() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1))
}

fn commit(branch: &Branch, at: &str, value: &str) -> Commit {
    branch
        .set(&path(at), value.to_owned(), "edit")
        .unwrap()
        .unwrap()
}

fn options(repo: &Repo) -> MergeOptions {
    MergeOptions {
        info: repo.info("merge").unwrap(),
        always_commit: false,
        durability: crate::Durability::Sync,
    }
}

#[test]
fn a_branch_merges_fast_forwards_or_stays() {
    let repo = repo();
    let (main, side) = (repo.branch("main").unwrap(), repo.branch("side").unwrap());
    let first = commit(&main, "a", "1");
    side.reset(&first).unwrap();
    let second = commit(&side, "b", "2");
    assert!(matches!(
        side.merge(&first, &options(&repo)).unwrap(),
        MergeOutcome::AlreadyMerged
    ));
    assert!(matches!(
        main.merge(&second, &options(&repo)).unwrap(),
        MergeOutcome::FastForward(_)
    ));
    commit(&main, "c", "3");
    let theirs = commit(&side, "d", "4");
    let MergeOutcome::Merged(merged) = main.merge(&theirs, &options(&repo)).unwrap() else {
        panic!("a merge commit expected");
    };
    assert_eq!(merged.parents()[1].id, theirs.id());
    assert_eq!(merged.generation(), 4);
    assert_eq!(main.get(&path("d")).unwrap().unwrap(), "4");
    let before = commit(&main, "a", "ours");
    let theirs = commit(&side, "a", "theirs");
    let outcome = main.merge(&theirs, &options(&repo)).unwrap();
    let MergeOutcome::Conflicts { mut merged, ours } = outcome else {
        panic!("a conflict expected");
    };
    assert_eq!(main.head().unwrap().unwrap(), before);
    let refused = main.commit_merge(&merged, &ours, &theirs, &options(&repo));
    assert!(matches!(
        refused,
        Err(Error::Unsettled { conflicts: 1, .. })
    ));
    merged.resolve_all(&Resolution::Theirs).unwrap();
    main.commit_merge(&merged, &ours, &theirs, &options(&repo))
        .unwrap();
    assert_eq!(main.get(&path("a")).unwrap().unwrap(), "theirs");
}

/// Two branches that merge each other at the same time have two common ancestors. From either one
/// alone, one side's settled value would look like the other side's change.
#[test]
fn a_criss_cross_is_merged_from_all_its_ancestors() {
    let repo = repo();
    let (left, right) = (repo.branch("left").unwrap(), repo.branch("right").unwrap());
    let root = commit(&left, "x", "0");
    right.reset(&root).unwrap();
    let one = commit(&left, "l", "1");
    let two = commit(&right, "r", "1");
    for round in 0..3 {
        let theirs = (
            left.head().unwrap().unwrap(),
            right.head().unwrap().unwrap(),
        );
        left.merge(&theirs.1, &options(&repo)).unwrap();
        right.merge(&theirs.0, &options(&repo)).unwrap();
        commit(&left, &format!("l{round}"), "1");
        commit(&right, &format!("r{round}"), "1");
    }
    assert!(one != two);
    let (ours, theirs) = (
        left.head().unwrap().unwrap(),
        right.head().unwrap().unwrap(),
    );
    let bases = repo
        .history()
        .lowest_common_ancestors(&[ours.id()], &[theirs.id()])
        .unwrap();
    assert_eq!(bases.len(), 2);
    let merged = repo.merge(&ours, &theirs).unwrap();
    assert_eq!(kinds(&merged), []);
    for name in ["l", "r", "l0", "r0", "l2", "r2"] {
        assert!(merged.tree().get(&path(name)).unwrap().is_some(), "{name}");
    }
}

#[test]
fn three_that_keep_merging_each_other_are_merged_without_doubling_the_work() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let start = commit(&main, "start", "0");
    let branches = ["main", "two", "three"].map(|name| repo.branch(name).unwrap());
    branches
        .iter()
        .for_each(|branch| branch.reset(&start).unwrap());
    // Each pair has three best common ancestors, and so has each pair of these, all the way down:
    // 2 to the power of 40 merges, if what came of the three were not kept.
    for round in 0..40 {
        let value = round.to_string();
        let heads: Vec<_> = branches
            .iter()
            .map(|branch| commit(branch, branch.name().as_str(), &value))
            .collect();
        for (own, branch) in branches.iter().enumerate() {
            for theirs in [&heads[(own + 1) % 3], &heads[(own + 2) % 3]] {
                let outcome = branch.merge(theirs, &options(&repo)).unwrap();
                assert!(matches!(outcome, MergeOutcome::Merged(_)));
            }
        }
    }
    let ids = branches.map(|branch| branch.tree().unwrap().id().unwrap());
    assert_eq!((ids[0], ids[1]), (ids[1], ids[2]));
}

#[test]
fn unrelated_histories_merge_from_nothing() {
    let repo = repo();
    let (left, right) = (repo.branch("left").unwrap(), repo.branch("right").unwrap());
    commit(&left, "a", "1");
    let theirs = commit(&right, "b", "2");
    assert!(matches!(
        left.merge(&theirs, &options(&repo)).unwrap(),
        MergeOutcome::Merged(_)
    ));
    assert_eq!(left.get(&path("b")).unwrap().unwrap(), "2");
}

#[test]
fn equal_histories_have_equal_ids_in_two_repositories() {
    let heads = [(); 2].map(|()| {
        let repo = repo();
        let (main, side) = (repo.branch("main").unwrap(), repo.branch("side").unwrap());
        side.reset(&commit(&main, "a", "1")).unwrap();
        commit(&main, "b", "2");
        let theirs = commit(&side, "c", "3");
        main.merge(&theirs, &options(&repo)).unwrap();
        main.head_id().unwrap()
    });
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn a_large_merge_reads_in_proportion_to_the_differences() {
    let repo = repo();
    let mut base = Tree::empty();
    for dir in 0..100 {
        for file in 0..1000 {
            let at = Path::parse(format!("d{dir:03}")).unwrap();
            base.set(&at.child(Step::new(format!("f{file:03}")).unwrap()), "x")
                .unwrap();
        }
    }
    let objects = repo.objects();
    let key = base.persist(&objects).unwrap();
    let load = || Tree::load(Arc::clone(&objects), key);
    let (mut ours, mut theirs) = (load(), load());
    for index in 0..20 {
        ours.set(&path(&format!("d{:03}/f{:03}", index * 4, index * 7)), "o")
            .unwrap();
        theirs
            .set(
                &path(&format!("d{:03}/f{:03}", index * 4 + 1, index * 9)),
                "t",
            )
            .unwrap();
    }
    let reload = |tree: &Tree| Tree::load(Arc::clone(&objects), tree.persist(&objects).unwrap());
    let (base, ours, theirs) = (load(), reload(&ours), reload(&theirs));
    let merged = merge(&base, &ours, &theirs);
    assert!(merged.conflicts().is_empty());
    for tree in [&base, &ours, &theirs] {
        let loaded = tree.stats().loaded;
        // 20 changes on each side, with at most 7 nodes from the root to an entry.
        assert!(loaded < 2 * 20 * 7, "{loaded} nodes read");
    }
}

#[test]
fn two_writers_of_different_paths_both_get_through_under_snapshot_isolation() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    commit(&main, "a", "1");
    let other = main.clone();
    let options = TransactOptions::new("mine").isolation(crate::Isolation::Snapshot);
    let done = main
        .transact(&options, |view| {
            view.get(&path("a"))?;
            view.set(&path("mine"), "1")?;
            other.set(&path("a"), "2", "theirs")?;
            Ok(())
        })
        .unwrap();
    assert_eq!(done.attempts, 1);
    assert_eq!(main.get(&path("a")).unwrap().unwrap(), "2");
    assert_eq!(main.get(&path("mine")).unwrap().unwrap(), "1");
}

/// Three lines of which each merges the other two at every step, so that each pair has three lowest
/// common ancestors, and so on down to the root.
#[test]
fn three_lines_that_merge_each_other_again_and_again_have_a_base_soon() {
    let repo = repo();
    let info = |message: &str| repo.info(message).unwrap();
    let start = repo
        .create_commit(&tree(&[("a", "0")]), &[], info("start"))
        .unwrap();
    let mut lines = vec![start.clone(), start.clone(), start];
    for step in 0..60 {
        let parents: Vec<_> = lines.clone();
        let parents = if step == 0 {
            &parents[..1]
        } else {
            &parents[..]
        };
        for (line, name) in lines.iter_mut().zip(["p", "q", "r"]) {
            let tree = tree(&[("a", "0"), (name, &step.to_string())]);
            *line = repo.create_commit(&tree, parents, info(name)).unwrap();
        }
    }
    let merged = repo.merge(&lines[0], &lines[1]).unwrap();
    assert_eq!(merged.tree().get_bytes(&path("a")).unwrap().unwrap(), "0");
}

#[test]
fn twenty_thousand_conflicts_are_settled_at_once() {
    let side = |value: &'static str| {
        let mut tree = Tree::empty();
        for i in 0..20_000 {
            tree.set(&path(&format!("d{}/{i}", i % 100)), value)
                .unwrap();
        }
        tree
    };
    let mut merged = merge(&Tree::empty(), &side("1"), &side("2"));
    assert_eq!(merged.conflicts().len(), 20_000);
    merged.resolve(&path("d50/50"), Resolution::Ours).unwrap();
    assert!(merged.resolve(&path("d50/50"), Resolution::Ours).is_err());
    merged.resolve_all(&Resolution::Theirs).unwrap();
    let value = |at| merged.tree().get_bytes(&path(at)).unwrap().unwrap();
    assert_eq!((value("d50/50"), value("d1/1")), ("1".into(), "2".into()));
}

/// A rule during whose work somebody else commits.
#[derive(Debug, Default)]
struct Racing(std::sync::OnceLock<Branch>, std::sync::atomic::AtomicU32);

impl crate::rules::MergeRule for Racing {
    fn name(&self) -> &'static str {
        "racing"
    }

    fn merge(
        &self,
        _: Option<&[u8]>,
        ours: &[u8],
        _: &[u8],
    ) -> Result<Vec<u8>, crate::rules::RuleConflict> {
        let round = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if let Some(branch) = self.0.get() {
            let _refused_in_the_end = branch.set(&path("noise"), round.to_string(), "noise");
        }
        Ok(ours.to_vec())
    }
}

#[test]
fn a_merge_gets_through_against_writers_that_never_stop() {
    let racing = Arc::new(Racing::default());
    let types = RuleTypes::default().with(Arc::clone(&racing) as _);
    let repo = Repo::with_rule_types(Arc::new(MemoryStore::new()), Env::fixed(1), types);
    let (main, side) = (repo.branch("main").unwrap(), repo.branch("side").unwrap());
    let start = commit(&main, ".irmin/rules", "x racing\n");
    side.reset(&start).unwrap();
    commit(&main, "x", "1");
    let theirs = commit(&side, "x", "2");
    racing.0.set(main.clone()).unwrap();
    let outcome = main.merge(&theirs, &options(&repo)).unwrap();
    assert!(matches!(outcome, MergeOutcome::Merged(_)));
    assert_eq!(racing.1.load(std::sync::atomic::Ordering::Relaxed), 4);
}
