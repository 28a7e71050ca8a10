//! Commits: a tree, its parents, who made it, when and why.

mod codec;
mod signature;
mod time;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::error::DecodeError;
use crate::{Cut, Id, Key, Kind, Object, Stored};

pub use signature::{SIGNATURE_BYTES_MAX, Signature, SignatureError};
pub(crate) use time::calendar_month;
pub use time::{Time, TimeError};

/// The most parents of a commit.
pub const PARENTS_MAX: usize = u16::MAX as usize;

/// The most extra headers of a commit.
pub const HEADERS_MAX: usize = u16::MAX as usize;

/// The longest key of an extra header, in bytes.
pub const HEADER_KEY_BYTES_MAX: usize = u16::MAX as usize;

/// The longest message, and the longest value of an extra header, in bytes: 16 MiB.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// What the maker of a commit says about it: everything but the tree and the parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Who wrote the change, and when.
    pub author: Signature,
    /// Who made the commit, and when.
    pub committer: Signature,
    /// Any bytes, at most [`MESSAGE_BYTES_MAX`].
    pub message: Bytes,
    /// Further headers as pairs of key and value, kept byte for byte and in order. A key is not
    /// empty, has no space, newline or NUL, and is none of `tree`, `parent`, `author` and
    /// `committer`; a value is any bytes, at most [`MESSAGE_BYTES_MAX`].
    pub extra: Vec<(Bytes, Bytes)>,
}

impl CommitInfo {
    /// Makes the information of a commit whose author is its committer, without extra headers.
    #[must_use]
    pub fn new(author: Signature, message: impl Into<Bytes>) -> Self {
        Self {
            committer: author.clone(),
            author,
            message: message.into(),
            extra: Vec::new(),
        }
    }

    /// Returns the first line of the message without its end, for people: bytes that are not
    /// UTF-8 are replaced.
    #[must_use]
    pub fn subject(&self) -> String {
        let line = self.message.split(|&byte| byte == b'\n').next();
        String::from_utf8_lossy(line.unwrap_or_default())
            .trim_end()
            .to_owned()
    }
}

/// A commit, decoded: an immutable snapshot and where it came from.
///
/// ```
/// use irmin_core::{CommitData, CommitInfo, Id, Signature, Time};
/// let author = Signature::new("Ada", "ada@example.org", Time::utc(1_700_000_000))?;
/// let commit = CommitData {
///     tree: Id::of(b"tree").into(),
///     parents: vec![Id::of(b"parent").into()],
///     info: CommitInfo::new(author, "Add the engine"),
/// };
/// let encoded = commit.encode()?;
/// assert_eq!(CommitData::decode(&encoded.bytes)?, commit);
/// assert_eq!(encoded.links.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitData {
    /// The root of the snapshot.
    pub tree: Key,
    /// The commits that this one continues, in order: none for a root, the first is the line that
    /// `^1` and `--first-parent` follow. At most [`PARENTS_MAX`].
    pub parents: Vec<Key>,
    /// Who, when, why.
    pub info: CommitInfo,
}

impl CommitData {
    /// Returns the canonical encoding with its id and links. Hashes the bytes once.
    ///
    /// # Errors
    /// [`CommitError`] when a part is longer than its limit or a header's key breaks its rules.
    pub fn encode(&self) -> Result<EncodedCommit, CommitError> {
        let bytes = Bytes::from(codec::encode(self)?);
        let mut links = Vec::with_capacity(self.parents.len() + 1);
        links.push(self.tree);
        links.extend_from_slice(&self.parents);
        Ok(EncodedCommit {
            id: Id::of(&bytes),
            bytes,
            links,
        })
    }

    /// Decodes a commit. The message and the headers share `bytes`; no locator is known.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset when `bytes` are not the canonical encoding of a commit.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }

    /// Decodes a commit and takes the locators of its tree and parents from the engine's answer.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn from_stored(stored: &Stored) -> Result<Self, DecodeError> {
        let mut commit = codec::decode(&stored.bytes)?;
        let keys = std::iter::once(&mut commit.tree).chain(&mut commit.parents);
        for (key, locator) in keys.zip(&stored.links) {
            key.locator = *locator;
        }
        Ok(commit)
    }
}

/// A commit ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedCommit {
    /// The SHA-256 of `bytes`.
    pub id: Id,
    /// The canonical encoding.
    pub bytes: Bytes,
    /// The tree, then the parents in order.
    pub links: Vec<Key>,
}

impl EncodedCommit {
    /// Returns the object to hand to an engine.
    ///
    /// `generation` is one more than the largest generation of the parents, 1 for a root: see
    /// [`Object::generation`].
    #[must_use]
    pub fn object(&self, generation: u32) -> Object<'_> {
        Object {
            base: None,
            id: self.id,
            kind: Kind::Commit,
            bytes: &self.bytes,
            links: &self.links,
            generation,
            cut: Cut::NONE,
        }
    }
}

/// What cannot be in a commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A part is too large.
    #[error("the {part} of a commit is limited to {limit}, not {found}")]
    TooLarge {
        /// "message", "number of parents", …
        part: &'static str,
        /// The limit, in bytes or as a number of items.
        limit: usize,
        /// What was asked for.
        found: usize,
    },
    /// The key of an extra header breaks a rule.
    #[error("'{key}' cannot be the key of a commit's extra header: {reason}")]
    HeaderKey {
        /// The key, with bytes that are not UTF-8 replaced.
        key: String,
        /// The rule.
        reason: &'static str,
    },
}
