//! The names of commits: branches, tags, what remotes have, and whatever else a program pins.
//!
//! Git's rules hold (`git check-ref-format` is the judge), so that every name can be pushed to and
//! fetched from Git.

use std::fmt;
use std::str::FromStr;

/// The longest full name, in bytes.
pub const REF_NAME_BYTES_MAX: usize = 1024;

const HEADS: &str = "heads/";
const TAGS: &str = "tags/";
const REMOTES: &str = "remotes/";
const PINS: &str = "pins/";

/// The name of a branch, such as `main` or `feature/x`.
///
/// ```
/// use irmin_core::{BranchName, RefName};
/// let branch = BranchName::new("feature/x")?;
/// assert_eq!(branch.full().as_str(), "heads/feature/x");
/// let error = BranchName::new("feature..x").unwrap_err();
/// assert_eq!(error.to_string(), "'feature..x' is not a branch name: it cannot contain '..'");
/// # Ok::<(), irmin_core::RefNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchName(String);

impl BranchName {
    /// Checks the short name of a branch. Linear in its length.
    ///
    /// # Errors
    /// [`RefNameError`] with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, RefNameError> {
        let name = name.into();
        match broken_short_rule(&name, HEADS.len()) {
            None => Ok(Self(name)),
            Some(reason) => Err(RefNameError::new("a branch name", name, reason)),
        }
    }

    /// Returns the short name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the full name, `heads/<branch>`.
    #[must_use]
    pub fn full(&self) -> RefName {
        RefName(format!("{HEADS}{self}"))
    }
}

/// The full name of something that points to a commit: `heads/<branch>`, `tags/<tag>`,
/// `remotes/<remote>/<branch>`, or another namespace such as `pins/<name>`.
///
/// ```
/// use irmin_core::RefName;
/// let name: RefName = "refs/tags/v1.2".parse()?;
/// assert_eq!((name.namespace(), name.short()), ("tags", "v1.2"));
/// # Ok::<(), irmin_core::RefNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// Checks a full name. A leading `refs/`, as Git writes it, is dropped.
    ///
    /// # Errors
    /// [`RefNameError`] with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, RefNameError> {
        let mut name = name.into();
        if let Some(rest) = name.strip_prefix("refs/") {
            name = rest.to_owned();
        }
        match broken_full_rule(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(RefNameError::new("the name of a ref", name, reason)),
        }
    }

    /// Makes the full name of a tag.
    ///
    /// # Errors
    /// [`RefNameError`] with the rule that the tag's name breaks: those of branches.
    pub fn tag(name: &str) -> Result<Self, RefNameError> {
        match broken_short_rule(name, TAGS.len()) {
            None => Ok(Self(format!("{TAGS}{name}"))),
            Some(reason) => Err(RefNameError::new("a tag name", name.to_owned(), reason)),
        }
    }

    /// Makes the full name of a pin.
    ///
    /// # Errors
    /// [`RefNameError`] with the rule that the pin's name breaks: those of branches.
    pub fn pin(name: &str) -> Result<Self, RefNameError> {
        match broken_short_rule(name, PINS.len()) {
            None => Ok(Self(format!("{PINS}{name}"))),
            Some(reason) => Err(RefNameError::new("a pin name", name.to_owned(), reason)),
        }
    }

    /// Makes the name under which the branch of a remote is remembered.
    ///
    /// # Errors
    /// [`RefNameError`] when the remote's name breaks a rule: those of branches, and no `/`.
    pub fn remote(remote: &str, branch: &BranchName) -> Result<Self, RefNameError> {
        let length = REMOTES.len() + 1 + branch.as_str().len();
        let reason = if remote.contains('/') {
            Some("it cannot contain '/'")
        } else {
            broken_short_rule(remote, length)
        };
        match reason {
            None => Ok(Self(format!("{REMOTES}{remote}/{branch}"))),
            Some(reason) => {
                let remote = remote.to_owned();
                Err(RefNameError::new("the name of a remote", remote, reason))
            }
        }
    }

    /// Returns the full name, without `refs/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands before the first slash: `heads`, `tags`, `remotes`, …
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(first, _)| first)
    }

    /// Returns what follows the first slash.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, rest)| rest)
    }

    /// Returns the branch that this is the name of, if it is one of this repository's branches.
    #[must_use]
    pub fn as_branch(&self) -> Option<BranchName> {
        self.0
            .strip_prefix(HEADS)
            .map(|name| BranchName(name.to_owned()))
    }

    /// Returns the tag's short name, if this names a tag.
    #[must_use]
    pub fn as_tag(&self) -> Option<&str> {
        self.0.strip_prefix(TAGS)
    }
}

/// Tells which rule a full name breaks.
fn broken_full_rule(name: &str) -> Option<&'static str> {
    let Some((namespace, rest)) = name.split_once('/') else {
        return Some("a full name starts with 'heads/', 'tags/', 'remotes/' or the like");
    };
    match namespace {
        "heads" | "tags" => broken_short_rule(rest, namespace.len() + 1),
        "remotes" => match rest.split_once('/') {
            None => Some("'remotes/' is followed by a remote, '/' and a branch"),
            Some((remote, branch)) => broken_short_rule(remote, name.len() - remote.len())
                .or_else(|| broken_short_rule(branch, 0)),
        },
        _ => broken_rule(name, 0),
    }
}

/// Tells which rule a short name breaks: Git's, and those that keep it apart from an option, from
/// the current branch and from a revision.
fn broken_short_rule(name: &str, prefix_bytes: usize) -> Option<&'static str> {
    match name {
        "HEAD" | "@" => Some("it stands for the current branch"),
        _ if name.starts_with('-') => Some("it cannot start with '-'"),
        _ => broken_rule(name, prefix_bytes),
    }
}

/// Tells which of Git's rules a name breaks, when `prefix_bytes` more stand before it.
pub(crate) fn broken_rule(name: &str, prefix_bytes: usize) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it cannot be empty");
    }
    if name.len() + prefix_bytes > REF_NAME_BYTES_MAX {
        return Some("a full name has at most 1024 bytes");
    }
    if name.ends_with('.') {
        return Some("it cannot end with '.'");
    }
    name.chars()
        .find_map(broken_char_rule)
        .or_else(|| name.split('/').find_map(broken_component_rule))
}

pub(crate) const fn broken_char_rule(char: char) -> Option<&'static str> {
    match char {
        '\0'..='\x1f' | '\x7f' => Some("it cannot contain control characters"),
        ' ' => Some("it cannot contain a space"),
        '~' | '^' | ':' => Some("it cannot contain '~', '^' or ':'"),
        '?' | '*' | '[' => Some("it cannot contain '?', '*' or '['"),
        '\\' => Some("it cannot contain '\\'"),
        _ => None,
    }
}

fn broken_component_rule(component: &str) -> Option<&'static str> {
    if component.is_empty() {
        Some("it cannot start or end with '/' or contain '//'")
    } else if component.starts_with('.') {
        Some("no part of it can start with '.'")
    } else if component.ends_with(".lock") {
        Some("no part of it can end with '.lock'")
    } else if component.contains("..") {
        Some("it cannot contain '..'")
    } else if component.contains("@{") {
        Some("it cannot contain '@{'")
    } else {
        None
    }
}

impl FromStr for BranchName {
    type Err = RefNameError;

    fn from_str(name: &str) -> Result<Self, RefNameError> {
        Self::new(name)
    }
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(name: &str) -> Result<Self, RefNameError> {
        Self::new(name)
    }
}

impl From<BranchName> for RefName {
    fn from(branch: BranchName) -> Self {
        branch.full()
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BranchName({self})")
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefName({self})")
    }
}

/// A name that breaks Git's rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not {what}: {reason}", name.escape_debug())]
pub struct RefNameError {
    /// "a branch name", "a tag name", …
    pub what: &'static str,
    /// The name.
    pub name: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl RefNameError {
    const fn new(what: &'static str, name: String, reason: &'static str) -> Self {
        Self { what, name, reason }
    }
}

#[cfg(test)]
mod tests;
