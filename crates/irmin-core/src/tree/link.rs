//! Pointers to nodes: lazy, shared, changed by copying what is shared.

use std::ptr;
use std::sync::{Arc, OnceLock};

use super::loaded::Loaded;
use super::node::Node;
use super::origin::Origin;
use crate::error::{DecodeError, Error, Result};
use crate::store::{Locator, StoreId};
use crate::{Id, Key, ObjectStore};

/// The store that a tree loads from, if any.
pub(crate) type Store = Option<Arc<dyn ObjectStore>>;

/// A pointer to the first node of a directory: it knows the node's id, or holds the node, or both.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    node: OnceLock<Node>,
    /// Which node that is: set once a store has it, to the first store to have it.
    stored: OnceLock<(Id, Place)>,
}

/// A pointer to a node, seen where it lies: a [`Link`], or one of an inner node's children.
#[derive(Clone, Copy)]
pub(crate) struct LinkRef<'a> {
    spot: Spot<'a>,
    known: Known<'a>,
}

/// Where the node lies.
#[derive(Clone, Copy)]
enum Spot<'a> {
    /// Once it is loaded.
    Lazy(&'a OnceLock<Node>),
    Here(&'a Node),
}

/// What a pointer knows of a node that is as a store has it.
#[derive(Clone, Copy)]
enum Known<'a> {
    Root(&'a OnceLock<(Id, Place)>),
    Child(&'a Loaded, u8),
    /// The node itself knows.
    Nothing,
}

/// Where a store keeps an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: StoreId,
    pub(crate) locator: Option<Locator>,
}

/// The places of what a stored object points to, in the order of its encoding.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) store: StoreId,
    /// Empty if none is known.
    pub(crate) locators: Vec<Option<Locator>>,
}

impl Places {
    /// Says that none is known.
    pub(super) fn unknown() -> Self {
        Self {
            store: StoreId::fresh(),
            locators: Vec::new(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Place {
        let locator = self.locators.get(index).copied().flatten();
        Place {
            store: self.store,
            locator,
        }
    }
}

impl Link {
    /// Takes the node out, if it is there.
    pub(super) fn take_node(&mut self) -> Option<Node> {
        self.node.take()
    }

    /// Points to a stored node, to be loaded when needed.
    pub(crate) fn stored(id: Id, place: Place) -> Self {
        Self {
            node: OnceLock::new(),
            stored: OnceLock::from((id, place)),
        }
    }

    /// Holds a new node.
    pub(super) fn new(node: Node) -> Self {
        Self {
            node: OnceLock::from(node),
            stored: OnceLock::new(),
        }
    }

    #[inline]
    pub(super) const fn by_ref(&self) -> LinkRef<'_> {
        LinkRef {
            spot: Spot::Lazy(&self.node),
            known: Known::Root(&self.stored),
        }
    }

    /// Returns the node, loading it if needed: at most one read.
    #[inline]
    pub(super) fn node(&self, store: &Store) -> Result<&Node> {
        self.by_ref().node(store)
    }

    /// Returns the node for changing it: unshared, its id forgotten.
    pub(super) fn node_mut(&mut self, store: &Store) -> Result<&mut Node> {
        self.node(store)?;
        let place = self.stored.take().map(|(_, place)| place);
        let node = self.node.get_mut().expect("because it was just loaded");
        node.will_change(place);
        Ok(node)
    }

    pub(super) fn known_id(&self) -> Option<Id> {
        self.by_ref().known_id()
    }

    pub(super) fn place(&self) -> Option<(Id, Place)> {
        self.by_ref().place()
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.by_ref().same(other.by_ref())
    }
}

impl<'a> LinkRef<'a> {
    /// Points to the child of an inner node for a half byte that is as a store has it.
    #[inline]
    pub(super) const fn child(node: &'a OnceLock<Node>, of: &'a Loaded, branch: u8) -> Self {
        Self {
            spot: Spot::Lazy(node),
            known: Known::Child(of, branch),
        }
    }

    /// Points to the child of an inner node that was made or changed.
    #[inline]
    pub(super) const fn own(node: &'a Node) -> Self {
        Self {
            spot: Spot::Here(node),
            known: Known::Nothing,
        }
    }

    pub(super) fn known_id(self) -> Option<Id> {
        self.known.id().or_else(|| self.origin()?.id())
    }

    /// Returns the key, if the given store is known to have the node.
    pub(super) fn key_in(self, store: StoreId) -> Option<Key> {
        let (id, place) = self.place().filter(|(_, place)| place.store == store)?;
        let locator = place.locator;
        Some(Key { id, locator })
    }

    /// Returns the key for the given store: without the place, if it is not known to have the node.
    /// `None` if the id is not known.
    pub(super) fn known_key(self, store: StoreId) -> Option<Key> {
        self.key_in(store).or_else(|| Some(self.known_id()?.into()))
    }

    /// Tells whether the given store is known to have the node.
    pub(super) fn is_in(self, store: StoreId) -> bool {
        let place = self.known.place().or_else(|| self.origin()?.place());
        place.is_some_and(|place| place.store == store)
    }

    /// Returns the id and the place, if any store has the node.
    pub(super) fn place(self) -> Option<(Id, Place)> {
        match (self.known.id(), self.known.place()) {
            (Some(id), Some(place)) => Some((id, place)),
            _ => {
                let origin = self.origin()?;
                Some((origin.id()?, origin.place()?))
            }
        }
    }

    /// Notes that a store has the node.
    pub(super) fn set_stored(self, id: Id, place: Place) {
        if let Known::Root(stored) = self.known {
            // The first place is kept: it is as good as another.
            let _first = stored.set((id, place));
        }
    }

    /// Returns what is known of the node, if it was made or changed in memory.
    fn origin(self) -> Option<&'a Origin> {
        self.loaded().and_then(Node::origin)
    }

    #[inline]
    pub(super) fn loaded(self) -> Option<&'a Node> {
        match self.spot {
            Spot::Lazy(node) => node.get(),
            Spot::Here(node) => Some(node),
        }
    }

    /// Keeps a node that was loaded, unless another thread was faster, and returns the one that is
    /// kept.
    fn keep(self, loaded: Node) -> &'a Node {
        match self.spot {
            Spot::Lazy(node) => node.get_or_init(|| loaded),
            Spot::Here(node) => node,
        }
    }

    /// Returns the node, loading it if needed: at most one read.
    #[inline]
    pub(super) fn node(self, store: &Store) -> Result<&'a Node> {
        match self.loaded() {
            Some(node) => Ok(node),
            None => self.load(store),
        }
    }

    #[cold]
    fn load(self, store: &Store) -> Result<&'a Node> {
        let store = store.as_ref().ok_or_else(|| self.missing())?;
        let own = store.store_id();
        let key = self.key_for(own);
        let mut loaded = None;
        store.get_many(&[key], &mut |_, stored| {
            loaded = stored.map(|stored| Node::decode(key.id, own, stored));
        })?;
        let node = loaded.ok_or_else(|| self.missing())??;
        Ok(self.keep(node))
    }

    /// Returns the key to ask a store for: a node that another store has may be here too, at
    /// another place.
    fn key_for(self, store: StoreId) -> Key {
        let id = || self.known_id().unwrap_or(Id::NULL);
        self.key_in(store).unwrap_or_else(|| id().into())
    }

    fn missing(self) -> Error {
        let id = self.known_id().unwrap_or(Id::NULL);
        Error::Missing { id }
    }

    /// Says that the stored node does not fit the place where this link has it.
    pub(super) fn damaged(self, reason: &'static str) -> Error {
        let id = self.known_id().unwrap_or(Id::NULL);
        let source = DecodeError::new("node", 0, reason);
        Error::Decode { id, source }
    }

    /// Tells whether two links are one.
    pub(super) fn is(self, other: Self) -> bool {
        ptr::eq(self.address(), other.address())
    }

    /// Returns what tells this link from others for as long as they live.
    pub(super) fn address(self) -> *const () {
        match self.spot {
            Spot::Lazy(node) => ptr::from_ref(node).cast(),
            Spot::Here(node) => ptr::from_ref(node).cast(),
        }
    }

    /// Tells whether two links lead to equal nodes, as far as that is known without hashing.
    pub(super) fn same(self, other: Self) -> bool {
        if let (Some(left), Some(right)) = (self.known.id_bytes(), other.known.id_bytes()) {
            return left == right;
        }
        match (self.known_id(), other.known_id()) {
            (Some(left), Some(right)) => left == right,
            _ => match (self.loaded(), other.loaded()) {
                (Some(left), Some(right)) => left.address() == right.address(),
                _ => false,
            },
        }
    }
}

impl<'a> Known<'a> {
    /// Returns the id where it lies, if that is in the encoding of the node above: most comparisons
    /// are of two such.
    #[inline]
    fn id_bytes(self) -> Option<&'a [u8; Id::BYTES]> {
        match self {
            Self::Root(_) | Self::Nothing => None,
            Self::Child(of, branch) => of.id_bytes(branch),
        }
    }

    fn id(self) -> Option<Id> {
        match self {
            Self::Root(stored) => stored.get().map(|(id, _)| *id),
            Self::Child(of, branch) => of.id_bytes(branch).map(|bytes| Id::from_bytes(*bytes)),
            Self::Nothing => None,
        }
    }

    fn place(self) -> Option<Place> {
        match self {
            Self::Root(stored) => stored.get().map(|(_, place)| *place),
            Self::Child(of, branch) => Some(of.place(branch)),
            Self::Nothing => None,
        }
    }
}

/// Loads the nodes of all links that are not loaded, in one round.
pub(super) fn load_all(store: &Store, links: &[LinkRef<'_>]) -> Result<()> {
    let missing: Vec<_> = links
        .iter()
        .filter(|link| link.loaded().is_none())
        .collect();
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let store = store.as_ref().ok_or_else(|| first.missing())?;
    let own = store.store_id();
    let keys: Vec<Key> = missing.iter().map(|link| link.key_for(own)).collect();
    let mut failure = None;
    store.get_many(&keys, &mut |index, stored| {
        let id = keys[index].id;
        match stored
            .ok_or(Error::Missing { id })
            .and_then(|stored| Node::decode(id, own, stored))
        {
            Ok(node) => {
                missing[index].keep(node);
            }
            Err(error) => failure = Some(error),
        }
    })?;
    failure.map_or(Ok(()), Err)
}
