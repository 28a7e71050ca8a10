//! The target of a copy: knows what is there, and takes objects in batches.

use std::collections::HashMap;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::copy::CopyProgress;
use super::error::SyncError;
use crate::store::{Base, Cut, Locator, Object};
use crate::{Id, Key, Kind, ObjectStore};

/// From how many bytes, and how many objects on a batch is handed over.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_OBJECTS: usize = 4096;
/// How many objects are remembered to be in the target, at about 70 bytes.
const KNOWN_MAX: usize = 1 << 17;

/// Where objects go.
pub(super) struct Sink<'a> {
    pub(super) target: &'a dyn ObjectStore,
    /// What the target has, or will with the next batch, as far as it was seen of late.
    known: HashMap<Id, Option<Locator>>,
    batch: Vec<Parcel>,
    batch_bytes: usize,
    pub(super) done: CopyProgress,
    progress: &'a mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
}

/// An object that was checked.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) id: Id,
    pub(super) kind: Kind,
    pub(super) bytes: Bytes,
    /// With the places that are known in the target.
    pub(super) links: Vec<Key>,
    pub(super) generation: u32,
    pub(super) cut: Cut,
    /// An object that the target has and that this one differs little from.
    pub(super) base: Option<(Locator, Bytes)>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        target: &'a dyn ObjectStore,
        progress: &'a mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Self {
        Self {
            target,
            known: HashMap::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            done: CopyProgress::default(),
            progress,
        }
    }

    /// Tells whether an object is known to be there. One that is not may be there, too.
    pub(super) fn knows(&self, id: &Id) -> bool {
        self.known.contains_key(id)
    }

    /// Asks the target for all at once, and keeps those that it lacks.
    pub(super) fn retain_missing<T>(
        &mut self,
        items: &mut Vec<T>,
        id: impl Fn(&T) -> Id,
    ) -> Result<(), SyncError> {
        if items.is_empty() {
            return Ok(());
        }
        let ids: Vec<Id> = items.iter().map(&id).collect();
        let mut answers = Vec::with_capacity(ids.len());
        self.target.contains_many(&ids, &mut answers)?;
        let mut answers = answers.into_iter();
        items.retain(|item| {
            let is_there = answers.next().unwrap_or(false);
            if is_there {
                self.known.insert(id(item), None);
            }
            !is_there
        });
        Ok(())
    }

    /// Adds an object whose links are all there or were added before.
    pub(super) fn push(&mut self, parcel: Parcel) -> Result<(), SyncError> {
        self.batch_bytes += parcel.bytes.len();
        self.known.insert(parcel.id, None);
        self.batch.push(parcel);
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_OBJECTS {
            self.flush()?;
            self.tell()?;
        }
        Ok(())
    }

    /// Hands over what was added.
    pub(super) fn flush(&mut self) -> Result<(), SyncError> {
        let batch = std::mem::take(&mut self.batch);
        let bytes = std::mem::take(&mut self.batch_bytes);
        if batch.is_empty() {
            return Ok(());
        }
        let links: Vec<Vec<Key>> = batch.iter().map(|one| self.keys(&one.links)).collect();
        let pairs = batch.iter().zip(&links);
        let objects: Vec<Object<'_>> = pairs.map(|(one, links)| one.object(links)).collect();
        let keys = self.target.put_many(&objects)?;
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
        self.known
            .extend(keys.iter().map(|key| (key.id, key.locator)));
        let commits = batch.iter().filter(|one| one.kind == Kind::Commit).count();
        self.done.commits += commits as u64;
        self.done.objects += batch.len() as u64;
        self.done.bytes += bytes as u64;
        Ok(())
    }

    /// Tells how far the copy is; the caller may stop it.
    pub(super) fn tell(&mut self) -> Result<(), SyncError> {
        match (self.progress)(self.done) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(SyncError::Cancelled),
        }
    }

    fn keys(&self, links: &[Key]) -> Vec<Key> {
        let key = |link: &Key| Key {
            id: link.id,
            locator: link.locator.or_else(|| *self.known.get(&link.id)?),
        };
        links.iter().map(key).collect()
    }
}

impl Parcel {
    fn object<'a>(&'a self, links: &'a [Key]) -> Object<'a> {
        let base = self.base.as_ref();
        Object {
            base: base.map(|(locator, bytes)| Base {
                locator: *locator,
                bytes,
            }),
            id: self.id,
            kind: self.kind,
            bytes: &self.bytes,
            links,
            generation: self.generation,
            cut: self.cut,
        }
    }
}
