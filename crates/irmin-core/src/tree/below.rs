//! What an inner node branches into, as it is stored or as it was changed.

use bytes::Bytes;

use super::branches::{BRANCHES, Branches};
use super::bucket::Bucket;
use super::link::LinkRef;
use super::loaded::{Loaded, bits};
use super::node::Node;
use super::rows::BucketRef;
use crate::store::StoreId;
use crate::{Id, Key};

/// What an inner node branches into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Below<'a> {
    /// It is as a store has it.
    Loaded(&'a Loaded),
    /// It was made or changed in memory.
    Changed(&'a Branches),
}

/// The names that go on with one half byte.
#[derive(Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) branch: u8,
    /// The number of entries below.
    pub(super) len: u64,
    pub(super) link: LinkRef<'a>,
}

impl<'a> Below<'a> {
    /// Returns which half bytes have a child: bit n is the half byte n.
    pub(super) fn bitmap(self) -> u16 {
        match self {
            Self::Loaded(loaded) => loaded.bitmap,
            Self::Changed(branches) => branches.bitmap,
        }
    }

    /// Returns the number of entries below.
    pub(super) fn len(self) -> u64 {
        match self {
            Self::Loaded(loaded) => loaded.len,
            Self::Changed(branches) => branches.len(),
        }
    }

    /// Returns the encoding that the node was loaded from, if it is as it was.
    pub(super) fn encoding(self) -> Option<&'a Bytes> {
        match self {
            Self::Loaded(loaded) => Some(&loaded.bytes),
            Self::Changed(_) => None,
        }
    }

    fn terminal_bucket(self) -> Option<&'a Bucket> {
        match self {
            Self::Loaded(loaded) => loaded.terminal.as_deref(),
            Self::Changed(branches) => branches.terminal.as_deref(),
        }
    }

    /// Returns the entry whose name ends here.
    pub(super) fn terminal(self) -> BucketRef<'a> {
        static NONE: Bucket = Bucket::empty();
        self.terminal_bucket().unwrap_or(&NONE).by_ref()
    }

    /// Returns the encoding of the entry whose name ends here, or of its absence.
    pub(super) fn terminal_payload(self) -> Bytes {
        let terminal = self.terminal_bucket().map(Bucket::encode);
        terminal.map_or(Bytes::from_static(&[0]), |bytes| Bucket::payload(&bytes))
    }

    /// What tells of the children that were not changed.
    fn base(self) -> Option<&'a Loaded> {
        match self {
            Self::Loaded(loaded) => Some(loaded),
            Self::Changed(branches) => branches.base.as_deref(),
        }
    }

    /// Bit n: the child for the half byte n was made or changed.
    pub(super) fn changed(self) -> u16 {
        match self {
            Self::Loaded(_) => 0,
            Self::Changed(branches) => branches.changed,
        }
    }

    /// Returns the children that a store may lack: where it has the others.
    pub(super) fn maybe_new(self, store: Option<StoreId>) -> u16 {
        match (self.base(), store) {
            (Some(base), Some(store)) if base.places.store != store => self.bitmap(),
            _ => self.changed(),
        }
    }

    /// Visits the half bytes that have a child, in order.
    pub(super) fn branches(self) -> impl Iterator<Item = u8> + use<> {
        bits(self.bitmap())
    }

    pub(super) fn children_len(self) -> usize {
        self.bitmap().count_ones() as usize
    }

    /// Visits the children, in order.
    pub(super) fn children(self) -> impl Iterator<Item = Child<'a>> + use<'a> {
        let lens = self.lens();
        let child = move |branch| {
            let link = self.child(branch)?;
            let len = lens[usize::from(branch)];
            Some(Child { branch, len, link })
        };
        self.branches().filter_map(child)
    }

    /// Returns the numbers of entries of the children, by half byte.
    pub(super) fn lens(self) -> [u64; BRANCHES] {
        match self {
            Self::Loaded(loaded) => loaded.lens(),
            Self::Changed(branches) => branches.lens(),
        }
    }

    /// Returns the child's node, if it is loaded.
    #[inline]
    pub(super) fn loaded_child(self, branch: u8) -> Option<&'a Node> {
        match self {
            Self::Loaded(loaded) => loaded.nodes[usize::from(branch % 16)].get(),
            Self::Changed(branches) => branches.loaded_child(branch),
        }
    }

    /// Returns the child for a half byte.
    #[inline]
    pub(super) fn child(self, branch: u8) -> Option<LinkRef<'a>> {
        match self {
            Self::Loaded(loaded) => {
                (loaded.bitmap & (1 << branch) != 0).then(|| loaded.link(branch))
            }
            Self::Changed(branches) => branches.child(branch),
        }
    }

    /// Appends the ids of the children, which must be known.
    pub(super) fn put_ids(self, out: &mut Vec<u8>) {
        match self.base().filter(|base| base.bitmap == self.bitmap()) {
            Some(base) => out.extend_from_slice(base.ids().as_flattened()),
            None => {
                let ids = self.branches().map(|branch| self.child(branch)?.known_id());
                ids.for_each(|id| out.extend_from_slice(id.unwrap_or(Id::NULL).as_bytes()));
                return;
            }
        }
        let ids_at = out.len() - self.children_len() * Id::BYTES;
        for branch in bits(self.changed()) {
            let id = self.child(branch).and_then(LinkRef::known_id);
            let rank = (self.bitmap() & ((1 << branch) - 1)).count_ones() as usize;
            let at = ids_at + rank * Id::BYTES;
            out[at..at + Id::BYTES].copy_from_slice(id.unwrap_or(Id::NULL).as_bytes());
        }
    }

    /// Appends the keys that a store has for the children.
    pub(super) fn put_keys(self, keys: &mut Vec<Key>, store: StoreId) {
        let base = self.base().filter(|base| base.places.store == store);
        let Some(base) = base.filter(|base| base.bitmap == self.bitmap()) else {
            let links = self.branches().filter_map(|branch| self.child(branch));
            keys.extend(links.filter_map(|link| link.known_key(store)));
            return;
        };
        let (changed, locators) = (self.changed(), base.locators());
        keys.extend(
            self.branches()
                .zip(base.ids())
                .enumerate()
                .map(|(rank, (branch, id))| match changed & (1 << branch) {
                    0 => Key {
                        id: Id::from_bytes(*id),
                        locator: locators.get(rank).copied().flatten(),
                    },
                    _ => self
                        .child(branch)
                        .and_then(|link| link.known_key(store))
                        .unwrap_or(Id::NULL.into()),
                }),
        );
    }
}
