//! Directories and values.

use async_graphql::{Context, Object, Result, SimpleObject, Union};
use irminsule::{Blob, Entry, Path, Tree as Directory};

use super::desk::Desk;
use super::entries::{contents_below, entries};
use super::page;
use super::scalars::{Content, ContentsKey, Hash, Metadata, NodeKey, PathText};
use crate::service::ServiceError;

/// What a path leads to: mostly a directory; a value, where one was asked for as a tree.
pub(crate) struct Tree {
    pub(crate) entry: Entry,
    pub(crate) path: Path,
    /// Whether it is stored so, or was pruned to what the caller may see.
    pub(crate) is_stored: bool,
}

impl Tree {
    pub(crate) fn below(&self, path: &Path) -> Result<Option<Self>, ServiceError> {
        let found = match &self.entry {
            entry if path.is_root() => Some(entry.clone()),
            Entry::Tree(tree) => tree.get(path)?,
            Entry::Blob(_) => None,
        };
        Ok(found.map(|entry| Self {
            entry,
            path: self.path.join(path),
            is_stored: self.is_stored,
        }))
    }

    fn contents_at(&self, path: &Path) -> Result<Option<Contents>, ServiceError> {
        let found = self.below(path)?;
        Ok(found.and_then(|found| match found.entry {
            Entry::Blob(blob) => Some(Contents {
                blob,
                at: found.path,
            }),
            Entry::Tree(_) => None,
        }))
    }

    pub(crate) const fn directory(&self) -> Option<&Directory> {
        match &self.entry {
            Entry::Tree(tree) => Some(tree),
            Entry::Blob(_) => None,
        }
    }
}

/// A directory, and what it is in.
#[Object(rename_fields = "snake_case", rename_args = "snake_case")]
impl Tree {
    /// Where it is, from the root.
    async fn path(&self) -> PathText {
        PathText(self.path.clone())
    }

    /// The value at a path below; null if there is none.
    async fn get(&self, context: &Context<'_>, path: PathText) -> Result<Option<Content>> {
        let desk = Desk::of(context)?;
        desk.count(1)?;
        let found = self.contents_at(&path.0)?;
        let read = |found: Contents| desk.read(&found.blob).map(Content);
        Ok(found.map(read).transpose()?)
    }

    /// The value at a path below, with what is known of it; null if there is none.
    async fn get_contents(
        &self,
        context: &Context<'_>,
        path: PathText,
    ) -> Result<Option<Contents>> {
        Desk::of(context)?.count(1)?;
        Ok(self.contents_at(&path.0)?)
    }

    /// What is at a path below; null if there is nothing.
    async fn get_tree(&self, context: &Context<'_>, path: PathText) -> Result<Option<Self>> {
        Desk::of(context)?.count(1)?;
        Ok(self.below(&path.0)?)
    }

    /// The values here and in all directories below, by path. Without `first` all of them, which is an
    /// error where they are more than an answer holds; `after` is the `path` of the last one seen.
    async fn list_contents_recursively(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<PathText>,
    ) -> Result<Vec<Contents>> {
        let desk = Desk::of(context)?;
        let first = page::first(&desk.scope(), first)?;
        Ok(contents_below(self, desk, first, after.as_ref())?)
    }

    /// The id. Of a tree of which the caller may not see all: that of what it sees.
    async fn hash(&self) -> Result<Hash> {
        Ok(Hash(self.entry.id().map_err(ServiceError::from)?))
    }

    /// The key; null where the caller may not see all, and what it sees is not stored so.
    async fn key(&self) -> Result<Option<KindedKey>> {
        let id = self.entry.id().map_err(ServiceError::from)?;
        Ok(match &self.entry {
            Entry::Blob(blob) => Some(KindedKey::Contents(ContentsKeyValue {
                metadata: Metadata(blob.mode()),
                contents: ContentsKey(id),
            })),
            Entry::Tree(_) if self.is_stored => {
                Some(KindedKey::Node(NodeKeyValue { node: NodeKey(id) }))
            }
            Entry::Tree(_) => None,
        })
    }

    /// What is in the directory, by name. Without `first` all of it, which is an error where that is
    /// more than an answer holds; `after` is the `path` of the last one seen, or its name.
    async fn list(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<PathText>,
    ) -> Result<Vec<Node>> {
        let desk = Desk::of(context)?;
        let first = page::first(&desk.scope(), first)?;
        Ok(entries(self, desk, first, after.as_ref())?)
    }
}

/// A value, and where it is.
pub(crate) struct Contents {
    pub(crate) blob: Blob,
    pub(crate) at: Path,
}

/// A value, and where it is.
#[Object(rename_fields = "snake_case")]
impl Contents {
    /// Where it is, from the root.
    async fn path(&self) -> PathText {
        PathText(self.at.clone())
    }

    /// What kind of value it is.
    async fn metadata(&self) -> Metadata {
        Metadata(self.blob.mode())
    }

    /// The value itself, which is read only if it is asked for.
    async fn value(&self, context: &Context<'_>) -> Result<Content> {
        Ok(Content(Desk::of(context)?.read(&self.blob)?))
    }

    /// The id of its content.
    async fn hash(&self) -> Hash {
        Hash(self.blob.id())
    }
}

/// What a directory has under a name.
#[derive(Union)]
pub(crate) enum Node {
    /// A directory.
    Tree(Tree),
    /// A value.
    Contents(Contents),
}

/// The key of a directory or of a value.
#[derive(Union)]
pub(crate) enum KindedKey {
    /// Of a value.
    Contents(ContentsKeyValue),
    /// Of a directory.
    Node(NodeKeyValue),
}

/// The key of a value, and what kind of value it is.
#[derive(SimpleObject)]
#[graphql(rename_fields = "snake_case")]
pub(crate) struct ContentsKeyValue {
    /// What kind of value it is.
    metadata: Metadata,
    /// The key.
    contents: ContentsKey,
}

/// The key of a directory.
#[derive(SimpleObject)]
#[graphql(rename_fields = "snake_case")]
pub(crate) struct NodeKeyValue {
    /// The key.
    node: NodeKey,
}
