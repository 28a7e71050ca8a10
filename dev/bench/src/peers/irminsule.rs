//! Irminsule over any engine, through its public API.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use irminsule::sync::FetchOptions;
use irminsule::{
    Blob, Branch, CloneOptions, CollectOptions, Commit, CommitInfo, Durability, Engine, Env,
    Isolation, MergeOptions, MergeOutcome, ORIGIN, Path, Repo, TransactOptions, Tree, TreeBuilder,
    Url, clone,
};

use super::{Committer, Reader, Store};
use crate::Result;
use crate::data::Set;
use crate::large::LargeValue;
use crate::measure::{Counters, bytes_passed_to_writes};

/// So many entries are kept in memory before they are stored, in a bulk load.
const LOAD_ENTRIES: usize = 50_000;

pub(crate) struct Irminsule {
    repo: Repo,
    counters: Box<dyn Fn() -> Result<Counters> + Sync>,
}

impl Irminsule {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        counters: Box<dyn Fn() -> Result<Counters> + Sync>,
    ) -> Self {
        Self {
            repo: Repo::new(engine, env()),
            counters,
        }
    }

    fn branch(&self, name: &str) -> Result<Branch> {
        Ok(self.repo.branch(name)?)
    }

    fn info(&self) -> Result<CommitInfo> {
        Ok(self.repo.info("bench")?)
    }
}

fn env() -> Env {
    Env::fixed(1_700_000_000)
}

impl Store for Irminsule {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let mut builder = TreeBuilder::new(&self.repo.objects());
        for (key, value) in entries {
            builder.push_bytes(key, &value)?;
        }
        let main = self.branch("main")?;
        main.commit(&builder.finish()?, None, self.info()?, Durability::Sync)?;
        Ok(())
    }

    fn load_by_sets(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let objects = self.repo.objects();
        let mut tree = Tree::empty();
        for (index, (key, value)) in entries.enumerate() {
            tree.set(&Path::parse(key)?, value.to_vec())?;
            if (index + 1) % LOAD_ENTRIES == 0 {
                tree = Tree::load(Arc::clone(&objects), tree.persist(&objects)?);
            }
        }
        let main = self.branch("main")?;
        main.commit(&tree, None, self.info()?, Durability::Sync)?;
        Ok(())
    }

    fn commit_each(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        let branch = self.branch(branch)?;
        let options = options(durable);
        for (key, value) in entries {
            let path = Path::parse(key)?;
            branch.transact(&options, |view| view.set(&path, value.to_vec()))?;
        }
        Ok(())
    }

    fn commit_all(&mut self, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let branch = self.branch(branch)?;
        let head = branch.head()?;
        let mut tree = tree_of(head.as_ref());
        for (key, value) in entries {
            tree.set(&Path::parse(key)?, value.to_vec())?;
        }
        branch.commit(&tree, head.as_ref(), self.info()?, Durability::None)?;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.repo.engine().sync()?)
    }

    fn reader(&self, at: &str) -> Result<Box<dyn Reader + '_>> {
        if !at.starts_with("remotes/") {
            return Ok(Box::new(Snapshot(self.branch(at)?.tree()?)));
        }
        let id = self.repo.engine().get_ref(at)?;
        let commit = self.repo.must_load(id.ok_or(format!("no {at}"))?)?;
        Ok(Box::new(Snapshot(commit.tree().clone())))
    }

    fn fork(&mut self, from: &str, to: &str) -> Result<()> {
        let head = self.branch(from)?.must_have_head()?;
        Ok(self.branch(to)?.reset(&head)?)
    }

    fn merge(&mut self, ours: &str, theirs: &str) -> Result<String> {
        let theirs = self.branch(theirs)?.must_have_head()?;
        let options = MergeOptions {
            info: self.info()?,
            always_commit: false,
            durability: Durability::None,
        };
        match self.branch(ours)?.merge(&theirs, &options)? {
            MergeOutcome::Merged(_) => Ok(ours.to_owned()),
            other => Err(format!("a clean merge expected, not {other:?}").into()),
        }
    }

    fn merge_base(&self, left: &str, right: &str) -> Result<String> {
        let head = |name| Ok::<_, crate::Failure>(self.branch(name)?.must_have_head()?.id());
        let history = self.repo.history();
        let bases = history.lowest_common_ancestors(&[head(left)?], &[head(right)?])?;
        match bases.as_slice() {
            [base] => Ok(base.to_string()),
            more => Err(format!("one merge base expected, not {}", more.len()).into()),
        }
    }

    fn head(&self, branch: &str) -> Result<String> {
        Ok(self.branch(branch)?.must_have_head()?.id().to_string())
    }

    fn diff(&self, old: &str, new: &str) -> Result<Vec<String>> {
        let (old, new) = (self.branch(old)?.tree()?, self.branch(new)?.tree()?);
        let changes = old.diff(&new)?;
        Ok(changes
            .iter()
            .map(|change| change.path.to_string())
            .collect())
    }

    fn clone_to(&self, to: &std::path::Path) -> Result<Box<dyn Store>> {
        let source = self.repo.engine().as_ref();
        let target = Url::Pack(to.to_owned());
        let options = CloneOptions::default();
        let go_on = &mut |_| ControlFlow::Continue(());
        let cloned = clone(source, "bench", &target, env(), &options, go_on)?;
        Ok(Box::new(Self {
            repo: cloned.repo,
            // Its engine was made elsewhere and does not tell.
            counters: Box::new(|| {
                Ok(Counters {
                    bytes_written: Some(bytes_passed_to_writes()?),
                    syncs: None,
                })
            }),
        }))
    }

    fn fetch(&mut self, from: &std::path::Path) -> Result<String> {
        let source = Url::Pack(from.to_owned()).open_reader()?;
        let options = FetchOptions::default();
        let go_on = &mut |_| ControlFlow::Continue(());
        self.repo.fetch(source.as_ref(), ORIGIN, &options, go_on)?;
        Ok(format!("remotes/{ORIGIN}/main"))
    }

    fn counters(&self) -> Result<Counters> {
        (self.counters)()
    }

    fn committer(&self, branch: &str, durable: bool) -> Result<Box<dyn Committer + '_>> {
        let (branch, options) = (self.branch(branch)?, options(durable));
        Ok(Box::new(Transactions { branch, options }))
    }

    fn delete(&mut self, branch: &str) -> Result<()> {
        self.branch(branch)?.delete()?;
        Ok(())
    }

    fn collect(&self, sample: &mut dyn FnMut()) -> Result<()> {
        self.repo.collect(&CollectOptions::default(), &mut |_| {
            sample();
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let bytes = self.repo.engine().verify(&mut |_| ())?;
        let meaning = self.repo.check(&mut |_| ())?;
        match bytes.problems.is_empty() && meaning.problems.is_empty() {
            true => Ok(()),
            false => Err(format!("{:?} {:?}", bytes.problems, meaning.problems).into()),
        }
    }

    fn scanned_bytes(&self) -> Result<Option<u64>> {
        Ok(Some(self.repo.engine().stats()?.bytes_scanned))
    }

    fn put_blobs(&mut self, blobs: &mut dyn Iterator<Item = LargeValue>) -> Result<()> {
        let objects = self.repo.objects();
        let main = self.branch("main")?;
        let head = main.head()?;
        let mut tree = tree_of(head.as_ref());
        for (index, mut value) in blobs.enumerate() {
            let path = Path::parse(value.key())?;
            tree.set(&path, Blob::write(&objects, &mut value)?)?;
            if (index + 1) % LOAD_ENTRIES == 0 {
                tree = Tree::load(Arc::clone(&objects), tree.persist(&objects)?);
            }
        }
        main.commit(&tree, head.as_ref(), self.info()?, Durability::Sync)?;
        Ok(())
    }
}

fn tree_of(head: Option<&Commit>) -> Tree {
    head.map_or_else(Tree::empty, |head| head.tree().clone())
}

fn options(durable: bool) -> TransactOptions {
    let durability = match durable {
        true => Durability::Sync,
        false => Durability::None,
    };
    TransactOptions::new("bench")
        .isolation(Isolation::Overwrite)
        .durability(durability)
}

struct Transactions {
    branch: Branch,
    options: TransactOptions,
}

impl Committer for Transactions {
    fn commit(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let path = Path::parse(key)?;
        self.branch
            .transact(&self.options, |view| view.set(&path, value.to_vec()))?;
        Ok(())
    }
}

struct Snapshot(Tree);

impl Reader for Snapshot {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let Some(found) = self.0.find(key)? else {
            return Ok(false);
        };
        match found.inline() {
            Some(bytes) => look(bytes),
            None => look(&found.to_blob().bytes()?),
        }
        Ok(true)
    }

    fn copy_to(&mut self, key: &str, out: &mut dyn io::Write) -> Result<()> {
        let blob = self.0.get_blob(&Path::parse(key)?)?;
        Ok(blob.ok_or(format!("'{key}' is not there"))?.copy_to(out)?)
    }
}
