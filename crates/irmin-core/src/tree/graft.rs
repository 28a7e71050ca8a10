//! Putting whole parts of another tree's directory into the place of a directory's own.

use super::bucket::BUCKET_ENTRIES_MAX;
use super::dir::{WRONG_COUNT, gather};
use super::link::{Link, Node, Store};
use super::lockstep::Side;
use super::nibbles::{NameBuf, nibble};
use crate::error::Result;
use crate::short::Short;

/// A node for the place of the one that starts behind the same half bytes of the names.
pub(super) struct Graft<'a> {
    name: Short,
    halves: usize,
    side: Side<'a>,
}

impl<'a> Graft<'a> {
    pub(super) fn new(name: &NameBuf, side: Side<'a>) -> Self {
        Self {
            name: Short::new(name.bytes()),
            halves: name.nibbles(),
            side,
        }
    }
}

/// Replaces nodes of a directory. Each node above is changed once. What is replaced is not read.
pub(super) fn graft(root: &mut Link, store: &Store, grafts: &mut [Graft<'_>]) -> Result<()> {
    grafts.sort_by(|left, right| left.name.cmp(&right.name));
    graft_at(root, store, 0, grafts)
}

/// Replaces nodes below one that starts at `position`. Goes as deep as a name has half bytes.
fn graft_at(link: &mut Link, store: &Store, position: usize, grafts: &[Graft<'_>]) -> Result<()> {
    let Some(first) = grafts.first() else {
        return Ok(());
    };
    let node = link.node_mut(store)?;
    let Node::Inner(inner) = node else {
        return Err(link.damaged(WRONG_COUNT));
    };
    let at = position + inner.prefix.len();
    for group in grafts.chunk_by(|left, right| nibble(&left.name, at) == nibble(&right.name, at)) {
        let Some(child) = group
            .first()
            .and_then(|g| inner.child_mut(nibble(&g.name, at)))
        else {
            continue;
        };
        match group {
            [graft] if graft.halves == at + 1 => {
                child.link = graft.side.link.clone();
                child.len = graft.side.len;
            }
            _ => {
                graft_at(&mut child.link, store, at + 1, group)?;
                child.len = child.link.node(store)?.len();
            }
        }
    }
    if inner.len() <= BUCKET_ENTRIES_MAX as u64 {
        *node = Node::Bucket(gather(inner, store, &first.name, position)?);
    }
    Ok(())
}
