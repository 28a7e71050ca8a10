//! Commits that change nothing that the caller may read: they are there, as parents of others, but
//! nobody tells who made them or why.

use std::sync::OnceLock;

use irminsule::{Commit, CommitInfo, Repo, Signature, Tree};

use super::prune::differ;
use crate::service::access::PathSet;
use crate::service::error::Result;

/// Finds out, when somebody asks, whether a commit is hidden.
#[derive(Debug)]
pub(super) struct Veil {
    repo: Repo,
    /// What is told instead; `None` for what is not hidden.
    instead: OnceLock<Option<CommitInfo>>,
}

impl Veil {
    pub(super) fn new(repo: &Repo) -> Self {
        Self {
            repo: repo.clone(),
            instead: OnceLock::new(),
        }
    }

    /// Returns what may be told of a commit. The first time it costs what [`changes`] does.
    pub(super) fn info<'a>(&'a self, commit: &'a Commit, paths: &PathSet) -> &'a CommitInfo {
        let instead = self.instead.get_or_init(|| {
            // Where nobody can tell, nothing is told.
            let is_shown = changes(&self.repo, commit, paths, false).unwrap_or(false);
            (!is_shown).then(|| nobody(commit.info()))
        });
        instead.as_ref().unwrap_or_else(|| commit.info())
    }
}

/// Returns what is told of a hidden commit: when it was made, by which dates are resolved.
fn nobody(info: &CommitInfo) -> CommitInfo {
    let at = info.committer.time();
    let hidden = Signature::new("hidden", "", at).expect("because it is a name");
    CommitInfo::new(hidden, "")
}

/// Tells whether a commit has at some paths what none of its parents has. Reads its parents, and the
/// nodes on the way to each path.
pub(super) fn changes(
    repo: &Repo,
    commit: &Commit,
    paths: &PathSet,
    first_parent: bool,
) -> Result<bool> {
    if paths.is_all() {
        return Ok(true);
    }
    if commit.cut().contents {
        return Ok(false);
    }
    let parents = match first_parent {
        true => commit.parents().get(..1).unwrap_or_default(),
        false => commit.parents(),
    };
    for &parent in parents {
        let parent = repo.must_load(parent)?;
        if !parent.cut().contents && !differ(parent.tree(), commit.tree(), paths)? {
            return Ok(false);
        }
    }
    let is_root = commit.parents().is_empty();
    Ok(!is_root || differ(&Tree::empty(), commit.tree(), paths)?)
}
