//! What can go wrong between two repositories.

use std::io;

use crate::error::{DecodeError, ErrorKind};
use crate::history::HistoryError;
use crate::refs::RefNameError;
use crate::{Id, StoreError};

/// Why a transfer ended. No name has moved then; what was stored so far is found again by the next
/// attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// One of the engines failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source does not have an object that it points to.
    #[error("the source lacks object {id}, {what}")]
    Missing {
        /// The object.
        id: Id,
        /// What it should be: "a directory", "a commit", …
        what: &'static str,
    },
    /// The source gave other bytes than those that were asked for.
    #[error("the source gave bytes with the id {found} for object {id}")]
    WrongId {
        /// What was asked for.
        id: Id,
        /// The id of what came.
        found: Id,
    },
    /// An object cannot be read as what it should be.
    #[error("object {id} is not {what}: {source}")]
    Decode {
        /// The object.
        id: Id,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// An object can be read, but breaks a rule.
    #[error("object {id}, {what}, breaks a rule: {reason}")]
    Rule {
        /// The object.
        id: Id,
        /// What it is.
        what: &'static str,
        /// The rule.
        reason: &'static str,
    },
    /// Commits that a bundle builds on are not here.
    #[error("the bundle builds on commits that are not here: {first}{}", more(*count))]
    Prerequisites {
        /// The first of them.
        first: Id,
        /// How many there are.
        count: usize,
    },
    /// A bundle cannot be written.
    #[error("cannot write the bundle: {0}")]
    Write(#[source] io::Error),
    /// A name on the other side, or of the remote, breaks the rules.
    #[error(transparent)]
    RefName(#[from] RefNameError),
    /// A new name lies below an existing one, or above.
    #[error("'{name}' cannot exist beside '{taken}'")]
    NameTaken {
        /// The new name.
        name: String,
        /// The one that is there.
        taken: String,
    },
    /// Somebody else moved a name here meanwhile.
    #[error("'{name}' was moved by somebody else meanwhile")]
    Moved {
        /// The name.
        name: String,
    },
    /// A question about history got no answer.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The caller asked to stop.
    #[error("the transfer was stopped")]
    Cancelled,
}

fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        _ => format!(" and {} more", count - 1),
    }
}

impl SyncError {
    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::History(error) => error.kind(),
            Self::Missing { .. }
            | Self::WrongId { .. }
            | Self::Decode { .. }
            | Self::Rule { .. } => ErrorKind::Corrupt,
            Self::Prerequisites { .. } | Self::RefName(_) | Self::NameTaken { .. } => {
                ErrorKind::Invalid
            }
            Self::Moved { .. } => ErrorKind::Conflict,
            Self::Write(_) | Self::Cancelled => ErrorKind::Unavailable,
        }
    }
}
