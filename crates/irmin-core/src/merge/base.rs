//! The common ancestor to merge from, where there are several.

use std::collections::HashMap;

use super::{Resolution, merge_trees};
use crate::error::{Error, Result};
use crate::repo::Repo;
use crate::{Id, Tree};

/// How many times the ancestors of ancestors may have several ancestors again.
const NESTING_MAX: usize = 1000;

/// Several ancestors on their way to one tree.
struct Frame {
    ancestors: Vec<Id>,
    /// How many of them are in `tree`.
    merged: usize,
    tree: Tree,
}

/// Returns the tree that two commits have in common: that of their lowest common ancestor, or the
/// merge of several, in memory, as Git's recursive strategy does it. Where these conflict, it has
/// what *their* ancestor had, so that the outcome does not depend on the order. Empty if the two
/// have nothing in common.
///
/// # Errors
/// [`Error::History`] when a limit is hit, which is never taken for "no ancestor".
pub(super) fn merge_base(repo: &Repo, ours: Id, theirs: Id) -> Result<Tree> {
    // Several ancestors are merged one after the other, each pair again from what it has in
    // common: a stack, because such crosses can be nested as deep as the history is long. What
    // came of a set of ancestors is kept, because the pairs above it all meet in it again: without
    // that, each level of nesting doubles the work.
    let mut known: HashMap<Vec<Id>, Tree> = HashMap::new();
    let mut stack: Vec<Frame> = Vec::new();
    let mut wanted = common(repo, &[ours], &[theirs])?;
    loop {
        let Some(mut base) = settled(repo, &known, &wanted)? else {
            if stack.len() >= NESTING_MAX {
                let limit = NESTING_MAX;
                return Err(Error::CrissCross {
                    ours,
                    theirs,
                    limit,
                });
            }
            let frame = Frame::open(repo, wanted)?;
            wanted = frame.next_in_common(repo)?;
            stack.push(frame);
            continue;
        };
        loop {
            let Some(mut frame) = stack.pop() else {
                return Ok(base);
            };
            frame.merge_next(repo, &base)?;
            if frame.merged < frame.ancestors.len() {
                wanted = frame.next_in_common(repo)?;
                stack.push(frame);
                break;
            }
            base = frame.tree.clone();
            known.insert(frame.ancestors, frame.tree);
        }
    }
}

/// Returns the best common ancestors of two sides.
fn common(repo: &Repo, left: &[Id], right: &[Id]) -> Result<Vec<Id>> {
    Ok(repo.history().lowest_common_ancestors(left, right)?)
}

/// Returns the tree that stands for some ancestors, if that is simple or known already.
fn settled(repo: &Repo, known: &HashMap<Vec<Id>, Tree>, ancestors: &[Id]) -> Result<Option<Tree>> {
    match ancestors {
        [] => Ok(Some(Tree::empty())),
        &[only] => Ok(Some(repo.must_load(only)?.tree().clone())),
        several => Ok(known.get(several).cloned()),
    }
}

impl Frame {
    fn open(repo: &Repo, ancestors: Vec<Id>) -> Result<Self> {
        let tree = settled(
            repo,
            &HashMap::new(),
            ancestors.get(..1).unwrap_or_default(),
        )?;
        Ok(Self {
            ancestors,
            merged: 1,
            tree: tree.unwrap_or_default(),
        })
    }

    /// Returns what those that are merged have in common with the next.
    fn next_in_common(&self, repo: &Repo) -> Result<Vec<Id>> {
        let (merged, rest) = self.ancestors.split_at(self.merged);
        common(repo, merged, rest.get(..1).unwrap_or_default())
    }

    fn merge_next(&mut self, repo: &Repo, base: &Tree) -> Result<()> {
        if let Some(&next) = self.ancestors.get(self.merged) {
            let theirs = repo.must_load(next)?;
            let mut merged = merge_trees(base, &self.tree, theirs.tree(), repo.rule_types())?;
            merged.resolve_all(&Resolution::Base)?;
            self.tree = merged.into_tree();
            self.merged += 1;
        }
        Ok(())
    }
}
