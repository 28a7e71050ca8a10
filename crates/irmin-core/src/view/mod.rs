//! Views: temporary stores over a tree, with lazy reads, writes in memory and a memory of both.

mod reads;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use reads::Read;
use reads::Seen;

use crate::error::{Error, Result};
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
    writes: BTreeMap<Path, Written>,
}

/// What a view did at a path in the course of its life.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// Removed something that was there.
    removed: bool,
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
            writes: BTreeMap::new(),
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

    /// Puts a blob or a whole tree at a path; tells whether that changed anything here, which does
    /// not count as a reading. Nothing is stored or hashed, values over 128 bytes apart.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn set(&mut self, path: &Path, entry: impl Into<Entry>) -> Result<bool> {
        let entry = entry.into();
        if let Entry::Tree(tree) = &entry
            && tree.is_empty()?
        {
            return self.remove(path);
        }
        let place = self.tree.place_for(path, &entry)?;
        let replaced = match place.has_blob_above {
            true => self.replaced_above(path)?,
            false => None,
        };
        let changed = self.tree.set_at(place, path, entry)?;
        self.wrote(replaced, path, false);
        Ok(changed)
    }

    /// Removes what a path leads to; tells whether there was anything, which counts as a reading
    /// of [`kind`](Self::kind).
    ///
    /// # Errors
    /// As [`Tree::remove`].
    pub fn remove(&mut self, path: &Path) -> Result<bool> {
        self.record(Read::Kind(path.clone()))?;
        let removed = self.tree.remove(path)?;
        self.wrote(None, path, removed);
        Ok(removed)
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
        let replaced = self.replaced_above(path)?;
        let changed = self.tree.write_value(path, value)?;
        // A value without fields leaves nothing.
        let removed = changed && self.tree.kind(path)?.is_none();
        self.wrote(replaced, path, removed);
        Ok(changed)
    }

    /// Opens a view on this view: absorb it to keep what it did, or drop it.
    #[must_use]
    pub fn nested(&self) -> Self {
        Self::new(self.tree.clone())
    }

    /// Takes over what a nested view read and wrote.
    ///
    /// # Errors
    /// [`Error::NestedOutdated`], and nothing happens, if this view was written to since the other
    /// one was opened; as [`Tree::get`].
    pub fn absorb(&mut self, nested: Self) -> Result<()> {
        if !nested.base.same(&self.tree) {
            return Err(Error::NestedOutdated);
        }
        for read in nested.reads.into_inner().into_keys() {
            // The nested view saw this view's writes; what counts is what lies below them.
            self.record(read)?;
        }
        self.tree = nested.tree;
        for (path, written) in nested.writes {
            let both = self.writes.entry(path).or_default();
            both.removed |= written.removed;
        }
        Ok(())
    }

    /// Returns what was read of the tree below, each thing once, in order.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        self.reads.borrow().keys().cloned().collect()
    }

    /// Returns the paths that were written, in order.
    pub fn writes(&self) -> impl Iterator<Item = &Path> {
        self.writes.keys()
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
        let tree = self.on_top_of(&newer)?;
        Ok(Self {
            base: newer,
            tree,
            ..self
        })
    }

    /// Returns a newer tree with the view's writes on top.
    pub(crate) fn on_top_of(&self, newer: &Tree) -> Result<Tree> {
        let mut tree = newer.clone();
        let mut writes = self.writes.iter().peekable();
        while let Some((path, _)) = writes.next() {
            // What became of this path says all about what was written below it.
            while writes
                .next_if(|(below, _)| below.starts_with(path))
                .is_some()
            {}
            match self.tree.get(path)? {
                Some(entry) => tree.set(path, entry)?,
                None => tree.remove(path)?,
            };
        }
        Ok(tree)
    }

    /// Returns the place of a blob that a write at a path replaces by a directory. That is a write
    /// there too, and good only as long as there is a blob.
    fn replaced_above(&self, path: &Path) -> Result<Option<Path>> {
        let above = self.tree.blob_above(path)?;
        if let Some(above) = &above {
            self.record(Read::Kind(above.clone()))?;
        }
        Ok(above)
    }

    /// Remembers a write, and that of a blob above that it replaced.
    fn wrote(&mut self, replaced: Option<Path>, path: &Path, removed: bool) {
        if let Some(replaced) = replaced {
            self.writes.entry(replaced).or_default().removed = true;
        }
        self.writes.entry(path.clone()).or_default().removed |= removed;
    }

    /// Remembers what a reader sees of the base, unless it sees what the view wrote.
    fn record(&self, read: Read) -> Result<()> {
        if self.is_written(read.path()) {
            return Ok(());
        }
        let read = self.widened(read);
        if self.reads.borrow().contains_key(&read) {
            return Ok(());
        }
        let seen = read.look(&self.base)?;
        self.reads.borrow_mut().insert(read, seen);
        Ok(())
    }

    /// Returns the reading of the base that a reading of the view depends on. Where the view has
    /// removed something below, all that is left decides on what is seen: which name comes next
    /// on a page, and whether a directory still exists.
    fn widened(&self, read: Read) -> Read {
        match &read {
            Read::Kind(path) | Read::Listing { path, .. } if self.has_removed_below(path) => {
                Read::Entry(path.clone())
            }
            _ => read,
        }
    }

    fn has_removed_below(&self, path: &Path) -> bool {
        let behind = (Bound::Excluded(path), Bound::Unbounded);
        let mut below = self
            .writes
            .range::<Path, _>(behind)
            .take_while(|(written, _)| written.starts_with(path));
        below.any(|(_, written)| written.removed)
    }

    /// Tells whether a path lies at or below one that the view wrote.
    fn is_written(&self, path: &Path) -> bool {
        let mut steps = path.steps();
        loop {
            // Whatever of this path was written comes at or before the nearest one before it, and
            // is no longer than what the two share.
            let before = (Bound::Unbounded, Bound::Included(steps));
            let Some((nearest, _)) = self.writes.range::<[Step], _>(before).next_back() else {
                return false;
            };
            let pairs = steps.iter().zip(nearest.steps());
            let shared = pairs.take_while(|(left, right)| left == right).count();
            if shared == nearest.steps().len() {
                return true;
            }
            steps = &steps[..shared];
        }
    }
}

#[cfg(test)]
mod tests;
