//! Trees: immutable, ordered maps from steps to blobs and trees; lazy, shared, cheap to clone.

mod below;
mod blob;
mod branches;
mod bucket;
mod builder;
mod chunks;
mod combine;
mod cursor;
mod diff;
mod dir;
mod edit;
mod entry;
mod find;
mod graft;
mod inner;
mod link;
mod list;
mod loaded;
mod lockstep;
mod nibbles;
mod node;
mod origin;
mod outline;
mod persist;
mod prefix;
mod rows;
mod run;
mod stats;
mod walk;

use std::fmt;
use std::sync::Arc;

pub use blob::{Blob, INLINE_BYTES_MAX, Mode};
pub use builder::TreeBuilder;
pub(crate) use combine::{Verdict, combine};
pub use diff::{Change, Difference};
pub use entry::{Entry, EntryKind};
pub use find::BlobRef;
pub use list::Listing;
pub(crate) use node::node_links;
pub(crate) use outline::{Dots, Outline, Target, chunk_list, outline};
pub(crate) use persist::Staged;
pub use stats::TreeStats;
pub use walk::{Order, Walk, WalkOptions};

use crate::error::{Error, Result};
use crate::{Id, Key, ObjectStore, Path, Step};
use link::{Link, Place, Store};
use rows::Slot;

/// An immutable tree of blobs, as a value: clone it to keep a version, edit the clone.
///
/// A tree is a pointer to its root directory. What lies below is loaded when it is touched and
/// then shared by all clones. Edits copy the nodes on the path to the entry and share the rest;
/// nothing is hashed or written before [`persist`](Self::persist).
///
/// Empty directories do not exist: removing the last entry of one removes it. Writing below a
/// blob, or a blob over a directory, replaces what was there.
///
/// ```
/// use irmin_core::{Path, Tree};
/// let mut tree = Tree::empty();
/// tree.set(&Path::parse("etc/hosts")?, "127.0.0.1 localhost")?;
/// let before = tree.clone();
/// tree.remove(&Path::parse("etc/hosts")?)?;
/// assert!(tree.is_empty()?);
/// assert_eq!(before.get_bytes(&Path::parse("etc/hosts")?)?.unwrap(), "127.0.0.1 localhost");
/// # Ok::<(), irmin_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Tree {
    root: Arc<Link>,
    store: Store,
}

impl Tree {
    /// Returns the tree without entries, which needs no store.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            root: Arc::new(dir::empty()),
            store: None,
        }
    }

    /// Points to a stored tree. Reads nothing.
    #[must_use]
    pub fn load(store: Arc<dyn ObjectStore>, key: Key) -> Self {
        let place = Place {
            store: store.store_id(),
            locator: key.locator,
        };
        Self {
            root: Arc::new(Link::stored(key.id, place)),
            store: Some(store),
        }
    }

    /// Returns a copy that shares nothing loaded: memory comes back when the original is dropped.
    /// A tree that is not wholly stored is returned as it is.
    #[must_use]
    pub fn unloaded(&self) -> Self {
        match (self.root.place(), &self.store) {
            (Some((id, place)), Some(store)) if place.store == store.store_id() => Self {
                root: Arc::new(Link::stored(id, place)),
                store: self.store.clone(),
            },
            _ => self.clone(),
        }
    }

    /// Finds what a path leads to. Reads the nodes on the path that are not loaded, one at a time:
    /// O(log n) of each directory's size.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Decode`] or [`Error::Store`] when a node cannot be had.
    pub fn get(&self, path: &Path) -> Result<Option<Entry>> {
        match path.parent() {
            None => Ok(Some(Entry::Tree(self.clone()))),
            Some(_) => Ok(self.slot(path.steps())?.map(|slot| self.entry(&slot))),
        }
    }

    /// Finds the blob at a path; `None` if there is nothing, or a directory.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_blob(&self, path: &Path) -> Result<Option<Blob>> {
        Ok(self.get(path)?.and_then(Entry::into_blob))
    }

    /// Finds the directory at a path; `None` if there is nothing, or a blob.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_tree(&self, path: &Path) -> Result<Option<Self>> {
        Ok(self.get(path)?.and_then(Entry::into_tree))
    }

    /// Finds the bytes of the blob at a path; `None` if there is nothing, or a directory. Small
    /// values are not copied.
    ///
    /// # Errors
    /// As [`get`](Self::get) and [`Blob::bytes`].
    pub fn get_bytes(&self, path: &Path) -> Result<Option<bytes::Bytes>> {
        self.get_blob(path)?.map(|blob| blob.bytes()).transpose()
    }

    /// Tells what a path leads to without making a value of it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn kind(&self, path: &Path) -> Result<Option<EntryKind>> {
        if path.is_root() {
            return Ok(Some(EntryKind::Tree));
        }
        Ok(self.slot(path.steps())?.map(|slot| entry::kind_of(&slot)))
    }

    /// Finds an entry by its steps.
    fn slot(&self, steps: &[Step]) -> Result<Option<Slot<'_>>> {
        let mut link: &Link = &self.root;
        let Some((last, dirs)) = steps.split_last() else {
            return Ok(None);
        };
        for step in dirs {
            match dir::find(link, &self.store, step)?.and_then(|slot| slot.sub()) {
                Some(bucket::Sub::Dir(below)) => link = below,
                _ => return Ok(None),
            }
        }
        dir::find(link, &self.store, last)
    }

    /// Returns the path of the blob that lies above the end of a path, if one does.
    pub(crate) fn blob_above(&self, path: &Path) -> Result<Option<Path>> {
        let mut link: &Link = &self.root;
        let dirs = path.steps().split_last().map_or(&[][..], |(_, dirs)| dirs);
        for (index, step) in dirs.iter().enumerate() {
            let Some(slot) = dir::find(link, &self.store, step)? else {
                break;
            };
            let Some(bucket::Sub::Dir(below)) = slot.sub() else {
                return Ok(Some(Path::from_steps(dirs[..=index].to_vec())?));
            };
            link = below;
        }
        Ok(None)
    }

    /// Makes a value of an entry in place.
    fn entry(&self, slot: &Slot<'_>) -> Entry {
        Entry::from_value(slot.to_value(), &self.store)
    }

    /// Tells whether two trees are equal as far as that is known without hashing or reading: by
    /// id, or because one is a clone of the other.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root) || self.root.same(&other.root)
    }

    /// Returns the id of the root directory. Hashes what was changed since the last time.
    ///
    /// # Errors
    /// None in a tree of values that are all in memory or stored.
    pub fn id(&self) -> Result<Id> {
        persist::hash(&self.root)?;
        self.root.known_id().ok_or(Error::Missing { id: Id::NULL })
    }

    /// Stores all that the store does not have yet, children before parents in one batch a level,
    /// and returns the root's key. The tree stays as it is, and knows where its nodes are. Of a
    /// tree that was loaded from another store, everything is read from there.
    ///
    /// # Errors
    /// [`Error::Store`] when the store fails, [`Error::Missing`] when the other store lacks
    /// something.
    pub fn persist(&self, store: &Arc<dyn ObjectStore>) -> Result<Key> {
        persist::persist(self, store.as_ref())
    }

    /// Hashes what a store does not have of the tree, for a commit to be stored with it.
    pub(crate) fn stage<'a>(&'a self, store: &'a dyn ObjectStore) -> Result<Staged<'a>> {
        persist::stage(self, store)
    }

    /// Returns this tree as the store has it that it was just persisted to under `key`.
    pub(crate) fn in_store(&self, store: &Arc<dyn ObjectStore>, key: Key) -> Self {
        match &self.store {
            Some(own) if own.store_id() != store.store_id() => Self::load(Arc::clone(store), key),
            _ => Self {
                root: Arc::clone(&self.root),
                store: Some(Arc::clone(store)),
            },
        }
    }

    /// Returns the store that the tree loads from.
    #[must_use]
    pub const fn store(&self) -> Option<&Arc<dyn ObjectStore>> {
        self.store.as_ref()
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root.known_id() {
            Some(id) => write!(f, "Tree({})", id.short()),
            None => f.write_str("Tree(unhashed)"),
        }
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
