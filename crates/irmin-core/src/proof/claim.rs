//! What a proof says of a path.

use bytes::Bytes;

use super::ProofError;
use crate::error::{Error, Result};
use crate::{Entry, Id, Mode, Path, Tree};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The path.
    pub path: Path,
    /// What is there.
    pub found: Found,
}

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Nothing.
    Absent,
    /// A directory.
    Tree {
        /// The id of its root.
        id: Id,
    },
    /// A value.
    Blob {
        /// Its mode.
        mode: Mode,
        /// Its size in bytes.
        size: u64,
        /// The id of its content.
        id: Id,
        /// Its content, if the proof has it.
        bytes: Option<Bytes>,
    },
}

impl Claim {
    /// Reads what a partial tree has at a path.
    pub(super) fn read(tree: &Tree, path: &Path) -> Result<Self> {
        let found = match tree.get(path) {
            Ok(None) => Found::Absent,
            Ok(Some(Entry::Tree(tree))) => Found::Tree { id: tree.id()? },
            Ok(Some(Entry::Blob(blob))) => Found::Blob {
                mode: blob.mode(),
                size: blob.size(),
                id: blob.id(),
                bytes: match blob.bytes() {
                    Err(Error::Missing { .. }) => None,
                    other => Some(other?),
                },
            },
            Err(Error::Missing { .. }) => {
                let path = path.clone();
                return Err(ProofError::PathNotCovered { path }.into());
            }
            Err(error) => return Err(error),
        };
        let path = path.clone();
        Ok(Self { path, found })
    }
}
