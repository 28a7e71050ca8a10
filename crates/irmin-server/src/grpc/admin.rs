//! The service `Admin`.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::ControlFlow;

use bytes::Bytes;
use irmin_proto::v1;
use irmin_proto::v1::admin_server::Admin;
use irmin_proto::v1::{collect_response, verify_response};
use irminsule::sync::BundleOptions;
use irminsule::{
    CollectOptions, CollectReport, Cut, Error, Id, KindStats, RefName, RetentionRule, StoreStats,
    VerifyReport,
};
use tonic::{Request, Response, Status};

use super::Handler;
use super::call::Call;
use super::stream::{Answers, Outlet};
use super::wire;
use crate::service::{Result as ServiceResult, Scope, ServiceError};

/// After how many bytes of work progress is told.
const PROGRESS_BYTES: u64 = 8 << 20;

/// How many bytes of a bundle are in one message.
const BUNDLE_BYTES: usize = 256 * 1024;

#[tonic::async_trait]
impl Admin for Handler {
    async fn stats(
        &self,
        request: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, |scope| {
            Ok(stats(&scope.stats()?))
        })
        .await
    }

    type CollectStream = Answers<v1::CollectResponse>;

    async fn collect(
        &self,
        request: Request<v1::CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        Ok(call.stream(&self.0, &repository, move |scope, outlet| {
            collect(scope, message, outlet)
        }))
    }

    type VerifyStream = Answers<v1::VerifyResponse>;

    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        let (call, message) = Call::open(request)?;
        Ok(call.stream(&self.0, &message.repository, verify))
    }

    type BackupStream = Answers<v1::BackupResponse>;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let (call, message) = Call::open(request)?;
        Ok(call.stream(&self.0, &message.repository, backup))
    }

    async fn sync(
        &self,
        request: Request<v1::SyncRequest>,
    ) -> Result<Response<v1::SyncResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, |scope| {
            scope.sync()?;
            Ok(v1::SyncResponse {})
        })
        .await
    }
}

fn stats(stats: &StoreStats) -> v1::StatsResponse {
    let kind = |kind: KindStats| {
        Some(v1::KindStats {
            objects: kind.objects,
            bytes: kind.bytes,
        })
    };
    v1::StatsResponse {
        segments: stats.segments,
        segment_bytes: stats.segment_bytes,
        blobs: kind(stats.blobs),
        chunk_lists: kind(stats.chunk_lists),
        nodes: kind(stats.nodes),
        commits: kind(stats.commits),
        refs: stats.refs,
        pending_bytes: stats.pending_bytes,
        cache_bytes: stats.cache_bytes,
        syncs: stats.syncs,
        writes: stats.writes,
        bytes_written: stats.bytes_written,
        reads: stats.reads,
        bytes_scanned: stats.bytes_scanned,
        bytes_cut: stats.bytes_cut,
    }
}

/// Tells every few megabytes how far a work is.
struct Pace(u64);

impl Pace {
    fn is_due(&mut self, done: u64) -> bool {
        let is_due = done >= self.0;
        if is_due {
            self.0 = done.saturating_add(PROGRESS_BYTES);
        }
        is_due
    }
}

fn collect(
    scope: &Scope,
    message: v1::CollectRequest,
    outlet: &Outlet<v1::CollectResponse>,
) -> ServiceResult<()> {
    use collect_response::Is;
    let rule = |text: &String| {
        let rule = text.parse::<RetentionRule>();
        rule.map_err(|error| ServiceError::invalid(error.to_string()))
    };
    let options = CollectOptions {
        keep: message
            .keep
            .iter()
            .map(rule)
            .collect::<ServiceResult<_>>()?,
        dry_run: message.dry_run,
    };
    let cuts = message.cuts.into_iter().map(|one| {
        let commit = wire::must_id(one.commit.as_ref(), "the commit of a cut")?;
        Ok((commit, wire::cut_of(one.cut)))
    });
    let cuts: HashMap<Id, Cut> = cuts.collect::<ServiceResult<_>>()?;
    let roots = wire::ids(&message.roots)?;
    let mut pace = Pace(0);
    let report = scope.collect_with(&options, &roots, &cuts, &mut |progress| {
        if outlet.is_closed() {
            return ControlFlow::Break(());
        }
        if pace.is_due(progress.bytes_done) {
            let is = Is::Progress(v1::Progress {
                bytes_done: progress.bytes_done,
                bytes_total: progress.bytes_total,
            });
            if outlet.send(v1::CollectResponse { is: Some(is) }).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    outlet.send(v1::CollectResponse {
        is: Some(Is::Report(collected(&report))),
    })
}

fn collected(report: &CollectReport) -> v1::CollectReport {
    v1::CollectReport {
        objects_kept: report.objects_kept,
        objects_removed: report.objects_removed,
        commits_cut: report.commits_cut,
        bytes_before: report.bytes_before,
        bytes_after: report.bytes_after,
        is_cancelled: report.is_cancelled,
    }
}

fn verify(scope: &Scope, outlet: &Outlet<v1::VerifyResponse>) -> ServiceResult<()> {
    use verify_response::Is;
    let mut pace = Pace(0);
    let report = scope.verify(&mut |progress| {
        if pace.is_due(progress.bytes_done) {
            let is = Is::Progress(v1::Progress {
                bytes_done: progress.bytes_done,
                bytes_total: progress.bytes_total,
            });
            // A verification cannot be ended: it only reads, and its answer is thrown away.
            let _ = outlet.send(v1::VerifyResponse { is: Some(is) });
        }
    })?;
    outlet.send(v1::VerifyResponse {
        is: Some(Is::Report(verified(&report))),
    })
}

fn verified(report: &VerifyReport) -> v1::VerifyReport {
    v1::VerifyReport {
        segments: report.segments,
        frames: report.frames,
        objects: report.objects,
        commits: report.commits,
        links: report.links,
        links_unknown: report.links_unknown,
        refs: report.refs,
        bytes: report.bytes,
        bytes_cut: report.bytes_cut,
        problems: report.problems.iter().map(ToString::to_string).collect(),
    }
}

fn backup(scope: &Scope, outlet: &Outlet<v1::BackupResponse>) -> ServiceResult<()> {
    let repo = scope.whole()?;
    // All that is named now, and what that leads to, whatever others do meanwhile.
    let names = repo.engine().list_refs("")?.into_iter();
    let refs = names.map(|(name, id)| Ok((RefName::new(name)?, id)));
    let refs = refs.collect::<ServiceResult<Vec<_>>>()?;
    let commits: Vec<_> = refs.iter().map(|(_, id)| *id).collect();
    let holds = commits.iter().map(|&id| Ok(repo.engine().hold(id)?));
    let _holds = holds.collect::<ServiceResult<Vec<_>>>()?;
    let mut pieces = Pieces {
        buffer: Vec::with_capacity(BUNDLE_BYTES),
        outlet,
    };
    let written = repo.write_bundle(
        &BundleOptions::new(refs),
        &mut pieces,
        &mut |_| match outlet.is_closed() || scope.check_time().is_err() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        },
    );
    scope.check_time()?;
    written?;
    Ok(pieces.flush().map_err(Error::Write)?)
}

/// A bundle on its way, in pieces of one size.
struct Pieces<'a> {
    buffer: Vec<u8>,
    outlet: &'a Outlet<v1::BackupResponse>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BUNDLE_BYTES - self.buffer.len());
        self.buffer
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        if self.buffer.len() == BUNDLE_BYTES {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bundle = Bytes::from(std::mem::take(&mut self.buffer));
        let sent = self.outlet.send(v1::BackupResponse { bundle });
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
