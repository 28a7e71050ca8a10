//! What every command works with: the way to the user, the repository, the branch.

mod identity;
pub(crate) mod place;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use irminsule::{
    Branch, BranchName, Commit, CommitInfo, Engine, Env, OpenError, Repo, RevisionError,
    StoreError, Tree, Url, unfinished_clone,
};

use crate::cli::Common;
use crate::failure::Failure;
use crate::transfer;
use crate::ui::Ui;

/// The branch that is meant if none is named.
pub(crate) const BRANCH: &str = "main";

/// What a command works with.
pub(crate) struct Context {
    /// The way to the user.
    pub(crate) ui: Ui,
    common: Common,
    only_reads: bool,
    repo: Option<Repo>,
}

/// Flags of commands that read a tree.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReadArgs {
    /// Read this revision, such as main~3, v1.2 or 5268c7d5 [default: the branch]
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
}

/// Flags of commands that commit.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WriteArgs {
    /// What the commit says [default: what the command did]
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// Who wrote the change [default: IRMIN_AUTHOR, or the user's name]
    #[arg(long, value_name = "NAME <MAIL>")]
    pub(crate) author: Option<String>,
}

/// How long a command that writes waits for another one that does.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// Opens a repository for writing; waits a little for another process that writes to it.
pub(crate) fn open(url: &Url) -> Result<Arc<dyn Engine>, OpenError> {
    let start = Instant::now();
    loop {
        match url.open() {
            Err(OpenError::Store(StoreError::Locked { .. })) if start.elapsed() < PATIENCE => {
                thread::park_timeout(LOOK);
            }
            other => return other,
        }
    }
}

impl Context {
    /// `only_reads`: the command does not write to the repository.
    pub(crate) fn new(ui: Ui, common: Common, only_reads: bool) -> Self {
        Self {
            ui,
            common,
            only_reads,
            repo: None,
        }
    }

    /// Returns where the repository is: as told, or the nearest `.irmin` upwards from here.
    pub(crate) fn url(&self) -> Result<Url, Failure> {
        place::find(self.common.repo.as_deref())
    }

    /// Returns the place that the user named, if any.
    pub(crate) fn named(&self) -> Result<Option<Url>, Failure> {
        place::named(self.common.repo.as_deref())
    }

    /// Tells whether a flag names a repository or a branch.
    pub(crate) fn is_told_where(&self) -> bool {
        self.common.repo.is_some() || self.common.branch.is_some()
    }

    /// Returns the repository, opened at the first call.
    pub(crate) fn repo(&mut self) -> Result<Repo, Failure> {
        if let Some(repo) = &self.repo {
            return Ok(repo.clone());
        }
        let env = identity::env()?;
        let url = self.url()?;
        if let Some(of) = url.dir().and_then(unfinished_clone) {
            let hint =
                format!("a clone of {of} was interrupted here; the same command again goes on");
            self.ui.hints(&[hint]);
        }
        let engine = match url {
            url @ Url::Pack(_) if self.only_reads => url.open_reader()?,
            Url::Bundle(file) => Arc::new(transfer::open_bundle(&file)?),
            url => open(&url)?,
        };
        let repo = Repo::new(engine, env);
        self.repo = Some(repo.clone());
        Ok(repo)
    }

    /// Makes a repository at a place and works with it from now on.
    pub(crate) fn create(&mut self, url: &Url) -> Result<Repo, Failure> {
        let env = identity::env()?;
        let repo = Repo::new(url.create()?, env);
        self.repo = Some(repo.clone());
        Ok(repo)
    }

    /// Returns the name of the branch.
    pub(crate) fn branch_name(&self) -> Result<BranchName, Failure> {
        let name = self.common.branch.as_deref().unwrap_or(BRANCH);
        Ok(BranchName::new(name)?)
    }

    /// Returns the branch that was named, if any.
    pub(crate) fn named_branch(&self) -> Result<Option<BranchName>, Failure> {
        let named = self.common.branch.as_deref().map(BranchName::new);
        Ok(named.transpose()?)
    }

    /// Returns who is at work, and the clock.
    pub(crate) fn env() -> Result<Env, Failure> {
        identity::env()
    }

    /// Returns the branch, which need not exist.
    pub(crate) fn branch(&mut self) -> Result<Branch, Failure> {
        let name = self.branch_name()?;
        Ok(self.repo()?.branch(name.as_str())?)
    }

    /// Returns the commit that a revision means.
    pub(crate) fn resolve(&mut self, revision: &str) -> Result<Commit, Failure> {
        let current = self.branch_name()?;
        Ok(self.repo()?.resolve(revision, &current)?)
    }

    /// Returns the commit to read: of `--at`, or the head of the branch. `None` only in a
    /// repository where the branch has no commit yet and was not asked for by name.
    pub(crate) fn commit(&mut self, at: &ReadArgs) -> Result<Option<Commit>, Failure> {
        if let Some(revision) = &at.at {
            return self.resolve(revision).map(Some);
        }
        let branch = self.branch()?;
        let head = branch.head()?;
        if head.is_none() && self.common.branch.is_some() {
            return Err(irminsule::Error::NoBranch {
                name: branch.name().clone(),
            }
            .into());
        }
        Ok(head)
    }

    /// As [`commit`](Self::commit), but there must be one.
    pub(crate) fn must_commit(&mut self, at: &ReadArgs) -> Result<Commit, Failure> {
        let branch = self.branch_name()?;
        let unborn = || irminsule::Error::from(RevisionError::Unborn { branch }).into();
        self.commit(at)?.ok_or_else(unborn)
    }

    /// Returns the tree to read.
    pub(crate) fn tree(&mut self, at: &ReadArgs) -> Result<Tree, Failure> {
        let commit = self.commit(at)?;
        Ok(commit.map_or_else(Tree::empty, |commit| commit.tree().clone()))
    }

    /// Returns what a commit says: as told, or `message`.
    pub(crate) fn info(
        &mut self,
        write: &WriteArgs,
        message: impl Into<String>,
    ) -> Result<CommitInfo, Failure> {
        let message = write.message.clone().unwrap_or_else(|| message.into());
        let mut info = self.repo()?.info(&message)?;
        if let Some(author) = &write.author {
            info.author = identity::signature(author, "--author", info.author.time())?;
        }
        Ok(info)
    }
}
