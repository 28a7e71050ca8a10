//! What an inner node branches into.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::bucket::{Bucket, Sub, Value};
use super::dir::WRONG_COUNT;
use super::link::{Link, LinkMut, LinkRef, Place, Places, Store};
use super::node::Node;
use super::origin::Origin;
use super::rows::BucketRef;
use crate::Id;
use crate::codec::{Reader, put_varint, varint_len};
use crate::error::Result;

/// A half byte has so many values.
pub(super) const BRANCHES: usize = 16;

/// From so many changed children on, what is known of the others is taken from the encoding.
const RENEWED_MIN: u32 = 4;

/// What an inner node branches into.
///
/// Finding reads one of `nodes`, which lie in place, by half byte: in a tree that is larger than
/// the processor's caches, each further piece of memory costs as much as all else that is done at
/// a level. What is needed less often (ids, places, numbers of entries) stays in the encoding that
/// the node was loaded from.
#[derive(Clone, Debug)]
pub(crate) struct Branches {
    /// Bit n: there is a child for the half byte n.
    bitmap: u16,
    /// The number of entries below.
    len: u64,
    /// The entry whose name ends here: a bucket with one, unnamed, entry.
    terminal: Option<Box<Bucket>>,
    /// Tells of the children that were not changed since the node was loaded or last stored.
    links: Option<Arc<Links>>,
    /// Bit n: the child for the half byte n was made or changed since.
    changed: u16,
    /// Unless the node is as it was loaded.
    origin: Option<Box<Origin>>,
    nodes: [OnceLock<Node>; BRANCHES],
}

/// The children of an inner node as it was when it was loaded or last stored: its encoding, and
/// their places.
#[derive(Debug)]
pub(crate) struct Links {
    pub(super) bytes: Bytes,
    pub(super) bitmap: u16,
    /// Where the children's numbers of entries and ids begin.
    pub(super) lens_at: usize,
    pub(super) ids_at: usize,
    pub(super) places: Places,
    /// How many places come before those of the children.
    pub(super) places_before: usize,
}

/// The names that go on with one half byte.
#[derive(Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) branch: u8,
    /// The number of entries below.
    pub(super) len: u64,
    pub(super) link: LinkRef<'a>,
}

impl Branches {
    /// Makes those of a new node, without entries.
    pub(super) fn new() -> Self {
        Self {
            bitmap: 0,
            len: 0,
            terminal: None,
            links: None,
            changed: 0,
            origin: Some(Box::default()),
            nodes: Default::default(),
        }
    }

    /// Makes those of a loaded node with so many entries.
    pub(super) fn loaded(len: u64, terminal: Bucket, links: Links) -> Self {
        Self {
            bitmap: links.bitmap,
            len,
            terminal: (terminal.len() > 0).then(|| Box::new(terminal)),
            links: Some(Arc::new(links)),
            changed: 0,
            origin: None,
            nodes: Default::default(),
        }
    }

    /// Returns which half bytes have a child: bit n is the half byte n.
    pub(super) const fn bitmap(&self) -> u16 {
        self.bitmap
    }

    /// Returns the encoding that the node was loaded from, if it is as it was.
    pub(super) fn encoding(&self) -> Option<&Bytes> {
        match (&self.origin, &self.links) {
            (None, Some(links)) => Some(&links.bytes),
            _ => None,
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn terminal(&self) -> BucketRef<'_> {
        static NONE: Bucket = Bucket::empty();
        self.terminal.as_deref().unwrap_or(&NONE).by_ref()
    }

    /// Returns the encoding of the entry whose name ends here, or of its absence.
    pub(super) fn terminal_payload(&self) -> Bytes {
        let terminal = self.terminal.as_ref().map(|bucket| bucket.encode());
        terminal.map_or(Bytes::from_static(&[0]), |bytes| Bucket::payload(&bytes))
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
        self.renew_links();
        let bytes = self.links.as_ref().map(|links| &links.bytes);
        self.origin = Some(Origin::changed(self.origin.take(), place, bytes));
    }

    /// After the node was stored, has its encoding tell of the children. Whoever stores it the next
    /// time then looks at those only that were changed in between: each of the others would be two
    /// fetches from memory. Done for every few children: it costs about as much as four of them.
    fn renew_links(&mut self) {
        if self.changed.count_ones() < RENEWED_MIN {
            return;
        }
        let stored = self.origin.as_ref().and_then(|origin| origin.encoding());
        let Some((store, bytes)) = stored else { return };
        let places = self
            .branches()
            .map(|branch| self.link(branch).place())
            .map(|known| known.filter(|(_, place)| place.store == store))
            .map(|known| known.map(|(_, place)| place.locator));
        let Some(locators) = places.collect::<Option<Vec<_>>>() else {
            return;
        };
        let lens = self.children().map(|child| varint_len(child.len));
        let ids_at = bytes.len() - self.children_len() * Id::BYTES;
        self.links = Some(Arc::new(Links {
            bitmap: self.bitmap,
            lens_at: ids_at - lens.sum::<usize>(),
            ids_at,
            bytes: bytes.clone(),
            places: Places { store, locators },
            places_before: 0,
        }));
        self.changed = 0;
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
        for branch in bits(self.changed & self.bitmap) {
            if let Some(node) = self.loaded_child(branch) {
                lens[usize::from(branch)] = node.len();
            }
        }
        lens
    }

    #[inline]
    fn link(&self, branch: u8) -> LinkRef<'_> {
        let node = &self.nodes[usize::from(branch % 16)];
        LinkRef::child(node, self.links_of(branch), branch)
    }

    /// Returns what tells of a child, unless it was made or changed.
    #[inline]
    fn links_of(&self, branch: u8) -> Option<&Links> {
        match self.changed & (1 << branch) {
            0 => self.links.as_deref(),
            _ => None,
        }
    }

    /// Returns the child's node, if it is loaded. Touches nothing but its slot.
    #[inline]
    pub(super) fn loaded_child(&self, branch: u8) -> Option<&Node> {
        self.nodes[usize::from(branch % 16)].get()
    }

    /// Returns the child for a half byte.
    #[inline]
    pub(super) fn child(&self, branch: u8) -> Option<LinkRef<'_>> {
        (self.bitmap & (1 << branch) != 0).then(|| self.link(branch))
    }

    /// Returns the child for a half byte, for changing it.
    pub(super) fn child_mut(&mut self, branch: u8, store: &Store) -> Result<Option<&mut Node>> {
        let Some(link) = self.child(branch) else {
            return Ok(None);
        };
        let node = link.node(store)?;
        let links = self.links_of(branch);
        if links.is_some_and(|links| links.len_of(branch) != node.len()) {
            return Err(link.damaged(WRONG_COUNT));
        }
        let was_changed = self.changed & (1 << branch) != 0;
        self.changed |= 1 << branch;
        let links = self.links.as_deref().filter(|_| !was_changed);
        let node = &mut self.nodes[usize::from(branch)];
        LinkMut::child(node, links, branch)
            .node_mut(store)
            .map(Some)
    }

    /// Adds a child where there is none: a new node.
    pub(super) fn add_child(&mut self, branch: u8, node: Node) {
        debug_assert!(self.bitmap & (1 << branch) == 0 && node.origin().is_some());
        self.bitmap |= 1 << branch;
        self.changed |= 1 << branch;
        self.len += node.len();
        self.nodes[usize::from(branch)] = OnceLock::from(node);
    }

    /// Puts children of other nodes into the places of own ones, loaded or not.
    pub(super) fn replace_children<'a>(&mut self, others: impl Iterator<Item = Child<'a>>) {
        let mut lens = self.lens();
        let mut places: [_; BRANCHES] =
            std::array::from_fn(|branch| self.link(u8::try_from(branch).ok()?).place());
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
        // What no store has yet knows its id itself, once it has one.
        let unknown = bits(self.bitmap).filter(|branch| places[usize::from(*branch)].is_none());
        self.changed = unknown.fold(0, |changed, branch| changed | 1 << branch);
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
        self.id_bytes(branch).map(|bytes| Id::from_bytes(*bytes))
    }

    #[inline]
    pub(super) fn id_bytes(&self, branch: u8) -> Option<&[u8; Id::BYTES]> {
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
pub(super) fn bits(bitmap: u16) -> impl Iterator<Item = u8> {
    (0..16).filter(move |branch| bitmap & (1 << branch) != 0)
}
