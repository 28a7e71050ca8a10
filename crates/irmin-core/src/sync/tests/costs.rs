//! How much goes over the wire, and in how many calls.

use std::sync::Mutex;

use super::*;
use crate::sync::CopyOptions;
use crate::sync::bases::Near;
use crate::sync::copy::Copy;
use crate::{Id, IdPrefix, Key, Object, ObjectStore, StoreError, StoreId, Stored, Tree};

/// Counts calls to a store, and objects in them.
struct Wire<'a> {
    store: &'a MemoryStore,
    counts: Mutex<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: usize,
    asked: usize,
    read: usize,
    written: usize,
}

impl<'a> Wire<'a> {
    fn new(store: &'a MemoryStore) -> Self {
        let counts = Mutex::default();
        Self { store, counts }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap();
        counts.calls += 1;
        change(&mut counts);
    }

    fn counts(&self) -> Counts {
        *self.counts.lock().unwrap()
    }
}

impl ObjectStore for Wire<'_> {
    fn store_id(&self) -> StoreId {
        self.store.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.count(|counts| counts.read += keys.len());
        self.store.get_many(keys, out)
    }

    fn get_history(
        &self,
        from: &[Key],
        limit: usize,
        out: &mut dyn FnMut(Id, Stored),
    ) -> Result<(), StoreError> {
        self.count(|_| ());
        self.store.get_history(from, limit, &mut |id, stored| {
            self.counts.lock().unwrap().read += 1;
            out(id, stored);
        })
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.count(|counts| counts.asked += ids.len());
        self.store.contains_many(ids, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.count(|counts| counts.written += objects.len());
        self.store.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.store.commits_with_prefix(prefix, limit)
    }
}

/// Returns a store with a tree of 6,000 entries and a hundred commits of three changes each on top of
/// it, and the first and the last commit.
fn wide_history() -> (Arc<MemoryStore>, Id, Id) {
    let store = Arc::new(MemoryStore::new());
    let repo = Repo::new(store.clone(), Env::fixed(0));
    let at = |number: usize| path(&format!("d{:02}/f{:02}", number / 100 % 60, number % 100));
    let mut tree = Tree::empty();
    for number in 0..6000 {
        tree.set(&at(number), vec![1; 20]).unwrap();
    }
    let info = || repo.info("Change").unwrap();
    let first = repo.create_commit(&tree, &[], info()).unwrap();
    let mut last = first.clone();
    for number in 0..100 {
        tree = last.tree().clone();
        for entry in 0..3 {
            tree.set(&at(number * 7919 + entry * 1543), vec![2; 10 + number % 9])
                .unwrap();
        }
        last = repo.create_commit(&tree, &[last], info()).unwrap();
    }
    (store, first.id(), last.id())
}

/// Copies the history of [`wide_history`] to where its first commit is. Returns what it took.
fn copy_news(near: Near) -> (CopyProgress, Counts, Counts) {
    let (store, first, last) = wide_history();
    let target = MemoryStore::new();
    let options = CopyOptions::default();
    let old = Copy::new(store.as_ref(), &target, near);
    old.run(&[first], &options, &mut go_on()).unwrap();
    let (source, target) = (Wire::new(&store), Wire::new(&target));
    let news = Copy::new(&source, &target, near);
    let done = news.run(&[last], &options, &mut go_on()).unwrap();
    assert_eq!(done.commits, 100);
    assert_eq!(target.counts().written as u64, done.objects);
    (done, source.counts(), target.counts())
}

#[test]
fn a_fetch_of_a_hundred_commits_asks_for_what_is_new_in_few_calls() {
    let (done, source, target) = copy_news(Near::Target);
    let objects = usize::try_from(done.objects).unwrap();
    println!("{done:?}\nsource {source:?}\ntarget {target:?}");
    assert!(
        source.calls <= 12,
        "a remote is called {} times",
        source.calls
    );
    assert_eq!(source.asked, 0);
    // At most three times as many commits are read in vain.
    assert!(source.read <= objects + 300, "{source:?}");
    assert!(target.asked <= objects + 300, "{target:?}");
}

#[test]
fn a_push_of_a_hundred_commits_asks_for_what_is_new_in_few_calls() {
    let (done, source, target) = copy_news(Near::Source);
    let objects = usize::try_from(done.objects).unwrap();
    println!("{done:?}\nsource {source:?}\ntarget {target:?}");
    assert!(
        target.calls <= 20,
        "a remote is called {} times",
        target.calls
    );
    assert!(target.asked <= objects + 300, "{target:?}");
    assert_eq!(target.read, 1, "the commit that they build on");
    assert!(source.read <= 2 * objects + 300, "{source:?}");
}
