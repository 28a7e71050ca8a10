//! One directory: a radix tree on the half bytes of names, with buckets for leaves.
//!
//! The shape depends on the set of names alone: a part with at most [`BUCKET_ENTRIES_MAX`] entries
//! is one bucket, a larger one branches where its names first differ. Recursion here goes as deep
//! as a name has half bytes, 510 at most.

use std::sync::Arc;

use super::bucket::{BUCKET_ENTRIES_MAX, Bucket, Slot, Value};
use super::inner::{Child, Inner, Turn};
use super::link::{Link, Node, Store, load_all};
use super::nibbles::{common, nibble};
use crate::STEP_BYTES_MAX;
use crate::error::Result;
use crate::short::Short;

/// What is wrong with a stored node that has not as many entries as its parent counts.
pub(super) const WRONG_COUNT: &str = "another number of entries than the node above says";
const WRONG_SUFFIX: &str = "names that do not go on from those above";

/// Returns a link to a directory without entries.
pub(super) fn empty() -> Link {
    Link::new(Node::Bucket(Bucket::empty()))
}

/// Finds an entry: one read a node that is not loaded.
pub(super) fn find<'a>(root: &'a Link, store: &Store, name: &[u8]) -> Result<Option<Slot<'a>>> {
    let (mut link, mut position) = (root, 0);
    loop {
        match link.node(store)?.as_ref() {
            Node::Bucket(bucket) => return Ok(bucket.find(&name[position / 2..])),
            Node::Inner(inner) => match inner.turn(name, position) {
                Turn::Apart(_) => return Ok(None),
                Turn::Terminal => return Ok(inner.terminal().find(b"")),
                Turn::Child(branch, next) => match inner.child(branch) {
                    Some(child) => (link, position) = (&child.link, next),
                    None => return Ok(None),
                },
            },
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
    let (mut link, mut position) = (root, 0);
    loop {
        match link.node_mut(store)? {
            Node::Bucket(bucket) => return Ok(bucket.dir_mut(&name[position / 2..])),
            Node::Inner(inner) => match inner.turn(name, position) {
                Turn::Apart(_) => return Ok(None),
                Turn::Terminal => return Ok(inner.terminal.dir_mut(b"")),
                Turn::Child(branch, next) => match inner.child_mut(branch) {
                    Some(child) => (link, position) = (&mut child.link, next),
                    None => return Ok(None),
                },
            },
        }
    }
}

/// Adds or replaces an entry; tells whether it is new.
pub(super) fn put(
    link: &mut Link,
    store: &Store,
    name: &[u8],
    position: usize,
    value: Value,
) -> Result<bool> {
    if let Node::Bucket(bucket) = link.node(store)?.as_ref()
        && bucket.len() >= BUCKET_ENTRIES_MAX
        && !fits(
            bucket,
            position,
            name.get(position / 2).map(|byte| byte >> 4),
        )
    {
        return Err(link.damaged(WRONG_SUFFIX));
    }
    let node = link.node_mut(store)?;
    match node {
        Node::Bucket(bucket) => {
            let new = bucket.put(&name[position / 2..], value);
            if bucket.len() > BUCKET_ENTRIES_MAX {
                *node = Node::Inner(branch_out(bucket, position));
            }
            Ok(new)
        }
        Node::Inner(inner) => match inner.turn(name, position) {
            Turn::Terminal => Ok(inner.terminal.put(b"", value)),
            Turn::Child(branch, next) => match inner.child_mut(branch) {
                Some(child) => {
                    let new = put(&mut child.link, store, name, next, value)?;
                    child.len += u64::from(new);
                    Ok(new)
                }
                None => {
                    inner.add_child(branch, lone(name, next, value));
                    Ok(true)
                }
            },
            Turn::Apart(shared) => {
                split_prefix(inner, shared);
                put(link, store, name, position, value)
            }
        },
    }
}

/// Tells whether a bucket at `position` can be there: a stored one may be damaged. `half` is the
/// high half byte that its suffixes start with, where the position is in the middle of a byte.
fn fits(bucket: &Bucket, position: usize, half: Option<u8>) -> bool {
    bucket.slots().all(|slot| {
        position / 2 + slot.suffix.len() <= STEP_BYTES_MAX
            && (position.is_multiple_of(2) || slot.suffix.first().map(|byte| byte >> 4) == half)
    })
}

/// Makes a child with one entry.
fn lone(name: &[u8], position: usize, value: Value) -> Child {
    let bucket = Bucket::from_values(std::iter::once((&name[position / 2..], value)));
    Child {
        len: 1,
        link: Link::new(Node::Bucket(bucket)),
    }
}

/// Puts a node with the first `shared` half bytes of the prefix above an inner node.
fn split_prefix(inner: &mut Inner, shared: usize) {
    let mut lower = std::mem::replace(inner, Inner::new(&[]));
    inner.prefix = Short::new(&lower.prefix[..shared]);
    let branch = lower.prefix[shared];
    lower.prefix = Short::new(&lower.prefix[shared + 1..]);
    let len = lower.len();
    inner.add_child(
        branch,
        Child {
            len,
            link: Link::new(Node::Inner(lower)),
        },
    );
}

/// Makes an inner node of a bucket that has grown too large.
fn branch_out(bucket: &Bucket, position: usize) -> Inner {
    let slots: Vec<_> = bucket.slots().collect();
    // Suffixes start with the byte that holds `position`.
    let odd = position % 2;
    let (first, last) = (slots[0].suffix, slots[slots.len() - 1].suffix);
    let shared = common(first, last, odd);
    let at = odd + shared;
    let prefix: Vec<_> = (odd..at).map(|index| nibble(first, index)).collect();
    let mut inner = Inner::new(&prefix);
    let (terminal, longer) = slots.split_at(usize::from(first.len() * 2 == at));
    inner.terminal = Bucket::from_values(terminal.iter().map(|s| (&b""[..], s.to_value())));
    for group in longer.chunk_by(|left, right| nibble(left.suffix, at) == nibble(right.suffix, at))
    {
        let cut = at.div_ceil(2);
        let child = Bucket::from_values(group.iter().map(|s| (&s.suffix[cut..], s.to_value())));
        let link = Link::new(Node::Bucket(child));
        let branch = nibble(group[0].suffix, at);
        inner.add_child(
            branch,
            Child {
                len: group.len() as u64,
                link,
            },
        );
    }
    inner
}

/// Removes an entry that is there; what remains takes the shape that it would have had anyway.
pub(super) fn remove(link: &mut Link, store: &Store, name: &[u8], position: usize) -> Result<()> {
    let node = link.node_mut(store)?;
    let inner = match node {
        Node::Bucket(bucket) => {
            bucket.remove(&name[position / 2..]);
            return Ok(());
        }
        Node::Inner(inner) => inner,
    };
    match inner.turn(name, position) {
        Turn::Terminal => drop(inner.terminal.remove(b"")),
        Turn::Child(branch, next) => {
            if let Some(child) = inner.child_mut(branch) {
                remove(&mut child.link, store, name, next)?;
                child.len -= 1;
                if child.link.node(store)?.len() != child.len {
                    return Err(child.link.damaged(WRONG_COUNT));
                }
                if child.len == 0 {
                    inner.remove_child(branch);
                }
            }
        }
        Turn::Apart(_) => {}
    }
    if inner.len() <= BUCKET_ENTRIES_MAX as u64 {
        *node = Node::Bucket(gather(inner, store, name, position)?);
    } else if inner.terminal.len() == 0 && inner.children().len() == 1 {
        merge_only_child(inner, store)?;
    }
    Ok(())
}

/// Makes one bucket of an inner node that has become small. Its children are buckets; `name` leads
/// through the node.
pub(super) fn gather(inner: &Inner, store: &Store, name: &[u8], position: usize) -> Result<Bucket> {
    load_all(
        store,
        &inner
            .children()
            .iter()
            .map(|child| &child.link)
            .collect::<Vec<_>>(),
    )?;
    let at = position + inner.prefix.len();
    let whole = &name[position / 2..at / 2];
    let mut entries: Vec<(Vec<u8>, Value)> = Vec::new();
    entries.extend(
        inner
            .terminal()
            .slots()
            .map(|slot| (whole.to_vec(), slot.to_value())),
    );
    for (branch, child) in inner.branches().zip(inner.children()) {
        // Where the branch is the low half of a byte, the children's suffixes start behind it.
        let high = (at % 2 == 1).then(|| (name[at / 2] & 0xf0) | branch);
        let bucket = match child.link.node(store)?.as_ref() {
            Node::Bucket(bucket) if bucket.len() as u64 == child.len => bucket,
            _ => return Err(child.link.damaged(WRONG_COUNT)),
        };
        if !fits(bucket, at + 1, Some(branch)) {
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
fn merge_only_child(inner: &mut Inner, store: &Store) -> Result<()> {
    let branch = inner.branches().next().unwrap_or_default();
    let Some(child) = inner.child_mut(branch) else {
        return Ok(());
    };
    if let Node::Bucket(_) = child.link.node(store)?.as_ref() {
        return Err(child.link.damaged(WRONG_COUNT));
    }
    if let Node::Inner(lower) = child.link.node_mut(store)? {
        let mut lower = std::mem::replace(lower, Inner::new(&[]));
        let prefix = [&inner.prefix, &[branch][..], &lower.prefix].concat();
        lower.prefix = Short::new(&prefix);
        *inner = lower;
    }
    Ok(())
}
