//! Changing a tree: in place where this tree is the only owner, by copying the path elsewhere.

use std::sync::Arc;

use super::bucket::{Sub, Value};
use super::link::Link;
use super::rows::Slot;
use super::{Entry, Tree, dir};
use crate::error::{Error, Result};
use crate::{Path, Step};

impl Tree {
    /// Puts a blob or a tree at a path, and tells whether that changed anything. Missing
    /// directories are made, a blob on the way is replaced, an empty tree means removal.
    ///
    /// Reads the nodes on the path that are not loaded; copies those that are shared.
    ///
    /// # Errors
    /// [`Error::RootNeedsTree`] for a blob at the root; as [`get`](Self::get) when a node cannot be
    /// had. The tree is as before then.
    pub fn set(&mut self, path: &Path, entry: impl Into<Entry>) -> Result<bool> {
        let entry = entry.into();
        let place = self.place_for(path, &entry)?;
        self.set_at(place, path, entry)
    }

    /// Looks where an entry would go.
    pub(crate) fn place_for(&self, path: &Path, entry: &Entry) -> Result<EntryPlace> {
        let Some((last, dirs)) = path.steps().split_last() else {
            return Ok(EntryPlace::default());
        };
        let (link, depth) = self.deepest_dir(dirs)?;
        let next = path.steps().get(depth).unwrap_or(last);
        let slot = dir::find(link, &self.store, next)?;
        let is_above = depth < dirs.len();
        Ok(EntryPlace {
            depth,
            has_blob_above: is_above && slot.is_some(),
            is_there: !is_above && slot.is_some_and(|slot| holds(&slot, entry)),
        })
    }

    /// Puts an entry at the place that was found for it.
    pub(crate) fn set_at(&mut self, place: EntryPlace, path: &Path, entry: Entry) -> Result<bool> {
        let entry = self.own(entry)?;
        let Some((last, dirs)) = path.steps().split_last() else {
            return self.set_root(entry);
        };
        if let Entry::Tree(tree) = &entry
            && tree.is_empty()?
        {
            return self.remove(path);
        }
        if place.is_there {
            return Ok(false);
        }
        let depth = place.depth;
        let mut link = Arc::make_mut(&mut self.root);
        for (index, step) in dirs.iter().enumerate() {
            if index >= depth {
                dir::put(link, &self.store, step, new_dir())?;
            }
            link = subdir(link, &self.store, step)?;
        }
        dir::put(link, &self.store, last, entry.to_value())?;
        Ok(true)
    }

    fn set_root(&mut self, entry: Entry) -> Result<bool> {
        let Entry::Tree(tree) = entry else {
            return Err(Error::RootNeedsTree);
        };
        let changed = !self.same(&tree);
        self.root = tree.root;
        Ok(changed)
    }

    /// Removes what a path leads to, and the directories that this leaves empty; tells whether
    /// there was anything. Removing the root empties the tree.
    ///
    /// # Errors
    /// As [`get`](Self::get). The tree is as before then.
    pub fn remove(&mut self, path: &Path) -> Result<bool> {
        if path.is_root() {
            let changed = !self.is_empty()?;
            self.root = Arc::new(dir::empty());
            return Ok(changed);
        }
        if self.slot(path.steps())?.is_none() {
            return Ok(false);
        }
        let depth = self.last_shared_dir(path.steps())?;
        let before = Arc::clone(&self.root);
        self.remove_at(&path.steps()[..=depth])
            .inspect_err(|_| self.root = before)?;
        Ok(true)
    }

    /// Follows steps as far as they lead from directory to directory. Returns the last one and how
    /// many steps lead there.
    fn deepest_dir(&self, dirs: &[Step]) -> Result<(&Link, usize)> {
        let mut link: &Link = &self.root;
        for (depth, step) in dirs.iter().enumerate() {
            match dir::find(link, &self.store, step)?.and_then(|slot| slot.sub()) {
                Some(Sub::Dir(below)) => link = below,
                _ => return Ok((link, depth)),
            }
        }
        Ok((link, dirs.len()))
    }

    /// Returns the position of the step to remove: below the deepest directory on the path that
    /// has other entries.
    fn last_shared_dir(&self, steps: &[Step]) -> Result<usize> {
        let mut link: &Link = &self.root;
        let mut depth = 0;
        for (index, step) in steps.iter().enumerate() {
            if link.node(&self.store)?.len() > 1 {
                depth = index;
            }
            match dir::find(link, &self.store, step)?.and_then(|slot| slot.sub()) {
                Some(Sub::Dir(below)) => link = below,
                _ => break,
            }
        }
        Ok(depth)
    }

    fn remove_at(&mut self, steps: &[Step]) -> Result<()> {
        let Some((last, dirs)) = steps.split_last() else {
            return Ok(());
        };
        let mut link = Arc::make_mut(&mut self.root);
        for step in dirs {
            link = subdir(link, &self.store, step)?;
        }
        dir::remove(link, &self.store, last)
    }

    /// Returns an entry that this tree can hold: of no store, or of the same one. A part of
    /// another store is read into memory.
    pub(super) fn own(&mut self, entry: Entry) -> Result<Entry> {
        let Some(theirs) = entry.store() else {
            return Ok(entry);
        };
        match &self.store {
            Some(ours) if ours.store_id() == theirs.store_id() => Ok(entry),
            None => {
                self.store = Some(theirs);
                Ok(entry)
            }
            Some(_) => detach(&entry),
        }
    }
}

/// Where an entry goes in a tree.
#[derive(Clone, Copy, Default)]
pub(crate) struct EntryPlace {
    /// How many of the steps lead from directory to directory.
    depth: usize,
    /// The next step leads to a blob, which would give way to a directory.
    pub(crate) has_blob_above: bool,
    /// The same entry is there already.
    is_there: bool,
}

/// Returns the link of a directory entry, which is there, for changing what is below.
fn subdir<'a>(link: &'a mut Link, store: &super::Store, step: &Step) -> Result<&'a mut Link> {
    let below = dir::dir_mut(link, store, step)?.expect("because it was found or just put");
    Ok(Arc::make_mut(below))
}

fn new_dir() -> Value {
    Value::Dir(Arc::new(dir::empty()))
}

/// Tells whether a place holds an entry already.
fn holds(slot: &Slot<'_>, entry: &Entry) -> bool {
    match (slot.sub(), entry.to_value()) {
        (None, Value::Inline(mode, bytes)) => slot.mode == mode && slot.raw() == bytes,
        (Some(Sub::Blob(old)), Value::Blob(mode, new)) => slot.mode == mode && old.id == new.id,
        (Some(Sub::Dir(old)), Value::Dir(new)) => Arc::ptr_eq(old, &new) || old.same(&new),
        _ => false,
    }
}

/// Copies an entry into memory, away from its store.
fn detach(entry: &Entry) -> Result<Entry> {
    match entry {
        Entry::Blob(blob) => Ok(super::Blob::new(blob.bytes()?)
            .with_mode(blob.mode())
            .into()),
        Entry::Tree(tree) => {
            let mut copy = Tree::empty();
            for found in tree.walk(super::WalkOptions::default()) {
                let (path, entry) = found?;
                if let Entry::Blob(_) = entry {
                    copy.set(&path, detach(&entry)?)?;
                }
            }
            Ok(copy.into())
        }
    }
}
