//! How people write which commit they mean: `main`, `v1.2~3`, `main^2`, `main@2026-11-01T10:00Z`.

mod error;
mod parse;
mod resolve;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::{BranchName, Id, RefName, Time};

pub use error::RevisionError;
pub use resolve::{CANDIDATES_MAX, HINT_NAMES_MAX};

/// The longest text of a revision, in bytes.
pub const REVISION_BYTES_MAX: usize = 4096;

/// The expression of a commit: where to start, and steps back from there.
///
/// | written | means |
/// |---|---|
/// | `@`, `HEAD` | the current branch |
/// | `main` | the branch; or else the tag, the remote branch (`origin/main`), or the id that starts so |
/// | `heads/main`, `tags/v1` | exactly this name |
/// | `refs/heads/a@2026-11-01` | exactly this name, even where it looks like a time |
/// | `5268c7d5` | the commit whose id starts so: 4 digits at least, all 64 for certain |
/// | …`~3`, …`~` | three first parents back, one back |
/// | …`^2`, …`^`, …`^0` | the second parent, the first, the commit itself |
/// | …`@2026-11-01T10:00Z` | the last commit at or before this time on the line of first parents |
/// | `@2026-11-01` | the same on the current branch; a date alone is midnight UTC |
///
/// Steps are taken from left to right. What is printed reads back as the same revision.
///
/// ```
/// use irmin_core::Revision;
/// let revision: Revision = "main@2026-11-01T10:00Z~2".parse()?;
/// assert_eq!(revision.to_string(), "main@2026-11-01T10:00:00Z~2");
/// let error = "main~x".parse::<Revision>().unwrap_err();
/// assert_eq!(error.to_string(), "'main~x' is not a revision: '~', '^' or '@' expected (at byte 5)");
/// # Ok::<(), irmin_core::RevisionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revision {
    base: Base,
    steps: Vec<Step>,
}

/// Where a revision starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Base {
    /// The head of the current branch.
    Current,
    /// A name or an id, as it was written.
    Name(String),
}

/// A step back from a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// So many first parents.
    Back(u32),
    /// The parent with this number, from 1; 0 is the commit itself.
    Parent(u32),
    /// The last commit at or before a time.
    At(Time),
}

impl Revision {
    /// Returns the head of the current branch.
    #[must_use]
    pub const fn current() -> Self {
        Self {
            base: Base::Current,
            steps: Vec::new(),
        }
    }

    /// Writes the revision with only its first steps.
    fn beginning(&self, steps: usize) -> String {
        let steps = self.steps.iter().take(steps).map(Step::to_string);
        std::iter::once(self.base.to_string())
            .chain(steps)
            .collect()
    }
}

impl From<&BranchName> for Revision {
    fn from(branch: &BranchName) -> Self {
        Self::from(&branch.full())
    }
}

impl From<&RefName> for Revision {
    /// The full name with `refs/`, which means nothing else.
    fn from(name: &RefName) -> Self {
        Self {
            base: Base::Name(format!("refs/{name}")),
            steps: Vec::new(),
        }
    }
}

impl From<Id> for Revision {
    fn from(id: Id) -> Self {
        Self {
            base: Base::Name(id.to_string()),
            steps: Vec::new(),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.base)?;
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("@"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Back(1) => f.write_str("~"),
            Self::Back(count) => write!(f, "~{count}"),
            Self::Parent(1) => f.write_str("^"),
            Self::Parent(number) => write!(f, "^{number}"),
            Self::At(time) => write!(f, "@{time}"),
        }
    }
}
