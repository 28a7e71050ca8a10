//! Wh: what a long history costs. W1 goes on to a million commits.

use std::path::Path;
use std::time::Instant;

use super::must_be;
use crate::measure::{
    Phase, add_memory, disk_bytes, drop_page_cache, thread_time, time, time_writes,
};
use crate::parts::Part;
use crate::peers::Peer;
use crate::report::whole;
use crate::sizes::Sizes;
use crate::{Result, child, data};

/// Each length is reached, and opened, by a process of its own.
pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let program = std::env::current_exe()?;
    let mut phases: Vec<Phase> = Vec::new();
    for step in 0..sizes.histories.len() {
        for part in [Part::Grow(step), Part::Open(step)] {
            let words = ["--part", part.name(), peer.name()];
            let output = child::output(&program, &words, dir, sizes.is_quick)?;
            phases.push(serde_json::from_slice(&output)?);
        }
    }
    if let [first, .., last, _opened] = phases.as_mut_slice() {
        for figure in [RATE, CPU] {
            let of = |phase: &Phase, when: &str| {
                let name = format!("{when} {figure}");
                let mut all = phase.sample.more.iter();
                all.find(|(other, _)| *other == name)
                    .map(|(_, value)| *value)
            };
            if let (Some(start), Some(end)) = (of(first, "first"), of(last, "last")) {
                last.add(&format!("last ÷ very first {figure}"), end / start);
            }
        }
    }
    Ok(phases)
}

const RATE: &str = "commits/s";
const CPU: &str = "CPU µs/commit";

/// Makes the commits up to the history's next length, a stretch of them at a time.
pub(crate) fn grow(peer: Peer, dir: &Path, sizes: &Sizes, step: usize) -> Result<Phase> {
    let (from, to) = (
        length(sizes, step.checked_sub(1)),
        length(sizes, Some(step)),
    );
    let mut store = match step {
        0 => peer.create(dir)?,
        _ => peer.open(dir)?,
    };
    let mut stretches = Vec::new();
    let mut phase = time_writes(&format!("Wh {to}"), to - from, store.as_mut(), |store| {
        let mut done = from;
        while done < to {
            let end = to.min(done + sizes.stretch);
            let (cpu, wall) = (thread_time()?, Instant::now());
            store.commit_each("main", &mut data::spread_range(done..end), false)?;
            let commits = whole(end - done);
            let wall = wall.elapsed().as_secs_f64();
            let cpu = (thread_time()? - cpu).as_secs_f64();
            stretches.push((end, commits / wall, cpu / commits * 1e6));
            done = end;
        }
        Ok(())
    })?;
    drop(store);
    phase.sample.disk_bytes = Some(disk_bytes(dir)?);
    if let (Some(first), Some(last)) = (stretches.first(), stretches.last()) {
        for (when, (_, rate, cpu)) in [("first", first), ("last", last)] {
            phase.add(&format!("{when} {RATE}"), *rate);
            phase.add(&format!("{when} {CPU}"), *cpu);
        }
    }
    let slowest = stretches.iter().map(|(_, rate, _)| *rate);
    phase.add("slowest commits/s", slowest.fold(f64::INFINITY, f64::min));
    phase.sample.curve = stretches
        .iter()
        .map(|(end, rate, _)| (whole(*end), *rate))
        .collect();
    Ok(phase)
}

/// Opens the history and reads the newest value.
pub(crate) fn open(peer: Peer, dir: &Path, sizes: &Sizes, step: usize) -> Result<Phase> {
    let commits = length(sizes, Some(step));
    drop_page_cache(dir)?;
    let mut store = None;
    let mut phase = time(&format!("Wh {commits} open"), 1, || {
        let opened = peer.open(dir)?;
        if let Some((key, value)) = data::spread_range(commits - 1..commits).next() {
            must_be(opened.reader("main")?.as_mut(), &key, &value)?;
        }
        store = Some(opened);
        Ok(())
    })?;
    add_memory(&mut phase)?;
    Ok(phase)
}

fn length(sizes: &Sizes, step: Option<usize>) -> u64 {
    let length = step.and_then(|step| sizes.histories.get(step));
    length.copied().unwrap_or(0)
}
