//! Hashing and storing what was changed, level by level from the bottom.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{Blob, BlobCell, Data, Mode, encode_blob};
use super::bucket::Sub;
use super::link::{Link, LinkRef, Place, Store, load_all};
use super::node::{Node, put_link_keys};
use super::origin::Stored;
use super::{Tree, chunks};
use crate::error::{Error, Result};
use crate::{Cut, Id, Key, Kind, Object, ObjectStore, StoreId};

/// How many bytes of objects are handed to a store at once, at least one object.
const BATCH_BYTES: usize = 1 << 20;

/// How many nodes may wait to be stored with the nodes above them. Those are told the ids of these
/// only, and the store has to look for them.
const CHAIN_NODES_MAX: usize = 32;

/// Sees to it that the ids of a node and all below are known.
pub(super) fn hash(root: &Link) -> Result<()> {
    if root.known_id().is_some() {
        return Ok(());
    }
    let levels = Levels::of(root.by_ref(), &None, None)?;
    for link in levels.upwards().flatten() {
        if let (None, Some(node)) = (link.known_id(), link.loaded()) {
            node.set_id(Id::of(&node.encode()));
        }
    }
    Ok(())
}

/// See [`Tree::persist`].
pub(super) fn persist(tree: &Tree, store: &dyn ObjectStore) -> Result<Key> {
    let mut staged = stage(tree, store)?;
    staged.put(None)?;
    Ok(staged.root())
}

/// A tree whose ids are known, and what a store does not have of it yet. As a rule that is little,
/// and goes to the store at once, together with the commit.
pub(crate) struct Staged<'a> {
    root: LinkRef<'a>,
    id: Id,
    batch: Batch<'a>,
}

/// Hashes what a store does not have of a tree, and stores it but for the last few nodes.
pub(super) fn stage<'a>(tree: &'a Tree, store: &'a dyn ObjectStore) -> Result<Staged<'a>> {
    let mut batch = Batch::new(store);
    let target = batch.target;
    let root = tree.root.by_ref();
    let levels = Levels::of(root, &tree.store, Some(target))?;
    for level in levels.upwards() {
        put_blobs(store, &tree.store, level)?;
        batch.add_level(level)?;
    }
    let id = root.known_id().ok_or(Error::Missing { id: Id::NULL })?;
    Ok(Staged { root, id, batch })
}

impl Staged<'_> {
    /// Returns the root's key: without its place, if it is still to be stored.
    pub(crate) fn root(&self) -> Key {
        let stored = self.root.key_in(self.batch.target);
        // In a store that is not the first to have it, only the batch knows.
        let last = self.batch.last.filter(|key| key.id == self.id);
        stored.or(last).unwrap_or_else(|| self.id.into())
    }

    /// Stores what is left to store, and an object above it. Returns the key of that.
    pub(crate) fn put(&mut self, above: Option<Object<'_>>) -> Result<Option<Key>> {
        self.batch.put(above)
    }
}

/// The links that are not done, by depth, without those below the ones that are done. All of them
/// are loaded. One that several directories share is there once for each depth, not for each path:
/// there are 2 to the power of n paths in a tree that was put into itself twice, n times.
struct Levels<'a> {
    links: Vec<LinkRef<'a>>,
    /// Where each level ends.
    ends: Vec<usize>,
}

impl<'a> Levels<'a> {
    /// Done is what `target` has; what has an id, if that is `None`.
    fn of(root: LinkRef<'a>, store: &Store, target: Option<StoreId>) -> Result<Self> {
        let done = |link: LinkRef<'_>| match target {
            Some(target) => link.is_in(target),
            None => link.known_id().is_some(),
        };
        let (mut links, mut ends) = (Vec::with_capacity(8), Vec::with_capacity(8));
        links.extend(Some(root).filter(|&link| !done(link)));
        let mut start = 0;
        while start < links.len() {
            let end = links.len();
            ends.push(end);
            load_all(store, &links[start..])?;
            let mut seen = HashSet::new();
            for index in start..end {
                let Some(node) = links[index].loaded() else {
                    continue;
                };
                node.for_each_maybe_new(target, &mut |link| {
                    if !done(link) && is_new(&links[end..], link, &mut seen) {
                        links.push(link);
                    }
                });
            }
            start = end;
        }
        Ok(Self { links, ends })
    }

    /// Visits the levels, the lowest first.
    fn upwards(&self) -> impl Iterator<Item = &[LinkRef<'a>]> {
        (0..self.ends.len()).rev().map(|depth| {
            let start = depth.checked_sub(1).map_or(0, |above| self.ends[above]);
            &self.links[start..self.ends[depth]]
        })
    }
}

/// Tells whether a link is not among those before. These are kept in `seen` from the second one
/// on: in most commits a level has one.
fn is_new(before: &[LinkRef<'_>], link: LinkRef<'_>, seen: &mut HashSet<*const ()>) -> bool {
    match before {
        [] => true,
        [first, ..] => {
            seen.insert(first.address());
            seen.insert(link.address())
        }
    }
}

/// Stores the large values that the nodes of a level brought along.
fn put_blobs(store: &dyn ObjectStore, from: &Store, level: &[LinkRef<'_>]) -> Result<()> {
    let target = store.store_id();
    let mut pending: Vec<&Arc<BlobCell>> = Vec::new();
    for node in level.iter().filter_map(|link| link.loaded()) {
        pending.extend(node.subs().iter().filter_map(|sub| match sub {
            Sub::Blob(cell) if cell.key_in(target).is_none() => Some(cell),
            _ => None,
        }));
    }
    for cell in pending {
        let blob = Blob::from_data(Mode::Normal, Data::Object(Arc::clone(cell), from.clone()));
        let bytes = blob.bytes()?;
        let key = if cell.chunked {
            chunks::put(store, &bytes)?
        } else {
            chunks::put_object(store, cell.id, Kind::Blob, &encode_blob(&bytes), &[])?
        };
        // The first place is kept: it is as good as another.
        let _first = cell.stored.set(Place {
            store: target,
            locator: key.locator,
        });
    }
    Ok(())
}

/// Nodes on their way into a store, children before parents.
struct Batch<'a> {
    store: &'a dyn ObjectStore,
    target: StoreId,
    nodes: Vec<Pending<'a>>,
    /// The links of the nodes, one after the other.
    links: Vec<Key>,
    bytes: usize,
    /// The key of the node that was stored last.
    last: Option<Key>,
}

struct Pending<'a> {
    link: LinkRef<'a>,
    node: &'a Node,
    id: Id,
    bytes: Bytes,
    links: Range<usize>,
    base: Option<Stored>,
}

impl<'a> Batch<'a> {
    fn new(store: &'a dyn ObjectStore) -> Self {
        Self {
            store,
            target: store.store_id(),
            nodes: Vec::with_capacity(8),
            links: Vec::with_capacity(64),
            bytes: 0,
            last: None,
        }
    }

    /// Adds the nodes of a level; what they point to was added before.
    fn add_level(&mut self, level: &[LinkRef<'a>]) -> Result<()> {
        // What has an id already may be waiting here: a directory that lies at two depths.
        let has_id = |link: &LinkRef<'_>| link.known_id().is_some();
        if self.nodes.len() > CHAIN_NODES_MAX || level.iter().any(has_id) {
            self.put(None)?;
        }
        for link in level {
            if let (false, Some(node)) = (link.is_in(self.target), link.loaded()) {
                self.add(*link, node);
            }
            if self.bytes >= BATCH_BYTES {
                self.put(None)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, link: LinkRef<'a>, node: &'a Node) {
        let bytes = node.encode();
        let id = link.known_id().unwrap_or_else(|| Id::of(&bytes));
        node.set_id(id);
        self.bytes += bytes.len();
        let links = self.links.len();
        put_link_keys(&mut self.links, node, self.target);
        self.nodes.push(Pending {
            link,
            node,
            id,
            bytes,
            links: links..self.links.len(),
            base: node.origin().and_then(|origin| origin.base_in(self.target)),
        });
    }

    /// Stores what was added, and an object above it. Returns the key of that.
    fn put(&mut self, above: Option<Object<'_>>) -> Result<Option<Key>> {
        let nodes = self.nodes.iter().map(|node| node.object(&self.links));
        let objects: Vec<_> = nodes.chain(above).collect();
        if objects.is_empty() {
            return Ok(None);
        }
        let keys = self.store.put_many(&objects)?;
        drop(objects);
        for (pending, key) in self.nodes.drain(..).zip(&keys) {
            let place = Place {
                store: self.target,
                locator: key.locator,
            };
            pending.node.was_stored(pending.id, place, pending.bytes);
            pending.link.set_stored(pending.id, place);
            self.last = Some(*key);
        }
        self.links.clear();
        self.bytes = 0;
        Ok(above.and(keys.last().copied()))
    }
}

impl Pending<'_> {
    fn object<'a>(&'a self, links: &'a [Key]) -> Object<'a> {
        Object {
            id: self.id,
            kind: Kind::Node,
            bytes: &self.bytes,
            links: &links[self.links.clone()],
            generation: 0,
            cut: Cut::NONE,
            base: self.base.as_ref().map(Stored::as_base),
        }
    }
}
