//! Reading one directory: size, pages, the n-th entry.

use std::sync::LazyLock;

use super::cursor::Cursor;
use super::nibbles::NameBuf;
use super::{Entry, Tree};
use crate::error::Result;
use crate::{Id, Step};

impl Tree {
    /// Returns the number of entries of the root directory. Reads its first node at most: O(1).
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn len(&self) -> Result<u64> {
        Ok(self.root.node(&self.store)?.len())
    }

    /// Tells whether there is no entry. Reads nothing where the id is known: there is one empty
    /// tree.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn is_empty(&self) -> Result<bool> {
        static EMPTY: LazyLock<Option<Id>> = LazyLock::new(|| Tree::empty().id().ok());
        match (self.root.known_id(), *EMPTY) {
            (Some(id), Some(empty)) => Ok(id == empty),
            _ => Ok(self.len()? == 0),
        }
    }

    /// Returns at most `limit` entries of the root directory in order, those behind `after` or
    /// from the start. O(log n + limit).
    ///
    /// ```
    /// # use irmin_core::{Path, Step, Tree};
    /// let mut tree = Tree::empty();
    /// for name in ["a", "b", "c", "d"] {
    ///     tree.set(&Path::parse(name)?, "")?;
    /// }
    /// let page = tree.list(Some(&Step::new("b")?), 1)?;
    /// assert_eq!(page[0].0.as_bytes(), b"c");
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn list(&self, after: Option<&Step>, limit: usize) -> Result<Vec<(Step, Entry)>> {
        self.entries_after(after)?.take(limit).collect()
    }

    /// Iterates over the entries of the root directory in order.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn entries(&self) -> Result<Listing> {
        self.entries_after(None)
    }

    /// Iterates over the entries of the root directory behind `after`, in order.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn entries_after(&self, after: Option<&Step>) -> Result<Listing> {
        let mut cursor = Cursor::new(self.root.by_ref(), &self.store, NameBuf::default())?;
        if let Some(after) = after {
            cursor.seek_after(after)?;
        }
        Ok(Listing {
            cursor,
            store: self.store.clone(),
        })
    }

    /// Returns the entry with `index` entries before it. O(log n).
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn nth(&self, index: u64) -> Result<Option<(Step, Entry)>> {
        let mut cursor = Cursor::new(self.root.by_ref(), &self.store, NameBuf::default())?;
        cursor.skip(index)?;
        Listing {
            cursor,
            store: self.store.clone(),
        }
        .next()
        .transpose()
    }
}

/// The entries of a directory in order. Loads nodes as it goes. An error stands for the entries of
/// a node that cannot be had; those behind it follow.
pub struct Listing {
    cursor: Cursor,
    store: super::Store,
}

impl Iterator for Listing {
    type Item = Result<(Step, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next_entry().transpose()?;
        Some(found.and_then(|(name, value)| {
            // A stored node may hold what no path can name: that is damage, not a panic.
            Ok((Step::new(name)?, Entry::from_value(value, &self.store)))
        }))
    }
}
