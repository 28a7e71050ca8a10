use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{MemoryStore, PathError};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(MemoryStore::new())
}

fn names(tree: &Tree) -> Vec<String> {
    tree.entries()
        .unwrap()
        .map(|entry| entry.unwrap().0.to_string())
        .collect()
}

/// Names that meet in all the ways that half bytes can: ends inside others, odd and even splits.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,4}",
        "[ab0]{1,2}[a-z0-9]{0,3}",
        Just("x".repeat(200)),
        "x{190,200}[yz]{0,2}",
        "\\PC{1,3}".prop_filter("a step", |name| Step::check(name.as_bytes()).is_ok()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_directory_behaves_like_an_ordered_map_and_its_id_ignores_the_order_of_edits(
        edits in prop::collection::vec((name(), prop::option::weighted(0.7, 0_u8..4)), 1..220),
        cut in 0_usize..200,
    ) {
        let store = memory();
        let mut tree = Tree::empty();
        let mut model = BTreeMap::new();
        for (index, (name, value)) in edits.iter().enumerate() {
            let at = Path::from(Step::new(name).unwrap());
            match value {
                Some(value) => {
                    let new = vec![*value; usize::from(*value) * 50];
                    let changed = tree.set(&at, new.clone()).unwrap();
                    prop_assert_eq!(changed, model.insert(name.clone().into_bytes(), new.clone()) != Some(new));
                }
                None => {
                    let removed = tree.remove(&at).unwrap();
                    prop_assert_eq!(removed, model.remove(name.as_bytes()).is_some());
                }
            }
            if index == cut {
                let key = tree.persist(&store).unwrap();
                tree = Tree::load(Arc::clone(&store), key);
            }
        }
        let listed: Vec<_> = tree.entries().unwrap().map(Result::unwrap).collect();
        let expected: Vec<_> = model.keys().cloned().collect();
        prop_assert_eq!(listed.iter().map(|(step, _)| step.to_vec()).collect::<Vec<_>>(), expected);
        prop_assert_eq!(tree.len().unwrap(), model.len() as u64);
        let mut rebuilt = Tree::empty();
        for (name, value) in model.iter().rev() {
            rebuilt.set(&Path::from(Step::new(name).unwrap()), value.clone()).unwrap();
            prop_assert_eq!(&tree.get_bytes(&Path::from(Step::new(name).unwrap())).unwrap().unwrap()[..], &value[..]);
        }
        prop_assert_eq!(tree.id().unwrap(), rebuilt.id().unwrap());
        let key = tree.persist(&store).unwrap();
        prop_assert_eq!(key.id, rebuilt.id().unwrap());
        let loaded = Tree::load(store, key);
        for (index, name) in model.keys().enumerate() {
            let (step, _) = loaded.nth(index as u64).unwrap().unwrap();
            prop_assert_eq!(step.as_bytes(), &name[..]);
            let page = loaded.list(Some(&Step::new(name).unwrap()), 3).unwrap();
            let expected: Vec<_> = model.keys().skip(index + 1).take(3).cloned().collect();
            prop_assert_eq!(page.iter().map(|(step, _)| step.to_vec()).collect::<Vec<_>>(), expected);
        }
        prop_assert!(loaded.nth(model.len() as u64).unwrap().is_none());
    }

    #[test]
    fn a_path_in_text_leads_where_the_parsed_path_leads(
        entries in prop::collection::btree_map((0_u8..3, name()), 0_u8..4, 0..150),
        sought in prop::collection::vec("(/|[a-c0-2]|d|\\.|\\x00)/{0,2}[a-c0./]{0,4}", 0..20),
    ) {
        let mut tree = Tree::empty();
        for ((dir, name), value) in &entries {
            tree.set(&path(&format!("{dir}/{name}")), vec![*value; usize::from(*value) * 60]).unwrap();
        }
        let all = entries.keys().map(|(dir, name)| format!("/{dir}//{name}/"));
        for text in all.chain(sought) {
            let found = tree.find(&text).map(|found| found.map(|found| found.to_blob()));
            match Path::parse(&text) {
                Ok(path) => prop_assert_eq!(found.unwrap(), tree.get_blob(&path).unwrap()),
                Err(error) => prop_assert!(matches!(found, Err(Error::Path(e)) if e == error)),
            }
        }
    }

    #[test]
    fn a_page_starts_behind_any_name_whether_or_not_it_exists(
        entries in prop::collection::btree_set(name(), 1..120), after in name(),
    ) {
        let mut tree = Tree::empty();
        for name in &entries {
            tree.set(&Path::from(Step::new(name).unwrap()), "").unwrap();
        }
        let page = tree.list(Some(&Step::new(&after).unwrap()), usize::MAX).unwrap();
        let mut expected: Vec<_> = entries.iter().map(|name| name.as_bytes().to_vec()).collect();
        expected.sort();
        expected.retain(|name| name.as_slice() > after.as_bytes());
        prop_assert_eq!(page.iter().map(|(step, _)| step.to_vec()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_diff_lists_what_two_maps_differ_in(
        left in prop::collection::btree_map((0_u8..3, name()), 0_u8..3, 0..150),
        edits in prop::collection::btree_map((0_u8..3, name()), prop::option::of(0_u8..3), 0..60),
    ) {
        let mut right = left.clone();
        for (key, value) in edits {
            match value {
                Some(value) => { right.insert(key, value); }
                None => { right.remove(&key); }
            }
        }
        let build = |map: &BTreeMap<(u8, String), u8>| {
            let mut tree = Tree::empty();
            for ((dir, name), value) in map {
                let at = Path::parse(format!("d{dir}")).unwrap().child(Step::new(name).unwrap());
                tree.set(&at, vec![*value]).unwrap();
            }
            tree
        };
        let (old, new) = (build(&left), build(&right));
        old.id().unwrap();
        let mut expected = Vec::new();
        for key in left.keys().chain(right.keys()).collect::<std::collections::BTreeSet<_>>() {
            let at = Path::parse(format!("d{}", key.0)).unwrap().child(Step::new(&key.1).unwrap());
            match (left.get(key), right.get(key)) {
                (None, Some(_)) => expected.push((at, '+')),
                (Some(_), None) => expected.push((at, '-')),
                (Some(a), Some(b)) if a != b => expected.push((at, '*')),
                _ => {}
            }
        }
        expected.sort();
        let found: Vec<_> = old.diff(&new).unwrap().into_iter().map(|change| {
            let sign = match change.difference {
                Difference::Added(_) => '+',
                Difference::Removed(_) => '-',
                Difference::Modified { .. } => '*',
            };
            (change.path, sign)
        }).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn foreign_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        let head = [1, 3, bytes.first().copied().unwrap_or(0) & 1];
        bytes.splice(..bytes.len().min(3), head);
        let stored = crate::Stored { region: None, cut: crate::Cut::NONE, bytes: bytes.into(), links: Vec::new(), generation: 0 };
        let store = Fixed(stored, crate::StoreId::fresh());
        let tree = Tree::load(Arc::new(store), Id::NULL.into());
        let _any = tree.entries().map(|entries| entries.take(100).count());
        let _any = tree.get(&path("abc"));
    }
}

/// A store that answers every question with the same object.
struct Fixed(crate::Stored, crate::StoreId);

impl ObjectStore for Fixed {
    fn store_id(&self) -> crate::StoreId {
        self.1
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<crate::Stored>),
    ) -> Result<(), crate::StoreError> {
        (0..keys.len()).for_each(|index| out(index, Some(self.0.clone())));
        Ok(())
    }

    fn put_many(&self, objects: &[crate::Object<'_>]) -> Result<Vec<Key>, crate::StoreError> {
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    fn commits_with_prefix(
        &self,
        _: &crate::IdPrefix,
        _: usize,
    ) -> Result<Vec<Id>, crate::StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn an_edit_that_changes_nothing_returns_the_same_tree() {
    let mut tree = Tree::empty();
    tree.set(&path("a/b"), "1").unwrap();
    let before = tree.clone();
    assert!(!tree.set(&path("a/b"), "1").unwrap());
    assert!(!tree.remove(&path("a/c")).unwrap());
    assert!(Arc::ptr_eq(&tree.root, &before.root));
}

#[test]
fn a_value_found_in_place_is_lent_if_it_is_small() {
    let mut tree = Tree::empty();
    tree.set(&path("a/small"), Blob::new("1").with_mode(Mode::Executable))
        .unwrap();
    tree.set(&path("a/large"), vec![7; 200]).unwrap();
    let small = tree.find("a/small").unwrap().unwrap();
    assert_eq!(
        (small.mode(), small.inline()),
        (Mode::Executable, Some(&b"1"[..]))
    );
    let large = tree.find("a/large").unwrap().unwrap();
    assert_eq!(large.inline(), None);
    assert_eq!(large.to_blob().bytes().unwrap(), vec![7; 200]);
    for nothing in ["", "/", "a", "b", "a/b", "a/small/c"] {
        assert!(tree.find(nothing).unwrap().is_none(), "{nothing}");
    }
}

#[test]
fn removing_the_last_entry_removes_the_directories_above() {
    let mut tree = Tree::empty();
    tree.set(&path("a/b/c/d"), "1").unwrap();
    tree.set(&path("a/x"), "2").unwrap();
    tree.remove(&path("a/b/c/d")).unwrap();
    assert_eq!(tree.kind(&path("a/b")).unwrap(), None);
    tree.remove(&path("a/x")).unwrap();
    assert!(tree.is_empty().unwrap());
    assert_eq!(tree.id().unwrap(), Tree::empty().id().unwrap());
}

#[test]
fn a_blob_and_a_directory_replace_each_other() {
    let mut tree = Tree::empty();
    tree.set(&path("a"), "1").unwrap();
    tree.set(&path("a/b"), "2").unwrap();
    assert_eq!(tree.kind(&path("a")).unwrap(), Some(EntryKind::Tree));
    tree.set(&path("a"), "3").unwrap();
    assert_eq!(tree.get_bytes(&path("a")).unwrap().unwrap(), "3");
    assert!(tree.get(&path("a/b")).unwrap().is_none());
    assert!(matches!(
        tree.set(&Path::root(), "x"),
        Err(Error::RootNeedsTree)
    ));
}

#[test]
fn a_tree_can_be_put_into_another_and_an_empty_one_removes() {
    let mut part = Tree::empty();
    part.set(&path("x"), "1").unwrap();
    let mut tree = Tree::empty();
    tree.set(&path("deep/part"), part).unwrap();
    assert_eq!(tree.get_bytes(&path("deep/part/x")).unwrap().unwrap(), "1");
    tree.set(&path("deep/part"), Tree::empty()).unwrap();
    assert!(tree.is_empty().unwrap());
}

#[test]
fn a_part_of_another_store_is_copied() {
    let (first, second) = (memory(), memory());
    let mut tree = Tree::empty();
    tree.set(&path("a/b"), vec![7; 500]).unwrap();
    let tree = Tree::load(Arc::clone(&first), tree.persist(&first).unwrap());
    let mut other = Tree::load(Arc::clone(&second), Tree::empty().persist(&second).unwrap());
    other
        .set(&path("copy"), tree.get_tree(&path("a")).unwrap().unwrap())
        .unwrap();
    let key = other.persist(&second).unwrap();
    let found = Tree::load(second, key)
        .get_bytes(&path("copy/b"))
        .unwrap()
        .unwrap();
    assert_eq!(found, vec![7; 500]);
}

#[test]
fn a_path_of_a_thousand_steps_works_and_drops_without_recursion() {
    let store = memory();
    let steps: Vec<_> = (0..4000)
        .map(|i| Step::new(format!("s{i}")).unwrap())
        .collect();
    let deep = Path::from_steps(steps).unwrap();
    let mut tree = Tree::empty();
    tree.set(&deep, "bottom").unwrap();
    let mut other = tree.clone();
    other.set(&deep, "changed").unwrap();
    assert_eq!(tree.diff(&other).unwrap().len(), 1);
    let key = tree.persist(&store).unwrap();
    drop((tree, other));
    let tree = Tree::load(store, key);
    assert_eq!(tree.get_bytes(&deep).unwrap().unwrap(), "bottom");
    assert_eq!(tree.walk(WalkOptions::default()).count(), 4000);
}

#[test]
fn large_values_are_chunked_shared_and_read_back() {
    let store = memory();
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let bytes: Vec<u8> = (0..3 << 20).map(|_| next()).collect();
    let mut tree = Tree::empty();
    tree.set(&path("big"), bytes.clone()).unwrap();
    let streamed = Blob::write(&store, &mut &bytes[..]).unwrap();
    assert_eq!(
        Entry::from(streamed).id().unwrap(),
        tree.get(&path("big")).unwrap().unwrap().id().unwrap()
    );
    let loaded = Tree::load(Arc::clone(&store), tree.persist(&store).unwrap());
    let blob = loaded.get_blob(&path("big")).unwrap().unwrap();
    assert_eq!(blob.size(), bytes.len() as u64);
    assert!(blob.bytes().unwrap() == bytes);
}

#[test]
fn a_walk_obeys_order_depth_prefix_and_pruning() {
    let mut tree = Tree::empty();
    for at in ["a/b/c", "a/d", "e"] {
        tree.set(&path(at), "").unwrap();
    }
    let walk = |options: WalkOptions| -> Vec<String> {
        tree.walk(options)
            .map(|found| found.unwrap().0.to_string())
            .collect()
    };
    assert_eq!(
        walk(WalkOptions::default()),
        ["a", "a/b", "a/b/c", "a/d", "e"]
    );
    let after = WalkOptions {
        order: Order::After,
        ..Default::default()
    };
    assert_eq!(walk(after), ["a/b/c", "a/b", "a/d", "a", "e"]);
    assert_eq!(
        walk(WalkOptions {
            depth: 2..=2,
            ..Default::default()
        }),
        ["a/b", "a/d"]
    );
    let prefix = WalkOptions {
        prefix: path("a/b"),
        ..Default::default()
    };
    assert_eq!(walk(prefix), ["a/b", "a/b/c"]);
    let mut pruned = tree.walk(WalkOptions::default());
    assert_eq!(pruned.next().unwrap().unwrap().0, path("a"));
    pruned.prune();
    assert_eq!(pruned.next().unwrap().unwrap().0, path("e"));
}

#[test]
fn reads_touch_only_the_path_and_stats_tell() {
    let store = memory();
    let mut tree = Tree::empty();
    for i in 0..1000 {
        tree.set(&path(&format!("d{}/f{i}", i % 10)), "x").unwrap();
    }
    assert!(tree.stats().dirty > 10);
    let tree = Tree::load(Arc::clone(&store), tree.persist(&store).unwrap());
    assert_eq!(
        tree.stats(),
        TreeStats {
            unloaded: 1,
            ..TreeStats::default()
        }
    );
    tree.get(&path("d3/f13")).unwrap().unwrap();
    let stats = tree.stats();
    assert!(stats.loaded <= 5 && stats.dirty == 0, "{stats:?}");
}

#[test]
fn bad_steps_never_reach_a_tree() {
    let bad: Result<Path, PathError> = Path::parse("a/./b");
    assert!(bad.is_err());
}

#[test]
fn names_come_in_byte_order() {
    let mut tree = Tree::empty();
    for name in ["b", "a.b", "a", "ab", "a-"] {
        tree.set(&path(name), "").unwrap();
    }
    assert_eq!(names(&tree), ["a", "a-", "a.b", "ab", "b"]);
}

/// A tree that one store has is not stored in another one, and locators of one mean something else
/// in the other.
#[test]
fn a_tree_persists_to_any_number_of_stores() {
    let build = || {
        let mut tree = Tree::empty();
        for i in 0..100 {
            tree.set(&path(&format!("d{}/f{i}", i % 3)), vec![7; i * 4])
                .unwrap();
        }
        tree
    };
    let stores = [memory(), memory(), memory()];
    // Objects of another tree, so that equal locators would lead to wrong objects.
    let mut noise = Tree::empty();
    noise.set(&path("noise"), "x").unwrap();
    noise.persist(&stores[1]).unwrap();
    let tree = build();
    let mut copy = Tree::load(Arc::clone(&stores[0]), tree.persist(&stores[0]).unwrap());
    let expected = tree.id().unwrap();
    for (store, tree) in [(&stores[1], &tree), (&stores[2], &copy.clone())] {
        let key = tree.persist(store).unwrap();
        let loaded = Tree::load(Arc::clone(store), key);
        assert_eq!(loaded.id().unwrap(), expected);
        assert!(loaded.diff(&build()).unwrap().is_empty());
        for found in loaded.walk(WalkOptions::default()) {
            if let (_, Entry::Blob(blob)) = found.unwrap() {
                blob.bytes().unwrap();
            }
        }
    }
    copy.set(&path("d1/new"), "1").unwrap();
    let key = copy.persist(&stores[2]).unwrap();
    let loaded = Tree::load(Arc::clone(&stores[2]), key);
    assert_eq!(loaded.walk(WalkOptions::default()).count(), 104);
}

#[test]
fn a_diff_is_in_the_order_of_paths_where_a_blob_replaces_a_directory_too() {
    let mut dir = Tree::empty();
    dir.set(&path("c/a"), "1").unwrap();
    let mut blob = Tree::empty();
    blob.set(&path("c"), "1").unwrap();
    for (old, new) in [(&dir, &blob), (&blob, &dir)] {
        let changes = old.diff(new).unwrap();
        let paths: Vec<_> = changes
            .iter()
            .map(|change| change.path.to_string())
            .collect();
        assert_eq!(paths, ["c", "c/a"]);
    }
}

#[test]
fn the_places_that_differ_are_listed_up_to_a_limit_and_whole_directories_as_one() {
    let mut old = Tree::empty();
    old.set(&path("same/a"), "1").unwrap();
    old.set(&path("d/a"), "1").unwrap();
    let mut new = old.clone();
    new.set(&path("d/a"), "2").unwrap();
    new.set(&path("dir/b/1"), "1").unwrap();
    new.set(&path("dir/b/2"), "1").unwrap();
    let mut paths = old.diff_paths(&new, 2).unwrap().unwrap();
    paths.sort();
    assert_eq!(paths, [path("d/a"), path("dir")]);
    assert_eq!(old.diff_paths(&new, 1).unwrap(), None);
    assert_eq!(old.diff_paths(&old.clone(), 0).unwrap(), Some(vec![]));
}

#[test]
fn a_tree_put_into_itself_many_times_is_hashed_and_stored_once() {
    let mut tree = Tree::empty();
    for round in 0..60 {
        let before = tree.clone();
        tree.set(&path("left"), before.clone()).unwrap();
        tree.set(&path("right"), before).unwrap();
        tree.set(&path("round"), round.to_string()).unwrap();
    }
    let store = memory();
    let key = tree.clone().persist(&store).unwrap();
    assert_eq!(key.id, tree.id().unwrap());
    let stored = Tree::load(store, key);
    let deepest = path(&"left/right/".repeat(29)).join(&path("left/round"));
    assert_eq!(stored.get_bytes(&deepest).unwrap().unwrap(), "0");
}

#[test]
fn a_stored_directory_is_known_to_have_entries_without_reading_it() {
    let store = memory();
    let mut tree = Tree::empty();
    let nothing = Tree::load(Arc::clone(&store), tree.persist(&store).unwrap());
    assert!(nothing.is_empty().unwrap());
    tree.set(&path("a/b"), "1").unwrap();
    let lazy = Tree::load(Arc::clone(&store), tree.persist(&store).unwrap());
    assert!(!lazy.is_empty().unwrap());
    assert_eq!(lazy.stats().loaded, 0);
}

#[test]
fn a_tree_put_twice_into_itself_again_and_again_is_stored_at_once() {
    let mut tree = Tree::empty();
    tree.set(&path("x"), "1").unwrap();
    for _ in 0..60 {
        let below = std::mem::take(&mut tree);
        tree.set(&path("a"), below.clone()).unwrap();
        tree.set(&path("b"), below).unwrap();
    }
    let id = tree.clone().id().unwrap();
    assert_eq!(tree.persist(&memory()).unwrap().id, id);
}
