//! An inner node: where a directory with many entries branches, by half bytes of the names.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::bucket::{BUCKET_ENTRIES_MAX, Bucket, Sub, Value};
use super::dir::WRONG_COUNT;
use super::link::{Link, LinkMut, LinkRef, Place, Places, Store};
use super::nibbles::{nibble, nibbles};
use super::node::Node;
use super::origin::Origin;
use crate::codec::{Reader, header, put_varint};
use crate::error::{DecodeError, Result};
use crate::short::Short;
use crate::{Id, Kind, STEP_BYTES_MAX};

/// The byte that tells an inner node from a bucket.
pub(super) const SHAPE_INNER: u8 = 1;
/// More entries than a directory can have: keeps sums of what a damaged node says from overflowing.
const ENTRIES_MAX: u64 = u64::MAX / 4;
/// A half byte has so many values.
const BRANCHES: usize = 16;

/// A part of a directory with more than [`BUCKET_ENTRIES_MAX`] entries.
///
/// Finding reads the prefix and one of `nodes`, which lie in place, by half byte: in a tree that is
/// larger than the processor's caches, each further piece of memory costs as much as all else that
/// is done at a level. What is needed less often (ids, places, numbers of entries) stays in the
/// encoding that the node was loaded from.
#[derive(Clone, Debug)]
pub(crate) struct Inner {
    /// The half bytes that all names below share, from where the node starts.
    pub(super) prefix: Short,
    /// Bit n: there is a child for the half byte n.
    bitmap: u16,
    /// The number of entries below.
    len: u64,
    /// The entry whose name ends with the prefix: a bucket with one, unnamed, entry.
    terminal: Option<Box<Bucket>>,
    /// Tells of the children that are not loaded, and of those that are as they were loaded.
    links: Option<Arc<Links>>,
    /// Unless the node is as it was loaded.
    origin: Option<Box<Origin>>,
    nodes: [OnceLock<Node>; BRANCHES],
}

/// The children of an inner node as it was when it was loaded: its encoding, and their places.
#[derive(Debug)]
pub(crate) struct Links {
    bytes: Bytes,
    bitmap: u16,
    /// Where the children's numbers of entries and ids begin.
    lens_at: usize,
    ids_at: usize,
    places: Places,
    /// How many places come before those of the children.
    places_before: usize,
}

/// The names that go on with one half byte.
#[derive(Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) branch: u8,
    /// The number of entries below.
    pub(super) len: u64,
    pub(super) link: LinkRef<'a>,
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
    /// Makes a node without entries.
    pub(super) fn new(prefix: &[u8]) -> Self {
        Self {
            prefix: Short::new(prefix),
            bitmap: 0,
            len: 0,
            terminal: None,
            links: None,
            origin: Some(Box::default()),
            nodes: Default::default(),
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn terminal(&self) -> &Bucket {
        static NONE: Bucket = Bucket::empty();
        self.terminal.as_deref().unwrap_or(&NONE)
    }

    /// Puts or replaces the entry whose name ends here; tells whether it is new.
    pub(super) fn put_terminal(&mut self, value: Value) -> bool {
        let terminal = self
            .terminal
            .get_or_insert_with(|| Box::new(Bucket::empty()));
        let is_new = terminal.put(b"", value);
        self.len += u64::from(is_new);
        is_new
    }

    pub(super) fn remove_terminal(&mut self) {
        self.len -= self.terminal.take().map_or(0, |bucket| bucket.len() as u64);
    }

    /// Returns the directory link of the entry whose name ends here.
    pub(super) fn terminal_dir_mut(&mut self) -> Option<&mut Arc<Link>> {
        self.terminal.as_mut()?.dir_mut(b"")
    }

    pub(super) const fn origin(&self) -> Option<&Origin> {
        match &self.origin {
            Some(origin) => Some(origin),
            None => None,
        }
    }

    /// Notes that the node is about to be changed; `place` is where it is stored if it has no
    /// origin.
    pub(super) fn will_change(&mut self, place: Option<Place>) {
        let bytes = self.links.as_ref().map(|links| &links.bytes);
        self.origin = Some(Origin::changed(self.origin.take(), place, bytes));
    }

    /// Returns which half bytes have a child: bit n is the half byte n.
    pub(super) const fn bitmap(&self) -> u16 {
        self.bitmap
    }

    /// Visits the half bytes that have a child, in order.
    pub(super) fn branches(&self) -> impl Iterator<Item = u8> + use<> {
        bits(self.bitmap)
    }

    pub(super) const fn children_len(&self) -> usize {
        self.bitmap.count_ones() as usize
    }

    /// Visits the children, in order.
    pub(super) fn children(&self) -> impl Iterator<Item = Child<'_>> {
        let lens = self.lens();
        let child = move |branch| {
            let link = self.link(branch);
            let len = lens[usize::from(branch)];
            Child { branch, len, link }
        };
        self.branches().map(child)
    }

    /// Returns the numbers of entries of the children, by half byte.
    fn lens(&self) -> [u64; BRANCHES] {
        let mut lens = self
            .links
            .as_ref()
            .map(|links| links.lens())
            .unwrap_or_default();
        for (len, node) in lens.iter_mut().zip(&self.nodes) {
            // What was made or changed here knows better.
            if let Some(node) = node.get().filter(|node| node.origin().is_some()) {
                *len = node.len();
            }
        }
        lens
    }

    #[inline]
    fn link(&self, branch: u8) -> LinkRef<'_> {
        let node = &self.nodes[usize::from(branch % 16)];
        LinkRef::child(node, self.links.as_deref(), branch)
    }

    /// Returns the child for a half byte.
    #[inline]
    pub(super) fn child(&self, branch: u8) -> Option<LinkRef<'_>> {
        (self.bitmap & (1 << branch) != 0).then(|| self.link(branch))
    }

    /// Returns the id of the child for a half byte, if the node is as it was loaded.
    #[inline]
    pub(super) fn loaded_id(&self, branch: u8) -> Option<&[u8; Id::BYTES]> {
        let links = self.links.as_ref().filter(|_| self.origin.is_none())?;
        links.id_bytes(branch)
    }

    /// Returns the child for a half byte, for changing it.
    pub(super) fn child_mut(&mut self, branch: u8, store: &Store) -> Result<Option<&mut Node>> {
        let Some(link) = self.child(branch) else {
            return Ok(None);
        };
        let node = link.node(store)?;
        let links = self.links.as_deref();
        if node.origin().is_none() && links.is_some_and(|l| l.len_of(branch) != node.len()) {
            return Err(link.damaged(WRONG_COUNT));
        }
        let node = &mut self.nodes[usize::from(branch)];
        LinkMut::child(node, links, branch)
            .node_mut(store)
            .map(Some)
    }

    /// Adds a child where there is none: a new node.
    pub(super) fn add_child(&mut self, branch: u8, node: Node) {
        debug_assert!(self.bitmap & (1 << branch) == 0 && node.origin().is_some());
        self.bitmap |= 1 << branch;
        self.len += node.len();
        self.nodes[usize::from(branch)] = OnceLock::from(node);
    }

    /// Puts children of other nodes into the places of own ones, loaded or not.
    pub(super) fn replace_children<'a>(&mut self, others: impl Iterator<Item = Child<'a>>) {
        let mut lens = self.lens();
        let mut places: [_; BRANCHES] = std::array::from_fn(|branch| {
            let node = &self.nodes[branch];
            let branch = u8::try_from(branch).ok()?;
            LinkRef::child(node, self.links.as_deref(), branch).place()
        });
        for Child { branch, len, link } in others {
            let branch = usize::from(branch);
            self.len = self.len - lens[branch] + len;
            lens[branch] = len;
            places[branch] = link.place();
            self.nodes[branch] = link
                .loaded()
                .cloned()
                .map_or_else(OnceLock::new, OnceLock::from);
        }
        self.links = Some(Arc::new(Links::of(self.bitmap, &lens, &places)));
    }

    pub(super) fn remove_child(&mut self, branch: u8) {
        self.bitmap &= !(1 << branch);
        self.nodes[usize::from(branch)].take();
    }

    /// Notes that a child has more or fewer entries.
    pub(super) fn set_len(&mut self, len: u64) {
        self.len = len;
    }

    pub(super) fn take_children(&mut self) -> impl Iterator<Item = Node> {
        self.bitmap = 0;
        self.nodes.iter_mut().filter_map(OnceLock::take)
    }

    pub(super) fn take_terminal_subs(&mut self) -> Vec<Sub> {
        self.terminal
            .as_mut()
            .map(|bucket| bucket.take_subs())
            .unwrap_or_default()
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
        if let (None, Some(links)) = (&self.origin, &self.links) {
            return links.bytes.clone();
        }
        let [version, kind] = header(Kind::Node);
        // Enough for most nodes: a short prefix, and a child's number of entries in three bytes.
        let mut out = Vec::with_capacity(64 + self.children_len() * (3 + Id::BYTES));
        out.extend([version, kind, SHAPE_INNER]);
        put_varint(&mut out, self.prefix.len() as u64);
        for pair in self.prefix.chunks(2) {
            out.push((pair[0] << 4) | pair.get(1).copied().unwrap_or(0));
        }
        out.extend_from_slice(&Bucket::payload(&self.terminal().encode()));
        out.extend_from_slice(&self.bitmap.to_le_bytes());
        self.children()
            .for_each(|child| put_varint(&mut out, child.len));
        for id in self
            .branches()
            .filter_map(|branch| self.link(branch).known_id())
        {
            out.extend_from_slice(id.as_bytes());
        }
        out.into()
    }

    /// Checks stored bytes and makes a node of them. Copies nothing but the prefix.
    pub(super) fn decode(bytes: Bytes, places: Places) -> Result<Self, DecodeError> {
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
        let links = Links {
            bytes,
            bitmap,
            lens_at,
            ids_at,
            places,
            places_before,
        };
        Ok(Self {
            prefix,
            bitmap,
            len,
            terminal: (terminal.len() > 0).then(|| Box::new(terminal)),
            links: Some(Arc::new(links)),
            origin: None,
            nodes: Default::default(),
        })
    }
}

impl Links {
    /// Tells of children that are told of by several nodes.
    fn of(bitmap: u16, lens: &[u64; BRANCHES], known: &[Option<(Id, Place)>; BRANCHES]) -> Self {
        let mut bytes = Vec::with_capacity(bitmap.count_ones() as usize * (3 + Id::BYTES));
        bits(bitmap).for_each(|branch| put_varint(&mut bytes, lens[usize::from(branch)]));
        let ids_at = bytes.len();
        let mut stores = known.iter().flatten().map(|(_, place)| place.store);
        let store = stores
            .next()
            .filter(|&first| stores.all(|store| store == first));
        let mut places = Places::unknown();
        for branch in bits(bitmap) {
            // A child that was made in memory knows better.
            let (id, place) = known[usize::from(branch)].unzip();
            bytes.extend_from_slice(id.unwrap_or(Id::NULL).as_bytes());
            places
                .locators
                .push(store.and(place).and_then(|place| place.locator));
        }
        places.store = store.unwrap_or(places.store);
        Self {
            bytes: bytes.into(),
            bitmap,
            lens_at: 0,
            ids_at,
            places,
            places_before: 0,
        }
    }

    /// Returns how many children come before the one for a half byte.
    const fn rank(&self, branch: u8) -> usize {
        (self.bitmap & ((1 << branch) - 1)).count_ones() as usize
    }

    pub(super) fn id(&self, branch: u8) -> Option<Id> {
        self.id_bytes(branch).copied().map(Id::from_bytes)
    }

    fn id_bytes(&self, branch: u8) -> Option<&[u8; Id::BYTES]> {
        let at = self.ids_at + self.rank(branch) * Id::BYTES;
        self.bytes.get(at..)?.first_chunk()
    }

    pub(super) fn place(&self, branch: u8) -> Place {
        self.places.get(self.places_before + self.rank(branch))
    }

    /// Returns the numbers of entries of the children, by half byte.
    fn lens(&self) -> [u64; BRANCHES] {
        let mut lens = [0; BRANCHES];
        let mut reader = Reader::new("node", self.bytes.get(self.lens_at..).unwrap_or_default());
        for branch in bits(self.bitmap) {
            // They were checked when the node was decoded.
            lens[usize::from(branch)] = reader.varint().unwrap_or_default();
        }
        lens
    }

    fn len_of(&self, branch: u8) -> u64 {
        self.lens()[usize::from(branch)]
    }
}

/// Visits the half bytes whose bits are set, in order.
fn bits(bitmap: u16) -> impl Iterator<Item = u8> {
    (0..16).filter(move |branch| bitmap & (1 << branch) != 0)
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
