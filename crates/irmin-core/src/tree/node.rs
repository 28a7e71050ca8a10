//! Nodes of directories in memory.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::blob::BlobCell;
use super::branches::Branches;
use super::bucket::{Bucket, SHAPE_BUCKET, Sub};
use super::inner::{self, Inner, InnerMut};
use super::link::{LinkRef, Place, Places};
use super::loaded::{Loaded, bits};
use super::origin::Origin;
use super::prefix::Prefix;
use super::rows::BucketRef;
use crate::error::{DecodeError, Error, Result};
use crate::store::StoreId;
use crate::{Id, Key, Stored};

/// A node of a directory's radix tree. Clones share it.
///
/// It lies where it is pointed to from, in 16 bytes, with as much of what it points to as fits.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A bucket that is as it was loaded and points nowhere: where in larger bytes its encoding,
    /// which was checked, begins, and how long it is.
    Leaf(Arc<Bytes>, u32, u16),
    Bucket(Arc<Bucket>),
    /// An inner node that is as it was loaded.
    Loaded(Prefix, Arc<Loaded>),
    /// An inner node that was made or changed.
    Changed(Prefix, Arc<Branches>),
}

/// A node for reading.
pub(super) enum Seen<'a> {
    Bucket(BucketRef<'a>),
    Inner(Inner<'a>),
}

/// A node for changing: unshared.
pub(super) enum SeenMut<'a> {
    Bucket(&'a mut Bucket),
    Inner(InnerMut<'a>),
}

impl Node {
    /// Makes an inner node without entries.
    pub(super) fn inner(prefix: &[u8]) -> Self {
        Branches::new(prefix).into()
    }

    /// Makes a leaf of a bucket's encoding, which may lie in larger bytes.
    fn leaf(bytes: Bytes, region: Option<Arc<Bytes>>) -> Self {
        let Ok(len) = u16::try_from(bytes.len()) else {
            return Self::Bucket(Arc::new(Bucket::loaded(bytes, Vec::new())));
        };
        let found = region.and_then(|region| Some((position(&region, &bytes)?, region)));
        match found {
            Some((at, region)) => Self::Leaf(region, at, len),
            None => Self::Leaf(Arc::new(bytes), 0, len),
        }
    }

    #[inline(always)]
    pub(super) fn see(&self) -> Seen<'_> {
        match self {
            Self::Leaf(region, at, len) => {
                let bytes = &region[leaf_range(*at, *len)];
                Seen::Bucket(BucketRef::new(bytes, Some(region), &[]))
            }
            Self::Bucket(bucket) => Seen::Bucket(bucket.by_ref()),
            Self::Loaded(prefix, loaded) => Seen::Inner(Inner::loaded(prefix, loaded)),
            Self::Changed(prefix, branches) => Seen::Inner(Inner::changed(prefix, branches)),
        }
    }

    /// Sees the node for changing it. [`will_change`](Self::will_change) comes before.
    pub(super) fn see_mut(&mut self) -> SeenMut<'_> {
        if let Self::Leaf(..) | Self::Loaded(..) = self {
            self.will_change(None);
        }
        match self {
            Self::Bucket(bucket) => SeenMut::Bucket(Arc::make_mut(bucket)),
            Self::Changed(prefix, branches) => {
                SeenMut::Inner(InnerMut::new(prefix, Arc::make_mut(branches)))
            }
            Self::Leaf(..) | Self::Loaded(..) => unreachable!("because it was just replaced"),
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
        Self::parse(stored.bytes, stored.region, Places { store, locators })
            .map_err(|source| Error::Decode { id, source })
    }

    /// Checks stored bytes, which may lie in larger ones, and makes a node of them.
    pub(super) fn parse(
        bytes: Bytes,
        region: Option<Arc<Bytes>>,
        places: Places,
    ) -> Result<Self, DecodeError> {
        if bytes.get(2) != Some(&SHAPE_BUCKET) {
            let loaded = inner::decode(bytes, places)?;
            return Ok(Self::Loaded(Prefix::new(&loaded.prefix), Arc::new(loaded)));
        }
        let bucket = Bucket::decode(bytes, &places)?;
        Ok(match bucket.into_leaf() {
            Ok(bytes) => Self::leaf(bytes, region),
            Err(bucket) => Self::Bucket(Arc::new(bucket)),
        })
    }

    /// Returns what is known of the node, if it was made or changed in memory.
    pub(super) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Leaf(..) | Self::Loaded(..) => None,
            Self::Bucket(bucket) => bucket.origin(),
            Self::Changed(_, branches) => Some(&branches.origin),
        }
    }

    /// Takes the node for itself and makes its id forgotten. `place` is where it is stored if it
    /// is as it was loaded.
    pub(super) fn will_change(&mut self, place: Option<Place>) {
        match self {
            Self::Leaf(region, at, len) => {
                let bytes = region.slice(leaf_range(*at, *len));
                let mut bucket = Bucket::loaded(bytes, Vec::new());
                bucket.will_change(place);
                *self = Self::Bucket(Arc::new(bucket));
            }
            Self::Bucket(bucket) => match Arc::get_mut(bucket) {
                Some(bucket) => bucket.will_change(place),
                None => *bucket = Arc::new(bucket.successor(place)),
            },
            Self::Loaded(prefix, loaded) => {
                let branches = Branches::changed(Arc::clone(loaded), place);
                *self = Self::Changed(*prefix, Arc::new(branches));
            }
            Self::Changed(_, branches) => match Arc::get_mut(branches) {
                Some(branches) => branches.will_change(),
                None => *branches = Arc::new(branches.successor()),
            },
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
            Self::Leaf(region, at, len) => region.slice(leaf_range(*at, *len)),
            Self::Bucket(bucket) => bucket.encode(),
            Self::Loaded(_, loaded) => loaded.bytes.clone(),
            Self::Changed(prefix, branches) => Inner::changed(prefix, branches).encode(),
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
            Self::Leaf(region, at, len) => region[leaf_range(*at, *len)].as_ptr().cast(),
            Self::Bucket(bucket) => Arc::as_ptr(bucket).cast(),
            Self::Loaded(_, loaded) => Arc::as_ptr(loaded).cast(),
            Self::Changed(_, branches) => Arc::as_ptr(branches).cast(),
        }
    }

    /// Tells whether others hold the node directly. Of leaves that is not known.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Leaf(..) => false,
            Self::Bucket(bucket) => Arc::strong_count(bucket) > 1,
            Self::Loaded(_, loaded) => Arc::strong_count(loaded) > 1,
            Self::Changed(_, branches) => Arc::strong_count(branches) > 1,
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
        if let Seen::Inner(inner) = self.see() {
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
        if let Seen::Inner(inner) = self.see() {
            let branches = bits(inner.maybe_new(store));
            let children = branches.filter_map(|branch| inner.child(branch));
            children.for_each(visit);
        }
    }
}

impl From<Bucket> for Node {
    fn from(bucket: Bucket) -> Self {
        Self::Bucket(Arc::new(bucket))
    }
}

impl From<Branches> for Node {
    fn from(branches: Branches) -> Self {
        Self::Changed(Prefix::new(&branches.prefix), Arc::new(branches))
    }
}

fn leaf_range(at: u32, len: u16) -> Range<usize> {
    at as usize..at as usize + usize::from(len)
}

/// Returns where in larger bytes others lie, if they do.
fn position(region: &[u8], bytes: &[u8]) -> Option<u32> {
    let at = bytes.as_ptr().addr().checked_sub(region.as_ptr().addr())?;
    let fits = at.checked_add(bytes.len())? <= region.len();
    u32::try_from(at).ok().filter(|_| fits)
}

/// Returns the ids of what an encoded node points to, in the order of its encoding.
pub(crate) fn node_links(bytes: &Bytes) -> Result<Vec<Id>, DecodeError> {
    let node = Node::parse(bytes.clone(), None, Places::unknown())?;
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
    if let Seen::Inner(inner) = node.see() {
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
            Node::Leaf(..) => {}
            Node::Bucket(bucket) => {
                if let Some(mut bucket) = Arc::into_inner(bucket) {
                    bucket.take_nodes(&mut pending);
                }
            }
            Node::Loaded(_, loaded) => {
                if let Some(mut loaded) = Arc::into_inner(loaded) {
                    loaded.take_nodes(&mut pending);
                }
            }
            Node::Changed(_, branches) => {
                if let Some(mut branches) = Arc::into_inner(branches) {
                    branches.take_nodes(&mut pending);
                }
            }
        }
    }
}

impl Loaded {
    /// Takes the nodes of the children, and what is in the entry whose name ends here.
    pub(super) fn take_nodes(&mut self, into: &mut Vec<Node>) {
        let nodes = self.nodes.iter_mut().filter_map(OnceLock::take);
        // Leaves point nowhere.
        into.extend(nodes.filter(|node| !matches!(node, Node::Leaf(..))));
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
    fn the_slot_of_a_child_takes_three_words() {
        assert_eq!(size_of::<Node>(), 16);
        assert_eq!(size_of::<OnceLock<Node>>(), 24);
    }
}
