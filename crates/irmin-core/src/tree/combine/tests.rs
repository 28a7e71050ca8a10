//! Merging directories that are large enough to share nodes, against merging maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::rules::RuleTypes;
use crate::{Engine, Key, MemoryStore, ObjectStore, Path, Tree, merge_trees};

type Model = BTreeMap<(u8, u16), u8>;

/// A directory, a range of names in it, and the value that they get; none removes them.
type Edit = (u8, u16, u16, Option<u8>);

fn edits(count: usize) -> impl Strategy<Value = Vec<Edit>> {
    let len = prop_oneof![4 => 1..4_u16, 1 => 1..120_u16];
    let value = prop::option::weighted(0.7, 0..3_u8);
    prop::collection::vec((0..3_u8, 0..300_u16, len, value), 0..count)
}

fn apply(model: &Model, edits: &[Edit]) -> Model {
    let mut model = model.clone();
    for &(dir, first, len, value) in edits {
        for name in first..first + len {
            match value {
                Some(value) => model.insert((dir, name), value),
                None => model.remove(&(dir, name)),
            };
        }
    }
    model
}

/// Names that branch at both halves of their bytes, some of them prefixes of others.
fn path((dir, name): (u8, u16)) -> Path {
    let name = match name % 7 {
        0 => format!("{:x}", name / 7),
        rest => format!("{:x}{}", name / 7, "qx1".repeat(usize::from(rest))),
    };
    let dir = ["deep/er/", "flat/", ""][usize::from(dir)];
    Path::parse(format!("{dir}{name}")).unwrap()
}

fn build(model: &Model) -> Tree {
    let mut tree = Tree::empty();
    for (&key, &value) in model {
        tree.set(&path(key), vec![value]).unwrap();
    }
    tree
}

/// Conflicts are left as ours.
fn naive(base: &Model, ours: &Model, theirs: &Model) -> (Model, Vec<Path>) {
    let (mut merged, mut conflicts) = (ours.clone(), Vec::new());
    let mut keys: Vec<_> = base
        .keys()
        .chain(ours.keys())
        .chain(theirs.keys())
        .collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (b, o, t) = (base.get(key), ours.get(key), theirs.get(key));
        match t {
            _ if o == t || t == b => {}
            _ if o != b => conflicts.push(path(*key)),
            Some(value) => drop(merged.insert(*key, *value)),
            None => drop(merged.remove(key)),
        }
    }
    conflicts.sort();
    (merged, conflicts)
}

fn check(trees: [&Tree; 3], expected: &(Model, Vec<Path>)) {
    let [base, ours, theirs] = trees;
    let merged = merge_trees(base, ours, theirs, &RuleTypes::default()).unwrap();
    let conflicts: Vec<_> = merged.conflicts().iter().map(|c| c.path.clone()).collect();
    assert_eq!(conflicts, expected.1);
    let expected = build(&expected.0);
    assert_eq!(merged.tree().id().unwrap(), expected.id().unwrap());
    // Every number of entries and every node is right, too.
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let key = merged.tree().persist(&store).unwrap();
    let stored = Tree::load(Arc::clone(&store), key);
    assert_eq!(stored.diff(&expected).unwrap(), []);
    let paths = |tree: &Tree| {
        tree.walk(crate::WalkOptions::default())
            .map(|e| e.unwrap().0)
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&stored), paths(&expected));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_of_large_directories_is_the_merge_of_maps(
        start in edits(12),
        left in edits(8),
        right in edits(8),
    ) {
        let base = apply(&apply(&Model::new(), &[(0, 0, 150, Some(9)), (1, 0, 80, Some(9))]), &start);
        let (ours, theirs) = (apply(&base, &left), apply(&base, &right));
        let expected = naive(&base, &ours, &theirs);
        let trees = [&base, &ours, &theirs].map(build);
        check([&trees[0], &trees[1], &trees[2]], &expected);
        let stores = [(); 3].map(|()| Arc::new(MemoryStore::new()) as Arc<dyn ObjectStore>);
        for placed in [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 0, 1]] {
            let place = |tree: &Tree, store: usize| {
                let key: Key = tree.persist(&stores[store]).unwrap();
                Tree::load(Arc::clone(&stores[store]), key)
            };
            let mut loaded = trees.iter().zip(placed).map(|(tree, store)| place(tree, store));
            let loaded = [(); 3].map(|()| loaded.next().unwrap());
            check([&loaded[0], &loaded[1], &loaded[2]], &expected);
            check([&trees[0], &trees[1], &loaded[2]], &expected);
            check([&loaded[0], &loaded[1], &trees[2]], &expected);
        }
    }
}

#[test]
fn what_only_one_side_changed_is_taken_unread() {
    let engine = Arc::new(MemoryStore::new());
    let store: Arc<dyn ObjectStore> = engine.clone();
    let mut base = Tree::empty();
    for number in 0..5000 {
        base.set(&Path::parse(format!("d/{number:04}")).unwrap(), "x")
            .unwrap();
    }
    let key = base.persist(&store).unwrap();
    let load = |key| Tree::load(Arc::clone(&store), key);
    let changed = |first: u32| {
        let mut tree = load(key);
        for number in (first..5000).step_by(500) {
            tree.set(&Path::parse(format!("d/{number:04}")).unwrap(), "y")
                .unwrap();
        }
        load(tree.persist(&store).unwrap())
    };
    let (base, ours, theirs) = (load(key), changed(0), changed(250));
    let merged = merge_trees(&base, &ours, &theirs, &RuleTypes::default()).unwrap();
    // The root, the directory's first three nodes and the five parts by hundreds of each side lie
    // above what only one side changed.
    for tree in [&base, &ours, &theirs] {
        let loaded = tree.stats().loaded;
        assert!(loaded <= 14, "{loaded} nodes read");
    }
    let before = engine.len();
    merged.tree().persist(&store).unwrap();
    let stored = engine.len() - before;
    assert!(stored <= 14, "{stored} nodes stored");
    assert!(engine.verify(&mut |_| ()).unwrap().problems.is_empty());
    let (mut both, mut left) = (load(key), 0);
    for number in (0..5000).step_by(250) {
        both.set(&Path::parse(format!("d/{number:04}")).unwrap(), "y")
            .unwrap();
        left += 1;
    }
    assert_eq!(left, 20);
    assert_eq!(merged.tree().id().unwrap(), both.id().unwrap());
}
