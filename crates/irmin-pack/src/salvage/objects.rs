//! The objects that can be read, and which of them are whole with all that they lead to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use irmin_core::{
    Cut, Id, IdPrefix, Key, Kind, Locator, Object, ObjectStore, StoreError, StoreId, Stored,
    links_of,
};

use crate::chain::{self, Piece, Recent, Whole};
use crate::damage::{self, Damage};
use crate::files::Files;
use crate::layout::Layout;
use crate::lock::lock;
use crate::older::missing;
use crate::place::{Place, narrow};
use crate::record::{DELTA_BYTES_MAX, Record};

/// Where an object is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) segment: u32,
    /// The number of its record.
    pub(super) number: u32,
    /// Where its encoding begins, and how long it is; `None` if it is made from another object.
    pub(super) span: Option<(u32, u32)>,
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
    /// Where the sound records are that objects may be made from, and how long.
    records: HashMap<Place, (u32, u32)>,
    recent: Mutex<Recent>,
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
            records: HashMap::new(),
            recent: Mutex::default(),
            order: Vec::new(),
            whole: HashSet::new(),
            whole_order: Vec::new(),
            id: StoreId::fresh(),
        }
    }

    /// Notes where a sound record is, for what is made from it.
    pub(super) fn note(&mut self, record: &Record<'_>, place: Place, offset: u32) {
        if record.object_bytes() <= DELTA_BYTES_MAX {
            self.records.insert(place, (offset, narrow(record.length)));
        }
    }

    /// Makes the object of a sound record.
    pub(super) fn make(
        &self,
        record: &Record<'_>,
        place: Place,
        offset: u32,
    ) -> Result<Arc<Whole>, StoreError> {
        self.whole(Piece::copied(record, place, u64::from(offset)), place)
    }

    fn whole(&self, piece: Piece, place: Place) -> Result<Arc<Whole>, StoreError> {
        let mut fetch = |place| match lock(&self.recent).get(place) {
            Some(whole) => Ok(Some(Piece::Whole(whole))),
            None => self.piece(place),
        };
        let made = chain::make(piece, &mut fetch);
        let whole = made.map_err(|unmade| unmade.at(&self.layout))?;
        lock(&self.recent).add(place, &whole);
        Ok(whole)
    }

    fn piece(&self, place: Place) -> Result<Option<Piece>, StoreError> {
        let Some((offset, length)) = self.records.get(&place).copied() else {
            return Ok(None);
        };
        let path = self.layout.segment(place.segment);
        let bytes = Bytes::from(self.bytes(place.segment, offset, length)?);
        let offset = u64::from(offset);
        let record = Record::parse(&bytes, place, offset).map_err(|damage| damage.at(&path))?;
        Ok(Some(Piece::new(record, &bytes, place, offset)))
    }

    fn bytes(&self, segment: u32, offset: u32, length: u32) -> Result<Vec<u8>, StoreError> {
        let path = self.layout.segment(segment);
        let file = self.files.open_read(&path);
        let file = file.map_err(damage::io("open", &path))?;
        let mut bytes = vec![0; length as usize];
        let offset = u64::from(offset);
        file.read_at(&mut bytes, offset)
            .map_err(damage::read(&path, offset))?;
        Ok(bytes)
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
        let (segment, number) = (found.segment, found.number);
        let bytes = match found.span {
            Some((offset, length)) => self.bytes(segment, offset, length)?.into(),
            None => {
                let place = Place { segment, number };
                let piece = self.piece(place)?;
                let piece = piece.ok_or_else(|| missing(place, &self.layout))?;
                self.whole(piece, place)?.bytes.clone()
            }
        };
        if Id::of(&bytes) == *id {
            return Ok(bytes);
        }
        let damage = Damage::new(0, format!("object {id}"), "other bytes");
        Err(damage.at(&self.layout.segment(segment)))
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
                    region: None,
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
