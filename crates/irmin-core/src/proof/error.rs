//! Why a proof is refused.

use crate::error::{DecodeError, ErrorKind};
use crate::{Id, Path};

/// Why a proof is refused, or cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The bytes are no proof.
    #[error(transparent)]
    Format(#[from] DecodeError),
    /// The proof is of something else.
    #[error("the proof is of {found}, not of {expected}")]
    WrongRoot {
        /// What was to be proved of.
        expected: Id,
        /// What it is of.
        found: Id,
    },
    /// The proof does not have what was asked for: nobody can tell from it.
    #[error("the proof does not cover what was asked for: it lacks object {id}")]
    NotCovered {
        /// The object that would be needed.
        id: Id,
    },
    /// The proof does not have what it says it proves.
    #[error("the proof does not cover '{path}'")]
    PathNotCovered {
        /// The path.
        path: Path,
    },
    /// A tree that is not in a store was to be proved of.
    #[error("only a tree that is stored can be proved of; persist or commit it first")]
    NotStored,
}

impl ProofError {
    /// Returns what a caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        // Whoever sent it has to send another one.
        ErrorKind::Invalid
    }
}
