//! Between trees and the engine: counts what is loaded, so that caches can be bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::{Engine, Key, Object, ObjectStore, StoreId, Stored};
use crate::store_error::StoreError;
use crate::{Id, IdPrefix};

/// Where the tree of a commit loads from whose contents were left out: says so.
pub(crate) struct NoContents {
    objects: Arc<dyn ObjectStore>,
    commit: Id,
}

impl NoContents {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, commit: Id) -> Self {
        Self { objects, commit }
    }
}

impl ObjectStore for NoContents {
    fn store_id(&self) -> StoreId {
        self.objects.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        // Another commit may share the tree, or parts of it.
        let mut is_cut = false;
        self.objects.get_many(keys, &mut |position, stored| {
            is_cut |= stored.is_none();
            out(position, stored);
        })?;
        let commit = self.commit;
        if is_cut {
            Err(StoreError::Cut { commit })
        } else {
            Ok(())
        }
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.objects.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.objects.commits_with_prefix(prefix, limit)
    }
}

/// An engine's objects, with a count of the bytes that went through.
pub(crate) struct Loader {
    engine: Arc<dyn Engine>,
    bytes: AtomicU64,
}

impl Loader {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            bytes: AtomicU64::new(0),
        }
    }

    /// Returns how many bytes were read and written since the last call that returned `true` for
    /// more than `limit`, which starts a new count.
    pub(crate) fn exceeds(&self, limit: u64) -> bool {
        let exceeded = self.bytes.load(Ordering::Relaxed) > limit;
        if exceeded {
            self.bytes.store(0, Ordering::Relaxed);
        }
        exceeded
    }
}

impl ObjectStore for Loader {
    fn store_id(&self) -> StoreId {
        self.engine.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        let mut bytes = 0;
        self.engine.get_many(keys, &mut |index, stored| {
            bytes += stored.as_ref().map_or(0, |stored| stored.bytes.len());
            out(index, stored);
        })?;
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let bytes: usize = objects.iter().map(|object| object.bytes.len()).sum();
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.engine.put_many(objects)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.engine.contains_many(ids, out)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.engine.commits_with_prefix(prefix, limit)
    }
}
