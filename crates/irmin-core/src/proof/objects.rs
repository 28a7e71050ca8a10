//! The objects of a proof: noted while they are read, and read from when it is verified.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::{Cut, Id, IdPrefix, Key, Object, ObjectStore, StoreError, StoreId, Stored};

/// A store that notes what is read from another one.
pub(super) struct Recorder {
    store: Arc<dyn ObjectStore>,
    seen: Mutex<BTreeMap<Id, Bytes>>,
}

impl Recorder {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        let seen = Mutex::default();
        Self { store, seen }
    }

    /// Returns what was read so far.
    pub(super) fn take(&self) -> Objects {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Objects::new(std::mem::take(&mut *seen))
    }
}

impl ObjectStore for Recorder {
    fn store_id(&self) -> StoreId {
        self.store.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.store.get_many(keys, &mut |position, stored| {
            if let (Some(key), Some(stored)) = (keys.get(position), &stored) {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.insert(key.id, stored.bytes.clone());
            }
            out(position, stored);
        })
    }

    fn put_many(&self, _objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Err(read_only())
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.store.commits_with_prefix(prefix, limit)
    }
}

/// The objects of a proof, as a store.
pub(super) struct Objects {
    id: StoreId,
    objects: BTreeMap<Id, Bytes>,
}

impl Objects {
    pub(super) fn new(objects: BTreeMap<Id, Bytes>) -> Self {
        let id = StoreId::fresh();
        Self { id, objects }
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn get(&self, id: &Id) -> Option<&Bytes> {
        self.objects.get(id)
    }

    /// Returns the encoded objects in the order of their ids.
    pub(super) fn in_order(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.objects.values()
    }
}

impl ObjectStore for Objects {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        for (position, key) in keys.iter().enumerate() {
            let found = self.objects.get(&key.id).map(|bytes| Stored {
                region: None,
                bytes: bytes.clone(),
                links: Vec::new(),
                generation: 0,
                cut: Cut::NONE,
            });
            out(position, found);
        }
        Ok(())
    }

    fn put_many(&self, _objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Err(read_only())
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}

fn read_only() -> StoreError {
    StoreError::ReadOnly {
        path: "proof".into(),
    }
}
