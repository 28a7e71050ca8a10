//! Where a watch begins and where it stands, as a value and as text.

use std::fmt;
use std::str::FromStr;

use crate::Id;
use crate::error::ErrorKind;

/// Where a watch begins, and where it stands: the token to go on with.
///
/// As text: `now`, `start`, `absent`, or a commit's id.
///
/// ```
/// use irmin_core::{Id, Since};
/// let since = Since::Commit(Id::of(b"a commit"));
/// assert_eq!(since.to_string().parse::<Since>()?, since);
/// assert_eq!("start".parse::<Since>()?, Since::Start);
/// assert!("yesterday".parse::<Since>().is_err());
/// # Ok::<(), irmin_core::WatchError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Since {
    /// From the present head on; if there is no branch, as [`Since::Absent`].
    Now,
    /// From the first commit of the branch's history that is kept, as if the branch had been empty
    /// before.
    Start,
    /// The branch did not exist. When it does, all that it has then is one event.
    Absent,
    /// Behind this commit.
    Commit(Id),
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Start => f.write_str("start"),
            Self::Absent => f.write_str("absent"),
            Self::Commit(id) => write!(f, "{id}"),
        }
    }
}

impl FromStr for Since {
    type Err = WatchError;

    fn from_str(text: &str) -> Result<Self, WatchError> {
        Ok(match text {
            "now" => Self::Now,
            "start" => Self::Start,
            "absent" => Self::Absent,
            _ => Self::Commit(text.parse().map_err(|_| WatchError::Since {
                text: text.to_owned(),
            })?),
        })
    }
}

/// Why a watch cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The commit that the watch stands on is not there, so that nobody can say what changed since.
    #[error(
        "commit {commit}, where the watch stood, is not kept here (collected?); \
         watch from 'now', or from 'start': the oldest commit that is kept"
    )]
    Gone {
        /// The commit.
        commit: Id,
    },
    /// A text says no place to begin.
    #[error("'{text}' is no place to watch from; give 'now', 'start', 'absent' or a commit's id")]
    Since {
        /// The text.
        text: String,
    },
}

impl WatchError {
    /// Returns what a caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Gone { .. } | Self::Since { .. } => ErrorKind::Invalid,
        }
    }
}
