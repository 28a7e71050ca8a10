//! Commits and branches.

use std::sync::OnceLock;

use async_graphql::{Context, Object, Result};
use irminsule::{Entry, Path, Signature, Tree as Directory};

use super::desk::Desk;
use super::scalars::{BranchText, CommitKey, Hash, PathText};
use super::tree::Tree;
use crate::service::{ServiceError, Snapshot};

/// A commit, as the caller may see it.
pub(crate) struct Commit(pub(crate) Snapshot);

/// A commit, as far as the caller may see it.
#[Object(rename_fields = "snake_case")]
impl Commit {
    /// All that it holds.
    async fn tree(&self) -> Result<Tree> {
        Ok(root(&self.0)?)
    }

    /// The keys of the commits that it was made from, in order.
    async fn parents(&self) -> Vec<CommitKey> {
        self.0.parents().into_iter().map(CommitKey).collect()
    }

    /// Who made it, when and why.
    async fn info(&self) -> Info {
        Info(self.0.clone())
    }

    /// The id.
    async fn hash(&self) -> Hash {
        Hash(self.0.id())
    }

    /// The key, which is the id.
    async fn key(&self) -> CommitKey {
        CommitKey(self.0.id())
    }
}

fn root(at: &Snapshot) -> Result<Tree, ServiceError> {
    Ok(Tree {
        entry: Entry::Tree(at.tree()?),
        path: Path::root(),
        is_stored: at.is_whole(),
    })
}

/// Who made a commit, when and why.
pub(crate) struct Info(Snapshot);

/// Who made a commit, when and why.
#[Object(rename_fields = "snake_case")]
impl Info {
    /// When the change was written: seconds since 1970, in decimal digits.
    async fn date(&self) -> String {
        self.0.info().author.time().seconds().to_string()
    }

    /// Who wrote the change: `name`, or `name <address>` where there is an address.
    async fn author(&self) -> String {
        person(&self.0.info().author)
    }

    /// Why. Bytes that are not UTF-8 are replaced.
    async fn message(&self) -> String {
        String::from_utf8_lossy(&self.0.info().message).into_owned()
    }
}

fn person(signature: &Signature) -> String {
    let name = String::from_utf8_lossy(signature.name());
    let email = String::from_utf8_lossy(signature.email());
    match email.is_empty() {
        true => name.into_owned(),
        false => format!("{name} <{email}>"),
    }
}

/// A branch: of one answer all fields speak of the same commit, whoever commits meanwhile.
pub(crate) struct Branch {
    name: String,
    head: OnceLock<Option<Snapshot>>,
}

impl Branch {
    pub(crate) const fn new(name: String) -> Self {
        let head = OnceLock::new();
        Self { name, head }
    }

    fn head_at(&self, desk: &Desk) -> Result<Option<Snapshot>, ServiceError> {
        if let Some(head) = self.head.get() {
            return Ok(head.clone());
        }
        let head = desk.scope().head(&self.name)?;
        Ok(self.head.get_or_init(|| head).clone())
    }
}

/// A branch. All fields of one answer speak of the same commit, whoever commits meanwhile.
#[Object(rename_fields = "snake_case", rename_args = "snake_case")]
impl Branch {
    /// The name.
    async fn name(&self) -> BranchText {
        BranchText(self.name.clone())
    }

    /// The newest commit; null if there is no such branch, or none that the caller may see.
    async fn head(&self, context: &Context<'_>) -> Result<Option<Commit>> {
        let desk = Desk::of(context)?;
        desk.count(1)?;
        Ok(self.head_at(desk)?.map(Commit))
    }

    /// What its newest commit holds; nothing if there is none.
    async fn tree(&self, context: &Context<'_>) -> Result<Tree> {
        let desk = Desk::of(context)?;
        desk.count(1)?;
        Ok(match self.head_at(desk)? {
            Some(head) => root(&head)?,
            None => Tree {
                entry: Entry::Tree(Directory::empty()),
                path: Path::root(),
                is_stored: false,
            },
        })
    }

    /// The newest `n` commits (one, if that is not said) that changed what is at a path. Looking ends at
    /// the server's limits; `depth` is taken and does nothing.
    async fn last_modified(
        &self,
        context: &Context<'_>,
        path: PathText,
        depth: Option<i32>,
        n: Option<i32>,
    ) -> Result<Vec<Commit>> {
        let _ = depth;
        let desk = Desk::of(context)?;
        let count = match usize::try_from(n.unwrap_or(1)) {
            Ok(0) => return Ok(Vec::new()),
            Ok(count) => count,
            Err(_) => return Err(ServiceError::invalid("'n' is less than nothing").into()),
        };
        let Some(head) = self.head_at(desk)? else {
            return Ok(Vec::new());
        };
        let found = desk.scope().last_modified(&head, &path.0, count)?;
        desk.count(found.len())?;
        Ok(found.into_iter().map(Commit).collect())
    }

    /// The newest commits that the branch and a commit both descend from.
    async fn lcas(&self, context: &Context<'_>, commit: Hash) -> Result<Vec<Commit>> {
        let desk = Desk::of(context)?;
        let scope = desk.scope();
        let theirs = scope.resolve(&commit.0.to_string())?;
        let Some(ours) = self.head_at(desk)? else {
            return Ok(Vec::new());
        };
        let found = scope.common_ancestors(&ours, &theirs)?;
        desk.count(found.len())?;
        Ok(found.into_iter().map(Commit).collect())
    }
}
