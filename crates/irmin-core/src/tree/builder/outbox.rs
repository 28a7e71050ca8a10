//! Objects on their way into a store, handed over many at a time.

use std::sync::Arc;

use crate::codec::header;
use crate::error::Result;
use crate::store::Locator;
use crate::tree::chunks;
use crate::{Cut, Id, Key, Kind, Object, ObjectStore};

/// So many bytes of objects wait for their store, and one entry's nodes more.
const WAITING_BYTES: usize = 1 << 20;

/// An object that is stored or waits to be.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) id: Id,
    pub(super) at: At,
}

/// Where an object is.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// In the outbox, with this position.
    Waiting(usize),
    /// In the store.
    Stored(Option<Locator>),
}

impl At {
    /// Notes where the objects of an outbox are that was emptied.
    pub(super) fn settle(&mut self, keys: &[Key]) {
        if let Self::Waiting(position) = *self {
            *self = Self::Stored(keys.get(position).and_then(|key| key.locator));
        }
    }
}

/// See the module's documentation. An object is put together at the end of the bytes and the links,
/// then [`seal`](Self::seal)ed.
pub(super) struct Outbox {
    store: Arc<dyn ObjectStore>,
    pub(super) bytes: Vec<u8>,
    links: Vec<Key>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    kind: Kind,
    id: Id,
    /// Where the next object's bytes and links start.
    bytes_end: usize,
    links_end: usize,
}

impl Outbox {
    pub(super) fn new(store: &Arc<dyn ObjectStore>) -> Self {
        Self {
            store: Arc::clone(store),
            bytes: Vec::with_capacity(WAITING_BYTES + WAITING_BYTES / 16),
            links: Vec::new(),
            waiting: Vec::new(),
        }
    }

    pub(super) const fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Tells whether it is time to [`empty`](Self::empty) it.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes.len() >= WAITING_BYTES
    }

    /// Adds a link to the object at the end. One that waits too has no locator: the store finds it
    /// by its id, as it has just come to know it.
    pub(super) fn link(&mut self, id: Id, at: At) {
        let locator = match at {
            At::Waiting(_) => None,
            At::Stored(locator) => locator,
        };
        self.links.push(Key { id, locator });
    }

    /// Completes the object at the end of the bytes. Hashes it, unless its id is known.
    pub(super) fn seal(&mut self, kind: Kind, id: Option<Id>) -> Target {
        let start = self.waiting.last().map_or(0, |before| before.bytes_end);
        let id = id.unwrap_or_else(|| Id::of(self.bytes.get(start..).unwrap_or_default()));
        self.waiting.push(Waiting {
            kind,
            id,
            bytes_end: self.bytes.len(),
            links_end: self.links.len(),
        });
        let at = At::Waiting(self.waiting.len() - 1);
        Target { id, at }
    }

    /// Adds a value that is one object.
    pub(super) fn blob(&mut self, value: &[u8], id: Option<Id>) -> Target {
        self.bytes.extend(header(Kind::Blob));
        self.bytes.extend_from_slice(value);
        self.seal(Kind::Blob, id)
    }

    /// Stores a value that is cut into chunks.
    pub(super) fn chunks(&self, value: &[u8]) -> Result<Target> {
        let key = chunks::put(self.store.as_ref(), value)?;
        let (id, at) = (key.id, At::Stored(key.locator));
        Ok(Target { id, at })
    }

    /// Stores what waits, and returns the keys by position. When the store fails, all waits on.
    pub(super) fn empty(&mut self) -> Result<Vec<Key>> {
        let (mut bytes, mut links) = (&self.bytes[..], &self.links[..]);
        let (mut bytes_start, mut links_start) = (0, 0);
        let mut objects = Vec::with_capacity(self.waiting.len());
        for waiting in &self.waiting {
            let (own_bytes, rest_bytes) = bytes.split_at(waiting.bytes_end - bytes_start);
            let (own_links, rest_links) = links.split_at(waiting.links_end - links_start);
            objects.push(Object {
                id: waiting.id,
                kind: waiting.kind,
                bytes: own_bytes,
                links: own_links,
                generation: 0,
                cut: Cut::NONE,
                base: None,
            });
            (bytes, links) = (rest_bytes, rest_links);
            (bytes_start, links_start) = (waiting.bytes_end, waiting.links_end);
        }
        let keys = self.store.put_many(&objects)?;
        self.bytes.clear();
        self.links.clear();
        self.waiting.clear();
        Ok(keys)
    }
}
