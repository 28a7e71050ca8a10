//! From what people write to a commit, as far as the caller may see it.

use std::sync::Arc;

use irminsule::{BranchName, CommitGraph, Id, Revision};

use super::visible::Visible;
use super::{Scope, Snapshot, no_branch};
use crate::service::access::Right;
use crate::service::error::{Result, ServiceError};
use crate::service::verb::Verb;

impl Scope {
    /// Finds the commit that a revision means (`main~2`, `v1`, `main@2026-11-01`, an id or its
    /// beginning), as the caller may see it; `@` is branch `main`.
    ///
    /// A caller who may read the whole repository gets any commit in it: one lookup. Others get only
    /// what a name leads to that they may read something of, and see what they may read of that name;
    /// for an id, of all such names: this costs a walk for each.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is none, or none that the caller may see;
    /// `Invalid` when the text is no revision.
    pub fn resolve(&self, revision: &str) -> Result<Snapshot> {
        self.begin(Verb::Resolve, None)?;
        self.resolve_for(revision)
    }

    /// As [`resolve`](Self::resolve), as a part of something else.
    pub(in crate::service) fn resolve_for(&self, revision: &str) -> Result<Snapshot> {
        let main = BranchName::new("main")?;
        if self.grants().on_repo(Right::Read) {
            let commit = self.repo().resolve(revision, &main)?;
            return Ok(Snapshot::new(
                self.repo(),
                commit,
                Arc::new(crate::service::PathSet::all()),
            ));
        }
        let visible = self.visible();
        let parsed: Revision = revision.parse()?;
        let engine = visible.clone().into_engine();
        let id = parsed.resolve(engine.as_ref(), &CommitGraph::new(), &main)?;
        self.seen(id, &first_names(revision))?.ok_or_else(|| {
            ServiceError::not_found(format!("unknown revision '{}'", revision.escape_debug()))
        })
    }

    /// Returns the newest commit of a branch as the caller may see it; `None` if there is no such
    /// branch, or none that it may see anything of. One lookup.
    ///
    /// # Errors
    /// [`ServiceError`] when the engine fails.
    pub fn head(&self, branch: &str) -> Result<Option<Snapshot>> {
        match self.begin(Verb::Resolve, Some(branch)) {
            Err(error) if error.kind == crate::service::ErrorKind::NotFound => return Ok(None),
            begun => begun?,
        }
        let head = self.branch(branch)?.head()?;
        let paths = Arc::new(self.grants().on(branch, Right::Read));
        Ok(head.map(|head| Snapshot::new(self.repo(), head, paths)))
    }

    /// As [`head`](Self::head), where absence is an error.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound`.
    pub fn must_have_head(&self, branch: &str) -> Result<Snapshot> {
        self.head(branch)?.ok_or_else(|| no_branch(branch))
    }

    /// Returns a commit with what the caller may read of it; `None` if that is nothing.
    pub(in crate::service) fn seen(&self, id: Id, first: &[String]) -> Result<Option<Snapshot>> {
        let Some(commit) = self.repo().commit(id)? else {
            return Ok(None);
        };
        let paths = self.visible().paths_of(id, first)?;
        Ok((!paths.is_empty()).then(|| Snapshot::new(self.repo(), commit, Arc::new(paths))))
    }

    pub(in crate::service) fn visible(&self) -> Visible {
        Visible::new(self.repo().clone(), self.grants().clone())
    }
}

/// Returns the full names that a revision may start from, in the order in which they are tried.
fn first_names(revision: &str) -> Vec<String> {
    let ends = revision
        .char_indices()
        .filter(|(_, char)| matches!(char, '~' | '^' | '@'));
    let end = ends
        .map(|(at, _)| at)
        .find(|&at| at > 0)
        .unwrap_or(revision.len());
    let base = match &revision[..end] {
        "@" | "HEAD" => "main",
        base => base,
    };
    if let Some(full) = base.strip_prefix("refs/") {
        return vec![full.to_owned()];
    }
    let short = ["heads", "tags", "remotes"].map(|namespace| format!("{namespace}/{base}"));
    let full = base.contains('/').then(|| base.to_owned());
    full.into_iter().chain(short).collect()
}
