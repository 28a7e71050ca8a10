//! A leaf of a directory: a few entries in one run of bytes, searched and edited in place.
//!
//! The bytes in memory are the bytes of the stored object, so that reading decodes nothing and
//! writing encodes nothing. What points elsewhere (directories, large blobs) has, beside the bytes,
//! a [`Sub`] in the order of the entries; its id inside the bytes is only right in stored objects.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{BlobCell, INLINE_BYTES_MAX, Mode};
use super::chunks::CHUNKED_BYTES_MIN;
use super::link::{Link, Place, Places};
use super::origin::Origin;
use crate::codec::{Reader, header, put_varint};
use crate::error::DecodeError;
use crate::{Id, Kind};

/// The most entries of a bucket; a directory part with more is an inner node.
pub(crate) const BUCKET_ENTRIES_MAX: usize = 32;
/// The byte that tells a bucket from an inner node.
pub(super) const SHAPE_BUCKET: u8 = 0;
/// Version, kind, shape and number of entries.
const HEAD_BYTES: usize = 4;
/// Length of name, tag, length of value.
const ROW_BYTES: usize = 3;
/// A bucket without entries, as almost every inner node has one.
const EMPTY: [u8; HEAD_BYTES] = {
    let [version, kind] = header(Kind::Node);
    [version, kind, SHAPE_BUCKET, 0]
};

/// What an entry is, as the high half of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Inline = 0,
    Blob = 1,
    Chunks = 2,
    Dir = 3,
}

/// The object that an entry points to.
#[derive(Clone, Debug)]
pub(crate) enum Sub {
    Dir(Arc<Link>),
    Blob(Arc<BlobCell>),
}

/// An entry on its way into a bucket.
pub(crate) enum Value {
    Inline(Mode, Bytes),
    Blob(Mode, Arc<BlobCell>),
    Dir(Arc<Link>),
}

/// An entry seen in place.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    /// The part of the name that this bucket keeps.
    pub(super) suffix: &'a [u8],
    pub(super) class: Class,
    pub(super) mode: Mode,
    /// Where the value lies in the bucket's bytes.
    value: (usize, usize),
    bucket: &'a Bucket,
    sub: usize,
}

impl<'a> Slot<'a> {
    /// Returns the bytes of an inline value, shared with the bucket.
    pub(super) fn inline(&self) -> Bytes {
        self.bucket.bytes.slice(self.value.0..self.value.1)
    }

    /// Returns the value's encoding without sharing.
    pub(super) fn raw(&self) -> &'a [u8] {
        &self.bucket.bytes[self.value.0..self.value.1]
    }

    /// Tells whether the bucket is as it was loaded: an id in the value's encoding is right then.
    pub(super) const fn is_loaded(&self) -> bool {
        self.bucket.origin.is_none()
    }

    pub(super) fn sub(&self) -> Option<&'a Sub> {
        if self.class == Class::Inline {
            None
        } else {
            self.bucket.subs.get(self.sub)
        }
    }

    pub(super) fn to_value(self) -> Value {
        match self.sub() {
            None => Value::Inline(self.mode, self.inline()),
            Some(Sub::Blob(cell)) => Value::Blob(self.mode, Arc::clone(cell)),
            Some(Sub::Dir(link)) => Value::Dir(Arc::clone(link)),
        }
    }
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    bytes: Bytes,
    subs: Vec<Sub>,
    /// Unless the bucket is as it was loaded.
    origin: Option<Box<Origin>>,
}

impl Bucket {
    /// Returns what stands for a bucket where there is none.
    pub(super) const fn empty() -> Self {
        Self {
            bytes: Bytes::from_static(&EMPTY),
            subs: Vec::new(),
            origin: None,
        }
    }

    /// Builds a bucket from entries in order of their suffixes.
    pub(super) fn from_values<N: AsRef<[u8]>>(
        entries: impl IntoIterator<Item = (N, Value)>,
    ) -> Self {
        let (mut rows, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut subs = Vec::new();
        for (suffix, value) in entries {
            let start = values.len();
            let tag = put_value(&mut values, &value);
            rows.extend([byte(suffix.as_ref().len()), tag, byte(values.len() - start)]);
            names.extend_from_slice(suffix.as_ref());
            subs.extend(value.into_sub());
        }
        let [version, kind] = header(Kind::Node);
        let head = [version, kind, SHAPE_BUCKET, byte(rows.len() / ROW_BYTES)];
        Self {
            bytes: [&head[..], &rows, &names, &values].concat().into(),
            subs,
            origin: Some(Box::default()),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.bytes[HEAD_BYTES - 1])
    }

    pub(super) fn subs(&self) -> &[Sub] {
        &self.subs
    }

    pub(super) fn take_subs(&mut self) -> Vec<Sub> {
        std::mem::take(&mut self.subs)
    }

    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    /// Notes that the bucket is about to be changed; `place` is where it is stored if it has no
    /// origin.
    pub(super) fn will_change(&mut self, place: Option<Place>) {
        self.origin = Some(Origin::changed(
            self.origin.take(),
            place,
            Some(&self.bytes),
        ));
    }

    /// Visits the entries in order.
    pub(super) fn slots(&self) -> Slots<'_> {
        let names = HEAD_BYTES + self.len() * ROW_BYTES;
        let rows = self.bytes[HEAD_BYTES..names].as_chunks::<ROW_BYTES>().0;
        let names_len: usize = rows.iter().map(|row| usize::from(row[0])).sum();
        Slots {
            bucket: self,
            rows,
            name: names,
            value: names + names_len,
            sub: 0,
        }
    }

    /// Finds the entry whose name ends with `suffix`.
    pub(super) fn find(&self, suffix: &[u8]) -> Option<Slot<'_>> {
        let is_sought = |slot: &Slot<'_>| {
            // Names that lie together differ at their ends: this spares most comparisons.
            slot.suffix.last() == suffix.last() && slot.suffix == suffix
        };
        self.slots().find(is_sought)
    }

    /// Adds or replaces an entry; tells whether it is new.
    pub(super) fn put(&mut self, suffix: &[u8], value: Value) -> bool {
        let mut value_bytes = Vec::new();
        let tag = put_value(&mut value_bytes, &value);
        let mut at = At::start(self);
        let mut found = None;
        for slot in self.slots() {
            match slot.suffix.cmp(suffix) {
                Ordering::Less => at = at.after(&slot),
                Ordering::Equal => found = Some(at.after(&slot)),
                Ordering::Greater => break,
            }
        }
        let row = [byte(suffix.len()), tag, byte(value_bytes.len())];
        self.splice(
            at,
            found.unwrap_or(at),
            Some((row, suffix, &value_bytes)),
            value.into_sub(),
        );
        found.is_none()
    }

    /// Removes an entry; tells whether it was there.
    pub(super) fn remove(&mut self, suffix: &[u8]) -> bool {
        let mut at = At::start(self);
        for slot in self.slots() {
            let next = at.after(&slot);
            if slot.suffix == suffix {
                self.splice(at, next, None, None);
                return true;
            }
            at = next;
        }
        false
    }

    /// Returns the directory link of an entry for changing what is below.
    pub(super) fn dir_mut(&mut self, suffix: &[u8]) -> Option<&mut Arc<Link>> {
        let slot = self.find(suffix)?;
        let sub = slot.sub;
        if slot.class != Class::Dir {
            return None;
        }
        match self.subs.get_mut(sub) {
            Some(Sub::Dir(link)) => Some(link),
            _ => None,
        }
    }

    /// Replaces the rows, names, values and subs between two places.
    fn splice(
        &mut self,
        from: At,
        to: At,
        new: Option<([u8; ROW_BYTES], &[u8], &[u8])>,
        sub: Option<Sub>,
    ) {
        let old = &self.bytes;
        let (row, name, value) = match new {
            Some((row, name, value)) => (row.to_vec(), name, value),
            None => (Vec::new(), &[][..], &[][..]),
        };
        let mut bytes = Vec::with_capacity(old.len() + row.len() + name.len() + value.len());
        bytes.extend_from_slice(&old[..from.row]);
        bytes.extend_from_slice(&row);
        bytes.extend_from_slice(&old[to.row..from.name]);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&old[to.name..from.value]);
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(&old[to.value..]);
        let removed = (to.row - from.row) / ROW_BYTES;
        bytes[HEAD_BYTES - 1] = byte(self.len() - removed + row.len() / ROW_BYTES);
        self.bytes = bytes.into();
        self.subs.splice(from.sub..to.sub, sub);
    }

    /// Returns the bytes to store: with the ids of subs, which must be known, in place.
    pub(super) fn encode(&self) -> Bytes {
        if self.subs.is_empty() {
            return self.bytes.clone();
        }
        let mut bytes = self.bytes.to_vec();
        for slot in self.slots() {
            let id = match slot.sub() {
                Some(Sub::Dir(link)) => link.known_id(),
                Some(Sub::Blob(cell)) => Some(cell.id),
                None => None,
            };
            if let Some(id) = id {
                bytes[slot.value.0..slot.value.0 + Id::BYTES].copy_from_slice(id.as_bytes());
            }
        }
        bytes.into()
    }

    /// Checks stored bytes and makes a bucket of them. Copies nothing.
    pub(super) fn decode(bytes: Bytes, places: &Places) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("node", &bytes);
        reader.header(Kind::Node)?;
        if reader.u8()? != SHAPE_BUCKET {
            return Err(reader.error("a bucket expected"));
        }
        let (end, subs) = decode_entries(&mut reader, places)?;
        if end != bytes.len() {
            return Err(DecodeError::new("node", end, "bytes after the end"));
        }
        Ok(Self {
            bytes,
            subs,
            origin: None,
        })
    }

    /// Returns the part of the encoding from the number of entries on.
    pub(super) fn payload(encoded: &Bytes) -> Bytes {
        encoded.slice(HEAD_BYTES - 1..)
    }

    /// Makes a bucket of a payload in the middle of an object, and returns its length.
    pub(super) fn decode_payload(
        bytes: &Bytes,
        from: usize,
        places: &Places,
    ) -> Result<(Self, usize), DecodeError> {
        let mut reader = Reader::new("node", bytes);
        reader.take(from)?;
        let (end, subs) = decode_entries(&mut reader, places)?;
        if bytes[from] == 0 {
            return Ok((Self::empty(), end));
        }
        let [version, kind] = header(Kind::Node);
        let whole = [&[version, kind, SHAPE_BUCKET], &bytes[from..end]].concat();
        Ok((
            Self {
                bytes: whole.into(),
                subs,
                origin: None,
            },
            end,
        ))
    }
}

/// The entries of a bucket in order.
pub(super) struct Slots<'a> {
    bucket: &'a Bucket,
    rows: &'a [[u8; ROW_BYTES]],
    name: usize,
    value: usize,
    sub: usize,
}

impl<'a> Iterator for Slots<'a> {
    type Item = Slot<'a>;

    fn next(&mut self) -> Option<Slot<'a>> {
        let (&[name_len, tag, value_len], rest) = self.rows.split_first()?;
        let name_end = self.name + usize::from(name_len);
        let value_end = self.value + usize::from(value_len);
        let (class, mode) = tag_parts(tag).unwrap_or((Class::Inline, Mode::Normal));
        let slot = Slot {
            suffix: &self.bucket.bytes[self.name..name_end],
            class,
            mode,
            value: (self.value, value_end),
            bucket: self.bucket,
            sub: self.sub,
        };
        self.rows = rest;
        self.name = name_end;
        self.value = value_end;
        self.sub += usize::from(class != Class::Inline);
        Some(slot)
    }
}

/// Where an entry begins in each of the bucket's regions.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    name: usize,
    value: usize,
    sub: usize,
}

impl At {
    fn start(bucket: &Bucket) -> Self {
        let slots = bucket.slots();
        Self {
            row: HEAD_BYTES,
            name: slots.name,
            value: slots.value,
            sub: 0,
        }
    }

    fn after(self, slot: &Slot<'_>) -> Self {
        Self {
            row: self.row + ROW_BYTES,
            name: self.name + slot.suffix.len(),
            value: slot.value.1,
            sub: self.sub + usize::from(slot.class != Class::Inline),
        }
    }
}

impl Value {
    fn into_sub(self) -> Option<Sub> {
        match self {
            Self::Inline(..) => None,
            Self::Blob(_, cell) => Some(Sub::Blob(cell)),
            Self::Dir(link) => Some(Sub::Dir(link)),
        }
    }
}

/// Appends a value's encoding and returns its tag. Ids that are not known yet are zero.
fn put_value(out: &mut Vec<u8>, value: &Value) -> u8 {
    let (class, mode) = match value {
        Value::Inline(mode, bytes) => {
            out.extend_from_slice(bytes);
            (Class::Inline, *mode)
        }
        Value::Blob(mode, cell) => {
            out.extend_from_slice(cell.id.as_bytes());
            put_varint(out, cell.size);
            (
                if cell.chunked {
                    Class::Chunks
                } else {
                    Class::Blob
                },
                *mode,
            )
        }
        Value::Dir(_) => {
            out.extend_from_slice(&[0; Id::BYTES]);
            (Class::Dir, Mode::Normal)
        }
    };
    ((class as u8) << 4) | mode.code()
}

fn tag_parts(tag: u8) -> Option<(Class, Mode)> {
    let class = match tag >> 4 {
        0 => Class::Inline,
        1 => Class::Blob,
        2 => Class::Chunks,
        3 => Class::Dir,
        _ => return None,
    };
    let mode = Mode::from_code(tag & 0x0f)?;
    (class != Class::Dir || mode == Mode::Normal).then_some((class, mode))
}

/// Checks rows, names and values from the number of entries on; returns the end and the subs.
fn decode_entries(
    reader: &mut Reader<'_>,
    places: &Places,
) -> Result<(usize, Vec<Sub>), DecodeError> {
    let count = usize::from(reader.u8()?);
    if count > BUCKET_ENTRIES_MAX {
        return Err(reader.error("too many entries in a bucket"));
    }
    let rows = reader.take(count * ROW_BYTES)?.as_chunks::<ROW_BYTES>().0;
    let mut previous: Option<&[u8]> = None;
    for row in rows {
        let name = reader.take(usize::from(row[0]))?;
        if previous.is_some_and(|previous| previous >= name) {
            return Err(reader.error("entries out of order"));
        }
        if name.iter().any(|&byte| byte == b'/' || byte == 0) {
            return Err(reader.error("'/' or NUL in a name"));
        }
        previous = Some(name);
    }
    let mut subs = Vec::new();
    for &[_, tag, value_len] in rows {
        let Some((class, _)) = tag_parts(tag) else {
            return Err(reader.error("an unknown tag"));
        };
        let start = reader.offset();
        let value_len = usize::from(value_len);
        let place = places.get(subs.len());
        match class {
            Class::Inline if value_len > INLINE_BYTES_MAX => {
                return Err(reader.error("an inline value of over 128 bytes"));
            }
            Class::Inline => drop(reader.take(value_len)?),
            Class::Dir => subs.push(Sub::Dir(Arc::new(Link::stored(reader.id()?, place)))),
            Class::Blob | Class::Chunks => {
                let (id, size) = (reader.id()?, reader.varint()?);
                let chunked = class == Class::Chunks;
                let fits = if chunked {
                    size >= CHUNKED_BYTES_MIN as u64
                } else {
                    (INLINE_BYTES_MAX as u64 + 1..CHUNKED_BYTES_MIN as u64).contains(&size)
                };
                if !fits {
                    return Err(reader.error("a value stored as one of another size would be"));
                }
                subs.push(Sub::Blob(Arc::new(BlobCell::stored(
                    id, size, chunked, place,
                ))));
            }
        }
        if reader.offset() != start + value_len {
            return Err(reader.error("a value of the wrong length"));
        }
    }
    Ok((reader.offset(), subs))
}

/// Narrows a length that the callers keep below 256.
fn byte(len: usize) -> u8 {
    u8::try_from(len).expect("because steps, inline values and buckets are short")
}
