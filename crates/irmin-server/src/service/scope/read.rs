//! Looking at trees.

use irminsule::{Blob, Change, Entry, Id, Path, Step, Tree};

use super::{Scope, Snapshot};
use crate::service::error::{ErrorKind, Result, ServiceError};
use crate::service::verb::Verb;

/// A page of something longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether something follows: ask for what is behind the last one.
    pub more: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<T> {
    /// Behind this one; `None`: at the start.
    pub after: Option<T>,
    /// At most so many; the server's limit if that is less, or if it is 0.
    pub limit: usize,
}

impl<T> Default for Cursor<T> {
    fn default() -> Self {
        Self {
            after: None,
            limit: 0,
        }
    }
}

impl<T> Cursor<T> {
    /// Returns how many to give.
    pub(in crate::service) fn count(&self, max: usize) -> usize {
        match self.limit {
            0 => max,
            limit => limit.min(max),
        }
    }
}

impl<T> Page<T> {
    /// Makes a page of what begins on it and may go on behind it.
    pub(crate) fn cut(mut items: Vec<T>, count: usize) -> Self {
        let more = items.len() > count;
        items.truncate(count);
        Self { items, more }
    }
}

impl Scope {
    /// Finds what each path leads to, in order; `None` for nothing. Reads the nodes on the paths.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `TooLarge` for more paths than [`Limits::paths`]; when the engine
    /// fails.
    ///
    /// [`Limits::paths`]: crate::service::Limits::paths
    pub fn get_many(&self, at: &Snapshot, paths: &[Path]) -> Result<Vec<Option<Entry>>> {
        self.begin(Verb::Get, None)?;
        self.check_count("paths", paths.len(), self.limits().paths)?;
        paths.iter().map(|path| at.get(path)).collect()
    }

    /// Finds what a path leads to.
    ///
    /// # Errors
    /// As [`get_many`](Self::get_many).
    pub fn get(&self, at: &Snapshot, path: &Path) -> Result<Option<Entry>> {
        self.begin(Verb::Get, None)?;
        at.get(path)
    }

    /// Finds the value at a path: for reading its bytes with
    /// [`StreamWriter`](crate::service::StreamWriter) and [`Blob::copy_to`], or at once.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is nothing, `Invalid` when there is a
    /// directory.
    pub fn blob(&self, at: &Snapshot, path: &Path) -> Result<Blob> {
        self.begin(Verb::ReadBlob, None)?;
        match at.get(path)? {
            Some(Entry::Blob(blob)) => Ok(blob),
            Some(Entry::Tree(_)) => Err(irminsule::Error::NotABlob { path: path.clone() }.into()),
            None => Err(ServiceError::not_found(format!(
                "there is nothing at '{path}'"
            ))),
        }
    }

    /// Lists a directory in order, a page at a time. O(log n) to find the page, and its entries.
    /// Nothing at the path is an empty page.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` when there is a value at the path.
    pub fn list(
        &self,
        at: &Snapshot,
        path: &Path,
        page: &Cursor<Step>,
    ) -> Result<Page<(Step, Entry)>> {
        self.begin(Verb::List, None)?;
        let count = page.count(self.limits().page);
        let entries = match at.get(path)? {
            None => Vec::new(),
            Some(Entry::Tree(tree)) => tree.list(page.after.as_ref(), count + 1)?,
            Some(Entry::Blob(_)) => {
                return Err(irminsule::Error::NotATree { path: path.clone() }.into());
            }
        };
        Ok(Page::cut(entries, count))
    }

    /// Returns a stored directory by its id. Only for those who may read the whole repository, because
    /// an id does not say where a directory is; others ask by revision and path.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is no such object, `Invalid` when it is no
    /// directory.
    pub fn tree(&self, id: Id) -> Result<Tree> {
        self.begin(Verb::Tree, None)?;
        let found = self.repo().objects().get(&id.into())?;
        let found =
            found.ok_or_else(|| ServiceError::not_found(format!("there is no object {id}")))?;
        let kind = found
            .bytes
            .get(1)
            .copied()
            .and_then(irminsule::Kind::from_code);
        if kind != Some(irminsule::Kind::Node) {
            return Err(ServiceError::invalid(format!(
                "object {id} is not a directory"
            )));
        }
        Ok(Tree::load(self.repo().objects(), id.into()))
    }

    /// Lists the values that differ at and below a path, by path, a page at a time. Each page visits
    /// all that differs, and keeps it in memory meanwhile.
    ///
    /// # Errors
    /// [`ServiceError`] when a node cannot be had.
    pub fn diff(
        &self,
        from: Option<&Snapshot>,
        to: &Snapshot,
        path: &Path,
        page: &Cursor<Path>,
    ) -> Result<Page<Change>> {
        self.begin(Verb::Diff, None)?;
        let mut changes = self.diff_all(from, to, path)?;
        if let Some(after) = &page.after {
            let start = changes.partition_point(|change| change.path <= *after);
            changes.drain(..start);
        }
        Ok(Page::cut(changes, page.count(self.limits().page)))
    }

    /// Lists all values that differ at and below a path, by path. Visits all that differs.
    ///
    /// # Errors
    /// As [`diff`](Self::diff).
    pub fn diff_all(
        &self,
        from: Option<&Snapshot>,
        to: &Snapshot,
        path: &Path,
    ) -> Result<Vec<Change>> {
        self.begin(Verb::Diff, None)?;
        let old = match from {
            Some(from) => below(&from.tree()?, path)?,
            None => Tree::empty(),
        };
        Ok(old.diff(&below(&to.tree()?, path)?)?)
    }

    pub(crate) fn check_count(&self, what: &str, count: usize, max: usize) -> Result<()> {
        if count <= max {
            return Ok(());
        }
        let message = format!("{count} {what} are too many for one request; the limit is {max}");
        Err(ServiceError::new(ErrorKind::TooLarge, message))
    }
}

/// Returns a tree that has nothing but what is at and below a path.
pub(crate) fn below(tree: &Tree, path: &Path) -> Result<Tree> {
    if path.is_root() {
        return Ok(tree.clone());
    }
    let mut below = Tree::empty();
    if let Some(entry) = tree.get(path)? {
        below.set(path, entry)?;
    }
    Ok(below)
}
