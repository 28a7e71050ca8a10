//! What the server tells about the repository: figures, and what is wrong with it.

use irmin_core::{ErrorKind, KindStats, StoreError, StoreStats, VerifyProgress, VerifyReport};
use irmin_proto::v1;

use super::RemoteStore;
use crate::connection::Again;
use crate::error::Result;

impl RemoteStore {
    pub(super) fn ask_verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport> {
        const CALL: &str = "Admin.Verify";
        let mut client = self.connection.admin();
        let request = v1::VerifyRequest {
            repository: self.connection.repository(),
        };
        let mut answers = self
            .within_deadline(CALL, client.verify(request))?
            .into_inner();
        loop {
            let answer = self.within_deadline(CALL, answers.message())?;
            match answer.and_then(|answer| answer.is) {
                Some(v1::verify_response::Is::Progress(at)) => progress(VerifyProgress {
                    bytes_done: at.bytes_done,
                    bytes_total: at.bytes_total,
                }),
                Some(v1::verify_response::Is::Report(report)) => return Ok(report_of(report)),
                None => return Err(self.broken(CALL, "it ends without a report")),
            }
        }
    }

    /// Returns the server's figures, with what waits and what is kept here.
    pub(super) fn ask_stats(&self) -> Result<StoreStats> {
        let request = v1::StatsRequest {
            repository: self.connection.repository(),
        };
        let call = self.connection.call("Admin.Stats", Again::Safe, |_| {
            let (mut client, request) = (self.connection.admin(), request.clone());
            async move { Ok(client.stats(request).await?.into_inner()) }
        });
        let mut stats = stats_of(&self.waiter.wait(call)?);
        stats.pending_bytes += self.pending().bytes() as u64;
        stats.cache_bytes += self.cache.bytes();
        Ok(stats)
    }
}

fn stats_of(from: &v1::StatsResponse) -> StoreStats {
    let kind = |kind: Option<v1::KindStats>| {
        let kind = kind.unwrap_or_default();
        KindStats {
            objects: kind.objects,
            bytes: kind.bytes,
        }
    };
    let mut stats = StoreStats::default();
    stats.segments = from.segments;
    stats.segment_bytes = from.segment_bytes;
    stats.blobs = kind(from.blobs);
    stats.chunk_lists = kind(from.chunk_lists);
    stats.nodes = kind(from.nodes);
    stats.commits = kind(from.commits);
    stats.refs = from.refs;
    stats.pending_bytes = from.pending_bytes;
    stats.cache_bytes = from.cache_bytes;
    stats.syncs = from.syncs;
    stats.writes = from.writes;
    stats.bytes_written = from.bytes_written;
    stats.reads = from.reads;
    stats.bytes_scanned = from.bytes_scanned;
    stats.bytes_cut = from.bytes_cut;
    stats
}

fn report_of(from: v1::VerifyReport) -> VerifyReport {
    let mut report = VerifyReport::default();
    report.segments = from.segments;
    report.frames = from.frames;
    report.objects = from.objects;
    report.commits = from.commits;
    report.links = from.links;
    report.links_unknown = from.links_unknown;
    report.refs = from.refs;
    report.bytes = from.bytes;
    report.bytes_cut = from.bytes_cut;
    let problem = |message: String| StoreError::Remote {
        kind: ErrorKind::Corrupt,
        message,
    };
    report.problems = from.problems.into_iter().map(problem).collect();
    report
}
