//! Trees cut down to what someone may see.

use irminsule::{Result, Tree};

use crate::service::access::PathSet;

/// Returns the part of a tree that lies at and below some paths: the same tree where that is all,
/// else the empty tree with what is there grafted in. Shares everything; reads the nodes on the way to
/// each path.
pub(crate) fn pruned(tree: &Tree, paths: &PathSet) -> Result<Tree> {
    if paths.is_all() {
        return Ok(tree.clone());
    }
    let mut pruned = Tree::empty();
    for path in paths.prefixes() {
        if let Some(entry) = tree.get(path)? {
            pruned.set(path, entry)?;
        }
    }
    Ok(pruned)
}

/// Tells whether two trees differ at or below some paths. Reads the nodes on the way to each.
pub(crate) fn differ(left: &Tree, right: &Tree, paths: &PathSet) -> Result<bool> {
    if left.same(right) {
        return Ok(false);
    }
    for path in paths.prefixes() {
        let [left, right] = [left, right].map(|tree| match path.is_root() {
            true if tree.is_empty()? => Ok(None),
            _ => tree.get(path),
        });
        let equal = match (left?, right?) {
            (None, None) => true,
            (Some(left), Some(right)) => left.equals(&right)?,
            _ => false,
        };
        if !equal {
            return Ok(true);
        }
    }
    Ok(false)
}
