//! Building in order against setting one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::tree::chunks::CHUNKED_BYTES_MIN;
use crate::{Durability, Engine, Env, Id, MemoryStore, Repo, WalkOptions};

fn store() -> Arc<dyn ObjectStore> {
    Arc::new(MemoryStore::new())
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Builds both ways, and checks that the built tree can be read wholly.
fn check(entries: &BTreeMap<Path, Entry>) {
    let store = store();
    let mut builder = TreeBuilder::new(&store);
    let mut expected = Tree::empty();
    for (path, entry) in entries {
        builder.push(path, entry.clone()).unwrap();
        expected.set(path, entry.clone()).unwrap();
    }
    let built = builder.finish().unwrap();
    assert_eq!(built.id().unwrap(), expected.id().unwrap());
    let walked = |tree: &Tree| -> Vec<(Path, Option<Bytes>)> {
        tree.walk(WalkOptions::default())
            .map(|found| {
                let (path, entry) = found.unwrap();
                (path, entry.into_blob().map(|blob| blob.bytes().unwrap()))
            })
            .collect()
    };
    assert_eq!(walked(&built), walked(&expected));
}

/// Removes what lies below another entry.
fn without_nested(entries: BTreeMap<Path, Entry>) -> BTreeMap<Path, Entry> {
    let mut kept: BTreeMap<Path, Entry> = BTreeMap::new();
    for (path, entry) in entries {
        let is_below = kept
            .last_key_value()
            .is_some_and(|(above, _)| path.starts_with(above));
        if !is_below {
            kept.insert(path, entry);
        }
    }
    kept
}

/// Names that are often prefixes of others and branch at either half of a byte.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab\\.0-9]{1,4}".prop_filter("no step", |name| Step::check(name.as_bytes()).is_ok()),
        1 => "[aq\u{fc}]{1,40}",
        1 => "a{200,255}",
    ]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let mode = prop_oneof![Just(Mode::Normal), Just(Mode::Executable), Just(Mode::Link)];
    let len = prop_oneof![8 => 0..129_usize, 1 => 129..300_usize];
    (mode, len, any::<u8>())
        .prop_map(|(mode, len, fill)| Blob::new(vec![fill; len]).with_mode(mode).into())
}

fn any_entries() -> impl Strategy<Value = BTreeMap<Path, Entry>> {
    let dirs = prop::collection::vec(prop_oneof!["[ab]", "[ab][ab\\.]"], 0..3);
    let path = (dirs, any_name()).prop_map(|(dirs, name)| {
        let text = dirs.join("/") + "/" + &name;
        Path::parse(text).unwrap()
    });
    prop::collection::btree_map(path, any_entry(), 0..400).prop_map(without_nested)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_built_in_order_is_the_one_that_set_makes(entries in any_entries()) {
        check(&entries);
    }

    #[test]
    fn around_the_size_of_a_bucket_the_shape_is_the_one_that_set_makes(
        names in prop::collection::btree_set("[ab]{1,8}", 20..80),
        tail in 0..3_usize,
    ) {
        let entries = names.iter().enumerate().map(|(number, name)| {
            let below = ["", "/x", "/x/y"][(number + tail) % 3];
            (path(&format!("{name}{below}")), Entry::from(name.clone()))
        });
        check(&entries.collect());
    }
}

#[test]
fn what_is_below_a_name_comes_before_the_longer_names() {
    let store = store();
    let mut builder = TreeBuilder::new(&store);
    for text in ["a/b", "a/b.c", "a.b", "ab"] {
        builder.push_bytes(text, b"x").unwrap();
    }
    assert_eq!(builder.finish().unwrap().list(None, 9).unwrap().len(), 3);
}

#[test]
fn an_entry_that_comes_too_late_or_twice_or_below_another_is_refused_and_no_harm_is_done() {
    let store = store();
    let mut builder = TreeBuilder::new(&store);
    let mut expected = Tree::empty();
    for text in ["a/b", "a/c/d", "b"] {
        builder.push_bytes(text, b"x").unwrap();
        expected.set(&path(text), "x").unwrap();
        for bad in ["a/a", "a/b", "a", text, &format!("{text}/below"), "a//b/"] {
            let error = builder.push_bytes(bad, b"y").unwrap_err();
            assert!(
                matches!(&error, Error::OutOfOrder { path: p, previous }
                    if *p == path(bad) && *previous == path(text)),
                "{bad} after {text}: {error}"
            );
            assert!(builder.push(&path(bad), "y").is_err());
        }
    }
    let error = builder.push_bytes("a/b", b"y").unwrap_err().to_string();
    assert!(error.contains("'a/b'") && error.contains("'b'"), "{error}");
    for bad in ["c/../d", "c/.", "c\0", &"c".repeat(256)] {
        assert!(
            matches!(builder.push_bytes(bad, b"y"), Err(Error::Path(_))),
            "{bad}"
        );
    }
    assert!(matches!(
        builder.push_bytes("/", b"y"),
        Err(Error::RootNeedsTree)
    ));
    assert!(matches!(
        builder.push(&Path::root(), "y"),
        Err(Error::RootNeedsTree)
    ));
    builder.push_bytes("c//d/", b"x").unwrap();
    expected.set(&path("c/d"), "x").unwrap();
    assert_eq!(
        builder.finish().unwrap().id().unwrap(),
        expected.id().unwrap()
    );
}

#[test]
fn nothing_makes_the_empty_tree() {
    let store = store();
    let mut builder = TreeBuilder::new(&store);
    builder.push(&path("a/b"), Tree::empty()).unwrap();
    let built = builder.finish().unwrap();
    assert!(built.is_empty().unwrap());
    assert_eq!(built.id().unwrap(), Tree::empty().id().unwrap());
}

#[test]
fn large_values_and_whole_trees_are_stored_beside_the_nodes() {
    let engine = Arc::new(MemoryStore::new());
    let store: Arc<dyn ObjectStore> = engine.clone();
    let mut part = Tree::empty();
    for number in 0..100 {
        part.set(&path(&format!("{number}")), "x").unwrap();
    }
    let large = vec![b'x'; CHUNKED_BYTES_MIN];
    let written = Blob::write(&store, &mut large.as_slice()).unwrap();
    let entries: BTreeMap<Path, Entry> = [
        ("chunks", Blob::new(large.clone()).into()),
        ("copied", part.clone().into()),
        (
            "links/one",
            Blob::new(vec![1; 5000]).with_mode(Mode::Link).into(),
        ),
        ("written", written.clone().into()),
    ]
    .map(|(text, entry)| (path(text), entry))
    .into();
    check(&entries);
    let mut builder = TreeBuilder::new(&store);
    builder.push(&path("copied"), part).unwrap();
    builder.push(&path("written"), written).unwrap();
    builder.push_bytes("x/large", &large).unwrap();
    builder.push_bytes("x/middle", &[7; 129]).unwrap();
    let built = builder.finish().unwrap();
    for (text, bytes) in [
        ("x/large", &large[..]),
        ("x/middle", &[7; 129]),
        ("copied/99", b"x"),
    ] {
        assert_eq!(
            built.get_bytes(&path(text)).unwrap().unwrap(),
            bytes,
            "{text}"
        );
    }
    assert_eq!(engine.verify(&mut |_| ()).unwrap().problems.len(), 0);
}

#[test]
fn many_batches_make_one_tree_that_can_be_committed() {
    let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1));
    let mut builder = TreeBuilder::new(&repo.objects());
    let mut expected = Tree::empty();
    let value = [b'v'; 120];
    for number in 0..30_000 {
        let text = match number {
            0..10_000 => format!("a/f{number:05}"),
            _ => format!("d{}/x{:03}/f{number:05}", number / 10_000, number / 100),
        };
        builder.push_bytes(&text, &value).unwrap();
        expected.set(&path(&text), value.to_vec()).unwrap();
    }
    let built = builder.finish().unwrap();
    assert_eq!(built.id().unwrap(), expected.id().unwrap());
    let main = repo.branch("main").unwrap();
    let info = repo.info("load").unwrap();
    main.commit(&built, None, info, Durability::Sync).unwrap();
    let tree = main.tree().unwrap();
    assert!(tree.get(&path("a/f09999")).unwrap().is_some());
}

/// A store that refuses objects while it is told to.
struct Refusing(MemoryStore, std::sync::atomic::AtomicBool);

impl ObjectStore for Refusing {
    fn store_id(&self) -> crate::StoreId {
        self.0.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<crate::Stored>),
    ) -> Result<(), crate::StoreError> {
        self.0.get_many(keys, out)
    }

    fn put_many(&self, objects: &[crate::Object<'_>]) -> Result<Vec<Key>, crate::StoreError> {
        if self.1.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(crate::StoreError::TooManyWriters { waiting: 0 });
        }
        self.0.put_many(objects)
    }

    fn commits_with_prefix(
        &self,
        prefix: &crate::IdPrefix,
        limit: usize,
    ) -> Result<Vec<Id>, crate::StoreError> {
        self.0.commits_with_prefix(prefix, limit)
    }
}

#[test]
fn a_store_that_fails_for_a_while_loses_nothing() {
    let refusing = Arc::new(Refusing(MemoryStore::new(), false.into()));
    let store: Arc<dyn ObjectStore> = refusing.clone();
    let mut builder = TreeBuilder::new(&store);
    let mut expected = Tree::empty();
    let mut failures = 0;
    for number in 0..20_000 {
        let text = format!("{number:05}");
        refusing
            .1
            .store(number % 3 == 0, std::sync::atomic::Ordering::Relaxed);
        if builder.push_bytes(&text, &[1; 100]).is_err() {
            failures += 1;
            refusing
                .1
                .store(false, std::sync::atomic::Ordering::Relaxed);
            builder.push_bytes(&text, &[1; 100]).unwrap();
        }
        expected.set(&path(&text), vec![1; 100]).unwrap();
    }
    assert!(failures > 0);
    refusing
        .1
        .store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(
        builder.finish().unwrap().id().unwrap(),
        expected.id().unwrap()
    );
}
