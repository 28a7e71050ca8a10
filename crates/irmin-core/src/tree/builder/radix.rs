//! The nodes of directories whose names come in order, built from the bottom.
//!
//! Names in order are the leaves of the radix tree from left to right. Two neighbours tell where a
//! node branches: behind the half bytes that they share. So the nodes on the way to the last name
//! are a stack of [`Open`] ones; a name that shares less with the last one than such a node's names
//! share closes it. Only then is it known whether the node has more entries than a bucket takes. If
//! not, they wait on, as a part of the node above; else its small parts become buckets and it becomes
//! an inner node. So at most 16 buckets of entries wait for each open node.
//!
//! The directories on the way to the last entry share the stacks: one that is open has its part of
//! them above that of the directory it lies in.

use std::ops::Range;

use super::outbox::{At, Outbox, Target};
use crate::codec::{header, put_varint};
use crate::tree::bucket::{BUCKET_ENTRIES_MAX, SHAPE_BUCKET};
use crate::tree::inner::SHAPE_INNER;
use crate::tree::nibbles::{nibble, nibbles};
use crate::{Id, Kind};

/// A value as a bucket has it.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) bytes: &'a [u8],
    /// Of a value that is another object, whose id the bytes start with.
    pub(super) at: Option<At>,
}

/// Where a directory's part of the stacks starts, and the last name that it was given.
#[derive(Default)]
pub(super) struct Dir {
    pub(super) last: Vec<u8>,
    rows: usize,
    opens: usize,
    children: usize,
}

/// What is known of the directories on the way to the last entry.
#[derive(Default)]
pub(super) struct Radix {
    /// Entries that are in no node yet, in order.
    rows: Vec<Row>,
    names: Vec<u8>,
    values: Vec<u8>,
    opens: Vec<Open>,
    /// Complete inner nodes whose parents are open, in order.
    children: Vec<Child>,
}

#[derive(Clone, Copy)]
struct Row {
    /// Where the name and the value start.
    name: usize,
    value: usize,
    name_len: u8,
    tag: u8,
    value_len: u8,
    at: Option<At>,
}

/// A place where names branch, with what is complete of it.
#[derive(Clone, Copy)]
struct Open {
    /// So many half bytes of their names all entries share.
    depth: usize,
    part: Part,
}

/// Some neighbouring entries, to the end of the stacks.
#[derive(Clone, Copy)]
struct Part {
    len: u64,
    rows: usize,
    children: usize,
}

#[derive(Clone, Copy)]
struct Child {
    branch: u8,
    len: u64,
    target: Target,
}

impl Radix {
    /// Begins a directory in the one that was begun last.
    pub(super) fn begin(&self) -> Dir {
        Dir {
            last: Vec::new(),
            rows: self.rows.len(),
            opens: self.opens.len(),
            children: self.children.len(),
        }
    }

    /// Adds an entry to the directory that was begun last, behind all that it has.
    pub(super) fn add(&mut self, dir: &mut Dir, name: &[u8], value: Value<'_>, out: &mut Outbox) {
        if !dir.last.is_empty() {
            let depth = shared(&dir.last, name);
            let part = self.close(dir, Some(depth), out);
            match self.top(dir) {
                Some(open) if open.depth == depth => open.part.len += part.len,
                _ => self.opens.push(Open { depth, part }),
            }
        }
        dir.last.clear();
        dir.last.extend_from_slice(name);
        self.rows.push(Row {
            name: self.names.len(),
            value: self.values.len(),
            name_len: byte(name.len()),
            tag: value.tag,
            value_len: byte(value.bytes.len()),
            at: value.at,
        });
        self.names.extend_from_slice(name);
        self.values.extend_from_slice(value.bytes);
    }

    /// Completes the directory that was begun last, and returns its root.
    pub(super) fn end(&mut self, dir: &Dir, out: &mut Outbox) -> Target {
        if !dir.last.is_empty() {
            self.close(dir, None, out);
        }
        if self.children.len() > dir.children
            && let Some(root) = self.children.pop()
        {
            return root.target;
        }
        let bucket = self.bucket(dir.rows..self.rows.len(), 0, out);
        self.drop_rows(dir.rows);
        bucket
    }

    /// Notes where the objects of an outbox are that was emptied.
    pub(super) fn settle(&mut self, keys: &[crate::Key]) {
        let rows = self.rows.iter_mut().filter_map(|row| row.at.as_mut());
        let children = self.children.iter_mut().map(|child| &mut child.target.at);
        rows.chain(children).for_each(|at| at.settle(keys));
    }

    fn top(&mut self, dir: &Dir) -> Option<&mut Open> {
        self.opens.get_mut(dir.opens..)?.last_mut()
    }

    /// Closes the nodes whose names share more than `depth` half bytes, without one all, and returns
    /// the part of the directory that comes with the last one closed.
    fn close(&mut self, dir: &Dir, depth: Option<usize>, out: &mut Outbox) -> Part {
        let mut part = Part {
            len: 1,
            rows: self.rows.len() - 1,
            children: self.children.len(),
        };
        while let Some(open) = self.top(dir).copied()
            && Some(open.depth) > depth
        {
            self.opens.pop();
            let above = depth.max(self.top(dir).map(|above| above.depth));
            let len = open.part.len + part.len;
            part = Part { len, ..open.part };
            if len > BUCKET_ENTRIES_MAX as u64 {
                self.branch_out(part, open.depth, above, &dir.last, out);
            }
        }
        part
    }

    /// Makes an inner node, below one that branches at `above`, of a part that branches at `depth`;
    /// `name` is one of its names.
    fn branch_out(
        &mut self,
        part: Part,
        depth: usize,
        above: Option<usize>,
        name: &[u8],
        out: &mut Outbox,
    ) {
        let mut children = [None; 16];
        for child in self.children.drain(part.children..) {
            children[usize::from(child.branch)] = Some(child);
        }
        let end = self.rows.len();
        let is_terminal = |row: &Row| usize::from(row.name_len) * 2 == depth;
        let terminals = usize::from(self.rows.get(part.rows).is_some_and(is_terminal));
        let mut from = part.rows + terminals;
        while from < end {
            let branch = self.branch(from, depth);
            let others = (from..end).find(|&row| self.branch(row, depth) != branch);
            let to = others.unwrap_or(end);
            let target = self.bucket(from..to, depth.div_ceil(2), out);
            let len = (to - from) as u64;
            children[usize::from(branch)] = Some(Child {
                branch,
                len,
                target,
            });
            from = to;
        }
        let start = above.map_or(0, |above| above + 1);
        let terminals = part.rows..part.rows + terminals;
        let target = self.inner(&name_halves(name, start..depth), terminals, &children, out);
        self.drop_rows(part.rows);
        self.children.push(Child {
            branch: above.map_or(0, |above| nibble(name, above)),
            len: part.len,
            target,
        });
    }

    /// Returns the half byte that a name has where its node branches.
    fn branch(&self, row: usize, depth: usize) -> u8 {
        let row = self.rows[row];
        nibble(&self.names[row.name..][..usize::from(row.name_len)], depth)
    }

    /// Makes a bucket of entries; the first `cut` bytes of their names are known from above.
    fn bucket(&self, rows: Range<usize>, cut: usize, out: &mut Outbox) -> Target {
        out.bytes.extend(header(Kind::Node));
        out.bytes.push(SHAPE_BUCKET);
        self.entries(rows, cut, out);
        out.seal(Kind::Node, None)
    }

    /// Appends what a bucket has after its head, and its links.
    fn entries(&self, rows: Range<usize>, cut: usize, out: &mut Outbox) {
        let next = self.rows.get(rows.end);
        let values_end = next.map_or(self.values.len(), |next| next.value);
        let rows = &self.rows[rows];
        out.bytes.push(byte(rows.len()));
        for row in rows {
            let suffix_len = byte(usize::from(row.name_len) - cut);
            out.bytes.extend([suffix_len, row.tag, row.value_len]);
        }
        for row in rows {
            let name = &self.names[row.name..][..usize::from(row.name_len)];
            out.bytes.extend_from_slice(&name[cut..]);
        }
        if let Some(first) = rows.first() {
            out.bytes
                .extend_from_slice(&self.values[first.value..values_end]);
        }
        for row in rows {
            if let Some(at) = row.at
                && let Some(id) = self.values[row.value..].first_chunk()
            {
                out.link(Id::from_bytes(*id), at);
            }
        }
    }

    /// Makes an inner node.
    fn inner(
        &self,
        prefix: &[u8],
        terminal: Range<usize>,
        children: &[Option<Child>; 16],
        out: &mut Outbox,
    ) -> Target {
        out.bytes.extend(header(Kind::Node));
        out.bytes.push(SHAPE_INNER);
        put_varint(&mut out.bytes, prefix.len() as u64);
        for pair in prefix.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            out.bytes.push((pair[0] << 4) | low);
        }
        let cut = terminal.clone().next();
        let cut = cut.map_or(0, |row| usize::from(self.rows[row].name_len));
        self.entries(terminal, cut, out);
        let bitmap = children
            .iter()
            .flatten()
            .fold(0_u16, |bits, child| bits | 1 << child.branch);
        out.bytes.extend(bitmap.to_le_bytes());
        for child in children.iter().flatten() {
            put_varint(&mut out.bytes, child.len);
        }
        for child in children.iter().flatten() {
            out.bytes.extend_from_slice(child.target.id.as_bytes());
            out.link(child.target.id, child.target.at);
        }
        out.seal(Kind::Node, None)
    }

    fn drop_rows(&mut self, from: usize) {
        if let Some(first) = self.rows.get(from) {
            self.names.truncate(first.name);
            self.values.truncate(first.value);
            self.rows.truncate(from);
        }
    }
}

/// Returns some half bytes of a name.
fn name_halves(name: &[u8], range: Range<usize>) -> Vec<u8> {
    range.map(|at| nibble(name, at)).collect()
}

/// Returns how many half bytes two names share.
fn shared(left: &[u8], right: &[u8]) -> usize {
    let pairs = left.iter().zip(right);
    match pairs.clone().position(|(left, right)| left != right) {
        None => nibbles(left).min(nibbles(right)),
        Some(at) => 2 * at + usize::from((left[at] ^ right[at]) < 16),
    }
}

/// Narrows a length that the callers keep below 256.
fn byte(len: usize) -> u8 {
    u8::try_from(len).expect("because steps, inline values and buckets are short")
}
