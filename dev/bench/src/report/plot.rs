//! A plot for each workload: bars of the time of an operation, with whiskers from the least to the
//! greatest, on a scale of powers of ten, because the peers differ by a thousand times.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{PhaseResults, Results, Spread, duration, significant, wall};
use crate::Result;
use crate::peers::PACK;

const WIDTH: f64 = 860.0;
/// Where the bars begin and end.
const LEFT: f64 = 90.0;
const RIGHT: f64 = 640.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
/// Above the first bar of a phase: its name and the scale.
const HEAD: f64 = 52.0;
const PACK_COLOUR: &str = "#c2410c";
const PEER_COLOUR: &str = "#94a3b8";

/// Writes `W1n.svg` and so on, each with the phases whose names begin with the same word.
pub(super) fn write_all(results: &Results, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    for rows in results.0.chunk_by(|a, b| workload(a) == workload(b)) {
        if let Some(first) = rows.first() {
            let file = dir.join(workload(first)).with_extension("svg");
            fs::write(file, svg(rows))?;
        }
    }
    Ok(())
}

fn workload(row: &PhaseResults) -> &str {
    row.phase.split(' ').next().unwrap_or_default()
}

fn svg(rows: &[PhaseResults]) -> String {
    let bars: usize = rows.iter().map(|row| row.peers.len()).sum();
    let (phases, bars) = (whole(rows.len()), whole(bars));
    let height = phases.mul_add(HEAD, bars * STEP) + 12.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut top = 0.0;
    for row in rows {
        panel(&mut out, row, top);
        top += whole(row.peers.len()).mul_add(STEP, HEAD);
    }
    out + "</svg>\n"
}

/// Draws the bars of a phase, the fastest peer first.
fn panel(out: &mut String, row: &PhaseResults, top: f64) {
    let mut bars: Vec<_> = row
        .peers
        .iter()
        .map(|(peer, samples)| (peer.name(), wall(samples)))
        .collect();
    bars.sort_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
    let scale = Scale::of(&bars);
    text(out, 8.0, top + 18.0, "start", "bold", &row.phase);
    let about = "time of one operation: shorter is better";
    text(out, RIGHT, top + 18.0, "end", "normal", about);
    let end = whole(bars.len()).mul_add(STEP, top + HEAD - 4.0);
    for power in scale.least..=scale.greatest {
        let x = scale.x(10_f64.powi(power));
        line(out, (x, top + HEAD - 8.0), (x, end), "#e2e8f0");
        let label = duration(10_f64.powi(power))
            .replace(".00", "")
            .replace(".0", "");
        text(out, x, top + HEAD - 14.0, "middle", "normal", &label);
    }
    let pack = bars.iter().find(|(peer, _)| *peer == PACK);
    let pack = pack.map(|(_, time)| time.median);
    for (index, (peer, time)) in bars.iter().enumerate() {
        let y = whole(index).mul_add(STEP, top + HEAD - 4.0);
        bar(out, &scale, y, peer, time, pack);
    }
}

fn bar(out: &mut String, scale: &Scale, y: f64, peer: &str, time: &Spread, pack: Option<f64>) {
    let (colour, weight) = match peer == PACK {
        true => (PACK_COLOUR, "bold"),
        false => (PEER_COLOUR, "normal"),
    };
    let middle = y + BAR / 2.0;
    text(out, LEFT - 8.0, middle + 4.0, "end", weight, peer);
    let width = scale.x(time.median) - LEFT;
    writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    )
    .expect("because memory takes it");
    let (min, max) = (scale.x(time.min), scale.x(time.max));
    line(out, (min, middle), (max, middle), "#0f172a");
    for x in [min, max] {
        line(out, (x, middle - 4.0), (x, middle + 4.0), "#0f172a");
    }
    let ratio = match pack {
        Some(pack) if peer != PACK => format!("  (× {})", significant(time.median / pack)),
        _ => String::new(),
    };
    let label = duration(time.median) + &ratio;
    text(out, max + 8.0, middle + 4.0, "start", weight, &label);
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, weight: &str, text: &str) {
    writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-weight=\"{weight}\">{text}</text>"
    )
    .expect("because memory takes it");
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
    )
    .expect("because memory takes it");
}

/// Powers of ten of a second, from one below the shortest time to one above the longest.
struct Scale {
    least: i32,
    greatest: i32,
}

impl Scale {
    fn of(bars: &[(&str, Spread)]) -> Self {
        let power = |seconds: f64| seconds.max(1e-9).log10();
        let min = bars.iter().map(|(_, time)| power(time.min));
        let max = bars.iter().map(|(_, time)| power(time.max));
        let (min, max) = (
            min.fold(f64::INFINITY, f64::min),
            max.fold(f64::NEG_INFINITY, f64::max),
        );
        let least = power_of_ten(min.floor());
        Self {
            least,
            greatest: power_of_ten(max.ceil()).max(least + 1),
        }
    }

    fn x(&self, seconds: f64) -> f64 {
        let (least, greatest) = (f64::from(self.least), f64::from(self.greatest));
        let share = (seconds.max(1e-9).log10() - least) / (greatest - least);
        (RIGHT - LEFT).mul_add(share, LEFT)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "of times from 1 ns to a day"
)]
const fn power_of_ten(power: f64) -> i32 {
    power as i32
}

#[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
const fn whole(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_holds_all_times_between_powers_of_ten() {
        let time = |seconds| Spread {
            min: seconds,
            median: seconds,
            max: seconds,
        };
        let scale = Scale::of(&[("a", time(0.002)), ("b", time(3.0))]);
        assert_eq!((scale.least, scale.greatest), (-3, 1));
        assert!((scale.x(0.001) - LEFT).abs() < 1e-6);
        assert!((scale.x(10.0) - RIGHT).abs() < 1e-6);
        assert!(scale.x(0.002) > LEFT && scale.x(0.002) < scale.x(3.0));
    }
}
