//! Pulling: a fetch, and a merge of what came.

use std::ops::ControlFlow;

use super::copy::CopyProgress;
use super::fetch::{FetchOptions, Fetched};
use crate::branch::Branch;
use crate::error::{Error, Result};
use crate::merge::{MergeOptions, MergeOutcome};
use crate::refs::BranchName;
use crate::store::Engine;

/// What a pull did.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// What was fetched.
    pub fetched: Fetched,
    /// What came of the merge. Conflicts are a value; what was fetched is here nevertheless.
    pub outcome: MergeOutcome,
}

impl Branch {
    /// Fetches from `remote`, as [`Repo::fetch`](crate::Repo::fetch), and merges its branch `from`
    /// into this one, as [`merge`](Self::merge).
    ///
    /// # Errors
    /// [`Error::NoBranch`] when the remote has no such branch; as [`Repo::fetch`](crate::Repo::fetch)
    /// and [`merge`](Self::merge).
    pub fn pull(
        &self,
        remote: &dyn Engine,
        name: &str,
        from: &BranchName,
        options: &FetchOptions,
        merge: &MergeOptions,
        progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Result<Pulled> {
        let fetched = self.repo().fetch(remote, name, options, progress)?;
        let found = fetched.branches.iter().find(|(branch, _)| branch == from);
        let (_, theirs) = found.ok_or_else(|| Error::NoBranch { name: from.clone() })?;
        let theirs = self.repo().must_load(*theirs)?;
        let outcome = self.merge(&theirs, merge)?;
        Ok(Pulled { fetched, outcome })
    }
}
