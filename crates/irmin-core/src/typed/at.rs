//! Typed values at paths of a tree.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{from_entry, to_entry};
use crate::error::Result;
use crate::{Difference, Entry, Path, Tree, TypedError};

impl Tree {
    /// Reads the value at a path; `None` if there is nothing. Reads the path, then as
    /// [`from_entry`]: nothing beside the path.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use irmin_core::{Path, Tree};
    ///
    /// let at = Path::parse("config/ports")?;
    /// let mut tree = Tree::empty();
    /// assert!(tree.write_value(&at, &BTreeMap::from([("http", 80), ("https", 443)]))?);
    /// assert_eq!(tree.read_value::<u16>(&Path::parse("config/ports/https")?)?, Some(443));
    /// assert_eq!(tree.read_value::<BTreeMap<String, u16>>(&at)?.unwrap().len(), 2);
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Typed`](crate::Error::Typed) with the whole path of the place that is not what the
    /// type needs; as [`get`](Self::get).
    pub fn read_value<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let Some(entry) = self.get(path)? else {
            return Ok(None);
        };
        let value = from_entry(&entry).map_err(|error| error.below(path))?;
        Ok(Some(value))
    }

    /// Puts a value at a path, instead of whatever is there, and tells whether that changed
    /// anything. Fields with the same value stay as they are and share their nodes with before.
    ///
    /// At the root, a value that is a directory replaces the tree, and an empty map empties it.
    ///
    /// # Errors
    /// [`Error::Typed`](crate::Error::Typed) with the whole path of the place that cannot be part
    /// of a tree; as [`set`](Self::set). The tree is as before then.
    pub fn write_value<T: Serialize + ?Sized>(&mut self, path: &Path, value: &T) -> Result<bool> {
        let entry = to_entry(value).map_err(|error| error.below(path))?;
        if path.is_root() && is_empty_map(&entry)? {
            return self.remove(path);
        }
        match (self.get(path)?, entry) {
            (Some(Entry::Tree(old)), Entry::Tree(new)) => self.apply(path, &old, &new),
            (_, entry) => self.set(path, entry),
        }
    }

    /// Makes one directory out of another by the blobs that differ.
    fn apply(&mut self, path: &Path, old: &Self, new: &Self) -> Result<bool> {
        // With its ids known, what is equal is skipped without reading it.
        new.id()?;
        let changes = old.diff(new)?;
        let mut next = self.clone();
        for change in &changes {
            let at = path.join(&change.path);
            match &change.difference {
                Difference::Removed(_) => next.remove(&at)?,
                Difference::Added(blob) | Difference::Modified { new: blob, .. } => {
                    next.set(&at, blob.clone())?
                }
            };
        }
        *self = next;
        Ok(!changes.is_empty())
    }
}

fn is_empty_map(entry: &Entry) -> Result<bool, TypedError> {
    Ok(match entry {
        Entry::Blob(blob) => blob.size() == 2 && blob.bytes()? == "{}",
        Entry::Tree(_) => false,
    })
}
