//! An inner node: where a directory with many entries branches, by half bytes of the names.

use bytes::Bytes;

use super::bucket::{BUCKET_ENTRIES_MAX, Bucket, Sub};
use super::link::{Link, Node, Places, Ref};
use super::nibbles::{nibble, nibbles};
use super::origin::Origin;
use crate::codec::{Reader, header, put_varint};
use crate::error::DecodeError;
use crate::short::Short;
use crate::store::StoreId;
use crate::{Id, Key, Kind, STEP_BYTES_MAX};

const SHAPE_INNER: u8 = 1;
/// More entries than a directory can have: keeps sums of what a damaged node says from overflowing.
const ENTRIES_MAX: u64 = u64::MAX / 4;

/// A part of a directory with more than [`BUCKET_ENTRIES_MAX`] entries.
#[derive(Clone, Debug)]
pub(crate) struct Inner {
    /// The half bytes that all names below share, from where the node starts.
    pub(super) prefix: Short,
    /// The entry whose name ends with the prefix: a bucket with at most one, unnamed, entry.
    pub(super) terminal: Bucket,
    /// Bit n: there is a child for the half byte n.
    bitmap: u16,
    children: Vec<Child>,
    pub(super) origin: Origin,
}

/// The names that go on with one half byte.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(super) len: u64,
    pub(super) link: Link,
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

impl Inner {
    pub(super) fn new(prefix: &[u8]) -> Self {
        Self {
            prefix: Short::new(prefix),
            terminal: Bucket::empty(),
            bitmap: 0,
            children: Vec::new(),
            origin: Origin::default(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.terminal.len() as u64 + self.children.iter().map(|child| child.len).sum::<u64>()
    }

    pub(super) const fn terminal(&self) -> &Bucket {
        &self.terminal
    }

    pub(super) fn children(&self) -> &[Child] {
        &self.children
    }

    pub(super) fn take_children(&mut self) -> Vec<Child> {
        self.bitmap = 0;
        std::mem::take(&mut self.children)
    }

    pub(super) fn take_terminal_subs(&mut self) -> Vec<Sub> {
        self.terminal.take_subs()
    }

    /// Visits the half bytes that have a child, in order, which is the order of the children.
    pub(super) fn branches(&self) -> impl Iterator<Item = u8> + use<> {
        let bitmap = self.bitmap;
        (0..16).filter(move |branch| bitmap & (1 << branch) != 0)
    }

    #[inline]
    pub(super) fn child_index(&self, branch: u8) -> Option<usize> {
        let bit = 1_u16 << branch;
        (self.bitmap & bit != 0).then(|| (self.bitmap & (bit - 1)).count_ones() as usize)
    }

    pub(super) fn child(&self, branch: u8) -> Option<&Child> {
        self.child_index(branch)
            .and_then(|index| self.children.get(index))
    }

    pub(super) fn child_mut(&mut self, branch: u8) -> Option<&mut Child> {
        self.child_index(branch)
            .and_then(|index| self.children.get_mut(index))
    }

    /// Adds a child where there is none.
    pub(super) fn add_child(&mut self, branch: u8, child: Child) {
        let bit = 1_u16 << branch;
        debug_assert!(self.bitmap & bit == 0);
        self.children
            .insert((self.bitmap & (bit - 1)).count_ones() as usize, child);
        self.bitmap |= bit;
    }

    pub(super) fn remove_child(&mut self, branch: u8) {
        if let Some(index) = self.child_index(branch) {
            self.children.remove(index);
            self.bitmap &= !(1 << branch);
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
        let [version, kind] = header(Kind::Node);
        // Enough for most nodes: a short prefix, and a child's number of entries in three bytes.
        let mut out = Vec::with_capacity(64 + self.children.len() * (3 + Id::BYTES));
        out.extend([version, kind, SHAPE_INNER]);
        put_varint(&mut out, self.prefix.len() as u64);
        for pair in self.prefix.chunks(2) {
            out.push((pair[0] << 4) | pair.get(1).copied().unwrap_or(0));
        }
        out.extend_from_slice(&Bucket::payload(&self.terminal.encode()));
        out.extend_from_slice(&self.bitmap.to_le_bytes());
        self.children
            .iter()
            .for_each(|child| put_varint(&mut out, child.len));
        for id in self
            .children
            .iter()
            .filter_map(|child| child.link.known_id())
        {
            out.extend_from_slice(id.as_bytes());
        }
        out.into()
    }

    /// Checks and decodes stored bytes.
    pub(super) fn decode(bytes: &Bytes, places: Places<'_>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("node", bytes);
        reader.header(Kind::Node)?;
        if reader.u8()? != SHAPE_INNER {
            return Err(reader.error("an unknown shape of node"));
        }
        let prefix = decode_prefix(&mut reader)?;
        let (terminal, end) = Bucket::decode_payload(bytes, reader.offset(), places)?;
        reader.take(end - reader.offset())?;
        if terminal.slots().any(|slot| !slot.suffix.is_empty()) {
            return Err(reader.error("a terminal entry with a name"));
        }
        let bitmap = reader.u16()?;
        let mut children = Vec::with_capacity(bitmap.count_ones() as usize);
        for _ in 0..bitmap.count_ones() {
            let (len, link) = (reader.varint()?, Link::default());
            children.push(Child { len, link });
        }
        let places = places.skip(terminal.subs().len());
        for (index, child) in children.iter_mut().enumerate() {
            child.link = Link::stored(reader.id()?, places.get(index));
        }
        reader.end()?;
        let inner = Self {
            prefix,
            terminal,
            bitmap,
            children,
            origin: Origin::stored(Some(bytes.clone())),
        };
        let terminals = inner.terminal.len() as u64;
        let total = inner
            .children
            .iter()
            .try_fold(terminals, |sum, c| sum.checked_add(c.len));
        if total.is_none_or(|total| total <= BUCKET_ENTRIES_MAX as u64 || total > ENTRIES_MAX)
            || inner.children.iter().any(|child| child.len == 0)
            || (inner.children.len() < 2 && inner.terminal.len() == 0)
        {
            return Err(reader.error("an inner node that should have another shape"));
        }
        Ok(inner)
    }
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

/// Returns the keys that a store has for what a node points to, in the order of its encoding.
pub(super) fn link_keys(node: &Node, store: StoreId) -> Vec<Key> {
    let mut keys = Vec::with_capacity(node.refs());
    node.for_each_ref(&mut |target| {
        let (known, id) = match target {
            Ref::Node(link) => (link.key_in(store), link.known_id()),
            Ref::Blob(cell) => (cell.key_in(store), Some(cell.id)),
        };
        keys.extend(known.or(id.map(Key::from)));
    });
    keys
}
