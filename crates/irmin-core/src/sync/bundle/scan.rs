//! Reading a bundle from front to back, and believing nothing.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::format::{BUNDLE_VERSION, CHECK_BYTES, END, MAGIC, OBJECT_BYTES_MAX};
use super::store::BundleBytes;
use crate::refs::REF_NAME_BYTES_MAX;
use crate::store::Cut;
use crate::{Id, Kind, RefName, StoreError, VerifyProgress};

/// How much is read at once.
const BUFFER_BYTES: u64 = 1 << 20;

/// What is in a bundle.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) refs: BTreeMap<String, Id>,
    pub(super) prerequisites: Vec<Id>,
    /// Ordered by id.
    pub(super) objects: Vec<Place>,
}

/// Where an object lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: Id,
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) generation: u32,
    pub(super) kind: Kind,
    pub(super) cut: Cut,
}

/// Reads all, and checks every byte.
pub(super) fn scan(
    bytes: &dyn BundleBytes,
    path: &Path,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<Contents, StoreError> {
    let len = bytes.len().map_err(|source| StoreError::Io {
        offset: None,
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let mut scan = Scan {
        bytes,
        path,
        len,
        offset: 0,
        buffer: Vec::new(),
        used: 0,
        hash: Sha256::new(),
    };
    let mut contents = scan.header()?;
    let mut told = 0;
    while let Some(place) = scan.object()? {
        contents.objects.push(place);
        if scan.offset - told >= BUFFER_BYTES {
            told = scan.offset;
            progress(VerifyProgress {
                bytes_done: told,
                bytes_total: len,
            });
        }
    }
    scan.end(contents.objects.len())?;
    contents.objects.sort_unstable_by_key(|place| place.id);
    contents.objects.dedup_by_key(|place| place.id);
    Ok(contents)
}

struct Scan<'a> {
    bytes: &'a dyn BundleBytes,
    path: &'a Path,
    len: u64,
    /// Of the next byte.
    offset: u64,
    buffer: Vec<u8>,
    /// How much of the buffer lies before the offset.
    used: usize,
    hash: Sha256,
}

impl Scan<'_> {
    fn header(&mut self) -> Result<Contents, StoreError> {
        if self.take("the 8 bytes 'irmbundl'", 8)? != MAGIC {
            return Err(self.damage(0, "the 8 bytes 'irmbundl'", "others"));
        }
        let version = self.array("the version")?;
        let version = u32::from_le_bytes(version);
        if version != BUNDLE_VERSION {
            return Err(StoreError::UnsupportedFormat {
                path: self.path.to_owned(),
                found: format!("bundle version {version}"),
                supported: format!("bundle version {BUNDLE_VERSION}"),
            });
        }
        let mut contents = Contents::default();
        for _ in 0..self.varint("the number of names")? {
            let (name, id) = self.name()?;
            contents.refs.insert(name, id);
        }
        for _ in 0..self.varint("the number of prerequisites")? {
            let id = self.array("the id of a prerequisite")?;
            contents.prerequisites.push(Id::from_bytes(id));
        }
        Ok(contents)
    }

    fn name(&mut self) -> Result<(String, Id), StoreError> {
        let start = self.offset;
        let len = self.varint("the length of a name")?;
        if len > REF_NAME_BYTES_MAX as u64 {
            return Err(self.damage(start, "the length of a name", &len.to_string()));
        }
        let name = self.take("a name", len)?.to_vec();
        let text = String::from_utf8(name).ok();
        let is_right = |text: &String| RefName::new(text.clone()).is_ok_and(|n| n.as_str() == text);
        let name = text.filter(is_right);
        let name = name.ok_or_else(|| self.damage(start, "the name of a ref", "other bytes"))?;
        let id = self.array("the id that a name points to")?;
        Ok((name, Id::from_bytes(id)))
    }

    /// Reads an object; `None` at the end of all.
    fn object(&mut self) -> Result<Option<Place>, StoreError> {
        let start = self.offset;
        let [code] = self.array("the kind of an object")?;
        if code == END {
            return Ok(None);
        }
        let kind = Kind::from_code(code)
            .ok_or_else(|| self.damage(start, "the kind of an object", &code.to_string()))?;
        let (generation, cut) = match kind {
            Kind::Commit => Cut::split_generation(self.varint("a generation")?)
                .ok_or_else(|| self.damage(start, "a generation", "a larger number"))?,
            _ => (0, Cut::NONE),
        };
        let len = self.varint("the length of an object")?;
        let narrow = u32::try_from(len).ok().filter(|_| len <= OBJECT_BYTES_MAX);
        let narrow = narrow
            .ok_or_else(|| self.damage(start, "an object of at most 256 MiB", &len.to_string()))?;
        let check: [u8; CHECK_BYTES] = self.array("the check of an object")?;
        let offset = self.offset;
        let id = Id::of(self.take("an object", len)?);
        if !id.as_bytes().starts_with(&check) {
            return Err(self.damage(start, "the bytes of an object", "others"));
        }
        Ok(Some(Place {
            id,
            offset,
            len: narrow,
            generation,
            kind,
            cut,
        }))
    }

    fn end(&mut self, objects: usize) -> Result<(), StoreError> {
        let start = self.offset;
        let count = self.varint("the number of objects")?;
        if count != objects as u64 {
            return Err(self.damage(start, &format!("{objects} objects"), &count.to_string()));
        }
        let start = self.offset;
        let expected: [u8; 32] = self.hash.clone().finalize().into();
        let found: [u8; 32] = self.array("the checksum of all")?;
        if expected != found {
            return Err(self.damage(start, "the checksum of all before", "another one"));
        }
        match self.len - self.offset {
            0 => Ok(()),
            more => Err(self.damage(self.offset, "the end", &format!("{more} bytes more"))),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], StoreError> {
        let start = self.offset;
        let taken = self.take(what, N as u64)?.try_into();
        taken.map_err(|_| self.damage(start, what, "the end"))
    }

    /// Reads a number in its shortest form.
    fn varint(&mut self, what: &str) -> Result<u64, StoreError> {
        let start = self.offset;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array(what)?;
            let bits = u64::from(byte & 0x7f);
            let is_padded = byte == 0 && shift > 0;
            if is_padded || (shift == 63 && bits > 1) {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damage(start, what, "a number in another form"))
    }

    /// Reads and hashes the next bytes.
    fn take(&mut self, what: &str, len: u64) -> Result<&[u8], StoreError> {
        if len > self.len - self.offset {
            return Err(self.damage(self.len, what, "the end"));
        }
        // Not more than the file has: it fits where the file was.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if self.buffer.len() - self.used < len {
            self.fill(len)?;
        }
        let start = self.used;
        self.used += len;
        self.offset += len as u64;
        let taken = self.buffer.get(start..self.used).unwrap_or_default();
        self.hash.update(taken);
        Ok(taken)
    }

    /// Has at least `len` bytes in the buffer, which the file must have.
    fn fill(&mut self, len: usize) -> Result<(), StoreError> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let have = self.buffer.len();
        let left = self.len - self.offset - have as u64;
        let more = left.min(BUFFER_BYTES.max((len - have) as u64));
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        self.buffer.resize(have + more, 0);
        let at = self.offset + have as u64;
        let target = self.buffer.get_mut(have..).unwrap_or_default();
        self.bytes
            .read_at(at, target)
            .map_err(|source| StoreError::Io {
                offset: Some(at),
                action: "read",
                path: self.path.to_owned(),
                source,
            })
    }

    fn damage(&self, offset: u64, expected: &str, found: &str) -> StoreError {
        StoreError::Corrupt {
            path: self.path.to_owned(),
            offset,
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}
