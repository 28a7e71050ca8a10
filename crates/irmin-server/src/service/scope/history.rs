//! Looking at history.

use std::sync::Arc;

use irminsule::{Id, LogOptions, Path};

use super::veil::changes;
use super::{Scope, Snapshot};
use crate::service::access::PathSet;
use crate::service::error::{Result, ServiceError};
use crate::service::verb::Verb;

/// Which commits a log shows.
#[derive(Clone, Debug, Default)]
pub struct LogRequest {
    /// Only those that changed what is at this path; the root: all.
    pub path: Path,
    /// Not these commits and their ancestors.
    pub exclude: Vec<Id>,
    /// Follow first parents only.
    pub first_parent: bool,
    /// Where the page begins: [`LogPage::next`] of the one before; 0 for the first.
    pub start: u64,
    /// At most so many; the server's limit if that is less, or if it is 0.
    pub limit: usize,
}

/// A page of a log, newest first.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// The commits.
    pub commits: Vec<Snapshot>,
    /// Where the next page begins; `None`: there is none. A page may be empty and not the last, where
    /// many commits are passed over.
    pub next: Option<u64>,
}

impl Scope {
    /// Lists commits from one down, newest first, a page at a time, without those that change nothing
    /// that the caller may read. With a path, merges that have it as one of their parents does are
    /// passed over.
    ///
    /// A page walks over those before it again (50 ns each), and reads each commit that it shows; with
    /// a path, or for a caller who may not read all, each that it passes over, too, and the nodes on
    /// the way to the path: at most [`Limits::log_commits`] a page.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` for a commit to exclude that is not there or hidden; when a
    /// commit or a node cannot be had.
    ///
    /// [`Limits::log_commits`]: crate::service::Limits::log_commits
    pub fn log(&self, head: &Snapshot, request: &LogRequest) -> Result<LogPage> {
        self.begin(Verb::Log, None)?;
        for &id in &request.exclude {
            if self.seen(id, &[])?.is_none() {
                return Err(ServiceError::not_found(format!("there is no commit {id}")));
            }
        }
        let limits = self.limits();
        let count = match request.limit {
            0 => limits.page,
            limit => limit.min(limits.page),
        };
        let paths = head.paths().within(&request.path);
        let log = self.repo().history().log_with(LogOptions {
            include: vec![head.id()],
            exclude: request.exclude.clone(),
            first_parent: request.first_parent,
        });
        let mut page = LogPage {
            commits: Vec::new(),
            next: None,
        };
        let skipped = usize::try_from(request.start).unwrap_or(usize::MAX);
        for (entry, position) in log.skip(skipped).zip(request.start..) {
            let looked = position - request.start;
            if page.commits.len() == count || looked >= limits.log_commits as u64 {
                page.next = Some(position);
                break;
            }
            if looked % 64 == 63 {
                self.check_time()?;
            }
            let commit = self.repo().must_load(entry?.key)?;
            if changes(self.repo(), &commit, &paths, request.first_parent)? {
                page.commits.push(head.other(commit));
            }
        }
        Ok(page)
    }

    /// Returns the newest commits that changed what is at a path, as Git simplifies history.
    ///
    /// Reads each commit on the lines that it follows.
    ///
    /// # Errors
    /// As [`log`](Self::log).
    pub fn last_modified(
        &self,
        head: &Snapshot,
        path: &Path,
        limit: usize,
    ) -> Result<Vec<Snapshot>> {
        self.begin(Verb::Blame, None)?;
        let limit = limit.clamp(1, self.limits().page);
        if head.paths().covers(path) {
            let found = self.repo().last_modified(head.commit(), path, limit)?;
            return Ok(found.into_iter().map(|commit| head.other(commit)).collect());
        }
        let request = LogRequest {
            path: path.clone(),
            limit,
            ..LogRequest::default()
        };
        let mut page = self.log(head, &request)?;
        while page.commits.len() < limit
            && let Some(start) = page.next
        {
            let more = self.log(
                head,
                &LogRequest {
                    start,
                    ..request.clone()
                },
            )?;
            page.commits.extend(more.commits);
            page.next = more.next;
        }
        page.commits.truncate(limit);
        Ok(page.commits)
    }

    /// Returns, for each value at or below a path, the commit that last changed it. Costs the
    /// differences in the history down to the oldest commit that is blamed.
    ///
    /// # Errors
    /// As [`log`](Self::log).
    pub fn blame(&self, head: &Snapshot, path: &Path) -> Result<Vec<(Path, Id)>> {
        self.begin(Verb::Blame, None)?;
        let mut blamed = Vec::new();
        for prefix in head.paths().within(path).prefixes() {
            self.check_time()?;
            blamed.extend(self.repo().blame(head.commit(), prefix)?);
        }
        Ok(blamed)
    }

    /// Returns the newest commits that two commits both descend from.
    ///
    /// # Errors
    /// As [`log`](Self::log).
    pub fn common_ancestors(&self, ours: &Snapshot, theirs: &Snapshot) -> Result<Vec<Snapshot>> {
        self.begin(Verb::Ancestors, None)?;
        let (left, right) = ([ours.id()], [theirs.id()]);
        let found = self
            .repo()
            .history()
            .lowest_common_ancestors(&left, &right)?;
        let both = both(ours, theirs);
        let found = found.into_iter().map(|id| {
            let commit = self.repo().must_load(id)?;
            Ok(Snapshot::new(self.repo(), commit, Arc::clone(&both)))
        });
        found.collect()
    }

    /// Tells whether a commit is another one, or an ancestor of it.
    ///
    /// # Errors
    /// As [`log`](Self::log).
    pub fn is_ancestor(&self, ancestor: &Snapshot, descendant: &Snapshot) -> Result<bool> {
        self.begin(Verb::Ancestors, None)?;
        Ok(self
            .repo()
            .history()
            .is_ancestor(ancestor.id(), descendant.id())?)
    }
}

/// Returns what may be read of a commit that both lead to: what may be read through either.
fn both(left: &Snapshot, right: &Snapshot) -> Arc<PathSet> {
    let paths = left
        .paths()
        .prefixes()
        .iter()
        .chain(right.paths().prefixes());
    match left.shared_paths() == right.shared_paths() {
        true => Arc::clone(left.shared_paths()),
        false => Arc::new(paths.cloned().collect()),
    }
}
