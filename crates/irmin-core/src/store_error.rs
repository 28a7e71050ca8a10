//! What can go wrong in an engine.

use std::io;
use std::path::PathBuf;

use crate::Id;
use crate::error::ErrorKind;

/// A failure of an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} '{}'{}: {source}", path.display(), at_byte(*offset))]
    Io {
        /// What was tried: "read", "write", "sync", …
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// From which byte of it on, where that is known.
        offset: Option<u64>,
        /// What the system said.
        source: io::Error,
    },
    /// The disk is full, or a quota or a limit of file sizes is reached. What was asked for was not
    /// done, all that was acknowledged is there, and the same handle goes on when there is room.
    #[error(
        "cannot {action} '{}': the disk is full ({source}); nothing is lost: make room and try again",
        path.display()
    )]
    Full {
        /// What was tried: "write", "create", …
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Too many threads wait to write.
    #[error("{waiting} writers wait for the store already; try again")]
    TooManyWriters {
        /// How many wait, which is the limit.
        waiting: usize,
    },
    /// Stored bytes are not what was written.
    #[error("'{}' is damaged at byte {offset}: expected {expected}, found {found}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Another process writes to the store.
    #[error("'{}' is in use by process {holder}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, as far as it said.
        holder: String,
    },
    /// There is no store at this place.
    #[error("no store at '{}'", path.display())]
    NotFound {
        /// The place.
        path: PathBuf,
    },
    /// There is a store at this place already.
    #[error("there is a store at '{}' already", path.display())]
    AlreadyExists {
        /// The place.
        path: PathBuf,
    },
    /// The store was written in a format that this version does not read.
    #[error("'{}' has format {found}; this version reads {supported}", path.display())]
    UnsupportedFormat {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What this version reads.
        supported: String,
    },
    /// An earlier write or sync failed; what this handle has in memory may not match the disk.
    #[error("the store refuses writes after an earlier failure ({cause}); open it again")]
    Poisoned {
        /// The earlier failure.
        cause: String,
    },
    /// The handle only reads.
    #[error("'{}' is open for reading only", path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// An object links to one, or a name points to one, that was collected or never stored.
    #[error("object {id} is not in the store (collected?), so nothing can point to it")]
    Dangling {
        /// The object that is not there.
        id: Id,
    },
    /// What is asked for was left out when history was collected or cloned in part.
    #[error("the contents of commit {commit} are not kept here; its history is")]
    Cut {
        /// The commit whose tree is not there.
        commit: Id,
    },
    /// A collection runs already.
    #[error("'{}' is being collected already; try again when that is done", path.display())]
    Collecting {
        /// The store.
        path: PathBuf,
    },
    /// A server far away could not be reached, or did not do what it was asked for.
    #[error("{message}")]
    Remote {
        /// What the caller can do about it.
        kind: ErrorKind,
        /// Which server, which call, why, and what to do.
        message: String,
    },
    /// An argument breaks a limit of the engine.
    #[error("{what} is beyond the engine's limit of {limit}")]
    Limit {
        /// What is too large.
        what: String,
        /// The limit with its unit.
        limit: String,
    },
}

impl StoreError {
    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. }
            | Self::Full { .. }
            | Self::TooManyWriters { .. }
            | Self::Collecting { .. }
            | Self::Locked { .. } => ErrorKind::Unavailable,
            Self::Remote { kind, .. } => *kind,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Poisoned { .. } => ErrorKind::Closed,
            Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::UnsupportedFormat { .. }
            | Self::ReadOnly { .. }
            | Self::Dangling { .. }
            | Self::Cut { .. }
            | Self::Limit { .. } => ErrorKind::Invalid,
        }
    }
}

fn at_byte(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |offset| format!(" at byte {offset}"))
}
