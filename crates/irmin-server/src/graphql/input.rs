//! What mutations are given.

use std::fmt::Debug;
use std::num::NonZeroU32;

use async_graphql::InputObject;
use irminsule::{Blob, Entry, Id, Path, Signature, Time, Tree};

use super::desk::Desk;
use super::scalars::{CommitKey, Content, Metadata, PathText};
use crate::service::{CommitOptions, RequestKey, Result, Scope, ServiceError};

/// What a commit says, and how it is made.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "InfoInput", rename_fields = "snake_case")]
pub(crate) struct Info {
    /// Who wrote the change: `name` or `name <address>`. Who is not named here is the caller; who
    /// commits is the caller always.
    author: Option<String>,
    /// Why.
    message: Option<String>,
    /// How often it is tried again when somebody else was faster.
    retries: Option<i32>,
    /// Whether to make a commit even if nothing changes.
    allow_empty: Option<bool>,
    /// The commit that the branch must be at: the new one's parent. One at most; none is any. Other
    /// parents cannot be chosen, because they would drop or forge history: merge instead.
    parents: Option<Vec<CommitKey>>,
    /// A name for this request, of at most 64 letters, digits, `.`, `_` and `-`: sent again, it is
    /// answered as before and not done again.
    request: Option<String>,
}

/// What a mutation is told about its commit.
pub(crate) struct Orders {
    pub(crate) options: CommitOptions,
    /// Where the branch must be.
    pub(crate) parent: Option<Id>,
}

/// Makes orders of what a mutation is given; `what` is all that it asks for.
pub(crate) fn orders(desk: &Desk, info: Option<Info>, what: &impl Debug) -> Result<Orders> {
    let info = info.unwrap_or_default();
    let mut options = CommitOptions::new(info.message.clone().unwrap_or_default());
    if let Some(retries) = info.retries {
        let attempts = u32::try_from(retries).map(|retries| retries.saturating_add(1));
        let attempts = attempts.ok().and_then(NonZeroU32::new);
        let bad = || ServiceError::invalid("'retries' is less than nothing");
        options.attempts_max = attempts.ok_or_else(bad)?.min(options.attempts_max);
    }
    options.allow_empty = info.allow_empty.unwrap_or(false);
    if let Some(author) = &info.author {
        options.author = Some(signature(author, desk.now())?);
    }
    if let Some(key) = &info.request {
        let text = format!(
            "{what:?} {:?}",
            (&info.author, &info.message, &info.parents)
        );
        options.request = Some(RequestKey::new(key, Id::of(text.as_bytes()))?);
    }
    let parent = match info.parents.as_deref().unwrap_or_default() {
        [] => None,
        [one] => Some(one.0),
        _ => {
            let message = "'parents' names several commits; merge them instead";
            return Err(ServiceError::invalid(message));
        }
    };
    Ok(Orders { options, parent })
}

fn signature(text: &str, now: Time) -> Result<Signature> {
    let text = text.trim();
    let split = text.strip_suffix('>').and_then(|text| text.split_once('<'));
    let (name, email) = split.unwrap_or((text, ""));
    let (name, email) = (name.trim().to_owned(), email.trim().to_owned());
    let made = Signature::new(name, email, now);
    made.map_err(|error| ServiceError::invalid(error.to_string()))
}

/// A value of a tree, or one to remove.
#[derive(Clone, Debug, InputObject)]
#[graphql(rename_fields = "snake_case")]
pub(crate) struct TreeItem {
    /// Where, from the tree's root.
    path: PathText,
    /// What; null removes what is there.
    value: Option<Content>,
    /// What kind of value.
    metadata: Option<Metadata>,
}

impl TreeItem {
    /// Returns where it is, below a path, and what is to be there.
    pub(crate) fn at(&self, base: &Path) -> (Path, Option<Blob>) {
        let mode = self.metadata.unwrap_or_default().0;
        let blob = self.value.as_ref().map(|value| blob(value).with_mode(mode));
        (base.join(&self.path.0), blob)
    }
}

pub(crate) fn blob(value: &Content) -> Blob {
    Blob::new(value.0.clone())
}

/// Builds a tree of items, one after the other.
pub(crate) fn tree(items: &[TreeItem]) -> Result<Entry> {
    let mut tree = Tree::empty();
    for item in items {
        match item.at(&Path::root()) {
            (path, Some(blob)) => tree.set(&path, blob)?,
            (path, None) => tree.remove(&path)?,
        };
    }
    Ok(Entry::Tree(tree))
}

/// Refuses more items than a request may have.
pub(crate) fn check(scope: &Scope, items: &[TreeItem]) -> Result<()> {
    scope.check_count("items of a tree", items.len(), scope.limits().paths)
}
