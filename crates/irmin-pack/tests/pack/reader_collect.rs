//! Readers beside a writer that collects.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use irmin_core::{Collect, Durability, Engine, Id, Key, Kind, ObjectStore, RefStore};
use irmin_pack::{PackReader, PackStore};

use crate::reader::Done;
use crate::{put, set, small_segments};

fn collect(store: &PackStore) -> u64 {
    let what = Collect::everything_named();
    let report = store.collect(&what, &mut |_| ControlFlow::Continue(()));
    report.unwrap().objects_removed
}

fn node(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(60)
}

fn commit_bytes(number: u32) -> Vec<u8> {
    format!("commit {number}").into_bytes()
}

/// A commit upon the last one, with an object of its own, and some that nothing leads to.
fn commit(store: &PackStore, number: u32, parent: Option<Key>) -> Key {
    for dead in 0..3 {
        put(
            store,
            Kind::Blob,
            &[(number * 3 + dead).to_be_bytes(); 50].concat(),
            &[],
        );
    }
    let node = put(store, Kind::Node, &node(number), &[]);
    let links: Vec<Key> = [node].into_iter().chain(parent).collect();
    let key = put(store, Kind::Commit, &commit_bytes(number), &links);
    set(store, "heads/main", Some(key.id), Durability::None);
    key
}

fn number_of(reader: &PackReader, id: Id) -> u32 {
    let stored = reader.get(&Key::from(id)).unwrap().unwrap();
    let text = String::from_utf8(stored.bytes.to_vec()).unwrap();
    text.strip_prefix("commit ").unwrap().parse().unwrap()
}

/// Walks from the head to the first commit, by the links, and by ids.
fn walk(reader: &PackReader) -> u32 {
    let head = reader.get_ref("heads/main").unwrap().unwrap();
    let head_number = number_of(reader, head);
    let mut key = Key::from(head);
    for number in (0..=head_number).rev() {
        let stored = reader.get(&key).unwrap().unwrap();
        assert_eq!(stored.bytes, commit_bytes(number));
        let own = Key {
            id: Id::of(&node(number)),
            locator: stored.links[0],
        };
        for own in [own, Key::from(own.id)] {
            assert_eq!(reader.get(&own).unwrap().unwrap().bytes, node(number));
        }
        if number > 0 {
            key = Key {
                id: Id::of(&commit_bytes(number - 1)),
                locator: stored.links[1],
            };
        }
    }
    head_number
}

/// Returns the files of a store that are open in this process and have no name any more.
#[cfg(target_os = "linux")]
fn nameless(dir: &std::path::Path) -> BTreeSet<String> {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
    let targets = targets.map(|target| target.display().to_string());
    let inside = dir.display().to_string();
    targets
        .filter(|target| target.starts_with(&inside) && target.ends_with("(deleted)"))
        .collect()
}

#[test]
fn readers_follow_a_writer_that_commits_and_collects() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let mut parent = commit(&store, 0, None);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let busy: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let reader = PackReader::open(dir.path(), small_segments()).unwrap();
                    while !is_done.load(Ordering::Acquire) {
                        walk(&reader);
                    }
                    walk(&reader)
                })
            })
            .collect();
        let done = Done(&is_done);
        let idle = PackReader::open(dir.path(), small_segments()).unwrap();
        let mut removed = 0;
        for number in 1..240 {
            parent = commit(&store, number, Some(parent));
            if number % 20 == 0 {
                removed += collect(&store);
            }
        }
        assert!(removed > 400, "{removed}");
        drop(done);
        for reader in busy {
            assert_eq!(reader.join().unwrap(), 239);
        }
        assert_eq!(walk(&idle), 239);
        assert!(idle.verify(&mut |_| ()).unwrap().is_clean());
    });
}

#[test]
fn a_reader_lets_go_of_segments_that_were_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let mut parent = commit(&store, 0, None);
    let readers: Vec<PackReader> = (0..2)
        .map(|_| PackReader::open(dir.path(), small_segments()).unwrap())
        .collect();
    for number in 1..60 {
        parent = commit(&store, number, Some(parent));
    }
    for reader in &readers {
        assert_eq!(walk(reader), 59);
    }
    // Objects that never had a name go at the second time.
    let mut removed = 0;
    for number in 60..63 {
        parent = commit(&store, number, Some(parent));
        removed += collect(&store);
        assert_eq!(walk(&readers[0]), number);
    }
    assert!(removed > 100, "{removed}");
    assert_eq!(walk(&readers[1]), 62);
    #[cfg(target_os = "linux")]
    assert_eq!(nameless(dir.path()), BTreeSet::new());
}

#[test]
fn what_a_reader_holds_is_kept_until_it_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let key = commit(&store, 0, None);
    let reader = PackReader::open(dir.path(), small_segments()).unwrap();
    let hold = reader.hold(key.id).unwrap();
    set(&store, "heads/main", None, Durability::None);
    for round in 0..4 {
        let other = commit(&store, 1 + round, None);
        set(&store, "heads/main", None, Durability::None);
        collect(&store);
        assert!(store.get(&other.id.into()).unwrap().is_none());
        assert_eq!(reader.get_ref("heads/main").unwrap(), None);
        assert_eq!(number_of(&reader, key.id), 0);
        let own = Key::from(Id::of(&node(0)));
        assert!(reader.get(&own).unwrap().is_some());
        assert!(store.get(&own).unwrap().is_some());
    }
    drop(hold);
    collect(&store);
    reader.refresh().unwrap();
    assert!(reader.get(&key.id.into()).unwrap().is_none());
    assert!(store.get(&key.id.into()).unwrap().is_none());
}
