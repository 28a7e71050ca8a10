//! The tables of medians.

use std::fmt::Write as _;

use super::{
    Results, Spread, cpu, disk_megabytes, duration, mebibytes, significant, syncs, wall, written,
};
use crate::measure::Sample;
use crate::peers::PACK;

const HEADER: &str = "\
| phase | peer | n | wall [min..max] | per second | CPU | written/op | syncs/op | peak MiB \
| resident MiB | own MiB | disk MB | time ÷ pack | CPU ÷ pack |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

/// Returns a table of medians, with how many times as long as Irminsule's pack each peer takes.
pub(super) fn markdown(results: &Results) -> String {
    let mut out = HEADER.to_owned();
    for row in &results.0 {
        let pack = row
            .of(PACK)
            .map(|samples| (wall(samples).median, cpu(samples)));
        for (peer, samples) in &row.peers {
            let ratios = pack.map_or([String::new(), String::new()], |(pack_wall, pack_cpu)| {
                let (wall, cpu) = (wall(samples).median, cpu(samples));
                [significant(wall / pack_wall), significant(cpu / pack_cpu)]
            });
            let (phase, peer, n) = (&row.phase, peer.name(), samples.len());
            let (cells, ratios) = (cells(samples), ratios.join(" | "));
            writeln!(out, "| {phase} | {peer} | {n} | {cells} | {ratios} |")
                .expect("because memory takes it");
        }
    }
    out + &more(results)
}

/// Returns a table of what only some workloads measure.
fn more(results: &Results) -> String {
    let mut out = String::new();
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
    match out.is_empty() {
        true => out,
        false => format!("\n| phase | peer | also |\n|---|---|---|\n{out}"),
    }
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

fn cells(samples: &[Sample]) -> String {
    let total = Spread::of(samples, |s| s.wall_seconds);
    let [median, min, max] = [total.median, total.min, total.max].map(duration);
    let show = |figure: Option<f64>| figure.map_or("–".to_owned(), significant);
    [
        format!("{median} [{min}..{max}]"),
        significant(1.0 / wall(samples).median),
        duration(cpu(samples)),
        show(written(samples)),
        show(syncs(samples)),
        significant(mebibytes(samples, |s| s.peak_memory_bytes)),
        significant(mebibytes(samples, |s| s.resident_memory_bytes)),
        significant(mebibytes(samples, |s| s.own_memory_bytes)),
        show(disk_megabytes(samples)),
    ]
    .join(" | ")
}
