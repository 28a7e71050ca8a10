//! Views: temporary stores over a tree, with lazy reads, writes in memory and a memory of both.

mod reads;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use reads::Read;
use reads::Seen;

use crate::error::Result;
use crate::{Blob, Entry, EntryKind, Path, Step, Tree};

/// A temporary store over a tree: the staging area of a transaction.
///
/// Opens in O(1), reads through to the tree, keeps writes in memory, and remembers what was read
/// and written, so that it can tell whether it still holds on a newer tree and move there.
///
/// ```
/// use irmin_core::{Path, Tree, View};
/// let at = |text| Path::parse(text);
/// let mut tree = Tree::empty();
/// tree.set(&at("stock/apples")?, "3")?;
/// let mut view = View::new(tree.clone());
/// assert_eq!(view.get(&at("stock/apples")?)?.unwrap(), "3");
/// view.set(&at("stock/pears")?, "1")?;
///
/// tree.set(&at("stock/plums")?, "9")?;           // somebody else's change …
/// assert!(view.stale(&tree)?.is_none());          // … of something that the view did not read
/// let rebased = view.rebase(tree)?;
/// assert_eq!(rebased.tree().get_bytes(&at("stock/pears")?)?.unwrap(), "1");
/// assert_eq!(rebased.tree().get_bytes(&at("stock/plums")?)?.unwrap(), "9");
/// # Ok::<(), irmin_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct View {
    base: Tree,
    tree: Tree,
    reads: RefCell<BTreeMap<Read, Seen>>,
    writes: BTreeSet<Path>,
}

impl View {
    /// Opens a view on a tree. Reads nothing.
    #[must_use]
    pub fn new(base: Tree) -> Self {
        let tree = base.clone();
        Self {
            base,
            tree,
            reads: RefCell::default(),
            writes: BTreeSet::new(),
        }
    }

    /// Returns the tree that the view was opened on.
    #[must_use]
    pub const fn base(&self) -> &Tree {
        &self.base
    }

    /// Returns the tree as the view sees it now. Reading from it records nothing.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Finds what a path leads to. Reading a directory counts as reading all below it.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn find(&self, path: &Path) -> Result<Option<Entry>> {
        self.record(Read::Entry(path.clone()))?;
        self.tree.get(path)
    }

    /// Returns the bytes of the blob at a path; `None` if there is nothing, or a directory.
    ///
    /// # Errors
    /// As [`Tree::get`] and [`Blob::bytes`].
    pub fn get(&self, path: &Path) -> Result<Option<Bytes>> {
        let blob = self.get_blob(path)?;
        blob.map(|blob| blob.bytes()).transpose()
    }

    /// Returns the blob at a path; `None` if there is nothing, or a directory.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn get_blob(&self, path: &Path) -> Result<Option<Blob>> {
        self.record(Read::Blob(path.clone()))?;
        self.tree.get_blob(path)
    }

    /// Tells what a path leads to. Only a change of that counts as a change of what was read.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn kind(&self, path: &Path) -> Result<Option<EntryKind>> {
        self.record(Read::Kind(path.clone()))?;
        self.tree.kind(path)
    }

    /// Lists names and kinds in a directory, at most `limit`, those behind `after` or from the
    /// start. Only a change of these counts as a change of what was read.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn list(
        &self,
        path: &Path,
        after: Option<&Step>,
        limit: usize,
    ) -> Result<Vec<(Step, EntryKind)>> {
        let read = Read::Listing {
            path: path.clone(),
            after: after.cloned(),
            limit,
        };
        self.record(read)?;
        reads::list(&self.tree, path, after, limit)
    }

    /// Puts a blob or a whole tree at a path; tells whether that changed anything. Nothing is
    /// stored or hashed, values over 128 bytes apart.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn set(&mut self, path: &Path, entry: impl Into<Entry>) -> Result<bool> {
        let changed = self.tree.set(path, entry)?;
        self.writes.insert(path.clone());
        Ok(changed)
    }

    /// Removes what a path leads to; tells whether there was anything.
    ///
    /// # Errors
    /// As [`Tree::remove`].
    pub fn remove(&mut self, path: &Path) -> Result<bool> {
        let changed = self.tree.remove(path)?;
        self.writes.insert(path.clone());
        Ok(changed)
    }

    /// Loads the value at a path, a struct or map from a directory and a scalar from a blob.
    /// `None` if there is nothing. Reads only what is below the path.
    ///
    /// # Errors
    /// [`Error::Typed`](crate::Error::Typed) with the path of what is no such value.
    pub fn load<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        self.record(Read::Entry(path.clone()))?;
        self.tree.read_value(path)
    }

    /// Stores a value at a path: one entry for each field of a struct or map, so that two people
    /// who change two fields merge.
    ///
    /// # Errors
    /// [`Error::Typed`](crate::Error::Typed) with the path of what cannot be in a tree.
    pub fn store<T: Serialize + ?Sized>(&mut self, path: &Path, value: &T) -> Result<bool> {
        let changed = self.tree.write_value(path, value)?;
        self.writes.insert(path.clone());
        Ok(changed)
    }

    /// Opens a view on this view: absorb it to keep what it did, or drop it.
    #[must_use]
    pub fn nested(&self) -> Self {
        Self::new(self.tree.clone())
    }

    /// Takes over what a nested view read and wrote. `false`, and nothing happens, if this view
    /// was written to since the other one was opened.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn absorb(&mut self, nested: Self) -> Result<bool> {
        if !nested.base.same(&self.tree) {
            return Ok(false);
        }
        for read in nested.reads.into_inner().into_keys() {
            // The nested view saw this view's writes; what counts is what lies below them.
            self.record(read)?;
        }
        self.tree = nested.tree;
        self.writes.extend(nested.writes);
        Ok(true)
    }

    /// Returns what was read of the tree below, each thing once, in order.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        self.reads.borrow().keys().cloned().collect()
    }

    /// Returns the paths that were written, in order.
    pub fn writes(&self) -> impl Iterator<Item = &Path> {
        self.writes.iter()
    }

    /// Tells whether the tree differs from the one that the view was opened on.
    ///
    /// # Errors
    /// As [`Tree::id`].
    pub fn is_changed(&self) -> Result<bool> {
        Ok(!self.writes.is_empty()
            && !self.tree.same(&self.base)
            && self.tree.id()? != self.base.id()?)
    }

    /// Returns the first path whose reading would show something else on `newer`, if any.
    /// Compares by id, so what did not change is not read again.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn stale(&self, newer: &Tree) -> Result<Option<Path>> {
        if newer.same(&self.base) {
            return Ok(None);
        }
        for (read, seen) in &*self.reads.borrow() {
            if read.look(newer)? != *seen {
                return Ok(Some(read.path().clone()));
            }
        }
        Ok(None)
    }

    /// Returns the view moved to a newer tree: its writes on top of that. Ask
    /// [`stale`](Self::stale) first if reads matter.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn rebase(self, newer: Tree) -> Result<Self> {
        let mut tree = newer.clone();
        for path in &self.writes {
            match self.tree.get(path)? {
                Some(entry) => tree.set(path, entry)?,
                None => tree.remove(path)?,
            };
        }
        Ok(Self {
            base: newer,
            tree,
            ..self
        })
    }

    /// Remembers what a reader sees of the base, unless it sees what the view wrote.
    fn record(&self, read: Read) -> Result<()> {
        if self.is_written(read.path()) || self.reads.borrow().contains_key(&read) {
            return Ok(());
        }
        let seen = read.look(&self.base)?;
        self.reads.borrow_mut().insert(read, seen);
        Ok(())
    }

    /// Tells whether a path lies at or below one that the view wrote.
    fn is_written(&self, path: &Path) -> bool {
        if self.writes.is_empty() {
            return false;
        }
        let mut above = Some(path.clone());
        while let Some(at) = above {
            if self.writes.contains(&at) {
                return true;
            }
            above = at.parent().map(|(parent, _)| parent);
        }
        false
    }
}

#[cfg(test)]
mod tests;
