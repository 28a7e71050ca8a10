//! Nodes of directories in memory.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::blob::BlobCell;
use super::branches::Branches;
use super::bucket::{Bucket, SHAPE_BUCKET, Sub};
use super::inner::Inner;
use super::link::{LinkRef, Place, Places};
use super::loaded::{Loaded, bits};
use super::origin::Origin;
use super::rows::BucketRef;
use crate::error::{DecodeError, Error, Result};
use crate::store::StoreId;
use crate::{Id, Key, Stored};

/// A node of a directory's radix tree. Clones share it.
///
/// It lies where it is pointed to from, and so does, of most leaves, the pointer to their bytes.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A bucket that is as it was loaded and points nowhere: its encoding, checked.
    Leaf(Bytes),
    Bucket(Arc<Bucket>),
    Inner(Inner),
}

/// A node for reading.
pub(super) enum Seen<'a> {
    Bucket(BucketRef<'a>),
    Inner(&'a Inner),
}

/// A node for changing: unshared.
pub(super) enum SeenMut<'a> {
    Bucket(&'a mut Bucket),
    Inner(&'a mut Inner),
}

impl Node {
    #[inline]
    pub(super) fn see(&self) -> Seen<'_> {
        match self {
            Self::Leaf(bytes) => Seen::Bucket(BucketRef::new(bytes, Some(bytes), &[])),
            Self::Bucket(bucket) => Seen::Bucket(bucket.by_ref()),
            Self::Inner(inner) => Seen::Inner(inner),
        }
    }

    /// Sees the node for changing it.
    pub(super) fn see_mut(&mut self) -> SeenMut<'_> {
        if let Self::Leaf(bytes) = self {
            *self = Self::Bucket(Arc::new(Bucket::loaded(std::mem::take(bytes), Vec::new())));
        }
        match self {
            Self::Bucket(bucket) => SeenMut::Bucket(Arc::make_mut(bucket)),
            Self::Inner(inner) => SeenMut::Inner(inner),
            Self::Leaf(_) => unreachable!("because it was just replaced"),
        }
    }

    /// Returns the number of entries below, in this directory.
    pub(super) fn len(&self) -> u64 {
        match self.see() {
            Seen::Bucket(bucket) => bucket.len() as u64,
            Seen::Inner(inner) => inner.len(),
        }
    }

    pub(super) fn decode(id: Id, store: StoreId, stored: Stored) -> Result<Self> {
        let locators = stored.links;
        Self::parse(stored.bytes, Places { store, locators })
            .map_err(|source| Error::Decode { id, source })
    }

    pub(super) fn parse(bytes: Bytes, places: Places) -> Result<Self, DecodeError> {
        match bytes.get(2) {
            Some(&SHAPE_BUCKET) => Ok(Bucket::decode(bytes, &places)?.into()),
            _ => Ok(Inner::decode(bytes, places)?.into()),
        }
    }

    /// Returns what is known of the node, if it was made or changed in memory.
    pub(super) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Leaf(_) => None,
            Self::Bucket(bucket) => bucket.origin(),
            Self::Inner(inner) => inner.origin(),
        }
    }

    /// Takes the node for itself and makes its id forgotten. `place` is where it is stored if it
    /// is as it was loaded.
    pub(super) fn will_change(&mut self, place: Option<Place>) {
        match self.see_mut() {
            SeenMut::Bucket(bucket) => bucket.will_change(place),
            SeenMut::Inner(inner) => inner.will_change(place),
        }
    }

    /// Returns the node for changing it. See [`will_change`](Self::will_change).
    pub(super) fn changing(&mut self, place: Option<Place>) -> &mut Self {
        self.will_change(place);
        self
    }

    /// Returns the bytes to store; the ids of what it points to must be known.
    pub(super) fn encode(&self) -> Bytes {
        match self {
            Self::Leaf(bytes) => bytes.clone(),
            Self::Bucket(bucket) => bucket.encode(),
            Self::Inner(inner) => inner.encode(),
        }
    }

    /// Notes the id, if it is not known.
    pub(super) fn set_id(&self, id: Id) {
        if let Some(origin) = self.origin() {
            origin.set_id(id);
        }
    }

    /// Notes that the node was stored with this encoding.
    pub(super) fn was_stored(&self, id: Id, place: Place, encoded: Bytes) {
        let Some(origin) = self.origin() else { return };
        origin.set_id(id);
        let keeps_it = matches!(self, Self::Bucket(bucket) if bucket.subs().is_empty());
        origin.set_stored(place, (!keeps_it).then_some(encoded));
    }

    /// Returns what tells this node from others for as long as they live.
    pub(super) fn address(&self) -> *const () {
        match self {
            Self::Leaf(bytes) => bytes.as_ptr().cast(),
            Self::Bucket(bucket) => Arc::as_ptr(bucket).cast(),
            Self::Inner(inner) => inner.address(),
        }
    }

    /// Tells whether others hold the node directly. Of leaves that is not known.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Bucket(bucket) => Arc::strong_count(bucket) > 1,
            Self::Inner(inner) => inner.is_shared(),
        }
    }

    /// Returns how many nodes and large blobs the node points to.
    pub(super) fn refs(&self) -> usize {
        match self.see() {
            Seen::Bucket(bucket) => bucket.subs().len(),
            Seen::Inner(inner) => inner.terminal().subs().len() + inner.children_len(),
        }
    }

    /// Returns the directories and the large blobs that the node's entries are.
    pub(super) fn subs(&self) -> &[Sub] {
        match self.see() {
            Seen::Bucket(bucket) => bucket.subs(),
            Seen::Inner(inner) => inner.terminal().subs(),
        }
    }

    /// Visits the links to nodes of this and of lower directories, and the large blobs.
    pub(super) fn for_each_ref<'a>(&'a self, visit: &mut dyn FnMut(Ref<'a>)) {
        for sub in self.subs() {
            visit(match sub {
                Sub::Dir(link) => Ref::Node(link.by_ref()),
                Sub::Blob(cell) => Ref::Blob(cell),
            });
        }
        if let Self::Inner(inner) = self {
            let children = inner.branches().filter_map(|branch| inner.child(branch));
            children.for_each(|child| visit(Ref::Node(child)));
        }
    }

    /// Visits the links to nodes of this and of lower directories that a store may lack; those that
    /// may have no id, if it is `None`.
    pub(super) fn for_each_maybe_new<'a>(
        &'a self,
        store: Option<StoreId>,
        visit: &mut dyn FnMut(LinkRef<'a>),
    ) {
        for sub in self.subs() {
            if let Sub::Dir(link) = sub {
                visit(link.by_ref());
            }
        }
        if let Self::Inner(inner) = self {
            let branches = bits(inner.maybe_new(store));
            let children = branches.filter_map(|branch| inner.child(branch));
            children.for_each(visit);
        }
    }
}

impl From<Bucket> for Node {
    fn from(bucket: Bucket) -> Self {
        match bucket.into_leaf() {
            Ok(bytes) => Self::Leaf(bytes),
            Err(bucket) => Self::Bucket(Arc::new(bucket)),
        }
    }
}

impl From<Inner> for Node {
    fn from(inner: Inner) -> Self {
        Self::Inner(inner)
    }
}

/// Returns the ids of what an encoded node points to, in the order of its encoding.
pub(crate) fn node_links(bytes: &Bytes) -> Result<Vec<Id>, DecodeError> {
    let node = Node::parse(bytes.clone(), Places::unknown())?;
    let mut ids = Vec::with_capacity(node.refs());
    node.for_each_ref(&mut |target| match target {
        Ref::Node(link) => ids.extend(link.known_id()),
        Ref::Blob(cell) => ids.push(cell.id),
    });
    Ok(ids)
}

/// Appends the keys that a store has for what a node points to, in the order of its encoding.
pub(super) fn put_link_keys(keys: &mut Vec<Key>, node: &Node, store: StoreId) {
    keys.extend(node.subs().iter().filter_map(|sub| match sub {
        Sub::Dir(link) => link.by_ref().known_key(store),
        Sub::Blob(cell) => cell.key_in(store).or(Some(cell.id.into())),
    }));
    if let Node::Inner(inner) = node {
        inner.put_keys(keys, store);
    }
}

/// What a node points to.
pub(super) enum Ref<'a> {
    Node(LinkRef<'a>),
    Blob(&'a Arc<BlobCell>),
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if !self.subs().is_empty() {
            let mut pending = Vec::new();
            self.take_nodes(&mut pending);
            drop_all(pending);
        }
    }
}

impl Drop for Branches {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.take_nodes(&mut pending);
        drop_all(pending);
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.take_nodes(&mut pending);
        drop_all(pending);
    }
}

/// Drops trees of any depth without recursion.
fn drop_all(mut pending: Vec<Node>) {
    while let Some(node) = pending.pop() {
        match node {
            Node::Leaf(_) => {}
            Node::Bucket(bucket) => {
                if let Some(mut bucket) = Arc::into_inner(bucket) {
                    bucket.take_nodes(&mut pending);
                }
            }
            Node::Inner(inner) => inner.take_nodes(&mut pending),
        }
    }
}

impl Loaded {
    /// Takes the nodes of the children, and what is in the entry whose name ends here.
    pub(super) fn take_nodes(&mut self, into: &mut Vec<Node>) {
        let nodes = self.nodes.iter_mut().filter_map(OnceLock::take);
        // Leaves point nowhere.
        into.extend(nodes.filter(|node| !matches!(node, Node::Leaf(_))));
        if let Some(bucket) = &mut self.terminal {
            bucket.take_nodes(into);
        }
    }
}

impl Bucket {
    /// Takes the nodes of the directories that nothing else points to.
    pub(super) fn take_nodes(&mut self, into: &mut Vec<Node>) {
        into.extend(self.take_subs().into_iter().filter_map(|sub| match sub {
            Sub::Dir(link) => Arc::into_inner(link)?.take_node(),
            Sub::Blob(_) => None,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_of_a_child_takes_six_words() {
        assert_eq!(size_of::<OnceLock<Node>>(), 48);
    }
}
