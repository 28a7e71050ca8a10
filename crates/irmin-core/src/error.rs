//! The errors of the model. Absence is never one of them, and a merge conflict is a value.

use std::io;

use crate::path::{Path, PathError};
use crate::rules::RulesError;
use crate::sync::SyncError;
use crate::{
    BranchName, CommitError, HistoryError, Id, ProofError, RefNameError, RevisionError,
    SignatureError, StoreError, TimeError, TransactionError, TypedError, WatchError,
};

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
    /// A question about history got no answer.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A revision cannot be read, or leads to no commit.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The name of a branch, a tag or a remote breaks the rules.
    #[error(transparent)]
    RefName(#[from] RefNameError),
    /// The merge rules of the repository cannot be read.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A transaction did not get through.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// A commit cannot be written as it is.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A name or an e-mail address cannot be in a commit.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Text is not a time.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// Something went wrong between two repositories.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A value and a part of a tree do not fit each other.
    #[error(transparent)]
    Typed(#[from] TypedError),
    /// A proof is refused, or cannot be made.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A watch cannot go on.
    #[error(transparent)]
    Watch(#[from] WatchError),
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
    /// A branch does not exist.
    #[error("there is no branch '{name}'")]
    NoBranch {
        /// The branch.
        name: BranchName,
    },
    /// A new name lies below an existing one, or above.
    #[error("'{name}' cannot exist beside '{taken}'")]
    NameTaken {
        /// The new name.
        name: String,
        /// The one that is there.
        taken: String,
    },
    /// A nested view was to be absorbed by a view that was written to since.
    #[error("the view was written to since the nested view was opened")]
    NestedOutdated,
    /// A conflict was to be settled where there is none.
    #[error("there is no conflict at '{path}'")]
    NoConflict {
        /// The path.
        path: Path,
    },
    /// A merge was to be committed before all conflicts were settled.
    #[error("{conflicts} conflicts are not settled, first '{path}'")]
    Unsettled {
        /// The first path in conflict.
        path: Path,
        /// How many there are.
        conflicts: usize,
    },
    /// The common ancestors of two commits have several common ancestors themselves, and so on.
    #[error("cannot merge {ours} and {theirs}: over {limit} crossed merges lie between them")]
    CrissCross {
        /// One side.
        ours: Id,
        /// The other side.
        theirs: Id,
        /// How many levels are followed.
        limit: usize,
    },
    /// A blob was to be put at the root.
    #[error("the root of a tree cannot be a value; give a path")]
    RootNeedsTree,
    /// An entry of a tree that is built in order came too late, twice, or below a value.
    #[error(
        "'{path}' cannot come after '{previous}': entries come in the order of their paths, \
         each once, and none below another"
    )]
    OutOfOrder {
        /// The path of the entry.
        path: Path,
        /// The path of the entry before it.
        previous: Path,
    },
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
            Self::History(error) => error.kind(),
            Self::Revision(error) => error.kind(),
            Self::Path(_)
            | Self::RefName(_)
            | Self::Commit(_)
            | Self::Signature(_)
            | Self::Rules(_)
            | Self::Time(_)
            | Self::NotABlob { .. }
            | Self::NotATree { .. }
            | Self::NoBranch { .. }
            | Self::NestedOutdated
            | Self::NameTaken { .. }
            | Self::NoConflict { .. }
            | Self::CrissCross { .. }
            | Self::OutOfOrder { .. }
            | Self::RootNeedsTree => ErrorKind::Invalid,
            Self::Transaction(_) | Self::Unsettled { .. } => ErrorKind::Conflict,
            Self::Typed(error) => error.kind(),
            Self::Sync(error) => error.kind(),
            Self::Watch(error) => error.kind(),
            Self::Proof(error) => error.kind(),
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
