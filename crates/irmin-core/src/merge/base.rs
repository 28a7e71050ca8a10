//! The common ancestor to merge from, where there are several.

use std::collections::HashMap;

use super::{Merged, Resolution, merge_trees};
use crate::error::{Error, Result};
use crate::repo::Repo;
use crate::{Id, Tree};

/// How many times the ancestors of ancestors may have several ancestors again.
const NESTING_MAX: usize = 1000;

/// A tree that stands for the merge of some commits.
struct Side {
    commits: Vec<Id>,
    tree: Tree,
}

/// What remains to be done for the innermost pair of sides.
struct Frame {
    /// The ancestors that are merged already.
    merged: Side,
    /// Those that are still to be merged with them.
    rest: Vec<Id>,
}

/// The merges that are done, by the ancestors that they are of. Where three lines merge each other
/// again and again, each pair has the same ancestors: without this, every step down would double
/// the work.
type Known = HashMap<Vec<Id>, Tree>;

/// Returns the tree that two commits have in common: that of their lowest common ancestor, or the
/// merge of several, in memory, as Git's recursive strategy does it. Where these conflict, it has
/// what *their* ancestor had, so that the outcome does not depend on the order. Empty if the two
/// have nothing in common.
///
/// # Errors
/// [`Error::History`] when a limit is hit, which is never taken for "no ancestor".
pub(super) fn merge_base(repo: &Repo, ours: Id, theirs: Id) -> Result<Tree> {
    // Several ancestors are merged one after the other, each pair again from what it has in
    // common: a stack, because such crosses can be nested as deep as the history is long.
    let mut known = Known::new();
    let mut stack = match open(repo, &[ours], &[theirs], &known)? {
        Ok(tree) => return Ok(tree),
        Err(frame) => vec![frame],
    };
    let mut base = None;
    loop {
        let Some(frame) = stack.last_mut() else {
            return Ok(Tree::empty());
        };
        let Some(&next) = frame.rest.first() else {
            let Some(Frame { merged, .. }) = stack.pop() else {
                return Ok(Tree::empty());
            };
            if stack.is_empty() {
                return Ok(merged.tree);
            }
            known.insert(merged.commits, merged.tree.clone());
            base = Some(merged.tree);
            continue;
        };
        let common = match base.take() {
            Some(common) => common,
            None => match open(repo, &frame.merged.commits, &[next], &known)? {
                Ok(common) => common,
                Err(deeper) if stack.len() < NESTING_MAX => {
                    stack.push(deeper);
                    continue;
                }
                Err(_) => {
                    return Err(Error::CrissCross {
                        ours,
                        theirs,
                        limit: NESTING_MAX,
                    });
                }
            },
        };
        let theirs = repo.must_load(next)?;
        let merged: &mut Merged = &mut merge_trees(
            &common,
            &frame.merged.tree,
            theirs.tree(),
            repo.rule_types(),
        )?;
        merged.resolve_all(&Resolution::Base)?;
        frame.merged.tree = merged.tree().clone();
        frame.merged.commits.push(next);
        frame.rest.remove(0);
    }
}

/// Returns what two sides have in common if that is simple, or the frame to work it out.
fn open(
    repo: &Repo,
    left: &[Id],
    right: &[Id],
    known: &Known,
) -> Result<std::result::Result<Tree, Frame>> {
    let ancestors = repo.history().lowest_common_ancestors(left, right)?;
    if let Some(tree) = known.get(&ancestors) {
        return Ok(Ok(tree.clone()));
    }
    let Some((first, rest)) = ancestors.split_first() else {
        return Ok(Ok(Tree::empty()));
    };
    let tree = repo.must_load(*first)?.tree().clone();
    if rest.is_empty() {
        return Ok(Ok(tree));
    }
    let merged = Side {
        commits: vec![*first],
        tree,
    };
    Ok(Err(Frame {
        merged,
        rest: rest.to_vec(),
    }))
}
