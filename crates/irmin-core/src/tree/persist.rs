//! Hashing and storing what was changed, level by level from the bottom.

use std::collections::HashSet;
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{Blob, BlobCell, Data, Mode, encode_blob};
use super::inner::link_keys;
use super::link::{Link, Node, Place, Ref, Store, load_all};
use super::origin::Stored;
use super::{Tree, chunks};
use crate::error::{Error, Result};
use crate::{Cut, Id, Key, Kind, Object, ObjectStore};

/// How many bytes of objects are handed to a store at once, at least one object.
const BATCH_BYTES: usize = 1 << 20;

/// Sees to it that the ids of a node and all below are known.
pub(super) fn hash(root: &Link) -> Result<()> {
    for level in levels(root, &None, &|link| link.known_id().is_some())?
        .iter()
        .rev()
    {
        for link in level.iter().filter(|link| link.known_id().is_none()) {
            if let Some(node) = link.loaded() {
                link.set_id(Id::of(&encode(node)));
            }
        }
    }
    Ok(())
}

/// See [`Tree::persist`].
pub(super) fn persist(tree: &Tree, store: &Arc<dyn ObjectStore>) -> Result<Key> {
    let target = store.store_id();
    let done = |link: &Link| link.key_in(target).is_some();
    let levels = levels(&tree.root, &tree.store, &done)?;
    let mut root = tree.root.key_in(target);
    for mut level in levels.into_iter().rev() {
        level.retain(|link| !done(link));
        put_blobs(store.as_ref(), &tree.store, &level)?;
        root = put_nodes(store.as_ref(), &level)?;
    }
    root.ok_or(Error::Missing { id: Id::NULL })
}

/// Returns the links that are not `done`, by depth, without looking below those that are. All of
/// them are loaded. One that several directories share is there once for each depth, not for each
/// path: there are 2 to the power of n paths in a tree that was put into itself twice, n times.
fn levels<'a>(
    root: &'a Link,
    store: &Store,
    done: &dyn Fn(&Link) -> bool,
) -> Result<Vec<Vec<&'a Link>>> {
    let mut levels = Vec::new();
    let mut level = vec![root];
    level.retain(|link| !done(link));
    while !level.is_empty() {
        load_all(store, &level)?;
        let (mut next, mut seen) = (Vec::new(), HashSet::new());
        for node in level.iter().filter_map(|link| link.loaded()) {
            node.for_each_ref(&mut |target| match target {
                Ref::Node(link) if !done(link) && seen.insert(ptr::from_ref(link)) => {
                    next.push(link);
                }
                _ => {}
            });
        }
        levels.push(std::mem::replace(&mut level, next));
    }
    Ok(levels)
}

fn encode(node: &Node) -> Bytes {
    match node {
        Node::Bucket(bucket) => bucket.encode(),
        Node::Inner(inner) => inner.encode(),
    }
}

/// Stores the large values that the nodes of a level brought along.
fn put_blobs(store: &dyn ObjectStore, from: &Store, level: &[&Link]) -> Result<()> {
    let target = store.store_id();
    let mut pending: Vec<&Arc<BlobCell>> = Vec::new();
    for node in level.iter().filter_map(|link| link.loaded()) {
        node.for_each_ref(&mut |reference| match reference {
            Ref::Blob(cell) if cell.key_in(target).is_none() => pending.push(cell),
            _ => {}
        });
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

/// A node on its way into a store.
struct Pending<'a> {
    link: &'a Link,
    node: &'a Node,
    id: Id,
    bytes: Bytes,
    links: Vec<Key>,
    base: Option<Stored>,
}

/// Stores the nodes of a level in batches; returns the key of the last one.
fn put_nodes(store: &dyn ObjectStore, level: &[&Link]) -> Result<Option<Key>> {
    let target = store.store_id();
    let mut batch = Vec::new();
    let mut size = 0;
    let mut last = None;
    for link in level {
        let Some(node) = link.loaded() else { continue };
        let bytes = encode(node);
        size += bytes.len();
        batch.push(Pending {
            link,
            node,
            id: link.known_id().unwrap_or_else(|| Id::of(&bytes)),
            bytes,
            links: link_keys(node, target),
            base: node.origin().base_in(target),
        });
        if size >= BATCH_BYTES {
            last = put_batch(store, std::mem::take(&mut batch))?;
            size = 0;
        }
    }
    Ok(put_batch(store, batch)?.or(last))
}

fn put_batch(store: &dyn ObjectStore, batch: Vec<Pending<'_>>) -> Result<Option<Key>> {
    if batch.is_empty() {
        return Ok(None);
    }
    let objects: Vec<_> = batch.iter().map(Pending::object).collect();
    let keys = store.put_many(&objects)?;
    drop(objects);
    for (pending, key) in batch.into_iter().zip(&keys) {
        pending.node.was_stored(pending.bytes);
        pending.link.set_id(pending.id);
        pending.link.set_stored(Place {
            store: store.store_id(),
            locator: key.locator,
        });
    }
    Ok(keys.last().copied())
}

impl Pending<'_> {
    fn object(&self) -> Object<'_> {
        Object {
            id: self.id,
            kind: Kind::Node,
            bytes: &self.bytes,
            links: &self.links,
            generation: 0,
            cut: Cut::NONE,
            base: self.base.as_ref().map(Stored::as_base),
        }
    }
}
