//! A pack whose traffic is counted, and budgets for it.

use std::fs;
use std::sync::Arc;

use irmin_bench::data::Set;
use irmin_conformance::Probe;
use irminsule::pack::{Options, PackStore};
use irminsule::{Commit, Durability, Engine, Env, Isolation, Path, Repo, TransactOptions, Tree};
use tempfile::TempDir;

use crate::Result;

/// A pack whose traffic is counted.
pub(crate) struct Counted {
    dir: TempDir,
    pub(crate) store: Arc<PackStore>,
    probe: Arc<Probe>,
    pub(crate) repo: Repo,
}

/// What was done since the last look.
pub(crate) struct Work {
    pub(crate) bytes_written: u64,
    pub(crate) syncs: u64,
    pub(crate) objects_written: u64,
    pub(crate) objects_read: u64,
}

impl Counted {
    pub(crate) fn create() -> Result<Self> {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = PackStore::create(&dir.path().join("store"), options)?;
        Ok(Self::over(dir, store))
    }

    /// Opens a copy of the files as they are now.
    pub(crate) fn copied(&self) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let to = dir.path().join("store");
        copy(&self.dir.path().join("store"), &to)?;
        let store = PackStore::open(&to, Options::default())?;
        Ok(Self::over(dir, store))
    }

    /// Closes and opens, so that nothing is in memory.
    pub(crate) fn reopened(self) -> Result<Self> {
        let Self {
            dir,
            store,
            probe,
            repo,
        } = self;
        drop((store, probe, repo));
        let store = PackStore::open(&dir.path().join("store"), Options::default())?;
        Ok(Self::over(dir, store))
    }

    fn over(dir: TempDir, store: PackStore) -> Self {
        let store = Arc::new(store);
        let probe = Arc::new(Probe::new(Arc::clone(&store) as Arc<dyn Engine>));
        let repo = Repo::new(
            Arc::clone(&probe) as Arc<dyn Engine>,
            Env::fixed(1_700_000_000),
        );
        Self {
            dir,
            store,
            probe,
            repo,
        }
    }

    /// Counts what an action does.
    pub(crate) fn work(&self, action: impl FnOnce() -> Result) -> Result<Work> {
        let (before, ..) = (self.store.stats()?, self.probe.reads(), self.probe.writes());
        action()?;
        let syncs = self.store.stats()?.syncs - before.syncs;
        // What is kept back is written for the action all the same.
        self.repo.engine().sync()?;
        Ok(Work {
            bytes_written: self.store.stats()?.bytes_written - before.bytes_written,
            syncs,
            objects_written: self.probe.writes(),
            objects_read: self.probe.reads(),
        })
    }

    pub(crate) fn commit_each(
        &self,
        entries: impl Iterator<Item = Set>,
        durability: Durability,
    ) -> Result {
        let main = self.repo.branch("main")?;
        let options = TransactOptions::new("budget")
            .isolation(Isolation::Overwrite)
            .durability(durability);
        for (key, value) in entries {
            let path = Path::parse(key)?;
            main.transact(&options, |view| view.set(&path, value.to_vec()))?;
        }
        Ok(())
    }

    pub(crate) fn commit_all(
        &self,
        branch: &str,
        entries: impl Iterator<Item = Set>,
    ) -> Result<Commit> {
        let branch = self.repo.branch(branch)?;
        let head = branch.head()?;
        let mut tree = head
            .as_ref()
            .map_or_else(Tree::empty, |head| head.tree().clone());
        for (key, value) in entries {
            tree.set(&Path::parse(key)?, value.to_vec())?;
        }
        let info = self.repo.info("budget")?;
        let (commit, _moved) = branch.commit(&tree, head.as_ref(), info, Durability::None)?;
        Ok(commit)
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to).map(drop)?,
        }
    }
    Ok(())
}

/// Asserts that a figure per operation is within its budget.
#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "whoever changes a budget wants to see the figures"
)]
pub(crate) fn within(what: &str, total: u64, operations: u64, budget: f64) {
    let figure = total as f64 / operations as f64;
    println!("{what}: {figure:.3} (budget {budget})");
    assert!(
        figure <= budget,
        "{what}: {figure:.3} is over the budget of {budget}"
    );
}
