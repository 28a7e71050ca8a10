//! Nodes of directories in memory: lazy, shared, changed by copying what is shared.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::bucket::{Bucket, Sub};
use super::inner::Inner;
use super::origin::Origin;
use crate::error::{DecodeError, Error, Result};
use crate::store::{Locator, StoreId};
use crate::{Id, Key, ObjectStore, Stored};

/// The store that a tree loads from, if any.
pub(crate) type Store = Option<Arc<dyn ObjectStore>>;

/// A pointer to a node that knows its id, or holds the node, or both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    id: OnceLock<Id>,
    /// Set once a store has the node: the first store to have it.
    stored: OnceLock<Place>,
    node: OnceLock<Arc<Node>>,
}

/// Where a store keeps an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: StoreId,
    pub(crate) locator: Option<Locator>,
}

/// The places of what a stored object points to, in the order of its encoding.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) store: StoreId,
    pub(crate) locators: &'a [Option<Locator>],
}

impl Places<'_> {
    pub(crate) fn get(&self, index: usize) -> Place {
        let locator = self.locators.get(index).copied().flatten();
        Place {
            store: self.store,
            locator,
        }
    }

    /// Leaves out the first places.
    pub(crate) fn skip(self, count: usize) -> Self {
        Self {
            locators: self.locators.get(count..).unwrap_or_default(),
            ..self
        }
    }
}

/// A node of a directory's radix tree.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Bucket(Bucket),
    Inner(Inner),
}

impl Link {
    /// Points to a stored node, to be loaded when needed.
    pub(crate) fn stored(id: Id, place: Place) -> Self {
        let node = OnceLock::new();
        Self {
            id: OnceLock::from(id),
            stored: OnceLock::from(place),
            node,
        }
    }

    /// Holds a new node.
    pub(super) fn new(node: Node) -> Self {
        let node = OnceLock::from(Arc::new(node));
        Self {
            id: OnceLock::new(),
            stored: OnceLock::new(),
            node,
        }
    }

    pub(super) fn known_id(&self) -> Option<Id> {
        self.id.get().copied()
    }

    pub(super) fn set_id(&self, id: Id) {
        // Two threads that hash the same node at once come to the same id.
        let _same = self.id.set(id);
    }

    /// Returns the key, if the given store is known to have the node.
    pub(super) fn key_in(&self, store: StoreId) -> Option<Key> {
        let place = self.stored.get().filter(|place| place.store == store)?;
        Some(Key {
            id: self.known_id()?,
            locator: place.locator,
        })
    }

    /// Returns the key, if any store has the node.
    pub(super) fn place(&self) -> Option<(Id, Place)> {
        Some((self.known_id()?, *self.stored.get()?))
    }

    pub(super) fn set_stored(&self, place: Place) {
        // The first place is kept: it is as good as another.
        let _first = self.stored.set(place);
    }

    pub(super) fn loaded(&self) -> Option<&Arc<Node>> {
        self.node.get()
    }

    /// Returns the node, loading it if needed: at most one read.
    #[inline]
    pub(super) fn node(&self, store: &Store) -> Result<&Arc<Node>> {
        match self.node.get() {
            Some(node) => Ok(node),
            None => self.load(store),
        }
    }

    #[cold]
    fn load(&self, store: &Store) -> Result<&Arc<Node>> {
        load_all(store, &[self])?;
        self.node.get().ok_or(Error::Missing {
            id: self.known_id().unwrap_or(Id::NULL),
        })
    }

    /// Returns the node for changing it; the link forgets its id.
    pub(super) fn node_mut(&mut self, store: &Store) -> Result<&mut Node> {
        self.node(store)?;
        self.id.take();
        let place = self.stored.take();
        let node = self.node.get_mut().expect("because it was just loaded");
        let node = Arc::make_mut(node);
        node.will_change(place);
        Ok(node)
    }

    /// Says that the stored node does not fit the place where this link has it.
    pub(super) fn damaged(&self, reason: &'static str) -> Error {
        let id = self.known_id().unwrap_or(Id::NULL);
        let source = DecodeError::new("node", 0, reason);
        Error::Decode { id, source }
    }

    /// Tells whether two links lead to equal nodes, as far as that is known without hashing.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self.id.get(), other.id.get()) {
            (Some(left), Some(right)) => left == right,
            _ => match (self.node.get(), other.node.get()) {
                (Some(left), Some(right)) => Arc::ptr_eq(left, right),
                _ => false,
            },
        }
    }
}

/// Loads the nodes of all links that are not loaded, in one round.
pub(super) fn load_all(store: &Store, links: &[&Link]) -> Result<()> {
    let missing: Vec<_> = links
        .iter()
        .filter(|link| link.node.get().is_none())
        .collect();
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let absent = || Error::Missing {
        id: first.known_id().unwrap_or(Id::NULL),
    };
    let store = store.as_ref().ok_or_else(absent)?;
    let own = store.store_id();
    // A node that another store has may be here too, at another place.
    let keys: Vec<Key> = missing
        .iter()
        .map(|link| {
            link.key_in(own)
                .unwrap_or_else(|| link.known_id().unwrap_or(Id::NULL).into())
        })
        .collect();
    let mut failure = None;
    store.get_many(&keys, &mut |index, stored| {
        let id = keys[index].id;
        match stored
            .ok_or(Error::Missing { id })
            .and_then(|stored| Node::decode(id, own, &stored))
        {
            Ok(node) => drop(missing[index].node.set(Arc::new(node))),
            Err(error) => failure = Some(error),
        }
    })?;
    failure.map_or(Ok(()), Err)
}

impl Node {
    /// Returns the number of entries below, in this directory.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bucket(bucket) => bucket.len() as u64,
            Self::Inner(inner) => inner.len(),
        }
    }

    fn decode(id: Id, store: StoreId, stored: &Stored) -> Result<Self> {
        let places = Places {
            store,
            locators: &stored.links,
        };
        Self::parse(&stored.bytes, places).map_err(|source| Error::Decode { id, source })
    }

    pub(super) fn parse(bytes: &Bytes, places: Places<'_>) -> Result<Self, DecodeError> {
        match bytes.get(2) {
            Some(&super::bucket::SHAPE_BUCKET) => {
                Bucket::decode(bytes.clone(), places).map(Self::Bucket)
            }
            _ => Inner::decode(bytes, places).map(Self::Inner),
        }
    }

    pub(super) const fn origin(&self) -> &Origin {
        match self {
            Self::Bucket(bucket) => bucket.origin(),
            Self::Inner(inner) => &inner.origin,
        }
    }

    fn will_change(&mut self, place: Option<Place>) {
        match self {
            Self::Bucket(bucket) => bucket.will_change(place),
            Self::Inner(inner) => inner.origin.change(place, &Bytes::new()),
        }
    }

    /// Notes that the node was stored with this encoding.
    pub(super) fn was_stored(&self, encoded: Bytes) {
        match self {
            Self::Bucket(bucket) => bucket.was_stored(encoded),
            Self::Inner(inner) => inner.origin.store(Some(encoded)),
        }
    }

    /// Returns how many nodes and large blobs the node points to.
    pub(super) fn refs(&self) -> usize {
        match self {
            Self::Bucket(bucket) => bucket.subs().len(),
            Self::Inner(inner) => inner.terminal().subs().len() + inner.children().len(),
        }
    }

    /// Visits the links to nodes of this and of lower directories, and the large blobs.
    pub(super) fn for_each_ref<'a>(&'a self, visit: &mut dyn FnMut(Ref<'a>)) {
        let bucket = match self {
            Self::Bucket(bucket) => bucket,
            Self::Inner(inner) => inner.terminal(),
        };
        for sub in bucket.subs() {
            visit(match sub {
                Sub::Dir(link) => Ref::Node(link),
                Sub::Blob(cell) => Ref::Blob(cell),
            });
        }
        if let Self::Inner(inner) = self {
            inner
                .children()
                .iter()
                .for_each(|child| visit(Ref::Node(&child.link)));
        }
    }

    /// Takes what would be dropped with this node.
    fn take_nodes(&mut self, into: &mut Vec<Arc<Self>>) {
        let subs = match self {
            Self::Bucket(bucket) => bucket.take_subs(),
            Self::Inner(inner) => {
                let children = inner.take_children().into_iter();
                into.extend(children.filter_map(|mut child| child.link.node.take()));
                inner.take_terminal_subs()
            }
        };
        for sub in subs {
            if let Sub::Dir(link) = sub
                && let Some(mut link) = Arc::into_inner(link)
            {
                into.extend(link.node.take());
            }
        }
    }
}

/// Returns the ids of what an encoded node points to, in the order of its encoding.
pub(crate) fn node_links(bytes: &Bytes) -> Result<Vec<Id>, DecodeError> {
    let places = Places {
        store: StoreId::fresh(),
        locators: &[],
    };
    let node = Node::parse(bytes, places)?;
    let mut ids = Vec::with_capacity(node.refs());
    node.for_each_ref(&mut |target| match target {
        Ref::Node(link) => ids.extend(link.known_id()),
        Ref::Blob(cell) => ids.push(cell.id),
    });
    Ok(ids)
}

/// What a node points to.
pub(super) enum Ref<'a> {
    Node(&'a Link),
    Blob(&'a Arc<super::blob::BlobCell>),
}

impl Drop for Node {
    /// Drops a tree of any depth without recursion.
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.take_nodes(&mut pending);
        while let Some(node) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                node.take_nodes(&mut pending);
            }
        }
    }
}
