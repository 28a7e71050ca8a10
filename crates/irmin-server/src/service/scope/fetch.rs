//! The objects of a branch, for those who may read it and not the whole repository.

use std::collections::HashSet;

use irminsule::{Id, LogOptions, Stored, links_of};

use super::Scope;
use crate::service::error::{ErrorKind, Result, ServiceError};
use crate::service::verb::Verb;

/// How many bytes of objects are sent at once, and how many objects.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_OBJECTS: usize = 1024;

impl Scope {
    /// Sends all that a branch leads to and that a client lacks who has some commits with all that
    /// they lead to: in batches of about a mebibyte, each object behind those that it points to, older
    /// commits first. A name other than a branch is given in full (`tags/v1`). Commits in `have` that
    /// the branch does not lead to are passed over.
    ///
    /// Reads what is sent once or twice, and what was replaced by it once. Memory: 64 bytes for each
    /// object that one commit adds. What is interrupted goes on by the commits that arrived.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `PermissionDenied` unless the caller may read the whole branch; what
    /// `sink` returns, which ends it.
    pub fn fetch(
        &self,
        name: &str,
        have: &[Id],
        sink: &mut dyn FnMut(Vec<(Id, Stored)>) -> Result<()>,
    ) -> Result<()> {
        self.begin(Verb::Fetch, Some(name))?;
        self.check_count("commits", have.len(), self.limits().objects)?;
        let full = match name.split_once('/') {
            Some(("tags" | "remotes" | "pins", _)) => name.to_owned(),
            _ => format!("heads/{name}"),
        };
        let head = self.repo().engine().get_ref(&full)?;
        let head = head.ok_or_else(|| super::no_branch(name))?;
        let mut exclude = Vec::new();
        for &id in have {
            if self.repo().commit(id)?.is_some() && self.repo().history().is_ancestor(id, head)? {
                exclude.push(id);
            }
        }
        self.send_history(vec![head], exclude, sink)
    }

    /// Sends what some commits lead to and others do not.
    pub(super) fn send_history(
        &self,
        include: Vec<Id>,
        exclude: Vec<Id>,
        sink: &mut dyn FnMut(Vec<(Id, Stored)>) -> Result<()>,
    ) -> Result<()> {
        let log = self.repo().history().log_with(LogOptions {
            include,
            exclude,
            first_parent: false,
        });
        let commits: Result<Vec<Id>> = log.map(|entry| Ok(entry?.key.id)).collect();
        let mut batch = Batch::new(sink);
        for commit in commits?.into_iter().rev() {
            self.check_time()?;
            for objects in self.added_by(commit)?.into_iter().rev() {
                for part in objects.chunks(BATCH_OBJECTS) {
                    self.send(part, &mut batch)?;
                }
            }
            self.send(&[commit], &mut batch)?;
        }
        batch.flush()
    }

    /// Returns the objects that a commit's tree has and those of its parents lack, level by level from
    /// the root down. Compares whole levels, so that something that moved further up or down may be
    /// among them, too.
    fn added_by(&self, commit: Id) -> Result<Vec<Vec<Id>>> {
        let commit = self.repo().must_load(commit)?;
        if commit.cut().contents {
            return Ok(Vec::new());
        }
        let mut before = HashSet::new();
        for &parent in commit.parents() {
            let parent = self.repo().must_load(parent)?;
            if !parent.cut().contents {
                before.insert(parent.tree().id()?);
            }
        }
        let root = commit.tree().id()?;
        let mut new = HashSet::from([root]);
        new.retain(|root| !before.contains(root));
        let (mut known, mut shared, mut levels) = (before.clone(), HashSet::new(), Vec::new());
        // What is known goes one level further down than what is new: an entry that comes or goes can
        // move a directory's nodes up or down by one.
        let mut ahead = self.links(&before)?;
        while !new.is_empty() {
            self.check_time()?;
            let below = self.links(&new)?;
            shared.extend(below.iter().copied());
            known.extend(ahead.iter().copied());
            ahead.retain(|id| !shared.contains(id));
            ahead = self.links(&ahead)?;
            known.extend(ahead.iter().copied());
            let mut level: Vec<Id> = new.into_iter().collect();
            level.sort_unstable();
            levels.push(level);
            new = below;
            new.retain(|id| !known.contains(id));
        }
        // An object that hangs at several depths comes with the deepest, and so before all that point
        // to it: directories of the same shape share nodes at different depths.
        let mut deeper = HashSet::new();
        for level in levels.iter_mut().rev() {
            level.retain(|&id| deeper.insert(id));
        }
        Ok(levels)
    }

    fn links(&self, ids: &HashSet<Id>) -> Result<HashSet<Id>> {
        let mut links = HashSet::new();
        let ids: Vec<Id> = ids.iter().copied().collect();
        for part in ids.chunks(BATCH_OBJECTS) {
            for (id, stored) in self.stored(part)? {
                let below = links_of(&stored.bytes).map_err(|error| {
                    ServiceError::new(ErrorKind::Corrupt, format!("object {id}: {error}"))
                })?;
                links.extend(below);
            }
        }
        Ok(links)
    }

    fn send(&self, ids: &[Id], batch: &mut Batch<'_>) -> Result<()> {
        self.stored(ids)?
            .into_iter()
            .try_for_each(|(id, stored)| batch.push(id, stored))
    }

    fn stored(&self, ids: &[Id]) -> Result<Vec<(Id, Stored)>> {
        let found = self.read_objects(ids)?;
        let found = ids.iter().zip(found).map(|(&id, stored)| match stored {
            Some(stored) => Ok((id, stored)),
            None => Err(irminsule::Error::Missing { id }.into()),
        });
        found.collect()
    }
}

/// Objects on their way.
struct Batch<'a> {
    sink: &'a mut dyn FnMut(Vec<(Id, Stored)>) -> Result<()>,
    objects: Vec<(Id, Stored)>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn new(sink: &'a mut dyn FnMut(Vec<(Id, Stored)>) -> Result<()>) -> Self {
        Self {
            sink,
            objects: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, id: Id, stored: Stored) -> Result<()> {
        self.bytes += stored.bytes.len();
        self.objects.push((id, stored));
        match self.bytes >= BATCH_BYTES || self.objects.len() >= BATCH_OBJECTS {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        match std::mem::take(&mut self.objects) {
            objects if objects.is_empty() => Ok(()),
            objects => (self.sink)(objects),
        }
    }
}
