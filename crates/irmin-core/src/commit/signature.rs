//! Who did something, and when.

use std::fmt;

use bytes::Bytes;

use super::time::Time;

/// The longest name and the longest e-mail address, in bytes.
pub const SIGNATURE_BYTES_MAX: usize = u16::MAX as usize;

/// A person (or a program) and a moment: the author or the committer of a commit.
///
/// Name and e-mail address are bytes, as in Git, usually UTF-8; either may be empty.
///
/// ```
/// use irmin_core::{Signature, Time};
/// let author = Signature::new("Ada", "ada@example.org", Time::utc(0))?;
/// assert_eq!(author.to_string(), "Ada <ada@example.org> 1970-01-01T00:00:00Z");
/// assert!(Signature::new("A <b", "", Time::utc(0)).is_err());
/// # Ok::<(), irmin_core::SignatureError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    name: Bytes,
    email: Bytes,
    time: Time,
}

impl Signature {
    /// Checks and makes a signature.
    ///
    /// # Errors
    /// [`SignatureError`] when name or address hold `<`, `>`, a newline or NUL, or are longer than
    /// [`SIGNATURE_BYTES_MAX`].
    pub fn new(
        name: impl Into<Bytes>,
        email: impl Into<Bytes>,
        time: Time,
    ) -> Result<Self, SignatureError> {
        let (name, email) = (name.into(), email.into());
        check("name", &name)?;
        check("e-mail address", &email)?;
        Ok(Self { name, email, time })
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &Bytes {
        &self.name
    }

    /// Returns the e-mail address, without angle brackets.
    #[must_use]
    pub const fn email(&self) -> &Bytes {
        &self.email
    }

    /// Returns the moment.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Returns the same person at another moment.
    #[must_use]
    pub fn at(&self, time: Time) -> Self {
        Self {
            time,
            ..self.clone()
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        let email = String::from_utf8_lossy(&self.email);
        write!(f, "{name} <{email}> {}", self.time)
    }
}

/// Tells which rule a name or an address breaks.
pub(super) fn broken_rule(bytes: &[u8]) -> Option<&'static str> {
    if bytes.len() > SIGNATURE_BYTES_MAX {
        return Some("it has at most 65535 bytes");
    }
    bytes.iter().find_map(|byte| match byte {
        b'<' | b'>' => Some("it cannot contain '<' or '>'"),
        b'\n' => Some("it cannot contain a newline"),
        0 => Some("it cannot contain NUL"),
        _ => None,
    })
}

fn check(field: &'static str, bytes: &[u8]) -> Result<(), SignatureError> {
    match broken_rule(bytes) {
        None => Ok(()),
        Some(reason) => Err(SignatureError {
            field,
            text: String::from_utf8_lossy(bytes).chars().take(80).collect(),
            reason,
        }),
    }
}

/// A name or an address that cannot be in a commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be the {field} of a signature: {reason}")]
pub struct SignatureError {
    /// "name" or "e-mail address".
    pub field: &'static str,
    /// Its beginning, with bytes that are not UTF-8 replaced.
    pub text: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_that_git_could_not_read_back_are_refused_by_field() {
        for bad in ["a<", ">", "a\nb", "a\0"] {
            let error = Signature::new(bad, "a@b", Time::utc(0)).unwrap_err();
            assert_eq!(error.field, "name");
            let error = Signature::new("a", bad, Time::utc(0)).unwrap_err();
            assert_eq!(error.field, "e-mail address");
        }
        let long = "x".repeat(SIGNATURE_BYTES_MAX + 1);
        assert!(Signature::new(long.clone(), "", Time::utc(0)).is_err());
        assert!(Signature::new(long[1..].to_owned(), "", Time::utc(0)).is_ok());
        assert!(Signature::new("", "", Time::utc(0)).is_ok());
        assert!(Signature::new(&b"\xff"[..], "", Time::utc(0)).is_ok());
    }
}
