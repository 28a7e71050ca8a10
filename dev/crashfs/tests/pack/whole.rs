//! An engine that is not told what objects are made from, and so stores each whole: tests find them
//! by their bytes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use irmin_core::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Id, IdPrefix, Key, Object,
    ObjectStore, RefEdit, RefOutcome, RefStore, StoreError, StoreId, StoreStats, Stored,
    VerifyProgress, VerifyReport,
};
use irmin_pack::PackStore;

pub(crate) struct Whole(pub(crate) Arc<PackStore>);

impl ObjectStore for Whole {
    fn store_id(&self) -> StoreId {
        self.0.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.0.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let whole = |object: &Object<'_>| {
            self.0.put_many(&[Object {
                base: None,
                ..*object
            }])
        };
        let keys: Vec<Vec<Key>> = objects.iter().map(whole).collect::<Result<_, _>>()?;
        Ok(keys.concat())
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.0.commits_with_prefix(prefix, limit)
    }
}

impl RefStore for Whole {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        self.0.get_ref(name)
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        self.0.list_refs(prefix)
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        self.0.compare_and_swap(edits, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.0.sync()
    }

    fn changes(&self) -> u64 {
        self.0.changes()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.0.wait_for_changes(seen, timeout)
    }
}

impl Engine for Whole {
    fn url(&self) -> String {
        self.0.url()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        Engine::verify(&*self.0, progress)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        Engine::stats(&*self.0)
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        self.0.hold(commit)
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.0.collect(collect, control)
    }
}
