//! Putting whole parts of another tree's directory into the place of a directory's own.

use super::below::Child;
use super::bucket::BUCKET_ENTRIES_MAX;
use super::dir::gather;
use super::link::{Link, Store};
use super::nibbles::{NameBuf, nibble};
use super::node::{Node, SeenMut};
use crate::error::Result;
use crate::short::Short;

/// A node for the place of the one that starts behind the same half bytes of the names.
pub(super) struct Graft<'a> {
    name: Short,
    halves: usize,
    child: Child<'a>,
}

impl<'a> Graft<'a> {
    pub(super) fn new(name: &NameBuf, child: Child<'a>) -> Self {
        Self {
            name: Short::new(name.bytes()),
            halves: name.nibbles(),
            child,
        }
    }
}

/// Replaces nodes of a directory. Each node above is changed once. What is replaced is not read.
pub(super) fn graft(root: &mut Link, store: &Store, grafts: &mut [Graft<'_>]) -> Result<()> {
    grafts.sort_by(|left, right| left.name.cmp(&right.name));
    match grafts {
        [] => Ok(()),
        _ => graft_at(root.node_mut(store)?, store, 0, grafts),
    }
}

/// Replaces nodes below one that starts at `position`. Goes as deep as a name has half bytes.
fn graft_at(node: &mut Node, store: &Store, position: usize, grafts: &[Graft<'_>]) -> Result<()> {
    let (SeenMut::Inner(inner), Some(first)) = (node.see_mut(), grafts.first()) else {
        return Ok(());
    };
    let at = position + inner.see().prefix.len();
    let here = grafts.iter().filter(|graft| graft.halves == at + 1);
    let mut here = here.map(|graft| graft.child).peekable();
    let below = &mut *inner.below;
    if here.peek().is_some() {
        below.replace_children(here);
    }
    for group in grafts.chunk_by(|left, right| nibble(&left.name, at) == nibble(&right.name, at)) {
        let Some(first) = group.first().filter(|first| first.halves > at + 1) else {
            continue;
        };
        if let Some(child) = below.child_mut(nibble(&first.name, at), store)? {
            let before = child.len();
            graft_at(child, store, at + 1, group)?;
            let after = child.len();
            below.set_len(below.len() - before + after);
        }
    }
    if below.len() <= BUCKET_ENTRIES_MAX as u64 {
        *node = gather(inner.see(), store, &first.name, position)?.into();
    }
    Ok(())
}
