//! A leaf of a directory: a few entries in one run of bytes, searched and edited in place.
//!
//! The bytes in memory are the bytes of the stored object, so that reading decodes nothing and
//! writing encodes nothing. What points elsewhere (directories, large blobs) has, beside the bytes,
//! a [`Sub`] in the order of the entries; its id inside the bytes is only right in stored objects.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{BlobCell, INLINE_BYTES_MAX, Mode};
use super::chunks::CHUNKED_BYTES_MIN;
use super::link::{Link, Place, Places};
use super::origin::Origin;
use super::rows::{BucketRef, Slots};
use super::run::{Run, replace, with_replaced};
use crate::codec::{Reader, header, put_varint};
use crate::error::DecodeError;
use crate::{Id, Kind};

/// The most entries of a bucket; a directory part with more is an inner node.
pub(crate) const BUCKET_ENTRIES_MAX: usize = 32;
/// The byte that tells a bucket from an inner node.
pub(super) const SHAPE_BUCKET: u8 = 0;
/// Version, kind, shape and number of entries.
pub(super) const HEAD_BYTES: usize = 4;
/// Length of name, tag, length of value.
pub(super) const ROW_BYTES: usize = 3;
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

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    bytes: Run,
    subs: Vec<Sub>,
    /// Unless the bucket is as it was loaded.
    origin: Option<Box<Origin>>,
    /// It is being changed once more since it was loaded, stored or made.
    changes_again: bool,
}

impl Bucket {
    /// Returns what stands for a bucket where there is none.
    pub(super) const fn empty() -> Self {
        Self {
            bytes: Run::Shared(Bytes::from_static(&EMPTY)),
            subs: Vec::new(),
            origin: None,
            changes_again: false,
        }
    }

    /// Builds a bucket from entries in order of their suffixes.
    pub(super) fn from_values<N: AsRef<[u8]>>(
        entries: impl IntoIterator<Item = (N, Value)>,
    ) -> Self {
        let (mut rows, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut subs = Vec::new();
        for (suffix, value) in entries {
            let encoded = value.encoded();
            rows.extend([
                byte(suffix.as_ref().len()),
                value.tag(),
                byte(encoded.len()),
            ]);
            names.extend_from_slice(suffix.as_ref());
            values.extend_from_slice(&encoded);
            drop(encoded);
            subs.extend(value.into_sub());
        }
        let [version, kind] = header(Kind::Node);
        let head = [version, kind, SHAPE_BUCKET, byte(rows.len() / ROW_BYTES)];
        Self {
            bytes: Run::Shared([&head[..], &rows, &names, &values].concat().into()),
            subs,
            origin: Some(Box::default()),
            changes_again: false,
        }
    }

    /// Sees the bucket in place.
    #[inline]
    pub(super) fn by_ref(&self) -> BucketRef<'_> {
        let shared = match &self.bytes {
            Run::Shared(bytes) => Some(bytes),
            Run::Own(_) => None,
        };
        BucketRef::new(&self.bytes, shared, &self.subs)
    }

    pub(super) fn len(&self) -> usize {
        self.by_ref().len()
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
        let origin = self.origin.take();
        self.changes_again = origin
            .as_ref()
            .is_some_and(|origin| origin.place().is_none());
        let own = (!self.changes_again).then(|| self.bytes.share());
        self.origin = Some(Origin::changed(origin, place, own));
    }

    /// Returns the bucket's next version, which is about to be changed. See
    /// [`will_change`](Self::will_change).
    pub(super) fn successor(&self, place: Option<Place>) -> Self {
        let changes_again = matches!(&self.origin, Some(origin) if origin.place().is_none());
        let (bytes, origin) = if changes_again {
            let origin = self.origin.as_ref().map(|origin| origin.successor(None));
            (self.bytes.clone(), origin)
        } else {
            let bytes = self.bytes.to_shared();
            let origin = match &self.origin {
                Some(origin) => origin.successor(Some(&bytes)),
                None => Origin::changed(None, place, Some(&bytes)),
            };
            (Run::Shared(bytes), Some(origin))
        };
        Self {
            bytes,
            subs: self.subs.clone(),
            origin,
            changes_again,
        }
    }

    /// Visits the entries in order.
    pub(super) fn slots(&self) -> Slots<'_> {
        self.by_ref().slots()
    }

    /// Adds or replaces an entry; tells whether it is new.
    pub(super) fn put(&mut self, suffix: &[u8], value: Value) -> bool {
        let (from, to) = self.range(suffix);
        let tag = value.tag();
        let encoded = value.encoded();
        let row = [byte(suffix.len()), tag, byte(encoded.len())];
        let is_new = from.row == to.row;
        let count = self.len() + usize::from(is_new);
        self.splice(from, to, count, [&row, suffix, &encoded]);
        drop(encoded);
        self.subs.splice(from.sub..to.sub, value.into_sub());
        is_new
    }

    /// Removes an entry; tells whether it was there.
    pub(super) fn remove(&mut self, suffix: &[u8]) -> bool {
        let (from, to) = self.range(suffix);
        if from.row == to.row {
            return false;
        }
        self.splice(from, to, self.len() - 1, [&[]; 3]);
        self.subs.drain(from.sub..to.sub);
        true
    }

    /// Returns where an entry begins and ends, or would.
    fn range(&self, suffix: &[u8]) -> (At, At) {
        let mut at = At::start(self);
        // From name to name, 16 of them on average, each comparison costs as much as all else
        // that is done for an entry: hence first the ends of all names, and five comparisons.
        let mut names = [(0, 0); BUCKET_ENTRIES_MAX];
        let rows = self.by_ref().rows();
        let mut end = at.name;
        for (name, row) in names.iter_mut().zip(rows) {
            *name = (end, end + usize::from(row[0]));
            end = name.1;
        }
        let names = &names[..rows.len().min(BUCKET_ENTRIES_MAX)];
        let found = names.binary_search_by(|&(from, to)| self.bytes[from..to].cmp(suffix));
        let (Ok(index) | Err(index)) = found;
        for row in &rows[..index] {
            at = at.after(*row);
        }
        let to = match found {
            Ok(index) => at.after(rows[index]),
            Err(_) => at,
        };
        (at, to)
    }

    /// Returns the directory link of an entry for changing what is below.
    pub(super) fn dir_mut(&mut self, suffix: &[u8]) -> Option<&mut Arc<Link>> {
        let sub = self.by_ref().find_sub(suffix)?;
        match self.subs.get_mut(sub) {
            Some(Sub::Dir(link)) => Some(link),
            _ => None,
        }
    }

    /// Replaces the row, the name and the value between two places.
    fn splice(&mut self, from: At, to: At, count: usize, new: [&[u8]; 3]) {
        let old = [from.row..to.row, from.name..to.name, from.value..to.value];
        if let (Run::Shared(shared), true) = (&self.bytes, self.changes_again) {
            self.bytes = Run::Own(shared.to_vec());
        }
        match &mut self.bytes {
            Run::Own(bytes) => {
                replace(bytes, &old, &new);
                bytes[HEAD_BYTES - 1] = byte(count);
            }
            Run::Shared(shared) => {
                let mut bytes = with_replaced(shared, &old, &new);
                bytes[HEAD_BYTES - 1] = byte(count);
                *shared = bytes.into();
            }
        }
    }

    /// Returns the bytes to store: with the ids of subs, which must be known, in place.
    pub(super) fn encode(&self) -> Bytes {
        if self.subs.is_empty() {
            return self.bytes.to_shared();
        }
        let mut bytes = self.bytes.to_vec();
        for slot in self.slots() {
            let id = match slot.sub() {
                Some(Sub::Dir(link)) => link.known_id(),
                Some(Sub::Blob(cell)) => Some(cell.id),
                None => None,
            };
            if let Some(id) = id {
                let at = slot.value_at;
                bytes[at..at + Id::BYTES].copy_from_slice(id.as_bytes());
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
        Ok(Self::loaded(bytes, subs))
    }

    /// Makes a bucket of a checked encoding.
    pub(super) const fn loaded(bytes: Bytes, subs: Vec<Sub>) -> Self {
        Self {
            bytes: Run::Shared(bytes),
            subs,
            origin: None,
            changes_again: false,
        }
    }

    /// Returns the encoding if that is all there is: as it was loaded, and pointing nowhere.
    pub(super) fn into_leaf(self) -> Result<Bytes, Self> {
        match &self.bytes {
            Run::Shared(bytes) if self.origin.is_none() && self.subs.is_empty() => {
                Ok(bytes.clone())
            }
            _ => Err(self),
        }
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
                bytes: Run::Shared(whole.into()),
                subs,
                origin: None,
                changes_again: false,
            },
            end,
        ))
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
            name: slots.name_at,
            value: slots.value_at,
            sub: 0,
        }
    }

    fn after(self, [name_len, tag, value_len]: [u8; ROW_BYTES]) -> Self {
        Self {
            row: self.row + ROW_BYTES,
            name: self.name + usize::from(name_len),
            value: self.value + usize::from(value_len),
            sub: self.sub + usize::from(tag >> 4 != Class::Inline as u8),
        }
    }
}

impl Value {
    fn tag(&self) -> u8 {
        let (class, mode) = match self {
            Self::Inline(mode, _) => (Class::Inline, *mode),
            Self::Blob(mode, cell) if cell.chunked => (Class::Chunks, *mode),
            Self::Blob(mode, _) => (Class::Blob, *mode),
            Self::Dir(_) => (Class::Dir, Mode::Normal),
        };
        ((class as u8) << 4) | mode.code()
    }

    /// Returns the encoding. Ids that are not known yet are zero.
    fn encoded(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Inline(_, bytes) => Cow::Borrowed(bytes),
            Self::Blob(_, cell) => {
                let mut out = cell.id.as_bytes().to_vec();
                put_varint(&mut out, cell.size);
                Cow::Owned(out)
            }
            Self::Dir(_) => Cow::Borrowed(Id::NULL.as_bytes()),
        }
    }

    fn into_sub(self) -> Option<Sub> {
        match self {
            Self::Inline(..) => None,
            Self::Blob(_, cell) => Some(Sub::Blob(cell)),
            Self::Dir(link) => Some(Sub::Dir(link)),
        }
    }
}

pub(super) fn tag_parts(tag: u8) -> Option<(Class, Mode)> {
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
