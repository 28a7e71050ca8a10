//! One directory: a radix tree on the half bytes of names, with buckets for leaves.
//!
//! The shape depends on the set of names alone: a part with at most [`BUCKET_ENTRIES_MAX`] entries
//! is one bucket, a larger one branches where its names first differ. Recursion here goes as deep
//! as a name has half bytes, 510 at most.

use std::sync::Arc;

use super::below::Child;
use super::branches::Branches;
use super::bucket::{BUCKET_ENTRIES_MAX, Bucket, Value};
use super::inner::{Inner, Turn};
use super::link::{Link, LinkRef, Store, load_all};
use super::nibbles::{common, nibble};
use super::node::{Node, Seen, SeenMut};
use super::rows::{BucketRef, Slot};
use crate::STEP_BYTES_MAX;
use crate::error::Result;

/// What is wrong with a stored node that has not as many entries as its parent counts.
pub(super) const WRONG_COUNT: &str = "another number of entries than the node above says";
const WRONG_SUFFIX: &str = "names that do not go on from those above";

/// Returns a link to a directory without entries.
pub(super) fn empty() -> Link {
    let none = std::iter::empty::<(&[u8], Value)>();
    Link::new(Bucket::from_values(none).into())
}

/// Finds an entry: one read a node that is not loaded.
pub(super) fn find<'a>(root: &'a Link, store: &Store, name: &[u8]) -> Result<Option<Slot<'a>>> {
    let (mut node, mut position) = (root.node(store)?, 0);
    loop {
        let inner = match node.see() {
            Seen::Bucket(bucket) => return Ok(bucket.find(&name[position / 2..])),
            Seen::Inner(inner) => inner,
        };
        match inner.turn(name, position) {
            Turn::Apart(_) => return Ok(None),
            Turn::Terminal => return Ok(inner.terminal().find(b"")),
            Turn::Child(branch, next) => {
                position = next;
                node = match inner.loaded_child(branch) {
                    Some(node) => node,
                    None => match inner.child(branch) {
                        Some(child) => child.node(store)?,
                        None => return Ok(None),
                    },
                };
            }
        }
    }
}

/// Returns the link of a directory entry, for changing what is below; `None` if the entry is no
/// directory.
pub(super) fn dir_mut<'a>(
    root: &'a mut Link,
    store: &Store,
    name: &[u8],
) -> Result<Option<&'a mut Arc<Link>>> {
    let (mut node, mut position) = (root.node_mut(store)?, 0);
    loop {
        let inner = match node.see_mut() {
            SeenMut::Bucket(bucket) => return Ok(bucket.dir_mut(&name[position / 2..])),
            SeenMut::Inner(inner) => inner,
        };
        match inner.see().turn(name, position) {
            Turn::Apart(_) => return Ok(None),
            Turn::Terminal => return Ok(inner.below.terminal_dir_mut()),
            Turn::Child(branch, next) => match inner.below.child_mut(branch, store)? {
                Some(child) => (node, position) = (child, next),
                None => return Ok(None),
            },
        }
    }
}

/// Adds or replaces an entry; tells whether it is new.
pub(super) fn put(link: &mut Link, store: &Store, name: &[u8], value: Value) -> Result<bool> {
    put_at(link.node_mut(store)?, store, name, 0, value)
}

/// Adds or replaces an entry below a node that starts at `position`.
fn put_at(
    node: &mut Node,
    store: &Store,
    name: &[u8],
    position: usize,
    value: Value,
) -> Result<bool> {
    let inner = match node.see_mut() {
        SeenMut::Bucket(bucket) => {
            let is_new = bucket.put(&name[position / 2..], value);
            if bucket.len() > BUCKET_ENTRIES_MAX {
                *node = branch_out(bucket, position);
            }
            return Ok(is_new);
        }
        SeenMut::Inner(inner) => inner,
    };
    match inner.see().turn(name, position) {
        Turn::Terminal => Ok(inner.below.put_terminal(value)),
        Turn::Child(branch, next) => {
            let Some(child) = inner.below.child(branch) else {
                inner.below.add_child(branch, lone(name, next, value));
                return Ok(true);
            };
            check_full_bucket(child, store, name, next)?;
            let Some(child) = inner.below.child_mut(branch, store)? else {
                return Ok(false);
            };
            let is_new = put_at(child, store, name, next, value)?;
            let len = inner.below.len() + u64::from(is_new);
            inner.below.set_len(len);
            Ok(is_new)
        }
        Turn::Apart(shared) => {
            split_prefix(node, shared);
            put_at(node, store, name, position, value)
        }
    }
}

/// Checks the names in a bucket that one more entry may make an inner node of.
fn check_full_bucket(link: LinkRef<'_>, store: &Store, name: &[u8], position: usize) -> Result<()> {
    let half = name.get(position / 2).map(|byte| byte >> 4);
    match link.node(store)?.see() {
        Seen::Bucket(bucket)
            if bucket.len() >= BUCKET_ENTRIES_MAX && !fits(bucket, position, half) =>
        {
            Err(link.damaged(WRONG_SUFFIX))
        }
        _ => Ok(()),
    }
}

/// Tells whether a bucket at `position` can be there: a stored one may be damaged. `half` is the
/// high half byte that its suffixes start with, where the position is in the middle of a byte.
fn fits(bucket: BucketRef<'_>, position: usize, half: Option<u8>) -> bool {
    bucket.slots().all(|slot| {
        position / 2 + slot.suffix.len() <= STEP_BYTES_MAX
            && (position.is_multiple_of(2) || slot.suffix.first().map(|byte| byte >> 4) == half)
    })
}

/// Makes a child with one entry.
fn lone(name: &[u8], position: usize, value: Value) -> Node {
    Bucket::from_values(std::iter::once((&name[position / 2..], value))).into()
}

/// Puts a node with the first `shared` half bytes of the prefix above an inner node.
fn split_prefix(node: &mut Node, shared: usize) {
    let mut lower = std::mem::replace(node, Node::inner(&[]));
    let (SeenMut::Inner(mut upper), SeenMut::Inner(mut inner)) = (node.see_mut(), lower.see_mut())
    else {
        return;
    };
    let prefix = inner.see().prefix.to_vec();
    upper.set_prefix(&prefix[..shared]);
    inner.set_prefix(&prefix[shared + 1..]);
    upper.below.add_child(prefix[shared], lower);
}

/// Makes an inner node of a bucket that has grown too large.
fn branch_out(bucket: &Bucket, position: usize) -> Node {
    let slots: Vec<_> = bucket.slots().collect();
    // Suffixes start with the byte that holds `position`.
    let odd = position % 2;
    let (first, last) = (slots[0].suffix, slots[slots.len() - 1].suffix);
    let shared = common(first, last, odd);
    let at = odd + shared;
    let prefix: Vec<_> = (odd..at).map(|index| nibble(first, index)).collect();
    let mut below = Branches::new(&prefix);
    let (terminal, longer) = slots.split_at(usize::from(first.len() * 2 == at));
    for slot in terminal {
        below.put_terminal(slot.to_value());
    }
    for group in longer.chunk_by(|left, right| nibble(left.suffix, at) == nibble(right.suffix, at))
    {
        let cut = at.div_ceil(2);
        let child = Bucket::from_values(group.iter().map(|s| (&s.suffix[cut..], s.to_value())));
        below.add_child(nibble(group[0].suffix, at), child.into());
    }
    below.into()
}

/// Removes an entry that is there; what remains takes the shape that it would have had anyway.
pub(super) fn remove(link: &mut Link, store: &Store, name: &[u8]) -> Result<()> {
    remove_at(link.node_mut(store)?, store, name, 0)
}

/// Removes an entry that is there below a node that starts at `position`.
fn remove_at(node: &mut Node, store: &Store, name: &[u8], position: usize) -> Result<()> {
    let inner = match node.see_mut() {
        SeenMut::Bucket(bucket) => {
            bucket.remove(&name[position / 2..]);
            return Ok(());
        }
        SeenMut::Inner(inner) => inner,
    };
    match inner.see().turn(name, position) {
        Turn::Terminal => inner.below.remove_terminal(),
        Turn::Child(branch, next) => {
            if let Some(child) = inner.below.child_mut(branch, store)? {
                let before = child.len();
                remove_at(child, store, name, next)?;
                let after = child.len();
                if after == 0 {
                    inner.below.remove_child(branch);
                }
                inner.below.set_len(inner.below.len() - before + after);
            }
        }
        Turn::Apart(_) => {}
    }
    let left = inner.see();
    if left.len() <= BUCKET_ENTRIES_MAX as u64 {
        *node = gather(left, store, name, position)?.into();
    } else if left.terminal().len() == 0 && left.children_len() == 1 {
        merge_only_child(node, store)?;
    }
    Ok(())
}

/// Makes one bucket of an inner node that has become small. Its children are buckets; `name` leads
/// through the node.
pub(super) fn gather(
    inner: Inner<'_>,
    store: &Store,
    name: &[u8],
    position: usize,
) -> Result<Bucket> {
    let links: Vec<_> = inner.children().map(|child| child.link).collect();
    load_all(store, &links)?;
    let at = position + inner.prefix.len();
    let whole = &name[position / 2..at / 2];
    let mut entries: Vec<(Vec<u8>, Value)> = Vec::new();
    entries.extend(
        inner
            .terminal()
            .slots()
            .map(|slot| (whole.to_vec(), slot.to_value())),
    );
    for child in inner.children() {
        // Where the branch is the low half of a byte, the children's suffixes start behind it.
        let high = (at % 2 == 1).then(|| (name[at / 2] & 0xf0) | child.branch);
        let bucket = match child.link.node(store)?.see() {
            Seen::Bucket(bucket) if bucket.len() as u64 == child.len => bucket,
            _ => return Err(child.link.damaged(WRONG_COUNT)),
        };
        if !fits(bucket, at + 1, Some(child.branch)) {
            return Err(child.link.damaged(WRONG_SUFFIX));
        }
        entries.extend(bucket.slots().map(|slot| {
            let suffix = [whole, high.as_slice(), slot.suffix].concat();
            (suffix, slot.to_value())
        }));
    }
    Ok(Bucket::from_values(entries))
}

/// Joins an inner node that no longer branches with the inner node below it.
fn merge_only_child(node: &mut Node, store: &Store) -> Result<()> {
    let SeenMut::Inner(inner) = node.see_mut() else {
        return Ok(());
    };
    let Some(Child { branch, link, .. }) = inner.see().children().next() else {
        return Ok(());
    };
    if let Seen::Bucket(_) = link.node(store)?.see() {
        return Err(link.damaged(WRONG_COUNT));
    }
    let Some(child) = inner.below.child_mut(branch, store)? else {
        return Ok(());
    };
    let mut lower = std::mem::replace(child, Node::inner(&[]));
    if let SeenMut::Inner(mut joined) = lower.see_mut() {
        let prefix = [inner.see().prefix, &[branch], joined.see().prefix].concat();
        joined.set_prefix(&prefix);
    }
    *node = lower;
    Ok(())
}
