//! The bytes of a commit, format version 1: see `FORMAT.md`.

use bytes::Bytes;

use super::signature::{Signature, broken_rule};
use super::time::Time;
use super::{
    CommitData, CommitError, CommitInfo, HEADER_KEY_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX,
    PARENTS_MAX,
};
use crate::error::DecodeError;
use crate::{Id, Kind};

const VERSION: u8 = 1;

/// The committer is the author, at the same moment.
const COMMITTER_IS_AUTHOR: u8 = 0;
/// The committer follows, and differs from the author.
const COMMITTER_FOLLOWS: u8 = 1;

pub(super) fn encode(commit: &CommitData) -> Result<Vec<u8>, CommitError> {
    let info = &commit.info;
    let mut out = Vec::with_capacity(encoded_len(commit));
    out.extend_from_slice(&[VERSION, Kind::Commit.code()]);
    out.extend_from_slice(commit.tree.id.as_bytes());
    put_count(
        &mut out,
        "number of parents",
        commit.parents.len(),
        PARENTS_MAX,
    )?;
    for parent in &commit.parents {
        out.extend_from_slice(parent.id.as_bytes());
    }
    put_signature(&mut out, &info.author)?;
    if info.committer == info.author {
        out.push(COMMITTER_IS_AUTHOR);
    } else {
        out.push(COMMITTER_FOLLOWS);
        put_signature(&mut out, &info.committer)?;
    }
    put_count(
        &mut out,
        "number of extra headers",
        info.extra.len(),
        HEADERS_MAX,
    )?;
    for (key, value) in &info.extra {
        check_header_key(key)?;
        put_short(&mut out, "key of an extra header", key)?;
        put_long(&mut out, "value of an extra header", value)?;
    }
    put_long(&mut out, "message", &info.message)?;
    debug_assert_eq!(out.len(), encoded_len(commit));
    Ok(out)
}

/// Returns how long the encoding will be. A vector with room for more would be copied, or get a
/// header of its own, when it becomes `Bytes`.
fn encoded_len(commit: &CommitData) -> usize {
    let info = &commit.info;
    let signature = |signature: &Signature| {
        let text = signature.name().len() + signature.email().len();
        2 * size_of::<u16>() + text + size_of::<i64>() + size_of::<i16>()
    };
    let committer = match info.committer == info.author {
        true => 0,
        false => signature(&info.committer),
    };
    let headers = info.extra.iter();
    let headers =
        headers.map(|(key, value)| size_of::<u16>() + key.len() + size_of::<u32>() + value.len());
    let ids = (1 + commit.parents.len()) * Id::BYTES;
    let counts = 2 * size_of::<u16>() + size_of::<u32>();
    2 + ids
        + counts
        + signature(&info.author)
        + 1
        + committer
        + headers.sum::<usize>()
        + info.message.len()
}

fn put_signature(out: &mut Vec<u8>, signature: &Signature) -> Result<(), CommitError> {
    put_short(out, "name", signature.name())?;
    put_short(out, "e-mail address", signature.email())?;
    out.extend_from_slice(&signature.time().seconds().to_le_bytes());
    out.extend_from_slice(&signature.time().offset_minutes().to_le_bytes());
    Ok(())
}

fn put_short(out: &mut Vec<u8>, part: &'static str, bytes: &[u8]) -> Result<(), CommitError> {
    put_count(out, part, bytes.len(), HEADER_KEY_BYTES_MAX)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_long(out: &mut Vec<u8>, part: &'static str, bytes: &[u8]) -> Result<(), CommitError> {
    let (found, limit) = (bytes.len(), MESSAGE_BYTES_MAX);
    let length = u32::try_from(found).ok().filter(|_| found <= limit);
    let length = length.ok_or(CommitError::TooLarge { part, limit, found })?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_count(
    out: &mut Vec<u8>,
    part: &'static str,
    found: usize,
    limit: usize,
) -> Result<(), CommitError> {
    let count = u16::try_from(found).map_err(|_| CommitError::TooLarge { part, limit, found })?;
    out.extend_from_slice(&count.to_le_bytes());
    Ok(())
}

fn check_header_key(key: &[u8]) -> Result<(), CommitError> {
    match broken_key_rule(key) {
        None => Ok(()),
        Some(reason) => Err(CommitError::HeaderKey {
            key: String::from_utf8_lossy(key).into_owned(),
            reason,
        }),
    }
}

fn broken_key_rule(key: &[u8]) -> Option<&'static str> {
    match key {
        b"" => Some("a header's key cannot be empty"),
        b"tree" | b"parent" | b"author" | b"committer" => {
            Some("a header's key cannot be one that every commit has")
        }
        _ if key.iter().any(|byte| matches!(byte, b' ' | b'\n' | 0)) => {
            Some("a header's key cannot contain a space, a newline or NUL")
        }
        _ => None,
    }
}

pub(super) fn decode(bytes: &Bytes) -> Result<CommitData, DecodeError> {
    let mut reader = Reader { bytes, offset: 0 };
    if reader.array::<2>()? != [VERSION, Kind::Commit.code()] {
        return Err(DecodeError::new(
            "commit",
            0,
            "not a commit of format version 1",
        ));
    }
    let tree = reader.id()?.into();
    let parents = reader.count()?;
    reader.need(parents * Id::BYTES)?;
    let parents = (0..parents).map(|_| reader.id().map(Into::into));
    let parents = parents.collect::<Result<_, _>>()?;
    let info = reader.info()?;
    if reader.offset != bytes.len() {
        return Err(reader.error("bytes follow the end of the commit"));
    }
    Ok(CommitData {
        tree,
        parents,
        info,
    })
}

/// Reads the parts of a commit from left to right.
struct Reader<'a> {
    bytes: &'a Bytes,
    offset: usize,
}

impl Reader<'_> {
    fn info(&mut self) -> Result<CommitInfo, DecodeError> {
        let author = self.signature()?;
        let committer = self.committer(&author)?;
        let headers = self.count()?;
        // Every header takes at least seven bytes: a lying count allocates nothing.
        self.need(headers * 7)?;
        let headers = (0..headers).map(|_| self.header());
        let extra = headers.collect::<Result<_, _>>()?;
        Ok(CommitInfo {
            author,
            committer,
            message: self.long()?,
            extra,
        })
    }

    fn committer(&mut self, author: &Signature) -> Result<Signature, DecodeError> {
        let start = self.offset;
        match self.array()? {
            [COMMITTER_IS_AUTHOR] => Ok(author.clone()),
            [COMMITTER_FOLLOWS] => {
                let committer = self.signature()?;
                if committer == *author {
                    let reason = "a committer equal to the author must not be repeated";
                    return Err(DecodeError::new("commit", start, reason));
                }
                Ok(committer)
            }
            _ => Err(DecodeError::new(
                "commit",
                start,
                "0 or 1 expected before the committer",
            )),
        }
    }

    fn signature(&mut self) -> Result<Signature, DecodeError> {
        let name = self.person()?;
        let email = self.person()?;
        let start = self.offset;
        let seconds = i64::from_le_bytes(self.array()?);
        let offset_minutes = i16::from_le_bytes(self.array()?);
        let time = Time::new(seconds, offset_minutes)
            .map_err(|error| DecodeError::new("commit", start, error.reason))?;
        Signature::new(name, email, time)
            .map_err(|error| DecodeError::new("commit", start, error.reason))
    }

    fn person(&mut self) -> Result<Bytes, DecodeError> {
        let start = self.offset;
        let bytes = self.short()?;
        match broken_rule(&bytes) {
            None => Ok(bytes),
            Some(reason) => Err(DecodeError::new("commit", start, reason)),
        }
    }

    fn header(&mut self) -> Result<(Bytes, Bytes), DecodeError> {
        let start = self.offset;
        let key = self.short()?;
        if let Some(reason) = broken_key_rule(&key) {
            return Err(DecodeError::new("commit", start, reason));
        }
        Ok((key, self.long()?))
    }

    fn short(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.count()?;
        self.take(length)
    }

    fn long(&mut self) -> Result<Bytes, DecodeError> {
        let start = self.offset;
        let length = u32::from_le_bytes(self.array()?);
        match usize::try_from(length) {
            Ok(length) if length <= MESSAGE_BYTES_MAX => self.take(length),
            _ => Err(DecodeError::new("commit", start, "longer than 16 MiB")),
        }
    }

    fn count(&mut self) -> Result<usize, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?).into())
    }

    fn id(&mut self) -> Result<Id, DecodeError> {
        Ok(Id::from_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let array = rest
            .first_chunk()
            .ok_or(self.error("the commit ends too early"))?;
        self.offset += N;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.need(length)?;
        let taken = self.bytes.slice(self.offset..self.offset + length);
        self.offset += length;
        Ok(taken)
    }

    /// Checks that `length` bytes are left, before anything is allocated for them.
    fn need(&self, length: usize) -> Result<(), DecodeError> {
        if self.bytes.len() - self.offset < length {
            return Err(self.error("the commit ends too early"));
        }
        Ok(())
    }

    const fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError::new("commit", self.offset, reason)
    }
}
