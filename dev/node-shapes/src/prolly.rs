//! A prolly tree: sorted chunks whose ends are chosen by the hash of the last name, so that a new
//! value never moves a boundary. Hard caps: a chunk has `min` to `max` entries (the last may be short).
//!
//! Node: kind, level, count u16, common prefix (length u8, bytes), ends of suffixes u16 each,
//! suffixes; then in a leaf `{value_end u16, tag u8}` each and values, else ids and counts.

use crate::bucket;
use crate::log::{
    Child, Entry, Found, Log, NodeInfo, Owned, Shape, Step, children, name_hash, put_children,
    u16_at,
};

const KIND: u8 = 3;

/// Chunks of `target` entries on average, at least `target / 4` and at most `4 * target`.
pub(crate) struct Prolly {
    pub(crate) target: usize,
}

/// What a chunk lists: an entry, or a lower chunk under its last name.
#[derive(Clone, Debug)]
struct Item {
    name: Vec<u8>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Value { tag: u8, value: Vec<u8>, loc: u64 },
    Node(Child),
}

struct View<'a> {
    body: &'a [u8],
    level: u8,
    count: usize,
    prefix: &'a [u8],
    ends_at: usize,
    names_at: usize,
    tail_at: usize,
}

impl<'a> View<'a> {
    fn new(body: &'a [u8]) -> Self {
        let count = u16_at(body, 2);
        let ends_at = 5 + usize::from(body[4]);
        let names_at = ends_at + 2 * count;
        let tail_at = names_at + u16_at(body, names_at - 2);
        let prefix = &body[5..ends_at];
        View {
            body,
            level: body[1],
            count,
            prefix,
            ends_at,
            names_at,
            tail_at,
        }
    }

    fn suffix(&self, i: usize) -> &'a [u8] {
        let start = if i == 0 {
            0
        } else {
            u16_at(self.body, self.ends_at + 2 * i - 2)
        };
        let end = u16_at(self.body, self.ends_at + 2 * i);
        &self.body[self.names_at + start..self.names_at + end]
    }

    fn name(&self, i: usize) -> Vec<u8> {
        [self.prefix, self.suffix(i)].concat()
    }

    /// The first position whose name is not less than `name`, and whether it is equal.
    fn lower_bound(&self, name: &[u8]) -> (usize, bool) {
        let n = self.prefix.len();
        match name[..name.len().min(n)].cmp(self.prefix) {
            std::cmp::Ordering::Less => return (0, false),
            std::cmp::Ordering::Greater => return (self.count, false),
            std::cmp::Ordering::Equal => {}
        }
        let (rest, mut low, mut high) = (&name[n..], 0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.suffix(middle).cmp(rest) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return (middle, true),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        (low, false)
    }

    fn value(&self, i: usize) -> (u8, std::ops::Range<usize>) {
        let values_at = self.tail_at + 3 * self.count;
        let start = if i == 0 {
            0
        } else {
            u16_at(self.body, self.tail_at + 3 * i - 3)
        };
        let end = u16_at(self.body, self.tail_at + 3 * i);
        (
            self.body[self.tail_at + 3 * i + 2],
            values_at + start..values_at + end,
        )
    }
}

impl Prolly {
    /// Whether a chunk of `len` items ends at `name`.
    pub(crate) fn ends(&self, level: u8, len: usize, name: &[u8]) -> bool {
        let (min, max) = (self.target / 4, self.target * 4);
        let odds = u64::MAX / (self.target - min) as u64;
        len >= max || (len >= min && name_hash(name, u64::from(level) + 1) < odds)
    }

    fn write(&self, log: &mut Log, level: u8, items: &[Item]) -> Item {
        let (first, last) = (&items[0].name, &items[items.len() - 1].name);
        let same = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        let mut body = vec![KIND, level];
        body.extend_from_slice(&(items.len() as u16).to_le_bytes());
        body.push(same as u8);
        body.extend_from_slice(&first[..same]);
        let mut end = 0;
        for item in items {
            end += item.name.len() - same;
            body.extend_from_slice(&(end as u16).to_le_bytes());
        }
        for item in items {
            body.extend_from_slice(&item.name[same..]);
        }
        let child = if level == 0 {
            write_values(log, body, items)
        } else {
            let below: Vec<Child> = items.iter().filter_map(Item::node).collect();
            put_children(&mut body, &below);
            let locators: Vec<u64> = below.iter().map(|c| c.off).collect();
            log.put(&body, &locators, below.iter().map(|c| c.count).sum())
        };
        Item {
            name: last.clone(),
            what: What::Node(child),
        }
    }

    fn read(&self, log: &Log, off: u64) -> Vec<Item> {
        let v = View::new(log.body(off));
        if v.level > 0 {
            let below = children(log, off, v.tail_at, v.count);
            let name = |(i, c)| Item {
                name: v.name(i),
                what: What::Node(c),
            };
            return below.into_iter().enumerate().map(name).collect();
        }
        let located = log.locators(off) > 0;
        (0..v.count)
            .map(|i| {
                let (tag, range) = v.value(i);
                let loc = if located { log.locator(off, i) } else { 0 };
                let value = v.body[range].to_vec();
                Item {
                    name: v.name(i),
                    what: What::Value { tag, value, loc },
                }
            })
            .collect()
    }

    fn chunk(&self, log: &mut Log, level: u8, items: Vec<Item>) -> Vec<Item> {
        let mut chunker = Chunker {
            tree: self,
            level,
            open: Vec::new(),
            done: Vec::new(),
        };
        for item in items {
            chunker.push(log, item);
        }
        chunker.flush(log);
        chunker.done
    }

    /// Builds levels until one chunk is left, then drops roots with a single child.
    fn finish(&self, log: &mut Log, mut items: Vec<Item>, mut level: u8) -> Child {
        while items.len() > 1 {
            level += 1;
            items = self.chunk(log, level, items);
        }
        let mut root = items
            .remove(0)
            .node()
            .expect("levels above the leaves hold nodes");
        loop {
            let v = View::new(log.body(root.off));
            if v.level == 0 || v.count > 1 {
                return root;
            }
            root = children(log, root.off, v.tail_at, 1)[0];
        }
    }

    /// The chunk of `level` that holds the first item not less than `name` (or the last chunk).
    fn descend(&self, log: &Log, root: u64, level: u8, name: &[u8]) -> (u64, bool) {
        let (mut off, mut past) = (root, false);
        loop {
            let v = View::new(log.body(off));
            let at = v.lower_bound(name).0;
            past |= at == v.count;
            if v.level == level {
                return (off, past);
            }
            off = log.locator(off, at.min(v.count - 1));
        }
    }
}

fn write_values(log: &mut Log, mut body: Vec<u8>, items: &[Item]) -> Child {
    let mut end = 0;
    let entries: Vec<Entry<'_>> = items.iter().filter_map(Item::entry).collect();
    for e in &entries {
        end += e.value.len();
        body.extend_from_slice(&(end as u16).to_le_bytes());
        body.push(e.tag);
    }
    for e in &entries {
        body.extend_from_slice(e.value);
    }
    log.put(&body, &bucket::locators(&entries), entries.len() as u64)
}

impl Item {
    fn new(e: &Entry<'_>) -> Self {
        let what = What::Value {
            tag: e.tag,
            value: e.value.to_vec(),
            loc: e.loc,
        };
        Self {
            name: e.name.to_vec(),
            what,
        }
    }

    fn node(&self) -> Option<Child> {
        match self.what {
            What::Node(c) => Some(c),
            What::Value { .. } => None,
        }
    }

    fn entry(&self) -> Option<Entry<'_>> {
        match &self.what {
            What::Value { tag, value, loc } => Some(Entry {
                name: &self.name,
                tag: *tag,
                value,
                loc: *loc,
            }),
            What::Node(_) => None,
        }
    }
}

struct Chunker<'a> {
    tree: &'a Prolly,
    level: u8,
    open: Vec<Item>,
    done: Vec<Item>,
}

impl Chunker<'_> {
    fn push(&mut self, log: &mut Log, item: Item) {
        let end = self.tree.ends(self.level, self.open.len() + 1, &item.name);
        self.open.push(item);
        if end {
            self.flush(log);
        }
    }

    fn flush(&mut self, log: &mut Log) {
        if !self.open.is_empty() {
            self.done.push(self.tree.write(log, self.level, &self.open));
            self.open.clear();
        }
    }
}

/// A replacement within one level: the items from `low` to `high` make way for `new`.
struct Splice {
    low: Vec<u8>,
    high: Vec<u8>,
    new: Vec<Item>,
}

impl Prolly {
    /// Rechunks one level from the chunk that holds `low` until an old boundary is met again.
    fn splice(&self, log: &mut Log, root: u64, level: u8, edit: Splice) -> Splice {
        let mut chunker = Chunker {
            tree: self,
            level,
            open: Vec::new(),
            done: Vec::new(),
        };
        let mut new = Some(edit.new);
        let (mut off, _) = self.descend(log, root, level, &edit.low);
        let (mut first, mut last): (Option<Vec<u8>>, Vec<u8>);
        first = None;
        loop {
            let items = self.read(log, off);
            last = items[items.len() - 1].name.clone();
            first.get_or_insert_with(|| last.clone());
            for item in items {
                if item.name >= edit.low
                    && let Some(new) = new.take()
                {
                    new.into_iter().for_each(|i| chunker.push(log, i));
                }
                if item.name < edit.low || item.name > edit.high {
                    chunker.push(log, item);
                }
            }
            if new.is_none() && chunker.open.is_empty() && last >= edit.high {
                break;
            }
            let next = [last.as_slice(), &[0]].concat();
            let (o, past) = self.descend(log, root, level, &next);
            if past {
                new.take()
                    .into_iter()
                    .flatten()
                    .for_each(|i| chunker.push(log, i));
                chunker.flush(log);
                break;
            }
            off = o;
        }
        Splice {
            low: first.unwrap_or_default(),
            high: last,
            new: chunker.done,
        }
    }
}

impl Shape for Prolly {
    fn build(&self, log: &mut Log, entries: &[Entry<'_>]) -> Child {
        let leaves = self.chunk(log, 0, entries.iter().map(Item::new).collect());
        self.finish(log, leaves, 0)
    }

    fn locate(&self, log: &Log, root: u64, name: &[u8], path: &mut Vec<Step>) -> Option<Found> {
        let mut off = root;
        loop {
            let range = log.body_at(off);
            let v = View::new(log.slice(range.clone()));
            let (i, equal) = v.lower_bound(name);
            if i == v.count || (v.level == 0 && !equal) {
                return None;
            }
            if v.level == 0 {
                let (_, value) = v.value(i);
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
            path.push(Step {
                off,
                id_at: range.start + v.tail_at + 32 * i,
                slot: i,
            });
            off = log.locator(off, i);
        }
    }

    fn insert(&self, log: &mut Log, root: Child, entry: &Owned) -> Child {
        let top = View::new(log.body(root.off)).level;
        let name = entry.name.clone();
        let new = vec![Item::new(&entry.borrow())];
        let mut edit = Splice {
            low: name.clone(),
            high: name,
            new,
        };
        for level in 0..=top {
            edit = self.splice(log, root.off, level, edit);
        }
        self.finish(log, edit.new, top)
    }

    fn page(&self, log: &Log, root: u64, after: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = Vec::with_capacity(limit);
        let mut next = [after, &[0]].concat();
        while names.len() < limit {
            let (off, past) = self.descend(log, root, 0, &next);
            if past {
                break;
            }
            let v = View::new(log.body(off));
            let from = v.lower_bound(&next).0;
            names.extend((from..v.count).take(limit - names.len()).map(|i| v.name(i)));
            next = [v.name(v.count - 1).as_slice(), &[0]].concat();
        }
        names
    }

    fn nth(&self, log: &Log, root: u64, mut n: u64) -> Option<Vec<u8>> {
        let mut off = root;
        loop {
            let v = View::new(log.body(off));
            if v.level == 0 {
                return ((n as usize) < v.count).then(|| v.name(n as usize));
            }
            let below = children(log, off, v.tail_at, v.count);
            off = below.iter().find_map(|c| {
                let here = n < c.count;
                n -= if here { 0 } else { c.count };
                here.then_some(c.off)
            })?;
        }
    }

    fn node(&self, log: &Log, off: u64) -> NodeInfo {
        let v = View::new(log.body(off));
        if v.level == 0 {
            return NodeInfo {
                children: Vec::new(),
                entries: v.count,
            };
        }
        let children = (0..v.count).map(|i| log.locator(off, i)).collect();
        NodeInfo {
            children,
            entries: 0,
        }
    }
}
