//! What is made of all that was measured: tables, JSON, plots, and a verdict on the targets.

mod json;
mod plot;
mod table;
mod targets;

use std::fs;
use std::io::{self, Write as _};

use crate::Result;
use crate::args::Args;
use crate::measure::{Phase, Sample};
use crate::peers::Peer;

/// Prints and writes what was asked for.
pub(crate) fn write(results: &Results, args: &Args) -> Result<()> {
    let mut out = io::stdout();
    out.write_all(table::markdown(results).as_bytes())?;
    if args.targets {
        out.write_all(targets::markdown(results).as_bytes())?;
    }
    if let Some(path) = &args.json {
        fs::write(path, json::text(results, args.quick)?)?;
    }
    if let Some(dir) = &args.plots {
        plot::write_all(results, dir)?;
    }
    Ok(())
}

/// All samples, by phase and peer, in the order of their first appearance.
#[derive(Default)]
pub(crate) struct Results(Vec<PhaseResults>);

struct PhaseResults {
    phase: String,
    peers: Vec<(Peer, Vec<Sample>)>,
}

impl PhaseResults {
    /// Returns what one peer did.
    fn of(&self, peer: &str) -> Option<&[Sample]> {
        let mut peers = self.peers.iter();
        let found = peers.find(|(other, _)| other.name() == peer);
        found.map(|(_, samples)| samples.as_slice())
    }
}

impl Results {
    /// Returns what one peer did in one phase.
    fn find(&self, phase: &str, peer: &str) -> Option<&[Sample]> {
        let row = self.0.iter().find(|row| row.phase == phase);
        row.and_then(|row| row.of(peer))
    }

    /// Notes how many syncs each phase had, where that is not known yet.
    pub(crate) fn add_syncs(&mut self, peer: Peer, counted: &[(String, u64)]) {
        for (phase, syncs) in counted {
            let rows = self.0.iter_mut().filter(|row| row.phase == *phase);
            let peers = rows.flat_map(|row| row.peers.iter_mut());
            let of_peer = peers.filter(|(other, _)| other.name() == peer.name());
            for sample in of_peer.flat_map(|(_, samples)| samples.iter_mut()) {
                sample.syncs.get_or_insert(*syncs);
            }
        }
    }
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

fn operations(sample: &Sample) -> f64 {
    whole(sample.operations)
}

/// Returns the wall clock seconds of an operation.
fn wall(samples: &[Sample]) -> Spread {
    Spread::of(samples, |s| s.wall_seconds / operations(s))
}

/// Returns the processor seconds of an operation.
fn cpu(samples: &[Sample]) -> f64 {
    Spread::of(samples, |s| s.cpu_seconds / operations(s)).median
}

/// Returns the median of a figure that all samples have.
fn known(samples: &[Sample], figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let all = samples.iter().all(|s| figure(s).is_some());
    all.then(|| Spread::of(samples, |s| figure(s).unwrap_or_default()).median)
}

fn written(samples: &[Sample]) -> Option<f64> {
    known(samples, |s| Some(whole(s.bytes_written?) / operations(s)))
}

fn syncs(samples: &[Sample]) -> Option<f64> {
    known(samples, |s| Some(whole(s.syncs?) / operations(s)))
}

fn disk_megabytes(samples: &[Sample]) -> Option<f64> {
    known(samples, |s| Some(whole(s.disk_bytes?) / 1e6))
}

fn mebibytes(samples: &[Sample], figure: impl Fn(&Sample) -> u64) -> f64 {
    Spread::of(samples, |s| whole(figure(s)) / 1_048_576.0).median
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
            resident_memory_bytes: 0,
            own_memory_bytes: 0,
            disk_bytes: None,
            more: Vec::new(),
            curve: Vec::new(),
        };
        let samples = [sample(4.0), sample(1.0), sample(2.0), sample(8.0)];
        let spread = Spread::of(&samples, |s| s.wall_seconds);
        assert!((spread.min, spread.median, spread.max) == (1.0, 3.0, 8.0));
    }
}
