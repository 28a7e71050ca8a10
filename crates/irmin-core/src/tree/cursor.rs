//! Ordered reading of one directory from any place.

use super::bucket::{BUCKET_ENTRIES_MAX, Value};
use super::dir::WRONG_COUNT;
use super::inner::Inner;
use super::link::{LinkRef, Store, load_all};
use super::nibbles::{NameBuf, nibble, nibbles};
use super::node::{Node, Seen};
use crate::STEP_BYTES_MAX;
use crate::error::Result;

/// Yields the entries of a part of a directory in order of their names.
pub(super) struct Cursor {
    store: Store,
    stack: Vec<Frame>,
    name: NameBuf,
}

/// A node on the way down, and how far it was read.
struct Frame {
    node: Node,
    /// Half bytes of the name above the node.
    position: usize,
    /// Of a bucket, entries read. Of an inner node, 0 before the terminal entry, then 1 more than
    /// the children read.
    next: usize,
}

impl Cursor {
    /// Starts before the first entry of the part that `root` leads to; `name` is above it.
    pub(super) fn new(root: LinkRef<'_>, store: &Store, name: NameBuf) -> Result<Self> {
        let frame = Frame {
            node: root.node(store)?.clone(),
            position: name.nibbles(),
            next: 0,
        };
        Ok(Self {
            store: store.clone(),
            stack: vec![frame],
            name,
        })
    }

    /// Moves behind `after`, whether or not that is an entry. From a fresh cursor only.
    pub(super) fn seek_after(&mut self, after: &[u8]) -> Result<()> {
        while let Some(frame) = self.stack.last_mut() {
            let position = frame.position;
            match frame.node.see() {
                Seen::Bucket(bucket) => {
                    let suffix = &after[position / 2..];
                    frame.next = bucket.slots().filter(|slot| slot.suffix <= suffix).count();
                    return Ok(());
                }
                Seen::Inner(inner) => match skip(inner, after, position) {
                    Skip::None => return Ok(()),
                    Skip::All => {
                        self.stack.pop();
                        return Ok(());
                    }
                    Skip::Until(next, enter) => {
                        frame.next = next;
                        let inner_node = frame.node.clone();
                        if !enter {
                            return Ok(());
                        }
                        self.enter(&inner_node, next - 2)?;
                    }
                },
            }
        }
        Ok(())
    }

    /// Skips the first `count` entries. From a fresh cursor only; reads a path of nodes.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<()> {
        while let Some(frame) = self.stack.last_mut() {
            let node = frame.node.clone();
            match node.see() {
                Seen::Bucket(bucket) => {
                    frame.next = usize::try_from(count)
                        .unwrap_or(usize::MAX)
                        .min(bucket.len());
                    return Ok(());
                }
                Seen::Inner(inner) => {
                    if count == 0 {
                        return Ok(());
                    }
                    count -= inner.terminal().len() as u64;
                    let full = inner.children().scan(count, |left, child| {
                        *left = left.checked_sub(child.len)?;
                        Some(child.len)
                    });
                    let (children, entries) = full.fold((0, 0), |(n, sum), len| (n + 1, sum + len));
                    frame.next = 1 + children;
                    count -= entries;
                    if count == 0 || children == inner.children_len() {
                        return Ok(());
                    }
                    frame.next += 1;
                    self.enter(&node, children)?;
                }
            }
        }
        Ok(())
    }

    /// Goes down into a child of the node on top, whose frame is set already.
    fn enter(&mut self, node: &Node, index: usize) -> Result<()> {
        let Seen::Inner(inner) = node.see() else {
            return Ok(());
        };
        let Some(child) = inner.children().nth(index) else {
            return Ok(());
        };
        self.name
            .truncate(self.stack.last().map_or(0, |frame| frame.position));
        self.name.extend(inner.prefix);
        self.name.push(child.branch);
        if child.link.loaded().is_none() {
            // A reader in order will want the buckets beside it: fetch them in the same round.
            let rest = inner.children().skip(index);
            let small = rest.filter(|child| child.len <= BUCKET_ENTRIES_MAX as u64);
            let links: Vec<_> = small.map(|child| child.link).collect();
            load_all(&self.store, &links)?;
        }
        let node = child.link.node(&self.store)?.clone();
        if self.name.nibbles() > 2 * STEP_BYTES_MAX {
            return Err(child.link.damaged("deeper than names are long"));
        }
        if node.len() != child.len {
            return Err(child.link.damaged(WRONG_COUNT));
        }
        self.stack.push(Frame {
            node,
            position: self.name.nibbles(),
            next: 0,
        });
        Ok(())
    }

    /// Returns the next entry with its whole name.
    pub(super) fn next_entry(&mut self) -> Result<Option<(Vec<u8>, Value)>> {
        while let Some(frame) = self.stack.last_mut() {
            let node = frame.node.clone();
            let next = frame.next;
            frame.next += 1;
            match node.see() {
                Seen::Bucket(bucket) => {
                    if let Some(slot) = bucket.slots().nth(next) {
                        self.name.truncate(frame.position);
                        return Ok(Some((self.name.with_suffix(slot.suffix), slot.to_value())));
                    }
                    self.stack.pop();
                }
                Seen::Inner(inner) if next == 0 => {
                    if let Some(slot) = inner.terminal().slots().next() {
                        self.name.truncate(frame.position);
                        self.name.extend(inner.prefix);
                        return Ok(Some((self.name.whole_bytes().to_vec(), slot.to_value())));
                    }
                }
                Seen::Inner(inner) if next <= inner.children_len() => {
                    self.enter(&node, next - 1)?;
                }
                Seen::Inner(_) => drop(self.stack.pop()),
            }
        }
        Ok(None)
    }
}

/// How much of an inner node lies at or before a name.
enum Skip {
    None,
    All,
    /// Frame position to go on from, and whether the child before it must be entered.
    Until(usize, bool),
}

fn skip(inner: Inner<'_>, after: &[u8], position: usize) -> Skip {
    let end = nibbles(after);
    for (index, &shared) in inner.prefix.iter().enumerate() {
        let at = position + index;
        if at >= end || nibble(after, at) < shared {
            return Skip::None;
        }
        if nibble(after, at) > shared {
            return Skip::All;
        }
    }
    let at = position + inner.prefix.len();
    if at >= end {
        return Skip::Until(1, false);
    }
    let wanted = nibble(after, at);
    let before = inner.branches().filter(|&branch| branch < wanted).count();
    match inner.child(wanted) {
        Some(_) => Skip::Until(before + 2, true),
        None => Skip::Until(before + 1, false),
    }
}
