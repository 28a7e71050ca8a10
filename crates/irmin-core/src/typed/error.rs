//! Why a value cannot become a part of a tree, or cannot be read from one.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::{Path, PathError, Step};

/// A value and a part of a tree that do not fit each other, and the place inside the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// What is there is not what the type needs, or the type itself reported an error.
    #[error("{}: {reason}", Place(.path))]
    Mismatch {
        /// Where.
        path: Path,
        /// What was found and what was expected.
        reason: String,
    },
    /// A map's key or a name of a field or variant cannot be the name of an entry.
    #[error("{}: the key '{key}' cannot name an entry: {reason}", Place(.path))]
    Key {
        /// Where the map is.
        path: Path,
        /// The key as text.
        key: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// Values nest deeper than [`TYPED_DEPTH_MAX`](crate::TYPED_DEPTH_MAX).
    #[error("{}: values nest deeper than 128 levels", Place(.path))]
    TooDeep {
        /// Where the limit was met.
        path: Path,
    },
    /// There is no JSON for what is there.
    #[error("{}: {reason}; read this entry by itself", Place(.path))]
    NotJson {
        /// Where.
        path: Path,
        /// What JSON lacks.
        reason: &'static str,
    },
    /// The tree could not be read.
    #[error("{}: {source}", Place(.path))]
    Tree {
        /// Where.
        path: Path,
        /// Why.
        source: Box<Error>,
    },
}

impl TypedError {
    /// Returns the place inside the value that the error is about.
    #[must_use]
    pub const fn path(&self) -> &Path {
        match self {
            Self::Mismatch { path, .. }
            | Self::Key { path, .. }
            | Self::TooDeep { path }
            | Self::NotJson { path, .. }
            | Self::Tree { path, .. } => path,
        }
    }

    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Tree { source, .. } => source.kind(),
            _ => ErrorKind::Invalid,
        }
    }

    /// Returns the error as it is seen from the root of what `path` leads to.
    #[must_use]
    pub fn below(mut self, path: &Path) -> Self {
        match &mut self {
            Self::Mismatch { path: place, .. }
            | Self::Key { path: place, .. }
            | Self::TooDeep { path: place }
            | Self::NotJson { path: place, .. }
            | Self::Tree { path: place, .. } => *place = path.join(place),
        }
        self
    }

    pub(super) fn inside(self, step: &Step) -> Self {
        self.below(&Path::from(step.clone()))
    }

    pub(super) fn mismatch(reason: impl Into<String>) -> Self {
        Self::Mismatch {
            path: Path::root(),
            reason: reason.into(),
        }
    }

    pub(super) fn key(key: impl Into<String>, reason: &'static str) -> Self {
        Self::Key {
            path: Path::root(),
            key: key.into(),
            reason,
        }
    }

    pub(super) const fn not_json(reason: &'static str) -> Self {
        Self::NotJson {
            path: Path::root(),
            reason,
        }
    }
}

impl From<Error> for TypedError {
    fn from(error: Error) -> Self {
        Self::Tree {
            path: Path::root(),
            source: Box::new(error),
        }
    }
}

impl From<PathError> for TypedError {
    fn from(error: PathError) -> Self {
        Self::key(error.text, error.reason)
    }
}

impl serde::ser::Error for TypedError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::mismatch(reason.to_string())
    }
}

impl serde::de::Error for TypedError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::mismatch(reason.to_string())
    }
}

/// How a place is shown: the root of a value has an empty path.
struct Place<'a>(&'a Path);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() {
            f.write_str("the value")
        } else {
            write!(f, "'{}'", self.0)
        }
    }
}
