//! An inner node as a store has it.

use std::sync::OnceLock;

use bytes::Bytes;

use super::branches::BRANCHES;
use super::bucket::Bucket;
use super::link::{LinkRef, Place, Places};
use super::node::Node;
use crate::codec::{Reader, put_varint};
use crate::short::Short;
use crate::{Id, Locator};

/// The children of an inner node as a store has it: their encoding, their places, and what is
/// loaded of them. Versions of the node that were made by a few changes share it.
///
/// Finding reads one of `nodes`, which lie in place, by half byte: in a tree that is larger than
/// the processor's caches, each further piece of memory costs as much as all else that is done at
/// a level. What is needed less often (ids, numbers of entries) stays in the encoding.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(super) nodes: [OnceLock<Node>; BRANCHES],
    /// The half bytes that all names below share, from where the node starts.
    pub(super) prefix: Short,
    pub(super) bytes: Bytes,
    /// Bit n: there is a child for the half byte n.
    pub(super) bitmap: u16,
    /// The number of entries below.
    pub(super) len: u64,
    /// The entry whose name ends here: a bucket with one, unnamed, entry.
    pub(super) terminal: Option<Box<Bucket>>,
    /// Where the children's numbers of entries and ids begin.
    pub(super) lens_at: usize,
    pub(super) ids_at: usize,
    pub(super) places: Places,
    /// How many places come before those of the children.
    pub(super) places_before: usize,
}

impl Loaded {
    /// Tells of children that are told of by several nodes.
    pub(super) fn of(
        bitmap: u16,
        lens: &[u64; BRANCHES],
        known: &[Option<(Id, Place)>; BRANCHES],
    ) -> Self {
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
            prefix: Short::new(&[]),
            nodes: Default::default(),
            bytes: bytes.into(),
            bitmap,
            len: lens.iter().sum(),
            terminal: None,
            lens_at: 0,
            ids_at,
            places,
            places_before: 0,
        }
    }

    /// Returns a prefix that does not lie beside the pointer to the node. Others are not read here:
    /// that would be one more fetch from memory.
    #[cold]
    pub(super) fn long_prefix(&self) -> &[u8] {
        &self.prefix
    }

    #[inline]
    pub(super) fn link(&self, branch: u8) -> LinkRef<'_> {
        LinkRef::child(&self.nodes[usize::from(branch % 16)], self, branch)
    }

    /// Returns how many children come before the one for a half byte.
    const fn rank(&self, branch: u8) -> usize {
        (self.bitmap & ((1 << branch) - 1)).count_ones() as usize
    }

    #[inline]
    pub(super) fn id_bytes(&self, branch: u8) -> Option<&[u8; Id::BYTES]> {
        let at = self.ids_at + self.rank(branch) * Id::BYTES;
        self.bytes.get(at..)?.first_chunk()
    }

    /// Returns the ids of the children, one after the other.
    pub(super) fn ids(&self) -> &[[u8; Id::BYTES]] {
        let from = self.bytes.get(self.ids_at..).unwrap_or_default();
        from.as_chunks().0
    }

    pub(super) fn place(&self, branch: u8) -> Place {
        self.places.get(self.places_before + self.rank(branch))
    }

    /// Returns the places of the children, one after the other; empty if none is known.
    pub(super) fn locators(&self) -> &[Option<Locator>] {
        let locators = self.places.locators.get(self.places_before..);
        locators.unwrap_or_default()
    }

    /// Returns the numbers of entries of the children, by half byte.
    pub(super) fn lens(&self) -> [u64; BRANCHES] {
        let mut lens = [0; BRANCHES];
        let mut reader = Reader::new("node", self.bytes.get(self.lens_at..).unwrap_or_default());
        for branch in bits(self.bitmap) {
            // They were checked when the node was decoded.
            lens[usize::from(branch)] = reader.varint().unwrap_or_default();
        }
        lens
    }
}

/// Visits the half bytes whose bits are set, in order.
pub(super) fn bits(mut bitmap: u16) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let branch = bitmap.trailing_zeros();
        bitmap &= bitmap.wrapping_sub(1);
        u8::try_from(branch).ok().filter(|branch| *branch < 16)
    })
}
