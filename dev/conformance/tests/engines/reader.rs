//! A pack that is written through one handle and read through another that follows it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use irmin_conformance::{Place, suite};
use irmin_core::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Id, IdPrefix, Key, Object,
    ObjectStore, RefEdit, RefOutcome, RefStore, StoreError, StoreId, StoreStats, Stored,
    VerifyProgress, VerifyReport,
};
use irmin_pack::{Options, PackReader, PackStore};
use tempfile::TempDir;

struct Followed {
    store: PackStore,
    reader: PackReader,
}

impl ObjectStore for Followed {
    fn store_id(&self) -> StoreId {
        self.reader.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.reader.refresh()?;
        let mut absent = Vec::new();
        self.reader
            .get_many(keys, &mut |position, stored| match stored {
                None => absent.push(position),
                stored => out(position, stored),
            })?;
        // What waits for its commit in the memory of the writer.
        for position in absent {
            out(position, self.store.get(&keys[position])?);
        }
        Ok(())
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.store.put_many(objects)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.store.contains_many(ids, out)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.reader.refresh()?;
        let mut ids = self.reader.commits_with_prefix(prefix, limit)?;
        ids.extend(self.store.commits_with_prefix(prefix, limit)?);
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(limit);
        Ok(ids)
    }
}

impl RefStore for Followed {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        self.reader.get_ref(name)
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        self.reader.list_refs(prefix)
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        self.store.compare_and_swap(edits, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn changes(&self) -> u64 {
        self.reader.refresh().unwrap();
        self.reader.changes()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.reader.wait_for_changes(seen, timeout)
    }
}

impl Engine for Followed {
    fn url(&self) -> String {
        self.reader.url()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        let seen = self.reader.verify(&mut |_| ())?;
        let report = self.store.verify(progress)?;
        assert_eq!(seen.is_clean(), report.is_clean(), "{:?}", seen.problems);
        Ok(report)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.reader.stats()?;
        self.store.stats()
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        self.reader.hold(commit)
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.store.collect(collect, control)
    }
}

struct Pack(TempDir);

impl Place for Pack {
    fn open(&self) -> Arc<dyn Engine> {
        let dir = self.0.path().join("repository");
        let options = Options {
            segment_bytes: 32 << 10,
            pending_bytes: 1 << 10,
            cache_bytes: 4 << 10,
            ..Options::default()
        };
        let store = PackStore::open_or_create(&dir, options.clone()).unwrap();
        let reader = PackReader::open(&dir, options).unwrap();
        Arc::new(Followed { store, reader })
    }
}

#[test]
fn a_pack_that_is_read_by_a_follower_passes_the_suite() {
    suite(&|| Box::new(Pack(TempDir::new().unwrap())));
}
