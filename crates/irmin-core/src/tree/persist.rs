//! Hashing and storing what was changed, level by level from the bottom.

use std::sync::Arc;

use bytes::Bytes;

use super::blob::{BlobCell, encode_blob};
use super::inner::link_keys;
use super::link::{Link, Node, Ref};
use super::{Tree, chunks};
use crate::error::{Error, Result};
use crate::{Id, Key, Kind, Object, ObjectStore};

/// How many bytes of objects are handed to a store at once, at least one object.
const BATCH_BYTES: usize = 1 << 20;

/// Sees to it that the ids of a node and all below are known.
pub(super) fn hash(root: &Link) -> Result<()> {
    for level in levels(root, &|link| link.known_id().is_some()).iter().rev() {
        for link in level {
            if let Some(node) = link.loaded() {
                link.set_id(Id::of(&encode(node)));
            }
        }
    }
    Ok(())
}

/// See [`Tree::persist`].
pub(super) fn persist(tree: &Tree, store: &Arc<dyn ObjectStore>) -> Result<Key> {
    if let Some(key) = tree.root.key() {
        let foreign = tree
            .store
            .as_ref()
            .is_some_and(|own| !Arc::ptr_eq(own, store));
        if foreign && store.get(&key.id.into())?.is_none() {
            return Err(Error::Missing { id: key.id });
        }
        return Ok(key);
    }
    let levels = levels(&tree.root, &|link| link.key().is_some());
    for level in levels.iter().rev() {
        put_blobs(store.as_ref(), level)?;
        put_nodes(store.as_ref(), level)?;
    }
    tree.root.key().ok_or(Error::Missing { id: Id::NULL })
}

/// Returns the links that are not `done`, by depth, without looking below those that are.
fn levels<'a>(root: &'a Link, done: &dyn Fn(&Link) -> bool) -> Vec<Vec<&'a Link>> {
    let mut levels = Vec::new();
    let mut level = vec![root];
    level.retain(|link| !done(link));
    while !level.is_empty() {
        let mut next = Vec::new();
        for node in level.iter().filter_map(|link| link.loaded()) {
            node.for_each_ref(&mut |target| match target {
                Ref::Node(link) if !done(link) => next.push(link),
                _ => {}
            });
        }
        levels.push(std::mem::replace(&mut level, next));
    }
    levels
}

fn encode(node: &Node) -> Bytes {
    match node {
        Node::Bucket(bucket) => bucket.encode(),
        Node::Inner(inner) => inner.encode(),
    }
}

/// Stores the large values that the nodes of a level brought along.
fn put_blobs(store: &dyn ObjectStore, level: &[&Link]) -> Result<()> {
    let mut pending: Vec<&Arc<BlobCell>> = Vec::new();
    for node in level.iter().filter_map(|link| link.loaded()) {
        node.for_each_ref(&mut |target| match target {
            Ref::Blob(cell) if cell.stored.get().is_none() => pending.push(cell),
            _ => {}
        });
    }
    for cell in pending {
        let Some(bytes) = &cell.bytes else { continue };
        let key = if cell.chunked {
            chunks::put(store, bytes)?
        } else {
            let bytes = encode_blob(bytes);
            let object = Object {
                id: cell.id,
                kind: Kind::Blob,
                bytes: &bytes,
                links: &[],
                generation: 0,
            };
            store
                .put_many(&[object])?
                .first()
                .copied()
                .unwrap_or_else(|| cell.id.into())
        };
        // Two threads that store the same value at once both have a good locator.
        let _either = cell.stored.set(key.locator);
    }
    Ok(())
}

/// Stores the nodes of a level in batches.
fn put_nodes(store: &dyn ObjectStore, level: &[&Link]) -> Result<()> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for link in level {
        let Some(node) = link.loaded() else { continue };
        let encoded = encode(node);
        bytes += encoded.len();
        let id = link.known_id().unwrap_or_else(|| Id::of(&encoded));
        batch.push((*link, id, encoded, link_keys(node)));
        if bytes >= BATCH_BYTES {
            put_batch(store, &std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    put_batch(store, &batch)
}

fn put_batch(store: &dyn ObjectStore, batch: &[(&Link, Id, Bytes, Vec<Key>)]) -> Result<()> {
    let objects: Vec<_> = batch
        .iter()
        .map(|(_, id, bytes, links)| Object {
            id: *id,
            kind: Kind::Node,
            bytes,
            links,
            generation: 0,
        })
        .collect();
    for ((link, id, ..), key) in batch.iter().zip(store.put_many(&objects)?) {
        link.set_id(*id);
        link.set_stored(key.locator);
    }
    Ok(())
}
