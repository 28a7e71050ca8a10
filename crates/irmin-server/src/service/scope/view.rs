//! A view as one caller may see and write it.

use std::cell::Cell;
use std::collections::BTreeSet;

use bytes::Bytes;
use irminsule::{Blob, Entry, EntryKind, Path, Step, Tree, View};

use super::prune::pruned;
use crate::service::access::PathSet;
use crate::service::error::{Details, Result, ServiceError};

/// About what a remembered path takes in memory: for each step, and for itself.
const STEP_BYTES: usize = 32;
const ENTRY_BYTES: usize = 160;

/// A view of a branch as one caller may see and write it: what may not be read is absent, what may
/// not be written is refused before anything is looked up.
pub struct ScopedView<'a> {
    view: &'a mut View,
    read: &'a PathSet,
    write: &'a PathSet,
    spent: Cell<usize>,
}

impl<'a> ScopedView<'a> {
    pub(crate) const fn new(view: &'a mut View, read: &'a PathSet, write: &'a PathSet) -> Self {
        let spent = Cell::new(0);
        Self {
            view,
            read,
            write,
            spent,
        }
    }

    /// Finds what a path leads to. Reading a directory counts as reading all below it.
    ///
    /// # Errors
    /// [`ServiceError`] when a node cannot be had.
    pub fn find(&self, path: &Path) -> Result<Option<Entry>> {
        self.spend(path, 0);
        if self.read.covers(path) {
            return Ok(self.view.find(path)?);
        }
        let within = self.read.within(path);
        for prefix in within.prefixes() {
            self.view.find(prefix)?;
        }
        let shown = pruned(self.view.tree(), &within)?;
        match shown.get(path)? {
            Some(Entry::Tree(tree)) if tree.is_empty()? && !path.is_root() => Ok(None),
            found => Ok(found),
        }
    }

    /// Returns the bytes of the value at a path; `None` if there is nothing, or a directory.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn get(&self, path: &Path) -> Result<Option<Bytes>> {
        let blob = self.get_blob(path)?;
        Ok(blob.map(|blob| blob.bytes()).transpose()?)
    }

    /// Returns the value at a path; `None` if there is nothing, or a directory.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn get_blob(&self, path: &Path) -> Result<Option<Blob>> {
        self.spend(path, 0);
        match self.read.covers(path) {
            true => Ok(self.view.get_blob(path)?),
            // What lies above something that may be read is a directory, or is hidden.
            false => Ok(None),
        }
    }

    /// Tells what a path leads to.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn kind(&self, path: &Path) -> Result<Option<EntryKind>> {
        self.spend(path, 0);
        if self.read.covers(path) {
            return Ok(self.view.kind(path)?);
        }
        for prefix in self.read.within(path).prefixes() {
            if self.view.kind(prefix)?.is_some() {
                return Ok(Some(EntryKind::Tree));
            }
        }
        Ok(path.is_root().then_some(EntryKind::Tree))
    }

    /// Lists names and kinds in a directory, at most `limit`, those behind `after` or from the start.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn list(
        &self,
        path: &Path,
        after: Option<&Step>,
        limit: usize,
    ) -> Result<Vec<(Step, EntryKind)>> {
        if self.read.covers(path) {
            let listed = self.view.list(path, after, limit)?;
            self.spend(path, (listed.len() * STEP_BYTES) as u64);
            return Ok(listed);
        }
        let within = self.read.within(path);
        let depth = path.steps().len();
        let steps = within
            .prefixes()
            .iter()
            .filter_map(|prefix| prefix.steps().get(depth));
        let steps: BTreeSet<&Step> = steps
            .filter(|&step| after.is_none_or(|after| step > after))
            .collect();
        let mut listed = Vec::new();
        for step in steps {
            if listed.len() == limit {
                break;
            }
            if let Some(kind) = self.kind(&path.child(step.clone()))? {
                listed.push((step.clone(), kind));
            }
        }
        Ok(listed)
    }

    /// Puts a value or a whole directory at a path; tells whether that changed anything here.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `PermissionDenied` with the path, which the caller may not write, or
    /// above which there is a value that it may not replace; as [`find`](Self::find).
    pub fn set(&mut self, path: &Path, entry: impl Into<Entry>) -> Result<bool> {
        self.check(path)?;
        self.check_above(path)?;
        let entry = entry.into();
        let bytes = match &entry {
            Entry::Blob(blob) => blob.size(),
            Entry::Tree(_) => 0,
        };
        self.spend(path, bytes);
        Ok(self.view.set(path, entry)?)
    }

    /// Removes what a path leads to; tells whether there was anything.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn remove(&mut self, path: &Path) -> Result<bool> {
        self.check(path)?;
        self.spend(path, 0);
        Ok(self.view.remove(path)?)
    }

    /// Returns about how many bytes of memory the reads and writes of this view take.
    pub(crate) const fn spent(&self) -> usize {
        self.spent.get()
    }

    /// Counts what remembering a read or a write takes.
    fn spend(&self, path: &Path, bytes: u64) {
        let steps = path.steps().len().saturating_mul(STEP_BYTES);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let spent = self.spent.get().saturating_add(steps + ENTRY_BYTES);
        self.spent.set(spent.saturating_add(bytes));
    }

    /// Tells whether the caller may write at a path.
    #[must_use]
    pub fn may_write(&self, path: &Path) -> bool {
        self.write.covers(path)
    }

    /// Tells whether anything differs from what the view was opened on.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn is_changed(&self) -> Result<bool> {
        Ok(self.view.is_changed()?)
    }

    fn check(&self, path: &Path) -> Result<()> {
        match self.write.covers(path) {
            true => Ok(()),
            false => Err(may_not_write(path)),
        }
    }

    /// A write below a value replaces it, which takes the right to write there.
    fn check_above(&self, path: &Path) -> Result<()> {
        for depth in 1..path.steps().len() {
            let above = Path::from_steps(path.steps()[..depth].to_vec())?;
            if self.write.covers(&above) {
                break;
            }
            if matches!(self.view.kind(&above)?, Some(EntryKind::Blob(_))) {
                return Err(may_not_write(path));
            }
        }
        Ok(())
    }
}

pub(crate) fn may_not_write(path: &Path) -> ServiceError {
    let error = ServiceError::denied(format!("you may not write '{path}'"));
    error.with(Details::Path(path.clone()))
}

/// Checks, before a commit is made, that it changes nothing but what may be written. Visits what
/// differs; nothing where all may be.
pub(crate) fn check_outside(old: &Tree, new: &Tree, write: &PathSet) -> Result<()> {
    if write.is_all() {
        return Ok(());
    }
    match old
        .diff(new)?
        .into_iter()
        .find(|change| !write.covers(&change.path))
    {
        // Its path may be one that the caller may not know of.
        Some(_) => Err(ServiceError::denied(
            "this would replace a value that you may not write, above a path that you may",
        )),
        None => Ok(()),
    }
}
