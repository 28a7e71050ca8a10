//! An inner node: where a directory with many entries branches, by half bytes of the names.

use std::ops::Deref;

use bytes::Bytes;

use super::below::Below;
use super::branches::Branches;
use super::bucket::{BUCKET_ENTRIES_MAX, Bucket};
use super::link::Places;
use super::loaded::{Loaded, bits};
use super::nibbles::{nibble, nibbles};
use super::prefix::Prefix;
use crate::codec::{Reader, header, put_varint};
use crate::error::DecodeError;
use crate::short::Short;
use crate::{Id, Kind, STEP_BYTES_MAX};

/// The byte that tells an inner node from a bucket.
pub(super) const SHAPE_INNER: u8 = 1;
/// More entries than a directory can have: keeps sums of what a damaged node says from overflowing.
const ENTRIES_MAX: u64 = u64::MAX / 4;

/// A part of a directory with more than [`BUCKET_ENTRIES_MAX`] entries, seen where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inner<'a> {
    /// The half bytes that all names below share, from where the node starts.
    pub(super) prefix: &'a [u8],
    below: Below<'a>,
}

/// An inner node for changing: unshared.
pub(super) struct InnerMut<'a> {
    prefix: &'a mut Prefix,
    pub(super) below: &'a mut Branches,
}

/// Where a name leads from an inner node.
pub(super) enum Turn {
    /// It parts from the prefix after so many half bytes.
    Apart(usize),
    /// It ends with the prefix.
    Terminal,
    /// It goes on with this half byte; what follows starts at this position.
    Child(u8, usize),
}

impl<'a> Inner<'a> {
    #[inline]
    pub(super) fn loaded(prefix: &'a Prefix, loaded: &'a Loaded) -> Self {
        Self {
            prefix: prefix.in_place().unwrap_or_else(|| loaded.long_prefix()),
            below: Below::Loaded(loaded),
        }
    }

    #[inline]
    pub(super) fn changed(prefix: &'a Prefix, branches: &'a Branches) -> Self {
        Self {
            prefix: prefix.in_place().unwrap_or_else(|| branches.long_prefix()),
            below: Below::Changed(branches),
        }
    }

    /// Follows a name from `position`, where this node starts.
    #[inline]
    pub(super) fn turn(&self, name: &[u8], position: usize) -> Turn {
        let end = nibbles(name);
        for (index, &expected) in self.prefix.iter().enumerate() {
            if position + index >= end || nibble(name, position + index) != expected {
                return Turn::Apart(index);
            }
        }
        let at = position + self.prefix.len();
        if at == end {
            Turn::Terminal
        } else {
            Turn::Child(nibble(name, at), at + 1)
        }
    }

    /// Returns the bytes to store; the ids of children and subs must be known.
    pub(super) fn encode(&self) -> Bytes {
        if let Some(bytes) = self.encoding() {
            return bytes.clone();
        }
        let [version, kind] = header(Kind::Node);
        // Enough for most nodes: a short prefix, and a child's number of entries in three bytes.
        let mut out = Vec::with_capacity(64 + self.children_len() * (3 + Id::BYTES));
        out.extend([version, kind, SHAPE_INNER]);
        put_varint(&mut out, self.prefix.len() as u64);
        for pair in self.prefix.chunks(2) {
            out.push((pair[0] << 4) | pair.get(1).copied().unwrap_or(0));
        }
        out.extend_from_slice(&self.terminal_payload());
        out.extend_from_slice(&self.bitmap().to_le_bytes());
        let lens = self.lens();
        for branch in self.branches() {
            put_varint(&mut out, lens[usize::from(branch)]);
        }
        self.put_ids(&mut out);
        out.into()
    }
}

impl<'a> InnerMut<'a> {
    pub(super) fn new(prefix: &'a mut Prefix, below: &'a mut Branches) -> Self {
        Self { prefix, below }
    }

    pub(super) fn see(&self) -> Inner<'_> {
        Inner::changed(self.prefix, self.below)
    }

    pub(super) fn set_prefix(&mut self, prefix: &[u8]) {
        *self.prefix = Prefix::new(prefix);
        self.below.prefix = Short::new(prefix);
    }
}

impl<'a> Deref for Inner<'a> {
    type Target = Below<'a>;

    #[inline]
    fn deref(&self) -> &Below<'a> {
        &self.below
    }
}

/// Checks stored bytes and makes a node of them. Copies nothing but the prefix.
pub(super) fn decode(bytes: Bytes, places: Places) -> Result<Loaded, DecodeError> {
    let mut reader = Reader::new("node", &bytes);
    reader.header(Kind::Node)?;
    if reader.u8()? != SHAPE_INNER {
        return Err(reader.error("an unknown shape of node"));
    }
    let prefix = decode_prefix(&mut reader)?;
    let (terminal, end) = Bucket::decode_payload(&bytes, reader.offset(), &places)?;
    reader.take(end - reader.offset())?;
    if terminal.slots().any(|slot| !slot.suffix.is_empty()) {
        return Err(reader.error("a terminal entry with a name"));
    }
    let bitmap = reader.u16()?;
    let lens_at = reader.offset();
    let len = decode_lens(&mut reader, bitmap, terminal.len())?;
    let ids_at = reader.offset();
    reader.take(bitmap.count_ones() as usize * Id::BYTES)?;
    reader.end()?;
    let places_before = terminal.subs().len();
    Ok(Loaded {
        nodes: Default::default(),
        prefix,
        bytes,
        bitmap,
        len,
        terminal: (terminal.len() > 0).then(|| Box::new(terminal)),
        lens_at,
        ids_at,
        places,
        places_before,
    })
}

/// Checks the children's numbers of entries; returns the sum with that of `terminals`.
fn decode_lens(reader: &mut Reader<'_>, bitmap: u16, terminals: usize) -> Result<u64, DecodeError> {
    const WRONG_SHAPE: &str = "an inner node that should have another shape";
    let mut sum = terminals as u64;
    for _ in bits(bitmap) {
        let len = reader.varint()?;
        sum = sum.saturating_add(len);
        if len == 0 || sum > ENTRIES_MAX {
            return Err(reader.error(WRONG_SHAPE));
        }
    }
    let branches = bitmap.count_ones() as usize + terminals;
    if sum <= BUCKET_ENTRIES_MAX as u64 || branches < 2 {
        return Err(reader.error(WRONG_SHAPE));
    }
    Ok(sum)
}

fn decode_prefix(reader: &mut Reader<'_>) -> Result<Short, DecodeError> {
    let len = reader.varint()?;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len > 2 * STEP_BYTES_MAX {
        return Err(reader.error("a prefix longer than a name"));
    }
    let packed = reader.take(len.div_ceil(2))?;
    let mut prefix = [0; 2 * STEP_BYTES_MAX];
    for (pair, byte) in prefix.chunks_exact_mut(2).zip(packed) {
        pair.copy_from_slice(&[byte >> 4, byte & 0x0f]);
    }
    let (prefix, rest) = prefix.split_at(len);
    if len % 2 == 1 && rest.first() != Some(&0) {
        return Err(reader.error("a padded prefix"));
    }
    Ok(Short::new(prefix))
}
