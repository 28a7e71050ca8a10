//! A 32-way hash trie with leaf buckets: kind, count u16, a fingerprint byte each,
//! `{end u16, name_len u8, tag u8}` each, then name and value of each entry side by side.
//!
//! Entries in a bucket stand in name order, so the shape is a function of the set; the order of the
//! directory is lost, and a page must collect and sort all names.

use crate::bucket::locators;
use crate::log::{
    Child, Entry, Found, Log, NodeInfo, Owned, Shape, Step, children, name_hash, put_children,
    u16_at,
};
use sha2::{Digest, Sha256};

const INNER: u8 = 4;
const LEAF: u8 = 5;
const BITS: u32 = 5;

/// Buckets of at most `bucket` entries; `secure` takes the name's hash from SHA-256.
pub(crate) struct HashTrie {
    pub(crate) bucket: usize,
    pub(crate) secure: bool,
}

impl HashTrie {
    fn hash(&self, name: &[u8]) -> u64 {
        if self.secure {
            let digest = Sha256::digest(name);
            return u64::from_le_bytes(digest[..8].try_into().unwrap());
        }
        name_hash(name, 0)
    }

    fn build_at(&self, log: &mut Log, entries: &[(u64, Entry<'_>)], depth: u32) -> Child {
        if entries.len() <= self.bucket || depth * BITS >= 56 {
            return write_leaf(log, entries);
        }
        let mut groups: Vec<Vec<(u64, Entry<'_>)>> = vec![Vec::new(); 32];
        for e in entries {
            groups[slot(e.0, depth)].push(*e);
        }
        let mut map = 0u32;
        let mut below = Vec::new();
        for (i, group) in groups.iter().enumerate().filter(|(_, g)| !g.is_empty()) {
            map |= 1 << i;
            below.push(self.build_at(log, group, depth + 1));
        }
        write_inner(log, map, &below)
    }

    fn insert_at(&self, log: &mut Log, off: u64, hash: u64, e: &Owned, depth: u32) -> Child {
        let body = log.body(off);
        if body[0] == LEAF {
            let mut all = read_leaf(log, off);
            match all.binary_search_by(|x| x.name.cmp(&e.name)) {
                Ok(i) => all[i] = e.clone(),
                Err(i) => all.insert(i, e.clone()),
            }
            let all: Vec<_> = all
                .iter()
                .map(|e| (self.hash(&e.name), e.borrow()))
                .collect();
            return self.build_at(log, &all, depth);
        }
        let mut map = map(body);
        let mut below = children(log, off, 5, map.count_ones() as usize);
        let s = slot(hash, depth);
        let rank = rank(map, s);
        if map >> s & 1 == 1 {
            below[rank] = self.insert_at(log, below[rank].off, hash, e, depth + 1);
        } else {
            map |= 1 << s;
            below.insert(rank, write_leaf(log, &[(hash, e.borrow())]));
        }
        write_inner(log, map, &below)
    }

    fn sorted_names(&self, log: &Log, root: u64) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        let mut todo = vec![root];
        while let Some(off) = todo.pop() {
            let body = log.body(off);
            if body[0] == LEAF {
                names.extend((0..u16_at(body, 1)).map(|i| name(body, i).to_vec()));
            } else {
                todo.extend((0..log.locators(off)).map(|i| log.locator(off, i)));
            }
        }
        names.sort_unstable();
        names
    }
}

fn slot(hash: u64, depth: u32) -> usize {
    (hash >> (BITS * depth) & 31) as usize
}

fn map(body: &[u8]) -> u32 {
    u32::from_le_bytes([body[1], body[2], body[3], body[4]])
}

fn rank(map: u32, slot: usize) -> usize {
    (map & ((1 << slot) - 1)).count_ones() as usize
}

fn write_inner(log: &mut Log, map: u32, below: &[Child]) -> Child {
    let mut body = vec![INNER];
    body.extend_from_slice(&map.to_le_bytes());
    put_children(&mut body, below);
    let locators: Vec<u64> = below.iter().map(|c| c.off).collect();
    log.put(&body, &locators, below.iter().map(|c| c.count).sum())
}

fn write_leaf(log: &mut Log, entries: &[(u64, Entry<'_>)]) -> Child {
    let mut body = Vec::with_capacity(3 + entries.len() * 128);
    body.push(LEAF);
    body.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    body.extend(entries.iter().map(|(h, _)| (h >> 56) as u8));
    let mut end = 0;
    for (_, e) in entries {
        end += e.name.len() + e.value.len();
        body.extend_from_slice(&(end as u16).to_le_bytes());
        body.extend_from_slice(&[e.name.len() as u8, e.tag]);
    }
    for (_, e) in entries {
        body.extend_from_slice(e.name);
        body.extend_from_slice(e.value);
    }
    let plain: Vec<Entry<'_>> = entries.iter().map(|(_, e)| *e).collect();
    log.put(&body, &locators(&plain), entries.len() as u64)
}

/// Start, end of the name, and end of the value, in the body.
fn bounds(body: &[u8], i: usize) -> (usize, usize, usize) {
    let n = u16_at(body, 1);
    let (heads, data) = (3 + n, 3 + 5 * n);
    let start = data
        + if i == 0 {
            0
        } else {
            u16_at(body, heads + 4 * i - 4)
        };
    let end = data + u16_at(body, heads + 4 * i);
    (start, start + usize::from(body[heads + 4 * i + 2]), end)
}

fn name(body: &[u8], i: usize) -> &[u8] {
    let (start, middle, _) = bounds(body, i);
    &body[start..middle]
}

fn read_leaf(log: &Log, off: u64) -> Vec<Owned> {
    let body = log.body(off);
    let n = u16_at(body, 1);
    let located = log.locators(off) > 0;
    (0..n)
        .map(|i| {
            let (_, middle, end) = bounds(body, i);
            Owned {
                name: name(body, i).to_vec(),
                tag: body[3 + n + 4 * i + 3],
                value: body[middle..end].to_vec(),
                loc: if located { log.locator(off, i) } else { 0 },
            }
        })
        .collect()
}

impl Shape for HashTrie {
    fn build(&self, log: &mut Log, entries: &[Entry<'_>]) -> Child {
        let entries: Vec<_> = entries.iter().map(|e| (self.hash(e.name), *e)).collect();
        self.build_at(log, &entries, 0)
    }

    fn locate(&self, log: &Log, root: u64, name: &[u8], path: &mut Vec<Step>) -> Option<Found> {
        let (mut off, mut depth, hash) = (root, 0, self.hash(name));
        loop {
            let range = log.body_at(off);
            let body = log.slice(range.clone());
            if body[0] == LEAF {
                let fp = (hash >> 56) as u8;
                let i = (0..u16_at(body, 1))
                    .find(|&i| body[3 + i] == fp && self::name(body, i) == name)?;
                let (_, middle, end) = bounds(body, i);
                let value = range.start + middle..range.start + end;
                let loc = if log.locators(off) > 0 {
                    log.locator(off, i)
                } else {
                    0
                };
                return Some(Found {
                    node: off,
                    value,
                    loc,
                });
            }
            let (map, s) = (map(body), slot(hash, depth));
            if map >> s & 1 == 0 {
                return None;
            }
            let rank = rank(map, s);
            path.push(Step {
                off,
                id_at: range.start + 5 + 32 * rank,
                slot: rank,
            });
            off = log.locator(off, rank);
            depth += 1;
        }
    }

    fn insert(&self, log: &mut Log, root: Child, entry: &Owned) -> Child {
        self.insert_at(log, root.off, self.hash(&entry.name), entry, 0)
    }

    fn page(&self, log: &Log, root: u64, after: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let mut names = self.sorted_names(log, root);
        let from = names.partition_point(|n| n.as_slice() <= after);
        let to = names.len().min(from + limit);
        names.drain(from..to).collect()
    }

    fn nth(&self, log: &Log, root: u64, n: u64) -> Option<Vec<u8>> {
        self.sorted_names(log, root).into_iter().nth(n as usize)
    }

    fn node(&self, log: &Log, off: u64) -> NodeInfo {
        let body = log.body(off);
        if body[0] == LEAF {
            return NodeInfo {
                children: Vec::new(),
                entries: u16_at(body, 1),
            };
        }
        let children = (0..log.locators(off))
            .map(|i| log.locator(off, i))
            .collect();
        NodeInfo {
            children,
            entries: 0,
        }
    }
}
