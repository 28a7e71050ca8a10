//! The errors of the model. Absence is never one of them, and a merge conflict is a value.

use std::io;

use crate::path::{Path, PathError};
use crate::{Id, StoreError, TypedError};

/// The result of operations on the model.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Somebody else changed the same thing: look again and retry, or merge.
    Conflict,
    /// The store was closed, or poisoned by an earlier failure: open it again.
    Closed,
    /// The store cannot be reached or used right now.
    Unavailable,
    /// The arguments are wrong: correct them.
    Invalid,
    /// Stored bytes are damaged: run `verify`.
    Corrupt,
    /// A broken promise inside this library: report it.
    Internal,
}

/// An error of the model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A step or path breaks the rules.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A value and a part of a tree do not fit each other.
    #[error(transparent)]
    Typed(#[from] TypedError),
    /// Bytes of an object cannot be decoded.
    #[error("object {id} is damaged: {source}")]
    Decode {
        /// The object.
        id: Id,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// An object that another one points to is not in the store.
    #[error("object {id} is missing from the store")]
    Missing {
        /// The object that was looked for.
        id: Id,
    },
    /// A path leads to a tree where a blob is needed.
    #[error("'{path}' is a directory, not a value")]
    NotABlob {
        /// The path.
        path: Path,
    },
    /// A path leads to a blob where a tree is needed.
    #[error("'{path}' is a value, not a directory")]
    NotATree {
        /// The path.
        path: Path,
    },
    /// A blob was to be put at the root.
    #[error("the root of a tree cannot be a value; give a path")]
    RootNeedsTree,
    /// A source of bytes failed.
    #[error("cannot read the input: {0}")]
    Read(#[source] io::Error),
    /// A target of bytes failed.
    #[error("cannot write the output: {0}")]
    Write(#[source] io::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Typed(error) => error.kind(),
            Self::Path(_) | Self::NotABlob { .. } | Self::NotATree { .. } | Self::RootNeedsTree => {
                ErrorKind::Invalid
            }
            Self::Read(_) | Self::Write(_) => ErrorKind::Unavailable,
            Self::Decode { .. } | Self::Missing { .. } => ErrorKind::Corrupt,
        }
    }
}

/// What is wrong with foreign bytes or text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad {what} at byte {offset}: {reason}")]
pub struct DecodeError {
    /// What was being read: "commit", "node", "id", …
    pub what: &'static str,
    /// How many bytes into the input.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl DecodeError {
    /// Builds the error.
    #[must_use]
    pub const fn new(what: &'static str, offset: usize, reason: &'static str) -> Self {
        Self {
            what,
            offset,
            reason,
        }
    }
}
