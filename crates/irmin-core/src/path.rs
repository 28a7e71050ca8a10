//! Steps and paths: the names of entries.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::short::Short;

/// The longest step, in bytes: what every file system that a tree may be exported to accepts.
pub const STEP_BYTES_MAX: usize = 255;

/// The longest path, in steps.
pub const PATH_STEPS_MAX: usize = 4096;

/// One name in a tree: 1 to 255 bytes without `/` and NUL, and neither `.` nor `..`.
///
/// Steps are ordered by their bytes. Neither making nor cloning one of up to 22 bytes allocates.
///
/// ```
/// use irmin_core::Step;
/// assert_eq!(Step::new("readme.md")?.as_bytes(), b"readme.md");
/// assert!(Step::new("a/b").is_err());
/// # Ok::<(), irmin_core::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(Short);

impl Step {
    /// Checks and copies a step.
    ///
    /// # Errors
    /// [`PathError`] when the bytes are no step.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, PathError> {
        Self::check(bytes.as_ref())?;
        Ok(Self(Short::new(bytes.as_ref())))
    }

    /// Tells why `bytes` are no step, if they are none.
    ///
    /// # Errors
    /// [`PathError`] with the bytes and the rule that they break.
    pub fn check(bytes: &[u8]) -> Result<(), PathError> {
        let reason = match bytes {
            b"" => "a step cannot be empty",
            b"." | b".." => "'.' and '..' are not steps",
            _ if bytes.len() > STEP_BYTES_MAX => "a step has at most 255 bytes",
            _ if bytes.contains(&b'/') => "a step cannot contain '/'",
            _ if bytes.contains(&0) => "a step cannot contain NUL",
            _ => return Ok(()),
        };
        Err(PathError {
            text: String::from_utf8_lossy(bytes).into_owned(),
            reason,
        })
    }

    /// Returns the bytes of the step.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Step {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Step {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Step {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl FromStr for Step {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

/// A sequence of steps from the root of a tree, written with `/`. The root itself is empty.
///
/// Empty steps in text are dropped, so `a//b/` and `a/b` are the same path. Paths are ordered
/// step by step, which is the order of a walk.
///
/// ```
/// use irmin_core::Path;
/// let path: Path = "etc/hosts".parse()?;
/// assert_eq!(path.to_string(), "etc/hosts");
/// assert_eq!(path.parent().map(|(dir, step)| (dir.to_string(), step.to_string())),
///            Some(("etc".to_owned(), "hosts".to_owned())));
/// # Ok::<(), irmin_core::PathError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// Returns the path of the root.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Parses a path from bytes: steps between slashes, empty ones dropped.
    ///
    /// # Errors
    /// [`PathError`] when a step breaks the rules or there are more than [`PATH_STEPS_MAX`].
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let steps = Steps::new(bytes.as_ref());
        let steps = steps.map(|step| Ok(Step(Short::new(step?))));
        Ok(Self(steps.collect::<Result<_, _>>()?))
    }

    /// Makes a path of steps.
    ///
    /// # Errors
    /// [`PathError`] when there are more than [`PATH_STEPS_MAX`].
    pub fn from_steps(steps: Vec<Step>) -> Result<Self, PathError> {
        let path = Self(steps);
        path.check_depth()?;
        Ok(path)
    }

    /// Checks a path that was put together of others.
    pub(crate) fn check_depth(&self) -> Result<(), PathError> {
        if self.0.len() <= PATH_STEPS_MAX {
            return Ok(());
        }
        Err(too_deep(self.0.iter().cloned()))
    }

    /// Returns the steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Tells whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the path of the directory and the last step; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<(Self, &Step)> {
        let (last, rest) = self.0.split_last()?;
        Some((Self(rest.to_vec()), last))
    }

    /// Returns the path of an entry below this one.
    #[must_use]
    pub fn child(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// Returns this path followed by another.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// Tells whether this path is `prefix` or below it.
    #[must_use]
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Returns what follows `prefix`, if this path is at or below it.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &Self) -> Option<Self> {
        self.0
            .strip_prefix(prefix.0.as_slice())
            .map(|rest| Self(rest.to_vec()))
    }
}

impl Borrow<[Step]> for Path {
    fn borrow(&self) -> &[Step] {
        &self.0
    }
}

impl From<Step> for Path {
    fn from(step: Step) -> Self {
        Self(vec![step])
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Path {
    type Error = PathError;

    fn try_from(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "/" };
            write!(f, "{separator}{step}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

/// The checked steps of a path in text, one after the other, where they lie.
pub(crate) struct Steps<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
    count: usize,
}

impl<'a> Steps<'a> {
    pub(crate) const fn new(path: &'a [u8]) -> Self {
        Self {
            whole: path,
            rest: path,
            count: 0,
        }
    }

    /// Checks a step that is not empty, has no `/`, and has a NUL or not.
    #[inline]
    fn checked(&mut self, step: &'a [u8], has_nul: bool) -> Result<&'a [u8], PathError> {
        if has_nul || step.first() == Some(&b'.') || step.len() > STEP_BYTES_MAX {
            Step::check(step)?;
        }
        self.count += 1;
        if self.count > PATH_STEPS_MAX {
            let steps = Self::new(self.whole).flatten();
            return Err(too_deep(steps.map(|step| Step(Short::new(step)))));
        }
        Ok(step)
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<&'a [u8], PathError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while let [first, rest @ ..] = self.rest
            && *first == b'/'
        {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        // One loop for all: most steps are shorter than what a vectored search needs to pay.
        let is_end = |&byte: &u8| byte == b'/' || byte == 0;
        let mut len = self.rest.iter().position(is_end);
        let has_nul = len.is_some_and(|len| self.rest[len] == 0);
        if has_nul {
            len = self.rest.iter().position(|&byte| byte == b'/');
        }
        let (step, rest) = self.rest.split_at(len.unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(self.checked(step, has_nul))
    }
}

/// Says that there are too many steps; names the first of them.
#[cold]
fn too_deep(steps: impl Iterator<Item = Step>) -> PathError {
    PathError {
        text: Path(steps.take(3).collect()).to_string() + "/…",
        reason: "a path has at most 4096 steps",
    }
}

/// A step or path that breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a path: {reason}")]
pub struct PathError {
    /// The offending step or path, with bytes that are not UTF-8 replaced.
    pub text: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_obey_the_rules() {
        for good in ["a", "...", "a b", "-", "\u{fc}", &"x".repeat(255)] {
            assert!(Step::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\0b", &"x".repeat(256)] {
            assert!(Step::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn empty_steps_are_dropped_and_text_round_trips() {
        let path = Path::parse("/a//b/").unwrap();
        assert_eq!(path.to_string(), "a/b");
        assert!(Path::parse("").unwrap().is_root());
        assert!(Path::parse("a/../b").is_err());
        let error = Path::parse("a/".repeat(4097)).unwrap_err();
        assert_eq!(error.text, "a/a/a/…");
    }

    #[test]
    fn prefixes_are_taken_step_by_step() {
        let path = Path::parse("ab/c").unwrap();
        assert!(path.starts_with(&Path::parse("ab").unwrap()));
        assert!(!path.starts_with(&Path::parse("a").unwrap()));
        assert_eq!(
            path.strip_prefix(&Path::parse("ab").unwrap())
                .unwrap()
                .to_string(),
            "c"
        );
    }
}
