//! Tables and JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::Result;
use crate::args::Args;
use crate::measure::{Phase, Sample};
use crate::peers::{PACK, Peer};

/// All samples, by phase and peer, in the order of their first appearance.
#[derive(Default)]
pub(crate) struct Results(Vec<PhaseResults>);

struct PhaseResults {
    phase: String,
    peers: Vec<(Peer, Vec<Sample>)>,
}

impl Results {
    pub(crate) fn add(&mut self, peer: Peer, phases: Vec<Phase>) {
        for Phase { name, sample } in phases {
            let index = self.0.iter().position(|row| row.phase == name);
            let index = index.unwrap_or_else(|| {
                let peers = Vec::new();
                self.0.push(PhaseResults { phase: name, peers });
                self.0.len() - 1
            });
            let peers = &mut self.0[index].peers;
            match peers
                .iter_mut()
                .find(|(other, _)| other.name() == peer.name())
            {
                Some((_, samples)) => samples.push(sample),
                None => peers.push((peer, vec![sample])),
            }
        }
    }
}

/// Least, median and greatest.
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Self {
        let mut figures: Vec<_> = samples.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let half = figures.len() / 2;
        let median = match figures.len() % 2 {
            0 => f64::midpoint(figures[half - 1], figures[half]),
            _ => figures[half],
        };
        Self {
            min: figures[0],
            median,
            max: figures[figures.len() - 1],
        }
    }
}

/// Returns a table of medians, with how many times as long as Irminsule's pack each peer takes.
pub(crate) fn markdown(results: &Results) -> String {
    let mut out = String::from(
        "| phase | peer | n | wall [min..max] | per second | CPU | written/op | syncs/op | peak MiB \
         | disk MB | time ÷ pack |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &results.0 {
        let wall = |samples: &[Sample]| Spread::of(samples, |s| s.wall_seconds / operations(s));
        let pack = row.peers.iter().find(|(peer, _)| peer.name() == PACK);
        let pack = pack.map(|(_, samples)| wall(samples).median);
        for (peer, samples) in &row.peers {
            let ratio = pack.map_or(String::new(), |pack| {
                significant(wall(samples).median / pack)
            });
            let cells = cells(samples, &wall(samples));
            let (phase, peer, n) = (&row.phase, peer.name(), samples.len());
            writeln!(out, "| {phase} | {peer} | {n} | {cells} | {ratio} |")
                .expect("because memory takes it");
        }
    }
    out + &more(results)
}

/// Returns a table of what only some workloads measure.
fn more(results: &Results) -> String {
    let mut out = String::from("\n| phase | peer | also |\n|---|---|---|\n");
    for row in &results.0 {
        for (peer, samples) in &row.peers {
            let names = samples.first().map_or(&[][..], |sample| &sample.more);
            if !names.is_empty() {
                let figures: Vec<_> = names
                    .iter()
                    .map(|(name, _)| figure(samples, name))
                    .collect();
                let (phase, peer, figures) = (&row.phase, peer.name(), figures.join("; "));
                writeln!(out, "| {phase} | {peer} | {figures} |").expect("because memory takes it");
            }
        }
    }
    out
}

/// Returns a name and its figure: the median of the samples, and the extremes of several.
fn figure(samples: &[Sample], name: &str) -> String {
    let of = |sample: &Sample| {
        let found = sample.more.iter().find(|(other, _)| other == name);
        found.map_or(f64::NAN, |(_, figure)| *figure)
    };
    let Spread { min, median, max } = Spread::of(samples, of);
    let [median, min, max] = [median, min, max].map(significant);
    match samples.len() {
        1 => format!("{name} {median}"),
        _ => format!("{name} {median} [{min}..{max}]"),
    }
}

fn cells(samples: &[Sample], wall: &Spread) -> String {
    let total = Spread::of(samples, |s| s.wall_seconds);
    let cpu = Spread::of(samples, |s| s.cpu_seconds / operations(s)).median;
    let optional = |figure: &dyn Fn(&Sample) -> Option<f64>| {
        let known = samples.iter().all(|s| figure(s).is_some());
        known.then(|| Spread::of(samples, |s| figure(s).unwrap_or_default()).median)
    };
    let written = optional(&|s| Some(whole(s.bytes_written?) / operations(s)));
    let syncs = optional(&|s| Some(whole(s.syncs?) / operations(s)));
    let disk = optional(&|s| Some(whole(s.disk_bytes?) / 1e6));
    let peak = Spread::of(samples, |s| whole(s.peak_memory_bytes) / 1_048_576.0).median;
    let show = |figure: Option<f64>| figure.map_or("–".to_owned(), significant);
    [
        format!(
            "{} [{}..{}]",
            duration(total.median),
            duration(total.min),
            duration(total.max)
        ),
        significant(1.0 / wall.median),
        duration(cpu),
        show(written),
        show(syncs),
        significant(peak),
        show(disk),
    ]
    .join(" | ")
}

fn operations(sample: &Sample) -> f64 {
    whole(sample.operations)
}

/// Counts stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) const fn whole(count: u64) -> f64 {
    count as f64
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{} s", significant(s)),
        s if s >= 1e-3 => format!("{} ms", significant(s * 1e3)),
        s => format!("{} µs", significant(s * 1e6)),
    }
}

/// Shows three digits that count.
fn significant(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// Writes every sample, for machines.
pub(crate) fn write_json(results: &Results, path: &Path, args: &Args) -> Result<()> {
    let phases: Vec<_> = results
        .0
        .iter()
        .flat_map(|row| {
            row.peers.iter().map(|(peer, samples)| {
                let seconds = Spread::of(samples, |s| s.wall_seconds);
                json!({
                    "phase": row.phase,
                    "peer": peer.name(),
                    "median_seconds": seconds.median,
                    "samples": samples,
                })
            })
        })
        .collect();
    let all = json!({ "quick": args.quick, "results": phases });
    Ok(fs::write(path, serde_json::to_string_pretty(&all)? + "\n")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_three_digits_and_a_fitting_unit() {
        assert_eq!(duration(0.000_012_34), "12.3 µs");
        assert_eq!(duration(1.5), "1.50 s");
        assert_eq!(significant(52_341.4), "52341");
    }

    #[test]
    fn an_even_number_of_samples_has_its_median_between_the_middle_two() {
        let sample = |wall_seconds| Sample {
            operations: 1,
            wall_seconds,
            cpu_seconds: 0.0,
            bytes_written: None,
            syncs: None,
            peak_memory_bytes: 0,
            disk_bytes: None,
            more: Vec::new(),
            curve: Vec::new(),
        };
        let samples = [sample(4.0), sample(1.0), sample(2.0), sample(8.0)];
        let spread = Spread::of(&samples, |s| s.wall_seconds);
        assert!((spread.min, spread.median, spread.max) == (1.0, 3.0, 8.0));
    }
}
