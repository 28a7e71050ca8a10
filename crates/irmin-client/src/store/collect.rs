//! Collections, by the server, with the cuts of the caller.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use irmin_core::{
    Collect, CollectProgress, CollectReport, CommitData, Id, Key, ObjectStore, RefStore, StoreError,
};
use irmin_proto::v1;
use tonic::Status;

use super::RemoteStore;
use crate::error::{ClientError, Problem, Result};
use crate::wire;

/// How many commits are read at once to decide about their cuts.
const ROUND_COMMITS: usize = 256;
/// How often a collection is asked for, while one that was broken off comes to its end.
const ATTEMPTS_MAX: u32 = 10;

const CALL: &str = "Admin.Collect";

impl RemoteStore {
    pub(super) fn ask_collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        let request = v1::CollectRequest {
            repository: self.connection.repository(),
            keep: Vec::new(),
            dry_run: collect.dry_run,
            roots: wire::object_ids(collect.roots),
            cuts: self.cuts(collect)?,
        };
        let mut failures = 0;
        let collected = loop {
            let collected = self.run_collect(&request, control);
            failures += 1;
            let is_ending = collected.as_ref().is_err_and(is_collecting)
                && self.has_cancelled.load(Ordering::Relaxed);
            if !is_ending || failures == ATTEMPTS_MAX {
                break collected;
            }
            self.waiter.wait(self.connection.back_off(failures));
        };
        if !collect.dry_run {
            // What is in memory may be gone there.
            self.cache.clear();
        }
        let report = collected?;
        self.has_cancelled
            .store(report.is_cancelled, Ordering::Relaxed);
        Ok(report)
    }

    fn run_collect(
        &self,
        request: &v1::CollectRequest,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport> {
        let mut client = self.connection.admin();
        let begun = self.within_deadline(CALL, client.collect(request.clone()))?;
        let mut answers = begun.into_inner();
        loop {
            let answer = self.within_deadline(CALL, answers.message())?;
            match answer.and_then(|answer| answer.is) {
                Some(v1::collect_response::Is::Progress(at)) => {
                    let progress = CollectProgress {
                        bytes_done: at.bytes_done,
                        bytes_total: at.bytes_total,
                    };
                    if control(progress).is_break() {
                        let mut report = CollectReport::default();
                        report.is_cancelled = true;
                        return Ok(report);
                    }
                }
                Some(v1::collect_response::Is::Report(report)) => return Ok(report_of(report)),
                None => return Err(self.broken(CALL, "it ends without a report")),
            }
        }
    }

    /// Waits for the next answer of a call that has no end that is known beforehand.
    pub(super) fn within_deadline<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T> {
        self.connection.count();
        let deadline = self.connection.options().deadline;
        let answer = async { tokio::time::timeout(deadline, answer).await };
        match self.waiter.wait(answer) {
            Ok(answer) => answer.map_err(|status| self.connection.failed(call, &status)),
            Err(_) => Err(self.connection.error(call, Problem::Deadline(deadline))),
        }
    }

    /// Finds what to leave out beneath which commits: the caller decides, and the server cannot ask it.
    /// Reads all history that names and roots lead to, unless nothing is to be cut.
    fn cuts(&self, collect: &Collect<'_>) -> Result<Vec<v1::CommitCut>, StoreError> {
        if collect.cut.is_none() {
            return Ok(Vec::new());
        }
        let mut frontier: Vec<Id> = self.list_refs("")?.into_iter().map(|(_, id)| id).collect();
        frontier.extend(collect.roots);
        let mut seen: HashSet<Id> = frontier.iter().copied().collect();
        let mut cuts = Vec::new();
        while !frontier.is_empty() {
            let first = frontier.len().saturating_sub(ROUND_COMMITS);
            let keys: Vec<Key> = frontier.drain(first..).map(Key::from).collect();
            self.get_many(&keys, &mut |position, stored| {
                let (Some(key), Some(stored)) = (keys.get(position), stored) else {
                    return;
                };
                let cut = collect.cut_of(&key.id);
                if !cut.is_none() {
                    cuts.push(v1::CommitCut {
                        commit: Some(wire::object_id(&key.id)),
                        cut: wire::to_cut(cut),
                    });
                }
                let parents = match CommitData::from_stored(&stored) {
                    Ok(commit) if !stored.cut.parents => commit.parents,
                    _ => Vec::new(),
                };
                let parents = parents.into_iter().map(|parent| parent.id);
                frontier.extend(parents.filter(|id| seen.insert(*id)));
            })?;
        }
        Ok(cuts)
    }
}

fn is_collecting(error: &ClientError) -> bool {
    let is_said = matches!(
        error.problem(),
        Problem::Refused {
            is_collecting: true,
            ..
        }
    );
    is_said || error.is_transient()
}

fn report_of(from: v1::CollectReport) -> CollectReport {
    let mut report = CollectReport::default();
    report.objects_kept = from.objects_kept;
    report.objects_removed = from.objects_removed;
    report.commits_cut = from.commits_cut;
    report.bytes_before = from.bytes_before;
    report.bytes_after = from.bytes_after;
    report.is_cancelled = from.is_cancelled;
    report
}
