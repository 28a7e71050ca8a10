//! What a path leads to.

use std::sync::Arc;

use bytes::Bytes;

use super::blob::{Blob, Data};
use super::bucket::{Class, Value};
use super::link::Store;
use super::rows::Slot;
use super::{Mode, Tree};
use crate::Id;
use crate::error::Result;

/// A blob or a tree.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A value.
    Blob(Blob),
    /// A directory.
    Tree(Tree),
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A value with this mode.
    Blob(Mode),
    /// A directory.
    Tree,
}

impl Entry {
    /// Returns the blob, if it is one.
    #[must_use]
    pub fn into_blob(self) -> Option<Blob> {
        match self {
            Self::Blob(blob) => Some(blob),
            Self::Tree(_) => None,
        }
    }

    /// Returns the tree, if it is one.
    #[must_use]
    pub fn into_tree(self) -> Option<Tree> {
        match self {
            Self::Tree(tree) => Some(tree),
            Self::Blob(_) => None,
        }
    }

    /// Returns what it is.
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        match self {
            Self::Blob(blob) => EntryKind::Blob(blob.mode()),
            Self::Tree(_) => EntryKind::Tree,
        }
    }

    /// Returns the id of the blob's content or of the tree's root.
    ///
    /// # Errors
    /// As [`Tree::id`].
    pub fn id(&self) -> Result<Id> {
        match self {
            Self::Blob(blob) => Ok(blob.id()),
            Self::Tree(tree) => tree.id(),
        }
    }

    /// Tells whether two entries are equal, hashing what is changed and not hashed yet.
    ///
    /// # Errors
    /// As [`Tree::id`].
    pub fn equals(&self, other: &Self) -> Result<bool> {
        match (self, other) {
            (Self::Blob(left), Self::Blob(right)) => Ok(left == right),
            (Self::Tree(left), Self::Tree(right)) => {
                Ok(left.same(right) || left.id()? == right.id()?)
            }
            _ => Ok(false),
        }
    }

    /// Tells whether two places hold equal entries, or nothing both.
    pub(crate) fn both_equal(left: Option<&Self>, right: Option<&Self>) -> Result<bool> {
        match (left, right) {
            (None, None) => Ok(true),
            (Some(left), Some(right)) => left.equals(right),
            _ => Ok(false),
        }
    }

    pub(super) fn from_value(value: Value, store: &Store) -> Self {
        match value {
            Value::Inline(mode, bytes) => Self::Blob(Blob::from_data(mode, Data::Inline(bytes))),
            Value::Blob(mode, cell) => {
                Self::Blob(Blob::from_data(mode, Data::Object(cell, store.clone())))
            }
            Value::Dir(root) => Self::Tree(Tree {
                root,
                store: store.clone(),
            }),
        }
    }

    /// Returns what a bucket keeps of an entry of the same store.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Blob(blob) => match blob.data() {
                Data::Inline(bytes) => Value::Inline(blob.mode(), bytes.clone()),
                Data::Object(cell, _) => Value::Blob(blob.mode(), Arc::clone(cell)),
            },
            Self::Tree(tree) => Value::Dir(Arc::clone(&tree.root)),
        }
    }

    pub(super) fn store(&self) -> Store {
        match self {
            Self::Tree(tree) => tree.store.clone(),
            Self::Blob(blob) => match blob.data() {
                Data::Object(_, store) => store.clone(),
                Data::Inline(_) => None,
            },
        }
    }
}

impl From<Blob> for Entry {
    fn from(blob: Blob) -> Self {
        Self::Blob(blob)
    }
}

impl From<Tree> for Entry {
    fn from(tree: Tree) -> Self {
        Self::Tree(tree)
    }
}

impl From<Bytes> for Entry {
    fn from(bytes: Bytes) -> Self {
        Self::Blob(bytes.into())
    }
}

impl From<&'static str> for Entry {
    fn from(text: &'static str) -> Self {
        Self::Blob(text.into())
    }
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        Self::Blob(text.into())
    }
}

impl From<Vec<u8>> for Entry {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes.into())
    }
}

pub(super) const fn kind_of(slot: &Slot<'_>) -> EntryKind {
    match slot.class {
        Class::Dir => EntryKind::Tree,
        _ => EntryKind::Blob(slot.mode),
    }
}
