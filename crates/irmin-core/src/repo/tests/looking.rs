//! Readers that look for a branch's head in the very moment at which it moves.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::{
    Collect, CollectProgress, CollectReport, Durability, Hold, IdPrefix, RefEdit, RefOutcome,
    RefStore, StoreError, StoreId, StoreStats, Stored, VerifyProgress, VerifyReport,
};

/// A store that has a reader look as soon as a name has moved, and counts what is read.
#[derive(Default)]
struct Looking {
    memory: MemoryStore,
    reader: OnceLock<Branch>,
    reads: AtomicUsize,
}

impl ObjectStore for Looking {
    fn store_id(&self) -> StoreId {
        self.memory.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.reads.fetch_add(keys.len(), Ordering::Relaxed);
        self.memory.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.memory.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.memory.commits_with_prefix(prefix, limit)
    }
}

impl RefStore for Looking {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        self.memory.get_ref(name)
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        self.memory.list_refs(prefix)
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        let outcome = self.memory.compare_and_swap(edits, durability)?;
        if let Some(reader) = self.reader.get() {
            let head = reader.must_have_head().unwrap();
            assert_eq!(Some(head.id()), edits[0].new);
            assert!(head.tree().find("dir/e500").unwrap().is_some());
        }
        Ok(outcome)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.memory.sync()
    }

    fn changes(&self) -> u64 {
        self.memory.changes()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.memory.wait_for_changes(seen, timeout)
    }
}

impl Engine for Looking {
    fn url(&self) -> String {
        self.memory.url()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        self.memory.verify(progress)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.memory.stats()
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        self.memory.hold(commit)
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.memory.collect(collect, control)
    }
}

#[test]
fn who_looks_while_a_branch_moves_reads_nothing_and_loses_nothing_that_is_loaded() {
    let store = Arc::new(Looking::default());
    let repo = Repo::new(Arc::clone(&store) as Arc<dyn Engine>, Env::fixed(7));
    let main = repo.branch("main").unwrap();
    let mut tree = Tree::empty();
    for number in 0..1000 {
        let name = path(&format!("dir/e{number:03}"));
        tree.set(&name, "old").unwrap();
    }
    main.set(&Path::root(), tree, "").unwrap().unwrap();
    store.reader.set(repo.branch("main").unwrap()).unwrap();
    let before = store.reads.load(Ordering::Relaxed);
    for number in 0..20 {
        let name = path(&format!("dir/e{number:03}"));
        main.set(&name, "new", "").unwrap().unwrap();
    }
    assert_eq!(store.reads.load(Ordering::Relaxed), before);
}
