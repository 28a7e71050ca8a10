//! All that was measured, for machines. The README says what the fields mean.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::{PhaseResults, Results, cpu, wall};
use crate::Result;
use crate::measure::Sample;
use crate::peers::PACK;

pub(super) fn text(results: &Results, is_quick: bool) -> Result<String> {
    let phases = results.0.iter();
    let rows = phases.flat_map(|row| {
        let peers = row.peers.iter();
        peers.map(|(peer, samples)| entry(row, peer.name(), samples))
    });
    let all = json!({
        "quick": is_quick,
        "processors": thread::available_parallelism()?.get(),
        "load": fs::read_to_string("/proc/loadavg")?.trim_end(),
        "results": rows.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn entry(row: &PhaseResults, peer: &str, samples: &[Sample]) -> Value {
    let seconds = wall(samples);
    let pack = row.of(PACK);
    json!({
        "phase": row.phase,
        "peer": peer,
        "per_second": 1.0 / seconds.median,
        "seconds": {
            "median": seconds.median,
            "min": seconds.min,
            "max": seconds.max,
        },
        "cpu_seconds": cpu(samples),
        "time_over_pack": pack.map(|pack| seconds.median / wall(pack).median),
        "cpu_over_pack": pack.map(|pack| cpu(samples) / cpu(pack)),
        "samples": samples,
    })
}
