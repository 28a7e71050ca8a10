//! Budgets: what operations cost in bytes, syncs, hashes, objects read and allocations. These
//! figures depend on no machine, so each is asserted, about a tenth above what it was measured to
//! be. A change that costs more has to raise a budget here and say why; one that costs less lowers
//! it. `cargo test -p irmin-bench --test budgets -- --nocapture` prints what is measured.

use std::sync::Arc;

use allocation_counter::measure;
use irmin_bench::data::{self, Set};
use irmin_conformance::Probe;
use irminsule::pack::{Options, PackStore};
use irminsule::{
    Commit, Durability, Engine, Env, Isolation, MergeOptions, MergeOutcome, Path, Repo,
    TransactOptions, Tree,
};
use tempfile::TempDir;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A pack whose traffic is counted.
struct Counted {
    dir: TempDir,
    store: Arc<PackStore>,
    probe: Arc<Probe>,
    repo: Repo,
}

/// What was done since the last look.
struct Work {
    bytes_written: u64,
    syncs: u64,
    objects_written: u64,
    objects_read: u64,
}

impl Counted {
    fn create() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = PackStore::create(&dir.path().join("store"), Options::default())?;
        Ok(Self::over(dir, store))
    }

    /// Closes and opens, so that nothing is in memory.
    fn reopened(self) -> Result<Self> {
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
    fn work(&self, action: impl FnOnce() -> Result) -> Result<Work> {
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

    fn commit_each(&self, entries: impl Iterator<Item = Set>, durability: Durability) -> Result {
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

    fn commit_all(&self, branch: &str, entries: impl Iterator<Item = Set>) -> Result<Commit> {
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

/// Asserts that a figure per operation is within its budget.
#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "whoever changes a budget wants to see the figures"
)]
fn within(what: &str, total: u64, operations: u64, budget: f64) {
    let figure = total as f64 / operations as f64;
    println!("{what}: {figure:.3} (budget {budget})");
    assert!(
        figure <= budget,
        "{what}: {figure:.3} is over the budget of {budget}"
    );
}

#[test]
fn a_commit_of_one_entry_writes_few_bytes_and_hashes_few_nodes() -> Result {
    const COMMITS: u64 = 2_000;
    let counted = Counted::create()?;
    let work = counted.work(|| counted.commit_each(data::spread(COMMITS), Durability::None))?;
    within("W1: bytes a commit", work.bytes_written, COMMITS, 1_580.0);
    within("W1: hashes a commit", work.objects_written, COMMITS, 5.49);
    within("W1: objects read a commit", work.objects_read, COMMITS, 0.0);
    within("W1: syncs a commit", work.syncs, COMMITS, 0.0);
    Ok(())
}

#[test]
fn a_durable_commit_syncs_exactly_once() -> Result {
    const COMMITS: u64 = 50;
    let counted = Counted::create()?;
    counted.commit_each(data::names(1), Durability::Sync)?;
    let work = counted.work(|| counted.commit_each(data::spread(COMMITS), Durability::Sync))?;
    assert_eq!(work.syncs, COMMITS);
    within(
        "W1 durable: bytes a commit",
        work.bytes_written,
        COMMITS,
        1_160.0,
    );
    Ok(())
}

#[test]
fn a_commit_of_one_entry_allocates_little() -> Result {
    const COMMITS: u64 = 1_000;
    let counted = Counted::create()?;
    counted.commit_each(data::spread(COMMITS), Durability::None)?;
    let entries: Vec<_> = data::replacements(1_000, COMMITS).collect();
    counted.commit_all("main", data::names(1_000))?;
    let mut outcome = Ok(());
    let info = measure(|| outcome = counted.commit_each(entries.into_iter(), Durability::None));
    outcome?;
    within("W1: allocations a commit", info.count_total, COMMITS, 88.0);
    Ok(())
}

#[test]
fn a_bulk_load_writes_little_more_than_its_values() -> Result {
    const ENTRIES: u64 = 50_000;
    let counted = Counted::create()?;
    let work = counted.work(|| counted.commit_all("main", data::bulk(ENTRIES)).map(drop))?;
    within("W2: bytes an entry", work.bytes_written, ENTRIES, 120.0);
    within("W2: hashes an entry", work.objects_written, ENTRIES, 0.12);
    Ok(())
}

#[test]
fn a_change_in_a_large_directory_writes_a_path_of_nodes() -> Result {
    const NAMES: u64 = 50_000;
    const COMMITS: u64 = 500;
    let counted = Counted::create()?;
    counted.commit_all("main", data::names(NAMES))?;
    let counted = counted.reopened()?;
    let replacements = data::replacements(NAMES, COMMITS);
    let work = counted.work(|| counted.commit_each(replacements, Durability::None))?;
    within("W4: bytes a commit", work.bytes_written, COMMITS, 2_820.0);
    within("W4: hashes a commit", work.objects_written, COMMITS, 7.7);
    within(
        "W4: objects read a commit",
        work.objects_read,
        COMMITS,
        1.88,
    );
    Ok(())
}

#[test]
fn a_find_reads_a_path_of_nodes_once_and_allocates_nothing_then() -> Result {
    const ENTRIES: u64 = 50_000;
    const FINDS: usize = 1_000;
    let counted = Counted::create()?;
    counted.commit_all("main", data::bulk(ENTRIES))?;
    let counted = counted.reopened()?;
    let tree = counted.repo.branch("main")?.tree()?;
    let paths = data::indices(3, ENTRIES)
        .take(FINDS)
        .map(|i| Path::parse(data::bulk_key(i)));
    let paths = paths.collect::<std::result::Result<Vec<_>, _>>()?;
    let find = || {
        for path in &paths {
            assert!(tree.get_bytes(path)?.is_some());
        }
        Ok(())
    };
    let first = counted.work(find)?;
    within(
        "W3: objects read a first find",
        first.objects_read,
        FINDS as u64,
        1.55,
    );
    let mut outcome = Ok(());
    let again = counted.work(|| {
        let info = measure(|| outcome = find());
        within(
            "W3: allocations a find",
            info.count_total,
            FINDS as u64,
            1.1,
        );
        outcome
    })?;
    within(
        "W3: objects read a find again",
        again.objects_read,
        FINDS as u64,
        0.0,
    );
    Ok(())
}

#[test]
fn opening_reads_little_of_a_large_store() -> Result {
    let counted = Counted::create()?;
    counted.commit_all("main", data::bulk(50_000))?;
    let counted = counted.reopened()?;
    let path = Path::parse(data::bulk_key(25_000))?;
    let work = counted.work(|| {
        assert!(counted.repo.branch("main")?.get(&path)?.is_some());
        Ok(())
    })?;
    within("W9: objects read", work.objects_read, 1, 6.6);
    within(
        "W9: bytes scanned",
        counted.store.stats()?.bytes_scanned,
        1,
        26.0,
    );
    Ok(())
}

/// W2's store, smaller, with branches `a` and `b` of a hundred changes each; just opened.
fn branched(entries: u64) -> Result<Counted> {
    let counted = Counted::create()?;
    let main = counted.commit_all("main", data::bulk(entries))?;
    for (branch, number) in [("a", 0), ("b", 1)] {
        counted.repo.branch(branch)?.reset(&main)?;
        counted.commit_all(branch, data::changes(number, entries, 100))?;
    }
    drop(main);
    counted.reopened()
}

#[test]
fn a_merge_visits_only_what_differs() -> Result {
    let counted = branched(50_000)?;
    let work = counted.work(|| {
        let theirs = counted.repo.branch("b")?.must_have_head()?;
        let options = MergeOptions {
            info: counted.repo.info("merge")?,
            always_commit: false,
            durability: Durability::None,
        };
        let outcome = counted.repo.branch("a")?.merge(&theirs, &options)?;
        assert!(matches!(outcome, MergeOutcome::Merged(_)));
        Ok(())
    })?;
    within("W5: objects read a change", work.objects_read, 200, 4.01);
    within(
        "W5: objects written a change",
        work.objects_written,
        200,
        1.33,
    );
    within("W5: bytes written a change", work.bytes_written, 200, 119.0);
    Ok(())
}

#[test]
fn a_diff_visits_only_what_differs() -> Result {
    let counted = branched(50_000)?;
    let work = counted.work(|| {
        let old = counted.repo.branch("main")?.tree()?;
        let new = counted.repo.branch("a")?.tree()?;
        assert_eq!(old.diff(&new)?.len(), 100);
        Ok(())
    })?;
    within("W7: objects read a change", work.objects_read, 100, 5.19);
    Ok(())
}

#[test]
fn a_merge_base_reads_each_commit_above_it_once() -> Result {
    const LINE: u64 = 500;
    const TWIG: u64 = 50;
    let counted = Counted::create()?;
    for (key, value) in data::ticks(60, LINE) {
        counted.commit_all("main", std::iter::once((key, value)))?;
    }
    let base = counted.repo.branch("main")?.must_have_head()?;
    for (branch, tag) in [("a", 61), ("b", 62)] {
        counted.repo.branch(branch)?.reset(&base)?;
        for (key, value) in data::ticks(tag, TWIG) {
            counted.commit_all(branch, std::iter::once((key, value)))?;
        }
    }
    let expected = base.id();
    drop(base);
    let counted = counted.reopened()?;
    let heads = ["a", "b"].map(|name| counted.repo.branch(name).and_then(|b| b.must_have_head()));
    let [a, b] = heads.map(|head| head.map(|head| head.id()));
    let (a, b) = (a?, b?);
    let ask = || {
        let bases = counted.repo.history().lowest_common_ancestors(&[a], &[b])?;
        assert_eq!(bases, [expected]);
        Ok(())
    };
    let fresh = counted.work(ask)?;
    within(
        "W6: objects read a commit above the base",
        fresh.objects_read,
        2 * TWIG,
        1.1,
    );
    let again = counted.work(ask)?;
    within("W6: objects read again", again.objects_read, 2 * TWIG, 0.0);
    Ok(())
}
