//! Merging commits and branches.

use super::{Merged, base, merge_trees};
use crate::branch::{Branch, Moved};
use crate::commit::CommitInfo;
use crate::error::Result;
use crate::history::FastForward;
use crate::repo::{Commit, Repo};
use crate::store::Durability;
use crate::transaction::OPTIMISTIC_ATTEMPTS;

/// How to merge into a branch.
#[derive(Clone, Debug)]
pub struct MergeOptions {
    /// What the merge commit says.
    pub info: CommitInfo,
    /// Whether to make a merge commit even where moving the branch forward is enough.
    pub always_commit: bool,
    /// What the merge may still lose.
    pub durability: Durability,
}

/// What came of a merge into a branch.
#[derive(Clone, Debug)]
pub enum MergeOutcome {
    /// The branch contains the commit already. Nothing changed.
    AlreadyMerged,
    /// The branch had nothing of its own and moved forward to the commit.
    FastForward(Commit),
    /// The branch has a merge commit with two parents: its old head and the other commit.
    Merged(Commit),
    /// Both sides changed the same things. Nothing changed; the value has the merged tree and all
    /// conflicts, to be settled and committed with [`Branch::commit_merge`].
    Conflicts {
        /// The tree so far and its conflicts.
        merged: Box<Merged>,
        /// The head that the merge was tried on.
        ours: Commit,
    },
}

impl Repo {
    /// Merges two commits' trees from what they have in common. Commits nothing.
    ///
    /// # Errors
    /// [`Error::History`](crate::Error::History) when a limit is hit while looking for ancestors,
    /// [`Error::Rules`](crate::Error::Rules) for a bad rules file; as
    /// [`Tree::get`](crate::Tree::get).
    pub fn merge(&self, ours: &Commit, theirs: &Commit) -> Result<Merged> {
        let base = base::merge_base(self, ours.id(), theirs.id())?;
        merge_trees(&base, ours.tree(), theirs.tree(), self.rule_types())
    }
}

impl Branch {
    /// Merges a commit into the branch: moves the branch forward if it can, makes a merge commit
    /// if it must, and changes nothing if there are conflicts. If others commit meanwhile, it
    /// merges again; after three lost races it keeps the branch's turn while it does, as
    /// [`transact`](Self::transact), so that it gets through.
    ///
    /// # Errors
    /// As [`Repo::merge`]; [`Error::Transaction`](crate::Error::Transaction) inside a transaction
    /// that has the turn on this branch.
    pub fn merge(&self, theirs: &Commit, options: &MergeOptions) -> Result<MergeOutcome> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let _turn = (attempts > OPTIMISTIC_ATTEMPTS)
                .then(|| self.turn())
                .transpose()?;
            let Some(ours) = self.head()? else {
                if self.move_from(None, theirs, options.durability)? == Moved::Done {
                    return Ok(MergeOutcome::FastForward(theirs.clone()));
                }
                continue;
            };
            let verdict = self.repo().history().fast_forward(ours.id(), theirs.id())?;
            let (to, outcome): (Commit, fn(Commit) -> MergeOutcome) = match verdict {
                FastForward::Contained => return Ok(MergeOutcome::AlreadyMerged),
                FastForward::Possible if !options.always_commit => {
                    (theirs.clone(), MergeOutcome::FastForward)
                }
                _ => {
                    let merged = self.repo().merge(&ours, theirs)?;
                    if !merged.conflicts().is_empty() {
                        let merged = Box::new(merged);
                        return Ok(MergeOutcome::Conflicts { merged, ours });
                    }
                    let parents = [ours.clone(), theirs.clone()];
                    let info = options.info.clone();
                    let tree = merged.into_tree();
                    (
                        self.repo().create_commit(&tree, &parents, info)?,
                        MergeOutcome::Merged,
                    )
                }
            };
            if self.move_from(Some(ours.id()), &to, options.durability)? == Moved::Done {
                return Ok(outcome(to));
            }
        }
    }

    /// Commits a merge whose conflicts were settled, if `ours` is still the head.
    ///
    /// # Errors
    /// [`Error::Unsettled`](crate::Error::Unsettled) if conflicts are left;
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn commit_merge(
        &self,
        merged: &Merged,
        ours: &Commit,
        theirs: &Commit,
        options: &MergeOptions,
    ) -> Result<(Commit, Moved)> {
        if let Some(conflict) = merged.conflicts().first() {
            let path = conflict.path.clone();
            return Err(crate::Error::Unsettled {
                path,
                conflicts: merged.conflicts().len(),
            });
        }
        let parents = [ours.clone(), theirs.clone()];
        let commit = self
            .repo()
            .create_commit(merged.tree(), &parents, options.info.clone())?;
        let moved = self.move_from(Some(ours.id()), &commit, options.durability)?;
        Ok((commit, moved))
    }
}
