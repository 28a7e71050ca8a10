//! Collection: what an engine is told and tells, and what users ask for.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::refs::RefName;
use crate::retention::{Plan, Policy, RetentionRule};
use crate::signal::Hold;
use crate::store::Cut;
use crate::{Commit, Id, Repo};

/// Tells what to leave out beneath a commit.
pub type CutFn<'a> = dyn Fn(&Id) -> Cut + Sync + 'a;

/// What a collection keeps beside all that names and holds lead to.
pub struct Collect<'a> {
    /// More commits to keep, with all that they lead to.
    pub roots: &'a [Id],
    /// What to leave out beneath a commit that is kept; `None`: nothing, beneath any. A commit that
    /// a name, a hold or a root points to is never cut.
    pub cut: Option<&'a CutFn<'a>>,
    /// Only find out what would be removed.
    pub dry_run: bool,
}

impl Collect<'_> {
    /// Returns what is to be left out beneath a commit.
    #[must_use]
    pub fn cut_of(&self, commit: &Id) -> Cut {
        self.cut.map_or(Cut::NONE, |cut| cut(commit))
    }

    /// Keeps what names and holds lead to, with the whole history.
    #[must_use]
    pub fn everything_named() -> Self {
        Self {
            roots: &[],
            cut: None,
            dry_run: false,
        }
    }
}

/// How far a collection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectProgress {
    /// Bytes of the store that were looked at or copied.
    pub bytes_done: u64,
    /// Bytes to look at in all.
    pub bytes_total: u64,
}

/// What a collection did, or with [`Collect::dry_run`] would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectReport {
    /// How many objects were kept, of those that were there when it began.
    pub objects_kept: u64,
    /// How many were removed.
    pub objects_removed: u64,
    /// How many commits lost their contents or parents to [`Collect::cut`].
    pub commits_cut: u64,
    /// Bytes of the store's files before.
    pub bytes_before: u64,
    /// Bytes of the same files after. New commits are not counted.
    pub bytes_after: u64,
    /// Whether it was cancelled before it was through.
    pub is_cancelled: bool,
}

/// What a user asks of a collection.
#[derive(Clone, Debug, Default)]
pub struct CollectOptions {
    /// What to keep of the history of branches: the first rule that is for a branch decides. A
    /// branch without one is kept whole.
    pub keep: Vec<RetentionRule>,
    /// Only find out what would be removed.
    pub dry_run: bool,
}

impl Repo {
    /// Removes from the store what no branch, tag, remote's branch, pin or hold leads to, and what
    /// the rules of retention let go. Reads and commits go on meanwhile.
    ///
    /// Costs reading what is kept, and writing anew the parts of the store that shrink; with rules
    /// also a walk over the history that they are for. `control` is called after each megabyte or
    /// so of work: it may wait, to go slowly, or break, to cancel. What was done until then stays.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::sync::Arc;
    /// use irmin_core::{CollectOptions, Env, MemoryStore, Path, Repo};
    /// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    /// let path = Path::parse("large")?;
    /// let draft = repo.branch("draft")?;
    /// draft.set(&path, vec![1; 100_000], "Try something")?;
    /// draft.delete()?;
    /// let report = repo.collect(&CollectOptions::default(), &mut |_| ControlFlow::Continue(()))?;
    /// assert!(report.bytes_after <= report.bytes_before);
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine fails,
    /// [`Error::History`](crate::Error::History) when history cannot be read. The store is whole
    /// then.
    pub fn collect(
        &self,
        options: &CollectOptions,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport> {
        let plan = self.retention_plan(&options.keep)?;
        let cut = |id: &Id| plan.cuts.get(id).copied().unwrap_or_default();
        let collect = Collect {
            roots: &[],
            cut: (!plan.cuts.is_empty()).then_some(&cut),
            dry_run: options.dry_run,
        };
        let report = self.engine().collect(&collect, control);
        if !options.dry_run {
            self.forget_history();
        }
        Ok(report?)
    }

    /// Keeps a commit with all that it leads to from being collected, as long as the returned
    /// [`Hold`] lives and the process does: for work on what no name leads to.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine cannot note it.
    pub fn hold(&self, commit: &Commit) -> Result<Hold> {
        Ok(self.engine().hold(commit.id())?)
    }

    fn retention_plan(&self, rules: &[RetentionRule]) -> Result<Plan> {
        let refs = self.engine().list_refs("")?.into_iter();
        let refs = refs.map(|(name, id)| Ok((RefName::new(name)?, id)));
        let policy = Policy {
            rules,
            now: self.now().seconds(),
            refs: &refs.collect::<Result<Vec<_>>>()?,
        };
        Plan::new(&self.history(), &policy)
    }
}
