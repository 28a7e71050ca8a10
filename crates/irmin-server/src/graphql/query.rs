//! Queries.

use async_graphql::{Context, Object, Result};
use irminsule::{Blob, Id, Kind};

use super::commit::{Branch, Commit};
use super::desk::Desk;
use super::page;
use super::scalars::{BranchText, CommitKey, Content, ContentsKey, Hash};
use crate::service::{Cursor, ErrorKind, Scope, ServiceError};

/// The branch that is meant where none is named.
pub(crate) const MAIN: &str = "main";

/// What can be asked.
pub(crate) struct Query;

#[Object(rename_fields = "snake_case", rename_args = "snake_case")]
impl Query {
    /// The commit with an id; null if there is none, or none that the caller may see.
    async fn commit(&self, context: &Context<'_>, hash: Hash) -> Result<Option<Commit>> {
        Ok(commit(context, hash.0)?)
    }

    /// The commit with a key.
    async fn commit_of_key(&self, context: &Context<'_>, key: CommitKey) -> Result<Option<Commit>> {
        Ok(commit(context, key.0)?)
    }

    /// The value with an id, for those who may read the whole repository. Values of 128 bytes and less
    /// lie in their directories and are not found by an id: ask for their paths.
    async fn contents(&self, context: &Context<'_>, hash: Hash) -> Result<Option<Content>> {
        Ok(contents(context, hash.0)?)
    }

    /// The value with a key; as `contents`.
    async fn contents_of_key(
        &self,
        context: &Context<'_>,
        key: ContentsKey,
    ) -> Result<Option<Content>> {
        Ok(contents(context, key.0)?)
    }

    /// The id that a value has, or would have. Nothing is stored.
    async fn contents_hash(&self, value: Content) -> Hash {
        Hash(Blob::new(value.0).id())
    }

    /// The branches of which the caller may read something, by name. Without `first` all of them, which
    /// is an error where they are more than an answer holds.
    async fn branches(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<BranchText>,
    ) -> Result<Vec<Branch>> {
        let desk = Desk::of(context)?;
        let scope = desk.scope();
        let first = page::first(&scope, first)?;
        let mut page = Cursor {
            after: after.map(|after| format!("heads/{}", after.0)),
            limit: first.unwrap_or_default(),
        };
        let mut branches = Vec::new();
        loop {
            let found = scope.refs("heads/", &page)?;
            desk.count(found.items.len())?;
            page.after = found.items.last().map(|(name, _)| name.clone());
            let names = found.items.into_iter().map(|(name, _)| name);
            let short = |name: String| name.strip_prefix("heads/").map(str::to_owned);
            branches.extend(names.filter_map(short).map(Branch::new));
            if first.is_some() || !found.more {
                return Ok(branches);
            }
        }
    }

    /// The branch `main`.
    async fn main(&self) -> Option<Branch> {
        Some(Branch::new(MAIN.to_owned()))
    }

    /// The branch with a name, which need not exist: then it has no head, and an empty tree.
    async fn branch(&self, name: BranchText) -> Option<Branch> {
        Some(Branch::new(name.0))
    }
}

fn commit(context: &Context<'_>, id: Id) -> Result<Option<Commit>, ServiceError> {
    let desk = Desk::of(context)?;
    desk.count(1)?;
    Ok(find(&desk.scope(), id)?.map(Commit))
}

/// Finds a commit, if the caller may see it.
pub(crate) fn find(
    scope: &Scope,
    id: Id,
) -> Result<Option<crate::service::Snapshot>, ServiceError> {
    match scope.resolve(&id.to_string()) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn contents(context: &Context<'_>, id: Id) -> Result<Option<Content>, ServiceError> {
    let desk = Desk::of(context)?;
    desk.count(1)?;
    let found = desk.scope().objects(&[id])?.into_iter().next().flatten();
    let Some(found) = found else {
        return Ok(None);
    };
    // An object begins with the version of its format and its kind; the rest of a blob is its bytes.
    let kind = found.bytes.get(1).copied().and_then(Kind::from_code);
    match (kind, found.bytes.get(2..)) {
        (Some(Kind::Blob), Some(content)) => {
            let bytes = found.bytes.slice_ref(content);
            desk.read(&Blob::new(bytes.clone()))?;
            Ok(Some(Content(bytes)))
        }
        (Some(Kind::Chunks), _) => Err(ServiceError::new(
            ErrorKind::TooLarge,
            format!("value {id} is a large one; ask for its path"),
        )),
        _ => Ok(None),
    }
}
