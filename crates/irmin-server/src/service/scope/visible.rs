//! The engine as someone may see it who may not see all: for finding what a revision means.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use irminsule::{
    Collect, CollectProgress, CollectReport, Durability, Engine, Hold, Id, IdPrefix, Key, Object,
    ObjectStore, RefEdit, RefName, RefOutcome, RefStore, Repo, StoreError, StoreId, StoreStats,
    Stored, VerifyProgress, VerifyReport,
};

use crate::service::access::{Grants, PathSet, Right};
use crate::service::error::Result;

/// How a name is called in rules: a branch by its short name, others by their full one.
pub(crate) fn name_in_rules(full: &str) -> &str {
    full.strip_prefix("heads/").unwrap_or(full)
}

/// What somebody may see of a repository's names and commits.
#[derive(Clone)]
pub(crate) struct Visible {
    repo: Repo,
    grants: Grants,
}

impl Visible {
    pub(crate) const fn new(repo: Repo, grants: Grants) -> Self {
        Self { repo, grants }
    }

    /// Lists the names that start with a prefix and of which something may be read, with what they
    /// point to. Linear in the number of names and rules.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        let mut names = self.repo.engine().list_refs(prefix)?;
        names.retain(|(name, _)| self.shows(name));
        Ok(names)
    }

    /// Tells whether something may be read at a name.
    pub(crate) fn shows(&self, full: &str) -> bool {
        !self.grants.on(name_in_rules(full), Right::Read).is_empty()
    }

    /// Returns what may be read of a commit: through the first of the names given that leads to it,
    /// and else through all that do. Empty if none does.
    ///
    /// Costs a walk down to the commit's generation for each name.
    pub(crate) fn paths_of(&self, id: Id, first: &[String]) -> Result<PathSet> {
        if self.grants.on_repo(Right::Read) {
            return Ok(PathSet::all());
        }
        for name in first {
            if let Some(head) = self.repo.engine().get_ref(name)?
                && self.shows(name)
                && self.leads_to(head, id)?
            {
                return Ok(self.grants.on(name_in_rules(name), Right::Read));
            }
        }
        let mut paths = Vec::new();
        for (name, head) in self.names("")? {
            let here = self.grants.on(name_in_rules(&name), Right::Read);
            if self.leads_to(head, id)? {
                paths.extend(here.prefixes().iter().cloned());
            }
            if paths.iter().any(irminsule::Path::is_root) {
                break;
            }
        }
        Ok(paths.into_iter().collect())
    }

    fn leads_to(&self, head: Id, commit: Id) -> Result<bool> {
        Ok(head == commit || self.repo.history().is_ancestor(commit, head)?)
    }

    /// Returns it as an engine that shows no other names and commits, and takes nothing.
    pub(crate) fn into_engine(self) -> Arc<dyn Engine> {
        Arc::new(self)
    }

    fn refused(&self) -> StoreError {
        StoreError::ReadOnly {
            path: self.repo.engine().url().into(),
        }
    }
}

impl ObjectStore for Visible {
    fn store_id(&self) -> StoreId {
        self.repo.engine().store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.repo.engine().get_many(keys, out)
    }

    fn put_many(&self, _objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Err(self.refused())
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        // Those that are hidden do not count, so more are asked for until there are enough.
        let mut asked = limit.max(1);
        loop {
            let all = self.repo.engine().commits_with_prefix(prefix, asked)?;
            let shown = all
                .iter()
                .copied()
                .filter(|&id| self.paths_of(id, &[]).is_ok_and(|paths| !paths.is_empty()));
            let shown: Vec<Id> = shown.take(limit).collect();
            if shown.len() == limit || all.len() < asked || asked >= PREFIX_COMMITS_MAX {
                return Ok(shown);
            }
            asked = asked.saturating_mul(4);
        }
    }
}

/// How many commits that start with the same digits are looked at for those that may be seen.
const PREFIX_COMMITS_MAX: usize = 4096;

impl RefStore for Visible {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        match self.shows(name) && RefName::new(name).is_ok() {
            true => self.repo.engine().get_ref(name),
            false => Ok(None),
        }
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        self.names(prefix)
    }

    fn compare_and_swap(&self, _: &[RefEdit], _: Durability) -> Result<RefOutcome, StoreError> {
        Err(self.refused())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Err(self.refused())
    }

    fn changes(&self) -> u64 {
        self.repo.engine().changes()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.repo.engine().wait_for_changes(seen, timeout)
    }
}

impl Engine for Visible {
    fn url(&self) -> String {
        self.repo.engine().url()
    }

    fn verify(&self, _: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        Err(self.refused())
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        Err(self.refused())
    }

    fn hold(&self, _: Id) -> Result<Hold, StoreError> {
        Err(self.refused())
    }

    fn collect(
        &self,
        _: &Collect<'_>,
        _: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        Err(self.refused())
    }
}
