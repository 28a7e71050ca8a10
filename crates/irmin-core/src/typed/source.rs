//! Where a value is read from: a tree, node by node as needed, or a copy in memory.

use bytes::Bytes;

use super::TypedError;
use super::depth::{Depth, TYPED_DEPTH_MAX};
use super::text::{FIRST_INDEX, unquoted};
use crate::tree::Listing;
use crate::{Entry, Path, Step, Tree};

/// How `Some` is called around what would else read as `None`.
pub(super) const SOME: &str = "Some";

/// How `None` and unit are written.
pub(super) const NULL: &[u8] = b"null";

/// An entry that is read in memory with all that is below it, for values that borrow from it.
///
/// Reading from a [`Tree`] makes strings as it goes, so a type with a `&str` field has nothing to
/// borrow from. It borrows from this.
///
/// ```
/// use irmin_core::{Loaded, to_entry};
///
/// let loaded = Loaded::of(&to_entry(&("alice", 12))?)?;
/// let (name, age): (&str, u8) = loaded.value()?;
/// assert_eq!((name, age), ("alice", 12));
/// # Ok::<(), irmin_core::TypedError>(())
/// ```
#[derive(Debug)]
pub struct Loaded(pub(super) Node);

#[derive(Debug)]
pub(super) enum Node {
    Blob(LoadedBlob),
    /// In order of their names.
    Tree(Vec<(Step, Self)>),
}

#[derive(Debug)]
pub(super) struct LoadedBlob {
    bytes: Bytes,
    /// The string, if it is stored in quotes.
    unquoted: Option<String>,
}

impl Loaded {
    /// Reads an entry and everything below it.
    ///
    /// # Errors
    /// [`TypedError::Tree`] when it cannot be read, [`TypedError::TooDeep`] beyond
    /// [`TYPED_DEPTH_MAX`](crate::TYPED_DEPTH_MAX).
    pub fn of(entry: &Entry) -> Result<Self, TypedError> {
        Ok(Self(Node::of(entry, Depth::default())?))
    }
}

impl Node {
    /// Recursion ends at the greatest depth.
    fn of(entry: &Entry, depth: Depth) -> Result<Self, TypedError> {
        let tree = match entry {
            Entry::Tree(tree) => tree,
            Entry::Blob(blob) => return Ok(Self::Blob(LoadedBlob::new(blob.bytes()?))),
        };
        let depth = depth.below()?;
        let mut nodes = Vec::new();
        for found in tree.entries()? {
            let (step, entry) = found?;
            let node = Self::of(&entry, depth).map_err(|error| error.inside(&step))?;
            nodes.push((step, node));
        }
        Ok(Self::Tree(nodes))
    }
}

impl LoadedBlob {
    fn new(bytes: Bytes) -> Self {
        let unquoted = unquoted(&bytes);
        Self { bytes, unquoted }
    }
}

/// An entry of either kind of source.
#[derive(Clone)]
pub(super) enum Source<'de> {
    Lazy(Entry),
    Loaded(&'de Node),
}

/// What an entry turned out to be.
pub(super) enum Content<'de> {
    Blob(Raw<'de>),
    Tree(Dir<'de>),
}

/// The bytes of a blob.
pub(super) enum Raw<'de> {
    Held(Bytes),
    Loaded(&'de LoadedBlob),
}

/// A directory, its entries not yet read.
#[derive(Clone)]
pub(super) enum Dir<'de> {
    Lazy(Tree),
    Loaded(&'de [(Step, Node)]),
}

impl<'de> Source<'de> {
    /// Reads a blob's bytes; of a directory nothing.
    pub(super) fn read(self) -> Result<Content<'de>, TypedError> {
        Ok(match self {
            Self::Lazy(Entry::Blob(blob)) => Content::Blob(Raw::Held(blob.bytes()?)),
            Self::Lazy(Entry::Tree(tree)) => Content::Tree(Dir::Lazy(tree)),
            Self::Loaded(Node::Blob(blob)) => Content::Blob(Raw::Loaded(blob)),
            Self::Loaded(Node::Tree(nodes)) => Content::Tree(Dir::Loaded(nodes)),
        })
    }

    /// Tells whether this is how `None` is written. Reads no blob of another size.
    pub(super) fn is_null(&self) -> Result<bool, TypedError> {
        Ok(match self {
            Self::Lazy(Entry::Blob(blob)) => {
                blob.size() == NULL.len() as u64 && blob.bytes()? == NULL
            }
            Self::Loaded(Node::Blob(blob)) => blob.bytes == NULL,
            Self::Lazy(Entry::Tree(_)) | Self::Loaded(Node::Tree(_)) => false,
        })
    }

    /// Returns what is below `Some`, if this is how `Some` around a `None` or unit is written:
    /// directories with only that entry, down to `null`.
    pub(super) fn strip_some(&self) -> Result<Option<Self>, TypedError> {
        let Some(inner) = self.only_some()? else {
            return Ok(None);
        };
        let mut at = inner.clone();
        for _ in 0..TYPED_DEPTH_MAX {
            match at.only_some()? {
                Some(next) => at = next,
                None => return Ok(at.is_null()?.then_some(inner)),
            }
        }
        Ok(None)
    }

    /// Returns the entry `Some` of a directory that has no other.
    fn only_some(&self) -> Result<Option<Self>, TypedError> {
        let dir = match self {
            Self::Lazy(Entry::Tree(tree)) => Dir::Lazy(tree.clone()),
            Self::Loaded(Node::Tree(nodes)) => Dir::Loaded(nodes),
            Self::Lazy(Entry::Blob(_)) | Self::Loaded(Node::Blob(_)) => return Ok(None),
        };
        if dir.len()? == 1 {
            dir.get(SOME)
        } else {
            Ok(None)
        }
    }
}

impl<'de> Dir<'de> {
    pub(super) const EMPTY: Self = Self::Loaded(&[]);

    /// Returns the number of entries. One read at most.
    pub(super) fn len(&self) -> Result<u64, TypedError> {
        Ok(match self {
            Self::Lazy(tree) => tree.len()?,
            Self::Loaded(nodes) => nodes.len() as u64,
        })
    }

    /// Tells whether the entries are the elements of a sequence.
    pub(super) fn is_sequence(&self) -> Result<bool, TypedError> {
        Ok(self.get(FIRST_INDEX)?.is_some())
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Source<'de>>, TypedError> {
        Ok(match self {
            Self::Lazy(tree) => tree.get(&Path::from(Step::new(name)?))?.map(Source::Lazy),
            Self::Loaded(nodes) => nodes
                .binary_search_by(|(step, _)| step.as_bytes().cmp(name.as_bytes()))
                .ok()
                .and_then(|index| nodes.get(index))
                .map(|(_, node)| Source::Loaded(node)),
        })
    }

    /// Lists the entries in order. Reads the nodes of this directory only.
    pub(super) fn entries(&self) -> Result<Entries<'de>, TypedError> {
        Ok(match self {
            Self::Lazy(tree) => Entries::Lazy(Box::new(tree.entries()?)),
            Self::Loaded(nodes) => Entries::Loaded(nodes.iter()),
        })
    }
}

/// The entries of a directory in order.
pub(super) enum Entries<'de> {
    Lazy(Box<Listing>),
    Loaded(std::slice::Iter<'de, (Step, Node)>),
}

/// The name of an entry.
#[derive(Clone)]
pub(super) enum Name<'de> {
    Held(Step),
    Loaded(&'de Step),
}

impl Name<'_> {
    pub(super) const fn step(&self) -> &Step {
        match self {
            Self::Held(step) => step,
            Self::Loaded(step) => step,
        }
    }
}

impl<'de> Iterator for Entries<'de> {
    type Item = Result<(Name<'de>, Source<'de>), TypedError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lazy(listing) => listing.next().map(|found| {
                let (step, entry) = found?;
                Ok((Name::Held(step), Source::Lazy(entry)))
            }),
            Self::Loaded(nodes) => nodes
                .next()
                .map(|(step, node)| Ok((Name::Loaded(step), Source::Loaded(node)))),
        }
    }
}

impl Raw<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Loaded(blob) => &blob.bytes,
        }
    }
}

impl LoadedBlob {
    pub(super) const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the string, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.unquoted {
            Some(text) => Some(text),
            None => str::from_utf8(&self.bytes).ok(),
        }
    }
}
