//! The figures as text that Prometheus reads.

mod process;
mod text;

use irminsule::StoreStats;

use crate::service::{Counter, ErrorKind, Histogram, Metrics, Server, Transport, Verb};
use text::{Kind, Text};

/// The type of the text, version 0.0.4 of the format.
pub(super) const CONTENT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all figures. Reads no object; asks each engine that is open.
pub(super) fn text(server: &Server, is_ready: bool) -> String {
    let mut text = Text::default();
    text.family("irmin_build_info", Kind::Gauge, "Which program this is.");
    text.sample(
        "irmin_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    text.one(
        "irmin_ready",
        Kind::Gauge,
        "Whether all repositories are open, and the server does not stop.",
        u64::from(is_ready),
    );
    requests(server, &mut text);
    load(server, &mut text);
    stores(server, &mut text);
    process::write(&mut text);
    text.into_string()
}

fn requests(server: &Server, text: &mut Text) {
    let metrics = server.metrics();
    let name = "irmin_requests_total";
    text.family(name, Kind::Counter, "Requests that ran, or were refused, by what they asked for, where they came in, and what came of them.");
    for verb in Verb::ALL {
        for (via, door) in Transport::ALL.iter().zip(&metrics.verb(verb).doors) {
            let kinds = ErrorKind::TABLE.iter().map(|row| row.1);
            let failed = kinds.zip(door.failed.iter().map(|count| count.get()));
            for (outcome, count) in std::iter::once(("ok", door.ok.get())).chain(failed) {
                // Of 2,080 series most are never begun.
                if count > 0 {
                    let labels = [
                        ("verb", verb.name()),
                        ("transport", via.name()),
                        ("outcome", outcome),
                    ];
                    text.sample(name, &labels, count);
                }
            }
        }
    }
    let name = "irmin_request_seconds";
    text.family(name, Kind::Histogram, "How long requests ran.");
    for verb in Verb::ALL {
        let time = &metrics.verb(verb).time;
        if time.counts().any(|count| count > 0) {
            text.histogram(name, &[("verb", verb.name())], time);
        }
    }
    let name = "irmin_wait_seconds";
    text.family(
        name,
        Kind::Histogram,
        "How long requests waited for their turn, of those that had to.",
    );
    text.histogram(name, &[], &metrics.wait);
}

/// A figure about the load: its name, what it is, what it means, where it is.
type Load = (&'static str, Kind, &'static str, fn(&Metrics) -> &Counter);

/// Those that only grow.
const GROWING: [Load; 8] = [
    (
        "irmin_refused_total",
        Kind::Counter,
        "Requests that were sent away because too many waited.",
        |all| &all.refused,
    ),
    (
        "irmin_stalled_total",
        Kind::Counter,
        "Streams that were ended because their clients stalled.",
        |all| &all.stalled,
    ),
    (
        "irmin_unauthenticated_total",
        Kind::Counter,
        "Failures to say who one is.",
        |all| &all.unauthenticated,
    ),
    (
        "irmin_repeated_total",
        Kind::Counter,
        "Requests with a key that had been answered before.",
        |all| &all.repeated,
    ),
    (
        "irmin_commits_total",
        Kind::Counter,
        "Commits that were made.",
        |all| &all.commits,
    ),
    (
        "irmin_events_total",
        Kind::Counter,
        "Events that watches told.",
        |all| &all.events,
    ),
    (
        "irmin_value_bytes_in_total",
        Kind::Counter,
        "Bytes of values and objects that came in.",
        |all| &all.bytes_in,
    ),
    (
        "irmin_value_bytes_out_total",
        Kind::Counter,
        "Bytes of values and objects that went out.",
        |all| &all.bytes_out,
    ),
];

/// Those of this moment.
const PRESENT: [Load; 5] = [
    (
        "irmin_requests_running",
        Kind::Gauge,
        "Requests that run.",
        |all| &all.running,
    ),
    (
        "irmin_requests_waiting",
        Kind::Gauge,
        "Requests that wait for their turn.",
        |all| &all.waiting,
    ),
    (
        "irmin_streams_running",
        Kind::Gauge,
        "Uploads, downloads and other long requests that run.",
        |all| &all.streams,
    ),
    (
        "irmin_watchers",
        Kind::Gauge,
        "Watches that are open.",
        |all| &all.watchers,
    ),
    (
        "irmin_sessions",
        Kind::Gauge,
        "Sessions that are open.",
        |all| &all.sessions,
    ),
];

fn load(server: &Server, text: &mut Text) {
    for (name, kind, help, counter) in GROWING.into_iter().chain(PRESENT) {
        text.one(name, kind, help, counter(server.metrics()).get());
    }
    let help = "Lines that could not be written to the audit log.";
    let failures = server.audit().failures();
    text.one("irmin_audit_failures_total", Kind::Counter, help, failures);
}

/// A figure about a store: its name, what it is, what it means, where it is.
type Figure = (&'static str, Kind, &'static str, fn(&StoreStats) -> u64);

const FIGURES: [Figure; 10] = [
    (
        "irmin_store_segments",
        Kind::Gauge,
        "Segments of the log.",
        |stats| stats.segments,
    ),
    (
        "irmin_store_segment_bytes",
        Kind::Gauge,
        "Bytes in segments.",
        |stats| stats.segment_bytes,
    ),
    (
        "irmin_store_pending_bytes",
        Kind::Gauge,
        "Bytes of objects that wait in memory.",
        |stats| stats.pending_bytes,
    ),
    (
        "irmin_store_cache_bytes",
        Kind::Gauge,
        "Bytes of records in the cache.",
        |stats| stats.cache_bytes,
    ),
    ("irmin_store_refs", Kind::Gauge, "Names.", |stats| {
        stats.refs
    }),
    (
        "irmin_store_syncs_total",
        Kind::Counter,
        "Syncs of files and directories.",
        |stats| stats.syncs,
    ),
    (
        "irmin_store_writes_total",
        Kind::Counter,
        "Writes to files.",
        |stats| stats.writes,
    ),
    (
        "irmin_store_written_bytes_total",
        Kind::Counter,
        "Bytes that were written to files.",
        |stats| stats.bytes_written,
    ),
    (
        "irmin_store_cache_hits_total",
        Kind::Counter,
        "Records that the cache had.",
        |stats| stats.cache_hits,
    ),
    (
        "irmin_store_reads_total",
        Kind::Counter,
        "Records that were read from files: not found in the cache.",
        |stats| stats.reads,
    ),
];

fn stores(server: &Server, text: &mut Text) {
    let repos = server.repos();
    let (all, open) = (repos.names().len() as u64, repos.opened_now().len() as u64);
    text.one(
        "irmin_repositories",
        Kind::Gauge,
        "Repositories that there are.",
        all,
    );
    text.one(
        "irmin_repositories_open",
        Kind::Gauge,
        "Repositories that are open.",
        open,
    );
    // An engine that cannot tell has no figures; what is wrong with it, requests say.
    let stats = repos.stats().unwrap_or_default();
    for (name, kind, help, figure) in FIGURES {
        text.family(name, kind, help);
        for (repository, stats) in &stats {
            text.sample(name, &[("repository", repository)], figure(stats));
        }
    }
    let syncs: u64 = stats.iter().map(|(_, stats)| stats.syncs).sum();
    let name = "irmin_commits_per_sync";
    let help = "The mean size of a group of commits that share a sync, since the start.";
    text.family(name, Kind::Gauge, help);
    text.ratio(name, server.metrics().commits.get(), syncs);
}

/// The upper ends of a histogram's ranges, in seconds.
fn bounds() -> impl Iterator<Item = String> {
    let seconds = Histogram::BOUNDS_US.iter().map(|&us| text::seconds(us));
    seconds.chain(std::iter::once("+Inf".to_owned()))
}
