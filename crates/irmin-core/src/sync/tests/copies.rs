//! What is copied, and how often.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::sync::{CopyOptions, SyncError, copy};
use crate::{Cut, Id, IdPrefix, Key, Object, ObjectStore, StoreError, StoreId, Stored};

/// Notes which objects go through.
#[derive(Default)]
struct Notes {
    store: MemoryStore,
    read: Mutex<Vec<Id>>,
    written: Mutex<Vec<Id>>,
}

impl ObjectStore for Notes {
    fn store_id(&self) -> StoreId {
        self.store.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.read
            .lock()
            .unwrap()
            .extend(keys.iter().map(|key| key.id));
        self.store.get_many(keys, out)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.store.contains_many(ids, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        for object in objects {
            for link in object.links {
                assert!(
                    object.cut.parents
                        || self.written.lock().unwrap().contains(&link.id)
                        || self.store.get(&link.id.into()).unwrap().is_some(),
                    "stored before what it points to"
                );
            }
            self.written.lock().unwrap().push(object.id);
        }
        self.store.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.store.commits_with_prefix(prefix, limit)
    }
}

fn heads(repo: &Repo) -> Vec<Id> {
    let refs = engine(repo).list_refs("").unwrap();
    refs.into_iter().map(|(_, id)| id).collect()
}

fn copy_all(repo: &Repo, target: &dyn ObjectStore) -> CopyProgress {
    let options = CopyOptions::default();
    copy(engine(repo), &heads(repo), target, &options, &mut go_on()).unwrap()
}

#[test]
fn each_object_is_written_once_and_after_what_it_points_to() {
    let (source, target) = (sample(), Notes::default());
    let done = copy_all(&source, &target);
    let written = target.written.lock().unwrap();
    let different: HashSet<_> = written.iter().collect();
    assert_eq!(different.len(), written.len());
    assert_eq!(written.len() as u64, done.objects);
    assert_eq!((done.commits, done.commits_total), (65, 65));
}

#[test]
fn what_is_there_is_neither_read_from_the_source_nor_written() {
    let (source, target) = (sample(), Notes::default());
    copy_all(&source, &target);
    target.written.lock().unwrap().clear();
    set(&source, "main", "d/e/n1", "new");
    let notes = Notes::default();
    copy_all(&source, &notes.store);
    let ids = heads(&source);
    let options = CopyOptions::default();
    let done = copy(&notes, &ids, &target, &options, &mut go_on()).unwrap();
    assert_eq!(done.commits, 1);
    let written: HashSet<Id> = target.written.lock().unwrap().iter().copied().collect();
    let read: Vec<Id> = notes.read.lock().unwrap().clone();
    assert_eq!(read.iter().copied().collect::<HashSet<_>>(), written);
    assert_eq!(read.len(), written.len(), "each is read once");
    assert_eq!(written.len() as u64, done.objects);
    assert_eq!(
        copy(&notes, &ids, &target, &options, &mut go_on())
            .unwrap()
            .objects,
        0
    );
}

#[test]
fn a_copy_that_was_stopped_goes_on_where_it_was() {
    let (source, target) = (sample(), Notes::default());
    let all = copy_all(&source, &MemoryStore::new());
    let ids = heads(&source);
    let options = CopyOptions::default();
    let mut stop = |progress: CopyProgress| match progress.objects {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let mut calls = 0;
    loop {
        calls += 1;
        match copy(engine(&source), &ids, &target, &options, &mut stop) {
            Err(SyncError::Cancelled) => assert!(calls < 99),
            other => break other.map(drop).unwrap(),
        }
    }
    assert!(calls > 1);
    let written = target.written.lock().unwrap();
    assert_eq!(
        written.len() as u64,
        all.objects,
        "nothing is written twice"
    );
}

#[test]
fn a_part_of_history_is_cut_off_from_the_rest() {
    let source = repo();
    for number in 0..20 {
        set(&source, "main", "n", format!("{number}"));
    }
    let head = source.branch("main").unwrap().must_have_head().unwrap();
    let target = repo();
    let depth = NonZeroU32::new(3);
    let done = copy(
        engine(&source),
        &[head.id()],
        engine(&target),
        &CopyOptions { depth },
        &mut go_on(),
    );
    assert_eq!(done.unwrap().commits, 3);
    target
        .branch("main")
        .unwrap()
        .reset(&target.must_load(head.id()).unwrap())
        .unwrap();
    assert_clean(&target);
    let line: Vec<_> = target
        .history()
        .log(head.id())
        .map(Result::unwrap)
        .collect();
    assert_eq!(line.len(), 3);
    let last = target.must_load(line[2].key.id).unwrap();
    assert_eq!(last.generation(), 18, "as in the whole history");
    let cut = Cut {
        contents: false,
        parents: true,
    };
    assert_eq!(last.cut(), cut);

    // From there on, it goes on as it is.
    let further = repo();
    set(&target, "main", "n", "on");
    copy_all(&target, engine(&further));
    let head = target.branch("main").unwrap().must_have_head().unwrap();
    further
        .branch("main")
        .unwrap()
        .reset(&further.must_load(head.id()).unwrap())
        .unwrap();
    assert_clean(&further);
    let last = further.must_load(last.id()).unwrap();
    assert_eq!((last.generation(), last.cut()), (18, cut));
}

#[test]
fn a_directory_inside_itself_many_times_is_copied_in_no_time() {
    let mut tree = crate::Tree::empty();
    tree.set(&path("a"), "1").unwrap();
    for _ in 0..200 {
        let inside = tree.clone();
        tree.set(&path("x"), inside.clone()).unwrap();
        tree.set(&path("y/x"), inside).unwrap();
    }
    let source = repo();
    let commit = source
        .create_commit(&tree, &[], source.info("Deep").unwrap())
        .unwrap();
    let notes = Notes::default();
    copy(
        engine(&source),
        &[commit.id()],
        &notes,
        &CopyOptions::default(),
        &mut go_on(),
    )
    .unwrap();
    let target = MemoryStore::new();
    notes.read.lock().unwrap().clear();
    let done = copy(
        &notes,
        &[commit.id()],
        &target,
        &CopyOptions::default(),
        &mut go_on(),
    )
    .unwrap();
    assert_eq!(done.objects, notes.read.lock().unwrap().len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_two_histories_become_one_by_syncing_both_ways(
        changes in prop::collection::vec((0..2_usize, 0..3_u8, 0..40_u8, 0..400_usize), 1..60),
        again in prop::collection::vec((0..2_usize, 0..3_u8, 0..40_u8, 0..400_usize), 0..20),
    ) {
        let sides = [repo(), repo()];
        for changes in [changes, again] {
            for (side, branch, at, len) in changes {
                let value = vec![u8::try_from(side).unwrap(); len];
                let (branch, at) = (format!("b{branch}"), format!("d{}/{at}", at % 7));
                let branch = sides[side].branch(&branch).unwrap();
                branch.set(&path(&at), value, "Change").unwrap();
            }
            for (here, there) in [(0, 1), (1, 0)] {
                let options = crate::sync::FetchOptions::default();
                sides[here].fetch(engine(&sides[there]), "other", &options, &mut go_on()).unwrap();
                assert_clean(&sides[here]);
                for (name, id) in sides[there].branches().unwrap() {
                    let seen = engine(&sides[here]).get_ref(&format!("remotes/other/{name}"));
                    prop_assert_eq!(seen.unwrap(), Some(id));
                }
            }
        }
    }
}
