//! What an inner node branches into that was made or changed in memory.

use std::sync::Arc;

use super::below::Child;
use super::bucket::{Bucket, Value};
use super::dir::WRONG_COUNT;
use super::link::{Link, LinkRef, Place, Places, Store};
use super::loaded::{Loaded, bits};
use super::node::Node;
use super::origin::Origin;
use crate::codec::varint_len;
use crate::error::Result;
use crate::short::Short;
use crate::{Id, Locator};

/// A half byte has so many values.
pub(super) const BRANCHES: usize = 16;

/// From so many changed children on, a node that was stored is the base of its next version.
const RENEWED_MIN: u32 = 4;

/// What an inner node branches into that was made or changed in memory: the node as it was when it
/// was loaded, or stored a few changes ago, and the children that were changed since.
///
/// A commit makes a new version of each node on its way. To copy all children would touch the
/// count of each, which lies elsewhere in memory, and to drop the version before would do so again.
#[derive(Clone, Debug)]
pub(crate) struct Branches {
    /// The half bytes that all names below share, from where the node starts.
    pub(super) prefix: Short,
    /// Bit n: there is a child for the half byte n.
    pub(super) bitmap: u16,
    /// Bit n: the child for the half byte n was made or changed.
    pub(super) changed: u16,
    /// The number of entries below.
    len: u64,
    /// The entry whose name ends here: a bucket with one, unnamed, entry.
    pub(super) terminal: Option<Box<Bucket>>,
    /// Has the children that were not changed.
    pub(super) base: Option<Arc<Loaded>>,
    /// Those that were, in order.
    own: Vec<Node>,
    pub(super) origin: Box<Origin>,
}

impl Branches {
    /// Makes those of a new node, without entries.
    pub(super) fn new(prefix: &[u8]) -> Self {
        Self {
            prefix: Short::new(prefix),
            bitmap: 0,
            changed: 0,
            len: 0,
            terminal: None,
            base: None,
            own: Vec::new(),
            origin: Box::default(),
        }
    }

    /// Makes those of a node that is about to be changed for the first time since it was loaded.
    pub(super) fn changed(base: Arc<Loaded>, place: Option<Place>) -> Self {
        Self {
            prefix: base.prefix.clone(),
            bitmap: base.bitmap,
            changed: 0,
            len: base.len,
            terminal: base.terminal.clone(),
            own: Vec::with_capacity(1),
            origin: Origin::changed(None, place, Some(&base.bytes)),
            base: Some(base),
        }
    }

    /// Makes those of a node's next version.
    pub(super) fn successor(&self) -> Self {
        let renewed = self.renewed().map(Arc::new);
        let (changed, own) = match renewed {
            Some(_) => (0, Vec::with_capacity(1)),
            None => {
                let mut own = Vec::with_capacity(self.own.len() + 1);
                own.extend(self.own.iter().cloned());
                (self.changed, own)
            }
        };
        Self {
            prefix: self.prefix.clone(),
            bitmap: self.bitmap,
            changed,
            len: self.len,
            terminal: self.terminal.clone(),
            base: renewed.or_else(|| self.base.clone()),
            own,
            origin: self.origin.successor(None),
        }
    }

    /// Notes that the node is about to be changed.
    pub(super) fn will_change(&mut self) {
        if let Some(renewed) = self.renewed() {
            self.base = Some(Arc::new(renewed));
            self.own.clear();
            self.changed = 0;
        }
        let origin = std::mem::take(&mut self.origin);
        self.origin = Origin::changed(Some(origin), None, None);
    }

    /// After the node was stored and when several children were changed, returns it as a base.
    fn renewed(&self) -> Option<Loaded> {
        if self.changed.count_ones() < RENEWED_MIN {
            return None;
        }
        let (store, bytes) = self.origin.encoding()?;
        let locator = |branch| {
            let (_, place) = self.child(branch)?.place()?;
            (place.store == store).then_some(place.locator)
        };
        let locators = bits(self.bitmap).map(locator);
        let locators = locators.collect::<Option<Vec<Option<Locator>>>>()?;
        let lens = self.lens();
        let lens = bits(self.bitmap).map(|branch| varint_len(lens[usize::from(branch)]));
        let ids_at = bytes.len() - locators.len() * Id::BYTES;
        let renewed = Loaded {
            prefix: self.prefix.clone(),
            nodes: Default::default(),
            bytes: bytes.clone(),
            bitmap: self.bitmap,
            len: self.len,
            terminal: self.terminal.clone(),
            lens_at: ids_at - lens.sum::<usize>(),
            ids_at,
            places: Places { store, locators },
            places_before: 0,
        };
        for branch in bits(self.bitmap) {
            if let Some(node) = self.loaded_child(branch) {
                let _first = renewed.nodes[usize::from(branch)].set(node.clone());
            }
        }
        Some(renewed)
    }

    /// Returns a prefix that does not lie beside the pointer to the node.
    #[cold]
    pub(super) fn long_prefix(&self) -> &[u8] {
        &self.prefix
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Notes that a child has more or fewer entries.
    pub(super) fn set_len(&mut self, len: u64) {
        self.len = len;
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

    /// Returns the numbers of entries of the children, by half byte.
    pub(super) fn lens(&self) -> [u64; BRANCHES] {
        let base = self.base.as_ref();
        let mut lens = base.map(|base| base.lens()).unwrap_or_default();
        for (branch, node) in bits(self.changed).zip(&self.own) {
            lens[usize::from(branch)] = node.len();
        }
        lens
    }

    /// Returns where among the changed children one is, or would be.
    const fn index(&self, branch: u8) -> usize {
        (self.changed & ((1 << branch) - 1)).count_ones() as usize
    }

    /// Returns the child's node, if it is loaded.
    #[inline]
    pub(super) fn loaded_child(&self, branch: u8) -> Option<&Node> {
        match self.changed & (1 << branch) {
            0 if self.bitmap & (1 << branch) == 0 => None,
            0 => self.base.as_ref()?.nodes[usize::from(branch % 16)].get(),
            _ => self.own.get(self.index(branch)),
        }
    }

    /// Returns the child for a half byte.
    #[inline]
    pub(super) fn child(&self, branch: u8) -> Option<LinkRef<'_>> {
        match self.changed & (1 << branch) {
            0 if self.bitmap & (1 << branch) == 0 => None,
            0 => Some(self.base.as_ref()?.link(branch)),
            _ => self.own.get(self.index(branch)).map(LinkRef::own),
        }
    }

    /// Returns the child for a half byte, for changing it.
    pub(super) fn child_mut(&mut self, branch: u8, store: &Store) -> Result<Option<&mut Node>> {
        let Some(link) = self.child(branch) else {
            return Ok(None);
        };
        let index = self.index(branch);
        let mut place = None;
        if let (0, Some(base)) = (self.changed & (1 << branch), &self.base) {
            let node = link.node(store)?;
            if base.lens()[usize::from(branch)] != node.len() {
                return Err(link.damaged(WRONG_COUNT));
            }
            place = Some(base.place(branch));
            self.own.insert(index, node.clone());
            self.changed |= 1 << branch;
        }
        let node = self.own.get_mut(index);
        Ok(node.map(|node| node.changing(place)))
    }

    /// Adds a child where there is none: a new node.
    pub(super) fn add_child(&mut self, branch: u8, node: Node) {
        debug_assert!(self.bitmap & (1 << branch) == 0 && node.origin().is_some());
        self.len += node.len();
        self.own.insert(self.index(branch), node);
        self.bitmap |= 1 << branch;
        self.changed |= 1 << branch;
    }

    pub(super) fn remove_child(&mut self, branch: u8) {
        if self.changed & (1 << branch) != 0 {
            self.own.remove(self.index(branch));
        }
        self.bitmap &= !(1 << branch);
        self.changed &= !(1 << branch);
    }

    /// Puts children of other nodes into the places of own ones, loaded or not.
    pub(super) fn replace_children<'a>(&mut self, others: impl Iterator<Item = Child<'a>>) {
        let mut lens = self.lens();
        let mut links: [Option<LinkRef<'_>>; BRANCHES] =
            std::array::from_fn(|branch| self.child(u8::try_from(branch).ok()?));
        let mut len = self.len;
        for other in others {
            let branch = usize::from(other.branch);
            len = len - lens[branch] + other.len;
            lens[branch] = other.len;
            links[branch] = Some(other.link);
        }
        let places = links.map(|link| link?.place());
        let base = Loaded::of(self.bitmap, &lens, &places);
        let (mut changed, mut own) = (0, Vec::new());
        for branch in bits(self.bitmap) {
            let index = usize::from(branch);
            let Some(node) = links[index].and_then(LinkRef::loaded) else {
                continue;
            };
            if places[index].is_some() {
                let _first = base.nodes[index].set(node.clone());
            } else {
                // What no store has yet knows its id itself, once it has one.
                own.push(node.clone());
                changed |= 1 << branch;
            }
        }
        self.base = Some(Arc::new(base));
        (self.own, self.changed, self.len) = (own, changed, len);
    }

    /// Takes the nodes that nothing else points to.
    pub(super) fn take_nodes(&mut self, into: &mut Vec<Node>) {
        if into.capacity() == 0 {
            *into = std::mem::take(&mut self.own);
        } else {
            into.append(&mut self.own);
        }
        if let Some(mut base) = self.base.take().and_then(Arc::into_inner) {
            base.take_nodes(into);
        }
        if let Some(bucket) = &mut self.terminal {
            bucket.take_nodes(into);
        }
    }
}
