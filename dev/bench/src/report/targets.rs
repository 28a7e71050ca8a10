//! What the engine has to reach, and whether it did.

use std::fmt::Write as _;

use super::{Results, Spread, cpu, disk_megabytes, mebibytes, significant, syncs, wall, written};
use crate::measure::Sample;
use crate::peers::PACK;

/// One thing to reach.
struct Target {
    phase: &'static str,
    figure: Figure,
    must: Bound,
    aim: Option<Bound>,
}

/// What of pack is judged, in the phase of the target.
enum Figure {
    Rate,
    Milliseconds,
    Written,
    Syncs,
    Disk,
    Peak,
    Resident,
    /// Its rate ÷ a peer's.
    RateOver(&'static str),
    /// Its time ÷ a peer's.
    TimeOver(&'static str),
    /// Its rate ÷ its own in another phase.
    RateOverPhase(&'static str),
    /// What only this workload measures.
    More(&'static str),
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Exactly(f64),
}

use Bound::{AtLeast, AtMost, Exactly};
use Figure::{
    Disk, Milliseconds, More, Peak, Rate, RateOver, RateOverPhase, Resident, Syncs, TimeOver,
    Written,
};

const TARGETS: &[Target] = &[
    aimed("W1n", Rate, AtLeast(50_000.0), AtLeast(100_000.0)),
    just("W1n", RateOver("sqlite"), AtLeast(1.0)),
    just("W1n", RateOver("doltlite"), AtLeast(10.0)),
    aimed("W1n", Written, AtMost(2_000.0), AtMost(900.0)),
    just("W1d", Syncs, Exactly(1.0)),
    aimed("W1d", Written, AtMost(6_000.0), AtMost(4_300.0)),
    just("W1d", RateOver("rocksdb"), AtLeast(1.0)),
    just("W1d", RateOver("redb"), AtLeast(1.0)),
    just("W1d", RateOver("lmdb"), AtLeast(1.0)),
    just("Wc 64 to one", RateOverPhase("W1d"), AtLeast(20.0)),
    just("W2", TimeOver("redb"), AtMost(0.62)),
    just("W2", TimeOver("doltlite"), AtMost(0.5)),
    just("W2", Disk, AtMost(115.0)),
    just("W2", Peak, AtMost(64.0)),
    aimed("W2", TimeOver("lmdb"), AtMost(f64::INFINITY), AtMost(1.0)),
    aimed("W3 again", RateOver("lmdb"), AtLeast(2.0), AtLeast(3.0)),
    aimed("W3 threads", RateOver("lmdb"), AtLeast(2.0), AtLeast(3.0)),
    aimed("W3 cold", RateOver("lmdb"), AtLeast(1.0), AtLeast(1.4)),
    aimed("W4m", RateOver("doltlite"), AtLeast(9.0), AtLeast(13.0)),
    aimed("W4m", Written, AtMost(3_000.0), AtMost(1_800.0)),
    just("W4m", RateOverPhase("W4"), AtLeast(0.5)),
    aimed("W5", TimeOver("doltlite"), AtMost(0.05), AtMost(0.02)),
    aimed("W6 again", TimeOver("libgit2"), AtMost(0.1), AtMost(0.04)),
    aimed(
        "W7 fresh",
        TimeOver("doltlite"),
        AtMost(1.0 / 6.0),
        AtMost(0.1),
    ),
    aimed(
        "W7 again",
        TimeOver("doltlite"),
        AtMost(1.0 / 6.0),
        AtMost(0.1),
    ),
    aimed("W8 clone", TimeOver("doltlite"), AtMost(0.66), AtMost(0.45)),
    aimed("W8 fetch", TimeOver("doltlite"), AtMost(0.2), AtMost(0.125)),
    just("W9 cold", Resident, AtMost(4.0)),
    just("W9 cold", Milliseconds, AtMost(20.0)),
    just("Wg writer", More("commit, max, µs"), AtMost(10_000.0)),
    just("Wr 1 held + writer", More("× alone"), AtLeast(0.8)),
    just("Wr 1 following + writer", More("× alone"), AtLeast(0.8)),
    just(
        "Wh 1000000",
        More("last ÷ very first commits/s"),
        AtLeast(0.8),
    ),
];

const fn just(phase: &'static str, figure: Figure, must: Bound) -> Target {
    Target {
        phase,
        figure,
        must,
        aim: None,
    }
}

const fn aimed(phase: &'static str, figure: Figure, must: Bound, aim: Bound) -> Target {
    Target {
        phase,
        figure,
        must,
        aim: Some(aim),
    }
}

const HEADER: &str = "
| phase | pack's | must | aim | wall [worst..best run] | CPU | |
|---|---|---|---|---|---|---|
";

/// Returns a table of the targets whose phases were measured.
pub(super) fn markdown(results: &Results) -> String {
    let mut out = HEADER.to_owned();
    for target in TARGETS {
        if let Some(reached) = target.figure.of(target.phase, results) {
            let (phase, what) = (target.phase, target.figure.text());
            let (must, verdict) = (target.must.text(), target.verdict(reached.wall));
            let aim = target.aim.map_or(String::new(), Bound::text);
            let (wall, cpu) = (
                shown(&reached),
                reached.cpu.map_or("–".to_owned(), significant),
            );
            writeln!(
                out,
                "| {phase} | {what} | {must} | {aim} | {wall} | {cpu} | {verdict} |"
            )
            .expect("because memory takes it");
        }
    }
    out
}

/// What was reached.
struct Reached {
    /// By the wall clock, or by a counter that depends on neither.
    wall: f64,
    /// In the worst and the best run, of what is a ratio of times.
    range: Option<(f64, f64)>,
    /// By processor time, which a busy machine changes less.
    cpu: Option<f64>,
}

impl Reached {
    const fn counted(figure: f64) -> Self {
        Self {
            wall: figure,
            range: None,
            cpu: None,
        }
    }

    /// Returns the ratio of one time to another.
    fn ratio(of: &[Sample], to: &[Sample]) -> Self {
        let (a, b) = (wall(of), wall(to));
        Self {
            wall: a.median / b.median,
            range: Some((a.max / b.min, a.min / b.max)),
            cpu: Some(cpu(of) / cpu(to)),
        }
    }

    fn inverse(self) -> Self {
        Self {
            wall: 1.0 / self.wall,
            range: self.range.map(|(worst, best)| (1.0 / worst, 1.0 / best)),
            cpu: self.cpu.map(|cpu| 1.0 / cpu),
        }
    }
}

impl Figure {
    fn of(&self, phase: &str, results: &Results) -> Option<Reached> {
        let pack = results.find(phase, PACK)?;
        let peer = |name| results.find(phase, name);
        match self {
            Rate => Some(Reached {
                wall: 1.0 / wall(pack).median,
                range: Some((1.0 / wall(pack).max, 1.0 / wall(pack).min)),
                cpu: Some(1.0 / cpu(pack)),
            }),
            Milliseconds => Some(Reached {
                wall: wall(pack).median * 1e3,
                range: Some((wall(pack).max * 1e3, wall(pack).min * 1e3)),
                cpu: Some(cpu(pack) * 1e3),
            }),
            Written => written(pack).map(Reached::counted),
            Syncs => syncs(pack).map(Reached::counted),
            Disk => disk_megabytes(pack).map(Reached::counted),
            Peak => Some(Reached::counted(mebibytes(pack, |s| s.peak_memory_bytes))),
            Resident => Some(Reached::counted(mebibytes(pack, |s| {
                s.resident_memory_bytes
            }))),
            RateOver(name) => Some(Reached::ratio(pack, peer(name)?).inverse()),
            TimeOver(name) => Some(Reached::ratio(pack, peer(name)?)),
            RateOverPhase(other) => {
                let other = results.find(other, PACK)?;
                Some(Reached::ratio(pack, other).inverse())
            }
            More(name) => more(pack, name).map(Reached::counted),
        }
    }

    fn text(&self) -> String {
        match self {
            Rate => "per second".to_owned(),
            Milliseconds => "milliseconds".to_owned(),
            Written => "bytes written/op".to_owned(),
            Syncs => "syncs/op".to_owned(),
            Disk => "MB on disk".to_owned(),
            Peak => "peak MiB".to_owned(),
            Resident => "resident MiB".to_owned(),
            RateOver(peer) => format!("rate ÷ {peer}'s"),
            TimeOver(peer) => format!("time ÷ {peer}'s"),
            RateOverPhase(phase) => format!("rate ÷ that of {phase}"),
            More(name) => (*name).to_owned(),
        }
    }
}

fn more(samples: &[Sample], name: &str) -> Option<f64> {
    let of = |sample: &Sample| {
        let mut all = sample.more.iter();
        all.find(|(other, _)| other == name)
            .map(|(_, figure)| *figure)
    };
    let all: Option<Vec<f64>> = samples.iter().map(of).collect();
    all?;
    Some(Spread::of(samples, |sample| of(sample).unwrap_or_default()).median)
}

impl Bound {
    fn holds(self, figure: f64) -> bool {
        match self {
            AtLeast(least) => figure >= least,
            AtMost(most) => figure <= most,
            // A count for each of a thousand operations, of which one may have another reason.
            Exactly(count) => (figure - count).abs() < 0.005,
        }
    }

    fn text(self) -> String {
        match self {
            AtMost(most) if most.is_infinite() => String::new(),
            AtLeast(least) => format!("≥ {}", significant(least)),
            AtMost(most) => format!("≤ {}", significant(most)),
            Exactly(count) => format!("= {}", significant(count)),
        }
    }
}

impl Target {
    fn verdict(&self, figure: f64) -> &'static str {
        match (self.must.holds(figure), self.aim) {
            (false, _) => "**missed**",
            (true, Some(aim)) if aim.holds(figure) => "aim met",
            (true, _) => "met",
        }
    }
}

fn shown(reached: &Reached) -> String {
    let median = significant(reached.wall);
    match reached.range {
        Some((worst, best)) => {
            let [worst, best] = [worst, best].map(significant);
            format!("{median} [{worst}..{best}]")
        }
        None => median,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_missed_met_or_better() {
        let target = aimed("W1n", Rate, AtLeast(50.0), AtLeast(100.0));
        let verdicts = [49.0, 50.0, 100.0].map(|figure| target.verdict(figure));
        assert_eq!(verdicts, ["**missed**", "met", "aim met"]);
        assert!(Exactly(1.0).holds(1.001) && !Exactly(1.0).holds(1.01));
    }

    #[test]
    fn a_rate_is_compared_upside_down() {
        let time = Reached {
            wall: 0.5,
            range: Some((1.0, 0.25)),
            cpu: None,
        };
        let rate = time.inverse();
        assert_eq!(shown(&rate), "2.00 [1.00..4.00]");
    }
}
