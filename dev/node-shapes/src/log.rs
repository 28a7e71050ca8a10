//! The append-only log that all prototypes share, and the trait that they fill.
//!
//! A record is `{body_len u32, locators u16, locators x u64, body}`. Only the body is hashed:
//! it names children by id; the locators before it say where those children lie, so that a read
//! follows an offset and never asks an index.

use sha2::{Digest, Sha256};
use std::ops::Range;

/// The tag of an inline value.
pub(crate) const BLOB: u8 = 0;
/// The tag of a subdirectory: the value is its id, the locator its offset.
pub(crate) const TREE: u8 = 1;

const HEADER: usize = 6;

/// A pointer to a node: where it lies, what it is called, how many entries it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) off: u64,
    pub(crate) id: [u8; 32],
    pub(crate) count: u64,
}

/// One directory entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) loc: u64,
}

/// An entry that owns its bytes, for edits.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) name: Vec<u8>,
    pub(crate) tag: u8,
    pub(crate) value: Vec<u8>,
    pub(crate) loc: u64,
}

impl Owned {
    pub(crate) fn borrow(&self) -> Entry<'_> {
        Entry {
            name: &self.name,
            tag: self.tag,
            value: &self.value,
            loc: self.loc,
        }
    }
}

/// An inner node on the way to an entry, and where in the log it names the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) off: u64,
    pub(crate) id_at: usize,
    pub(crate) slot: usize,
}

/// Where an entry was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) node: u64,
    pub(crate) value: Range<usize>,
    pub(crate) loc: u64,
}

/// What a node is, for statistics.
pub(crate) struct NodeInfo {
    pub(crate) children: Vec<u64>,
    pub(crate) entries: usize,
}

/// A shape of directory. Every method works on encoded nodes in place, without a cache.
pub(crate) trait Shape {
    /// Writes a directory from entries sorted by name.
    fn build(&self, log: &mut Log, entries: &[Entry<'_>]) -> Child;
    /// Finds a name; `path` receives the inner nodes passed.
    fn locate(&self, log: &Log, root: u64, name: &[u8], path: &mut Vec<Step>) -> Option<Found>;
    /// Adds a name or replaces its value.
    fn insert(&self, log: &mut Log, root: Child, entry: &Owned) -> Child;
    /// Up to `limit` names after `after`, in order.
    fn page(&self, log: &Log, root: u64, after: &[u8], limit: usize) -> Vec<Vec<u8>>;
    /// The name at position `n` of the order.
    fn nth(&self, log: &Log, root: u64, n: u64) -> Option<Vec<u8>>;
    /// What the node at `off` holds.
    fn node(&self, log: &Log, off: u64) -> NodeInfo;
}

/// The log, with counters that do not depend on the machine.
#[derive(Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    pub(crate) hashes: u64,
}

impl Log {
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(n),
            hashes: 0,
        }
    }

    /// Faults all reserved pages in, so that the kernel's work is not timed.
    pub(crate) fn touch(&mut self) {
        self.bytes.resize(self.bytes.capacity(), 1);
        self.bytes.clear();
    }

    /// Drops what was written after `len`.
    pub(crate) fn forget(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn body_at(&self, off: u64) -> Range<usize> {
        let at = off as usize;
        let start = at + HEADER + 8 * self.locators(off);
        start..start + self.u32_at(at) as usize
    }

    pub(crate) fn body(&self, off: u64) -> &[u8] {
        &self.bytes[self.body_at(off)]
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    pub(crate) fn locators(&self, off: u64) -> usize {
        let at = off as usize + 4;
        usize::from(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]))
    }

    pub(crate) fn locator(&self, off: u64, slot: usize) -> u64 {
        let at = off as usize + HEADER + 8 * slot;
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    pub(crate) fn record_len(&self, off: u64) -> usize {
        self.body_at(off).end - off as usize
    }

    /// Appends a node.
    pub(crate) fn put(&mut self, body: &[u8], locators: &[u64], count: u64) -> Child {
        let off = self.bytes.len() as u64;
        self.bytes
            .extend_from_slice(&(body.len() as u32).to_le_bytes());
        self.bytes
            .extend_from_slice(&(locators.len() as u16).to_le_bytes());
        for l in locators {
            self.bytes.extend_from_slice(&l.to_le_bytes());
        }
        self.bytes.extend_from_slice(body);
        self.hashes += 1;
        Child {
            off,
            id: Sha256::digest(body).into(),
            count,
        }
    }

    /// Replaces the value of an existing entry by one of the same length: each node on the path is
    /// copied, patched and hashed. The same code serves every shape.
    pub(crate) fn replace(&mut self, path: &[Step], found: &Found, value: &[u8]) -> Child {
        let mut child = self.patch(found.node, found.value.start, value, None);
        for step in path.iter().rev() {
            let id = child.id;
            child = self.patch(step.off, step.id_at, &id, Some((step.slot, child.off)));
        }
        child
    }

    fn patch(&mut self, off: u64, at: usize, with: &[u8], loc: Option<(usize, u64)>) -> Child {
        let (start, size) = (off as usize, self.record_len(off));
        let new = self.bytes.len();
        self.bytes.extend_from_within(start..start + size);
        self.bytes[new + at - start..][..with.len()].copy_from_slice(with);
        let body = self.body_at(new as u64);
        if let Some((slot, l)) = loc {
            self.bytes[new + HEADER + 8 * slot..][..8].copy_from_slice(&l.to_le_bytes());
        }
        self.hashes += 1;
        let id = Sha256::digest(&self.bytes[body]).into();
        Child {
            off: new as u64,
            id,
            count: 0,
        }
    }

    fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }
}

pub(crate) fn u16_at(b: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([b[at], b[at + 1]]))
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

pub(crate) fn get_varint(b: &[u8], at: &mut usize) -> u64 {
    let (mut n, mut shift) = (0, 0);
    loop {
        let byte = b[*at];
        *at += 1;
        n |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return n;
        }
        shift += 7;
    }
}

/// Reads ids at `ids_at` and the varint counts behind them.
pub(crate) fn children(log: &Log, off: u64, ids_at: usize, n: usize) -> Vec<Child> {
    let body = log.body(off);
    let mut at = ids_at + 32 * n;
    (0..n)
        .map(|i| Child {
            off: log.locator(off, i),
            id: body[ids_at + 32 * i..][..32].try_into().unwrap(),
            count: get_varint(body, &mut at),
        })
        .collect()
}

/// Writes ids, then counts.
pub(crate) fn put_children(out: &mut Vec<u8>, children: &[Child]) {
    for c in children {
        out.extend_from_slice(&c.id);
    }
    for c in children {
        put_varint(out, c.count);
    }
}

/// A fast unkeyed hash of a name: enough for prototypes, and what an attacker can compute.
pub(crate) fn name_hash(name: &[u8], salt: u64) -> u64 {
    let mut h = salt ^ (name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for chunk in name.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        h = mix(h ^ u64::from_le_bytes(word));
    }
    h
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// splitmix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn value(&mut self) -> [u8; 100] {
        let mut v = [0; 100];
        for chunk in v.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        v
    }
}
