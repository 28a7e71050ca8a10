//! A store that gives what a fuzzer wants it to give, a bounded number of times.

use std::sync::atomic::{AtomicU32, Ordering};

use irmin_core::{Id, IdPrefix, Key, Object, ObjectStore, StoreError, StoreId, Stored};

/// The most reads. Ids here are no hashes, so objects may lead to themselves: the end of the budget
/// is the end of such a circle.
const READS_MAX: u32 = 500;

/// A store whose objects are found by a function of their ids.
pub(crate) struct Budget<F> {
    find: F,
    reads: AtomicU32,
    id: StoreId,
}

impl<F: Fn(&Id) -> Option<Stored> + Send + Sync> Budget<F> {
    pub(crate) fn new(find: F) -> Self {
        Self {
            find,
            reads: AtomicU32::new(0),
            id: StoreId::fresh(),
        }
    }
}

impl<F: Fn(&Id) -> Option<Stored> + Send + Sync> ObjectStore for Budget<F> {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        for (position, key) in keys.iter().enumerate() {
            let is_left = self.reads.fetch_add(1, Ordering::Relaxed) < READS_MAX;
            out(position, is_left.then(|| (self.find)(&key.id)).flatten());
        }
        Ok(())
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}
