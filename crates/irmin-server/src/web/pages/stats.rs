//! `/r/<repository>/stats`: figures about a repository, drawn.

use axum::response::Response;
use irminsule::{StoreStats, Time};
use maud::{Markup, html};

use crate::service::{ErrorKind, LogRequest, Result, Scope};
use crate::web::layout::{Page, Tab};
use crate::web::parts::plot::{Plot, Scale};
use crate::web::parts::{Seen, branches, first_branch, names_events};
use crate::web::place::Place;
use crate::web::samples::Sample;
use crate::web::text::{count, plural, size, time};
use crate::web::{Asked, Reply};

/// How many commits are counted.
const COMMITS: usize = 10_000;

/// How many bars a plot of time has.
const BARS: i64 = 30;

const DAY: i64 = 86_400;

/// Shows figures.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    let (samples, now) = (asked.web.samples.clone(), asked.web.server.now());
    asked
        .answer(move |scope, _, place| {
            let stats = match scope.stats() {
                // Figures of the whole are for those who may see the whole.
                Err(error) if error.kind == ErrorKind::PermissionDenied => None,
                stats => Some(stats?),
            };
            let samples = stats.map(|stats| samples.of(&place.repo, Sample { at: now, stats }));
            page(scope, place, &samples.unwrap_or_default()).map(Reply::from)
        })
        .await
}

fn page(scope: &Scope, place: &Place, samples: &[Sample]) -> Result<Page> {
    let branches = branches(scope)?;
    let first = first_branch(&branches).unwrap_or_default().to_owned();
    let rev = place.query.filled("rev").unwrap_or(&first).to_owned();
    let times = match rev.as_str() {
        "" => Vec::new(),
        rev => commit_times(scope, rev)?,
    };
    let body = html! {
        h1 { "Stats" }
        div #stats data-part {
            @if let Some(now) = samples.last() { (facts(&now.stats)) }
            div.plots {
                (commits_plot(&times).bars())
                @if let Some(now) = samples.last() {
                    (kinds_plot(&now.stats).bars())
                    (size_plot(samples).line())
                    (cache_plot(samples).line())
                }
            }
        }
        p.hint { "The plots over time begin when the server was started, and go back an hour at the most." }
    };
    let events = names_events(scope, &place.repo)?;
    Ok(Page::new("Stats", body)
        .about(&place.repo, &rev, Tab::Stats)
        .live(events))
}

/// Returns when the newest commits were made, newest first, in seconds since 1970.
fn commit_times(scope: &Scope, rev: &str) -> Result<Vec<i64>> {
    let seen = Seen::find(scope, rev)?;
    let mut times = Vec::new();
    let mut start = Some(0);
    while let Some(from) = start
        && times.len() < COMMITS
    {
        let request = LogRequest {
            start: from,
            ..LogRequest::default()
        };
        let page = scope.log(&seen.at, &request)?;
        times.extend(
            page.commits
                .iter()
                .map(|commit| commit.info().committer.time().seconds()),
        );
        start = page.next;
    }
    times.truncate(COMMITS);
    Ok(times)
}

fn facts(stats: &StoreStats) -> Markup {
    html! {
        dl.facts {
            dt { "On disk" } dd { (size(stats.segment_bytes)) " in " (count(stats.segments)) " segments" }
            dt { "Objects" }
            dd {
                (plural(stats.commits.objects, "commit", "commits")) ", "
                (plural(stats.nodes.objects, "directory", "directories")) ", "
                (plural(stats.blobs.objects, "large value", "large values"))
            }
            dt { "Names" } dd { (count(stats.refs)) }
            dt { "Waiting in memory" } dd { (size(stats.pending_bytes)) }
            dt { "In the cache" } dd { (size(stats.cache_bytes)) }
            dt { "Written since the start" } dd { (size(stats.bytes_written)) " with " (count(stats.syncs)) " syncs" }
        }
    }
}

fn commits_plot(times: &[i64]) -> Plot<'static> {
    let (oldest, newest) = (
        times.iter().min().copied().unwrap_or(0),
        times.iter().max().copied().unwrap_or(0),
    );
    let bars = bars(oldest, newest, times);
    Plot {
        title: "Commits over time",
        columns: ["From", "Commits"],
        values: if times.is_empty() { Vec::new() } else { bars },
        write: whole,
        scale: Scale::Round,
    }
}

/// Counts times in ranges of equal length.
fn bars(oldest: i64, newest: i64, times: &[i64]) -> Vec<(String, f64)> {
    let span = newest.saturating_sub(oldest).saturating_add(1);
    let widths = [
        60,
        300,
        900,
        3600,
        6 * 3600,
        DAY,
        7 * DAY,
        30 * DAY,
        365 * DAY,
    ];
    let fits = |width: &i64| span / width < BARS;
    let width = widths.into_iter().find(fits).unwrap_or(span / BARS + 1);
    let start = oldest.div_euclid(width) * width;
    let count = newest.saturating_sub(start) / width + 1;
    let mut values: Vec<(String, f64)> = (0..count.min(BARS + 1))
        .map(|index| {
            let label = time(Time::utc(start.saturating_add(index * width)));
            let date = label.split(' ').next().unwrap_or_default().to_owned();
            (if width < DAY { label } else { date }, 0.0)
        })
        .collect();
    for at in times {
        let index = usize::try_from(at.saturating_sub(start) / width).unwrap_or(0);
        if let Some((_, count)) = values.get_mut(index) {
            *count += 1.0;
        }
    }
    values
}

fn kinds_plot(stats: &StoreStats) -> Plot<'static> {
    let kinds = [
        ("Commits", stats.commits),
        ("Directories", stats.nodes),
        ("Large values", stats.blobs),
        ("Chunk lists", stats.chunk_lists),
    ];
    let values = kinds.map(|(name, kind)| (name.to_owned(), float(kind.bytes)));
    Plot {
        title: "What takes the room",
        columns: ["Kind", "Bytes"],
        values: values.into(),
        write: bytes,
        scale: Scale::Bytes,
    }
}

fn size_plot(samples: &[Sample]) -> Plot<'static> {
    let value = |sample: &Sample| {
        (
            clock(sample.at),
            float(sample.stats.segment_bytes + sample.stats.pending_bytes),
        )
    };
    Plot {
        title: "Size",
        columns: ["When (UTC)", "Bytes"],
        values: samples.iter().map(value).collect(),
        write: bytes,
        scale: Scale::Bytes,
    }
}

/// Of the records that were looked for in each interval, how many were in the cache.
fn cache_plot(samples: &[Sample]) -> Plot<'static> {
    let mut values = Vec::new();
    let mut before = (0, 0);
    for sample in samples {
        let now = (sample.stats.cache_hits, sample.stats.reads);
        let (hits, reads) = (
            now.0.saturating_sub(before.0),
            now.1.saturating_sub(before.1),
        );
        if hits + reads > 0 {
            values.push((clock(sample.at), float(hits) / float(hits + reads)));
        }
        before = now;
    }
    Plot {
        title: "Cache hit rate",
        columns: ["When (UTC)", "Found in the cache"],
        values,
        write: |part| format!("{:.0} %", part * 100.0),
        scale: Scale::To(1.0),
    }
}

fn clock(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(0);
    time(Time::utc(seconds))
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// A scale of bytes.
fn bytes(value: f64) -> String {
    // Of a float that was a number of bytes, or a part of a scale of them.
    let whole = format!("{value:.0}").parse().unwrap_or(0);
    size(whole)
}

/// A count for a plot, where the last digits are not seen.
#[expect(clippy::cast_precision_loss, reason = "a plot has fewer digits")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_judged_by_each_interval_and_not_where_nothing_was_looked_for() {
        let sample = |at, (cache_hits, reads)| {
            let mut stats = StoreStats::default();
            (stats.cache_hits, stats.reads) = (cache_hits, reads);
            Sample { at, stats }
        };
        let samples = [(0, 0), (3, 1), (3, 1), (3, 5)];
        let samples: Vec<Sample> = samples
            .into_iter()
            .zip(0..)
            .map(|(of, at)| sample(at, of))
            .collect();
        let parts: Vec<f64> = cache_plot(&samples)
            .values
            .iter()
            .map(|(_, part)| *part)
            .collect();
        assert_eq!(parts, [0.75, 0.0]);
    }

    #[test]
    fn every_time_is_counted_in_one_of_a_few_ranges() {
        for (oldest, newest) in [
            (0, 0),
            (5, 100),
            (-3 * DAY, 400 * DAY),
            (0, 40_000 * DAY),
            (0, 29 * 60),
        ] {
            let times: Vec<i64> = (0..=10)
                .map(|part| oldest + (newest - oldest) / 10 * part)
                .collect();
            let (oldest, newest) = (times[0], times[10]);
            let bars = bars(oldest, newest, &times);
            let sum: f64 = bars.iter().map(|(_, count)| count).sum();
            assert!(
                (sum - 11.0).abs() < 0.5 && bars.len() <= 31,
                "{oldest} {newest} {sum} {}",
                bars.len()
            );
        }
    }
}
