//! The objects that can be read, and which of them are whole with all that they lead to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use irmin_core::{
    Cut, Id, IdPrefix, Key, Kind, Locator, Object, ObjectStore, StoreError, StoreId, Stored,
    links_of,
};

use crate::damage;
use crate::files::Files;
use crate::layout::Layout;

/// Where an object is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) segment: u32,
    /// Where its encoding begins.
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) kind: Kind,
    pub(super) generation: u32,
    pub(super) cut: Cut,
    /// Where it is in the new store.
    pub(super) copied: Option<Locator>,
}

#[derive(Debug)]
pub(super) struct Objects {
    pub(super) files: Arc<dyn Files>,
    pub(super) layout: Layout,
    pub(super) found: HashMap<Id, Found>,
    /// In the order of the log.
    pub(super) order: Vec<Id>,
    /// Those that are there with all that they lead to.
    pub(super) whole: HashSet<Id>,
    /// The same, each after those that it leads to.
    pub(super) whole_order: Vec<Id>,
    id: StoreId,
}

impl Objects {
    pub(super) fn new(files: Arc<dyn Files>, layout: Layout) -> Self {
        Self {
            files,
            layout,
            found: HashMap::new(),
            order: Vec::new(),
            whole: HashSet::new(),
            whole_order: Vec::new(),
            id: StoreId::fresh(),
        }
    }

    /// Notes an object. Of several copies the one counts that leaves out least.
    pub(super) fn add(&mut self, id: Id, found: Found) {
        let left_out = |found: &Found| u8::from(found.cut.contents) + u8::from(found.cut.parents);
        match self.found.get_mut(&id) {
            None => {
                self.found.insert(id, found);
                self.order.push(id);
            }
            Some(known) if left_out(&found) < left_out(known) => *known = found,
            Some(_) => {}
        }
    }

    /// Finds out which objects are whole. Reads all but the blobs once.
    pub(super) fn find_whole(&mut self) -> Result<(), StoreError> {
        let mut waiting: HashMap<Id, Vec<Id>> = HashMap::new();
        let mut missing: HashMap<Id, usize> = HashMap::new();
        let order = std::mem::take(&mut self.order);
        for id in &order {
            // Children come first in the log, so most find theirs whole already.
            let links = self.links(id)?;
            let open = links
                .iter()
                .flatten()
                .filter(|link| !self.whole.contains(*link));
            let mut count = usize::from(links.is_none());
            for link in open {
                waiting.entry(*link).or_default().push(*id);
                count += 1;
            }
            if count > 0 {
                missing.insert(*id, count);
                continue;
            }
            let mut ready = vec![*id];
            while let Some(id) = ready.pop() {
                if !self.whole.insert(id) {
                    continue;
                }
                self.whole_order.push(id);
                for parent in waiting.remove(&id).unwrap_or_default() {
                    if let Some(count) = missing.get_mut(&parent) {
                        *count -= 1;
                        if *count == 0 {
                            ready.push(parent);
                        }
                    }
                }
            }
        }
        self.order = order;
        Ok(())
    }

    /// Returns what an object leads to; `None` when it makes no sense.
    pub(super) fn links(&self, id: &Id) -> Result<Option<Vec<Id>>, StoreError> {
        let Some(found) = self.found.get(id) else {
            return Ok(None);
        };
        if found.kind == Kind::Blob {
            return Ok(Some(Vec::new()));
        }
        let Ok(links) = links_of(&self.read(id, found)?) else {
            return Ok(None);
        };
        let kept = links.into_iter().enumerate();
        let kept = kept.filter(|(index, _)| !found.cut.leaves_out(*index));
        Ok(Some(kept.map(|(_, link)| link).collect()))
    }

    /// Reads an object, whose checksum was right when it was found.
    pub(super) fn read(&self, id: &Id, found: &Found) -> Result<Bytes, StoreError> {
        let path = self.layout.segment(found.segment);
        let offset = u64::from(found.offset);
        let file = self.files.open_read(&path);
        let file = file.map_err(damage::io("open", &path))?;
        let mut bytes = vec![0; found.length as usize];
        file.read_at(&mut bytes, offset)
            .map_err(damage::read(&path, offset))?;
        if Id::of(&bytes) == *id {
            return Ok(bytes.into());
        }
        let damage = damage::Damage::new(offset, format!("object {id}"), "other bytes");
        Err(damage.at(&path))
    }

    /// Copies all whole objects to another store.
    pub(super) fn copy(
        &mut self,
        to: &dyn ObjectStore,
        step: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        let order = std::mem::take(&mut self.whole_order);
        for id in &order {
            let Some(found) = self.found.get(id).copied() else {
                continue;
            };
            let bytes = self.read(id, &found)?;
            let links = match found.kind {
                Kind::Blob => Vec::new(),
                _ => links_of(&bytes).unwrap_or_default(),
            };
            let links: Vec<Key> = links.into_iter().map(|link| self.copied(link)).collect();
            let object = Object {
                base: None,
                id: *id,
                kind: found.kind,
                bytes: &bytes,
                links: &links,
                generation: found.generation,
                cut: found.cut,
            };
            for key in to.put_many(&[object])? {
                if let Some(found) = self.found.get_mut(id) {
                    found.copied = key.locator;
                }
            }
            step(bytes.len() as u64);
        }
        self.whole_order = order;
        Ok(self.whole_order.len() as u64)
    }

    fn copied(&self, id: Id) -> Key {
        let locator = self.found.get(&id).and_then(|found| found.copied);
        Key { id, locator }
    }
}

/// So that directories can be listed as far as they are there.
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
            let stored = match self.found.get(&key.id) {
                None => None,
                Some(found) => Some(Stored {
                    bytes: self.read(&key.id, found)?,
                    links: Vec::new(),
                    generation: found.generation,
                    cut: found.cut,
                }),
            };
            out(position, stored);
        }
        Ok(())
    }

    fn put_many(&self, _objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Err(StoreError::ReadOnly {
            path: self.layout.dir.clone(),
        })
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}
