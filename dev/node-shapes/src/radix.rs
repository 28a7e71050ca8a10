//! A canonical radix tree over the names' symbols (nibbles or bytes) with leaf buckets.
//!
//! A set of at most `bucket` names is one leaf; a larger one is an inner node that holds the longest
//! common prefix, the name that equals it, if any, and a child per next symbol. So the shape is a
//! function of the set. Recursion is bounded by the 510 nibbles of the longest name.

use crate::bucket;
use crate::log::{
    Child, Entry, Found, Log, NodeInfo, Owned, Shape, Step, children, put_children, u16_at,
};

const KIND: u8 = 1;

/// Symbols of `bits` (4 or 8) bits, buckets of at most `bucket` entries.
pub(crate) struct Radix {
    pub(crate) bits: usize,
    pub(crate) bucket: usize,
}

/// An inner node in place. Offsets are relative to the body.
struct View<'a> {
    body: &'a [u8],
    prefix_len: usize,
    terminal: bool,
    value_at: usize,
    map_at: usize,
    ids_at: usize,
}

/// An inner node taken apart.
struct Inner {
    prefix: Vec<u8>,
    terminal: Option<Owned>,
    symbols: Vec<u8>,
    children: Vec<Child>,
}

impl Radix {
    fn symbols(&self, name: &[u8]) -> usize {
        name.len() * 8 / self.bits
    }

    fn symbol(&self, name: &[u8], i: usize) -> u8 {
        match self.bits {
            8 => name[i],
            _ => (name[i / 2] >> (4 * (1 - i % 2))) & 15,
        }
    }

    fn spell(&self, name: &[u8]) -> Vec<u8> {
        (0..self.symbols(name))
            .map(|i| self.symbol(name, i))
            .collect()
    }

    fn pack(&self, symbols: &[u8]) -> Vec<u8> {
        match self.bits {
            8 => symbols.to_vec(),
            _ => symbols
                .chunks(2)
                .map(|c| c[0] << 4 | c.get(1).unwrap_or(&0))
                .collect(),
        }
    }

    /// Bytes of the name that the first `depth` symbols settle wholly.
    fn cut(&self, depth: usize) -> usize {
        depth * self.bits / 8
    }

    fn map_len(&self) -> usize {
        (1 << self.bits) / 8
    }

    fn view<'a>(&self, body: &'a [u8]) -> View<'a> {
        let prefix_len = u16_at(body, 2);
        let mut at = 4 + (prefix_len * self.bits).div_ceil(8);
        let (terminal, value_at) = (body[1] == 1, at + 2);
        if terminal {
            at += 2 + usize::from(body[at + 1]);
        }
        let map_len = self.map_len();
        View {
            body,
            prefix_len,
            terminal,
            value_at,
            map_at: at,
            ids_at: at + map_len,
        }
    }

    fn prefix_symbol(&self, v: &View<'_>, i: usize) -> u8 {
        self.symbol(&v.body[4..], i)
    }

    /// How many children stand before `symbol`, and whether it has one itself.
    fn rank(&self, v: &View<'_>, symbol: u8) -> (usize, bool) {
        let (byte, bit) = (usize::from(symbol / 8), symbol % 8);
        let map = &v.body[v.map_at..v.ids_at];
        let before: u32 = map[..byte].iter().map(|b| b.count_ones()).sum();
        let low = (map[byte] & ((1 << bit) - 1)).count_ones();
        ((before + low) as usize, map[byte] >> bit & 1 == 1)
    }

    fn children_of(&self, v: &View<'_>) -> usize {
        v.body[v.map_at..v.ids_at]
            .iter()
            .map(|b| b.count_ones() as usize)
            .sum()
    }

    fn read(&self, log: &Log, off: u64, name_so_far: &[u8]) -> Inner {
        let v = self.view(log.body(off));
        let n = self.children_of(&v);
        let prefix: Vec<u8> = (0..v.prefix_len)
            .map(|i| self.prefix_symbol(&v, i))
            .collect();
        let terminal = v.terminal.then(|| Owned {
            name: self.pack(&[name_so_far, &prefix].concat()),
            tag: v.body[v.value_at - 2],
            value: v.body[v.value_at..v.map_at].to_vec(),
            loc: log.locator(off, n),
        });
        let top = ((1usize << self.bits) - 1) as u8;
        let symbols = (0..=top).filter(|s| self.rank(&v, *s).1).collect();
        Inner {
            prefix,
            terminal,
            symbols,
            children: children(log, off, v.ids_at, n),
        }
    }

    fn write(&self, log: &mut Log, inner: &Inner) -> Child {
        let mut body = vec![KIND, u8::from(inner.terminal.is_some())];
        body.extend_from_slice(&(inner.prefix.len() as u16).to_le_bytes());
        body.extend_from_slice(&self.pack(&inner.prefix));
        let mut locators: Vec<u64> = inner.children.iter().map(|c| c.off).collect();
        let mut count: u64 = inner.children.iter().map(|c| c.count).sum();
        if let Some(t) = &inner.terminal {
            body.extend_from_slice(&[t.tag, t.value.len() as u8]);
            body.extend_from_slice(&t.value);
            locators.push(t.loc);
            count += 1;
        }
        let map_at = body.len();
        body.resize(map_at + self.map_len(), 0);
        for s in &inner.symbols {
            body[map_at + usize::from(s / 8)] |= 1 << (s % 8);
        }
        put_children(&mut body, &inner.children);
        log.put(&body, &locators, count)
    }

    fn build_at(&self, log: &mut Log, entries: &[Entry<'_>], depth: usize) -> Child {
        if entries.len() <= self.bucket {
            return bucket::write(log, entries, self.cut(depth));
        }
        let (first, last) = (entries[0].name, entries[entries.len() - 1].name);
        let most = self.symbols(first).min(self.symbols(last));
        let end = (depth..most)
            .find(|&i| self.symbol(first, i) != self.symbol(last, i))
            .unwrap_or(most);
        let has_terminal = self.symbols(first) == end;
        let mut inner = Inner {
            prefix: (depth..end).map(|i| self.symbol(first, i)).collect(),
            terminal: has_terminal.then(|| own(&entries[0])),
            symbols: Vec::new(),
            children: Vec::new(),
        };
        let mut rest = &entries[usize::from(has_terminal)..];
        while let Some(e) = rest.first() {
            let s = self.symbol(e.name, end);
            let n = rest.partition_point(|e| self.symbol(e.name, end) <= s);
            inner.symbols.push(s);
            inner.children.push(self.build_at(log, &rest[..n], end + 1));
            rest = &rest[n..];
        }
        self.write(log, &inner)
    }

    fn insert_at(&self, log: &mut Log, off: u64, entry: &Owned, depth: usize) -> Child {
        if log.body(off)[0] == bucket::KIND {
            let cut = self.cut(depth);
            let mut all = bucket::read(log, off, &entry.name[..cut]);
            match all.binary_search_by(|e| e.name.cmp(&entry.name)) {
                Ok(i) => all[i] = entry.clone(),
                Err(i) => all.insert(i, entry.clone()),
            }
            let all: Vec<_> = all.iter().map(Owned::borrow).collect();
            return self.build_at(log, &all, depth);
        }
        let name = self.spell(&entry.name);
        let mut inner = self.read(log, off, &name[..depth]);
        let same = inner
            .prefix
            .iter()
            .zip(&name[depth..])
            .take_while(|(a, b)| a == b)
            .count();
        if same < inner.prefix.len() {
            inner = self.split(log, inner, same);
        }
        let end = depth + same;
        if end == name.len() {
            inner.terminal = Some(entry.clone());
            return self.write(log, &inner);
        }
        match inner.symbols.binary_search(&name[end]) {
            Ok(i) => inner.children[i] = self.insert_at(log, inner.children[i].off, entry, end + 1),
            Err(i) => {
                inner.symbols.insert(i, name[end]);
                let leaf = bucket::write(log, &[entry.borrow()], self.cut(end + 1));
                inner.children.insert(i, leaf);
            }
        }
        self.write(log, &inner)
    }

    /// Pushes `inner` one level down below the first `same` symbols of its prefix.
    fn split(&self, log: &mut Log, mut inner: Inner, same: usize) -> Inner {
        let rest = inner.prefix.split_off(same + 1);
        let symbol = inner.prefix.remove(same);
        let prefix = std::mem::replace(&mut inner.prefix, rest);
        let below = self.write(log, &inner);
        Inner {
            prefix,
            terminal: None,
            symbols: vec![symbol],
            children: vec![below],
        }
    }

    /// Appends names after `bound` (all, if it is `None`) below `off` to `out`.
    fn visit(&self, log: &Log, off: u64, path: &[u8], bound: Option<&[u8]>, out: &mut Page<'_>) {
        let body = log.body(off);
        if body[0] == bucket::KIND {
            let known = self.pack(&path[..self.cut(path.len()) * 8 / self.bits]);
            for suffix in bucket::names(body) {
                out.push([&known, suffix].concat());
            }
            return;
        }
        let v = self.view(body);
        let mut path = path.to_vec();
        path.extend((0..v.prefix_len).map(|i| self.prefix_symbol(&v, i)));
        let bound = match bound {
            Some(b) if path.as_slice() < &b[..path.len().min(b.len())] => return,
            Some(b) if b.starts_with(&path) => Some(b),
            _ => None,
        };
        if v.terminal {
            out.push(self.pack(&path));
        }
        let from = bound.and_then(|b| b.get(path.len())).copied();
        let top = ((1usize << self.bits) - 1) as u8;
        for s in from.unwrap_or(0)..=top {
            let (rank, present) = self.rank(&v, s);
            if present && !out.full() {
                path.push(s);
                let bound = bound.filter(|_| from == Some(s));
                self.visit(log, log.locator(off, rank), &path, bound, out);
                path.pop();
            }
        }
    }
}

struct Page<'a> {
    after: &'a [u8],
    limit: usize,
    names: Vec<Vec<u8>>,
}

impl Page<'_> {
    fn full(&self) -> bool {
        self.names.len() == self.limit
    }

    fn push(&mut self, name: Vec<u8>) {
        if !self.full() && name.as_slice() > self.after {
            self.names.push(name);
        }
    }
}

fn own(e: &Entry<'_>) -> Owned {
    Owned {
        name: e.name.to_vec(),
        tag: e.tag,
        value: e.value.to_vec(),
        loc: e.loc,
    }
}

impl Shape for Radix {
    fn build(&self, log: &mut Log, entries: &[Entry<'_>]) -> Child {
        self.build_at(log, entries, 0)
    }

    fn locate(&self, log: &Log, root: u64, name: &[u8], path: &mut Vec<Step>) -> Option<Found> {
        let (mut off, mut depth) = (root, 0);
        let end = self.symbols(name);
        loop {
            let range = log.body_at(off);
            let body = log.slice(range.clone());
            if body[0] == bucket::KIND {
                let (i, value) = bucket::find(body, &name[self.cut(depth)..])?;
                let value = value.start + range.start..value.end + range.start;
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
            let v = self.view(body);
            if end - depth < v.prefix_len
                || (0..v.prefix_len)
                    .any(|i| self.prefix_symbol(&v, i) != self.symbol(name, depth + i))
            {
                return None;
            }
            depth += v.prefix_len;
            if depth == end {
                let value = range.start + v.value_at..range.start + v.map_at;
                let loc = log.locator(off, self.children_of(&v));
                return v.terminal.then_some(Found {
                    node: off,
                    value,
                    loc,
                });
            }
            let (rank, present) = self.rank(&v, self.symbol(name, depth));
            if !present {
                return None;
            }
            let id_at = range.start + v.ids_at + 32 * rank;
            path.push(Step {
                off,
                id_at,
                slot: rank,
            });
            off = log.locator(off, rank);
            depth += 1;
        }
    }

    fn insert(&self, log: &mut Log, root: Child, entry: &Owned) -> Child {
        self.insert_at(log, root.off, entry, 0)
    }

    fn page(&self, log: &Log, root: u64, after: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let mut page = Page {
            after,
            limit,
            names: Vec::with_capacity(limit),
        };
        self.visit(log, root, &[], Some(&self.spell(after)), &mut page);
        page.names
    }

    fn nth(&self, log: &Log, root: u64, mut n: u64) -> Option<Vec<u8>> {
        let (mut off, mut path) = (root, Vec::new());
        while log.body(off)[0] == KIND {
            let inner = self.read(log, off, &path);
            path.extend_from_slice(&inner.prefix);
            if let Some(t) = inner.terminal {
                if n == 0 {
                    return Some(t.name);
                }
                n -= 1;
            }
            let i = inner.children.iter().position(|c| {
                let here = n < c.count;
                n -= if here { 0 } else { c.count };
                here
            })?;
            path.push(inner.symbols[i]);
            off = inner.children[i].off;
        }
        let known = self.pack(&path[..self.cut(path.len()) * 8 / self.bits]);
        let suffix = bucket::names(log.body(off)).nth(n as usize)?;
        Some([&known, suffix].concat())
    }

    fn node(&self, log: &Log, off: u64) -> NodeInfo {
        let body = log.body(off);
        if body[0] == bucket::KIND {
            return NodeInfo {
                children: Vec::new(),
                entries: u16_at(body, 1),
            };
        }
        let v = self.view(body);
        let children = (0..self.children_of(&v))
            .map(|i| log.locator(off, i))
            .collect();
        NodeInfo {
            children,
            entries: usize::from(v.terminal),
        }
    }
}
