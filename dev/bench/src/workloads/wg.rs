//! Wg: collection of a store half of which is garbage: by itself, beside a thread that commits, and
//! beside one that reads.
//!
//! A million entries of 100 bytes were committed a hundred at a time to 50 branches in turns, and
//! every second branch was removed since.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::{join_all, must_find, wg_bare};
use crate::base::Base;
use crate::latency::Latencies;
use crate::measure::{Phase, allocated_bytes, thread_time, time, time_writes, wait};
use crate::peers::{Peer, Store};
use crate::report::whole;
use crate::sizes::Sizes;
use crate::{Result, data};

/// Collects and nothing else.
pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let mut store = Base::Garbage.open(peer, dir, sizes)?;
    store.sync()?;
    let disk = || allocated_bytes(dir);
    let before = disk()?;
    let mut peak = before;
    let mut phase = time_writes("Wg", 1, store.as_mut(), |store| {
        store.collect(&mut || {
            // A file may be gone before it is looked at: then the next look counts.
            peak = peak.max(disk().unwrap_or_default());
        })
    })?;
    store.check()?;
    let megabytes = |bytes: u64| whole(bytes) / 1e6;
    phase.add("disk before, MB", megabytes(before));
    phase.add("disk after, MB", megabytes(disk()?));
    phase.add(
        "peak extra disk, MB",
        megabytes(peak.saturating_sub(before)),
    );
    Ok(vec![phase])
}

/// Collects beside a thread that commits to a branch which stays.
pub(super) fn beside_writer(
    peer: Peer,
    dir: &Path,
    sizes: &Sizes,
    durable: bool,
) -> Result<Vec<Phase>> {
    let bare = match peer.is_pack() {
        true => wg_bare::run(dir, sizes, durable)?,
        false => Vec::new(),
    };
    let store = Base::Garbage.open(peer, dir, sizes)?;
    let store = store.as_ref();
    let name = if durable {
        "Wg durable writer"
    } else {
        "Wg writer"
    };
    // Each commit writes what was not there: one that changes nothing would be none.
    let numbers = AtomicU64::new(0);
    let mut phases = beside(store, sizes, name, "commit", &|is_over| {
        let mut committer = store.committer(&data::branch(0), durable)?;
        let mut watched = Watched::default();
        let cpu = thread_time()?;
        while !is_over.load(Ordering::Relaxed) {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let key = format!("live/d{}/k{}", number % 10, number % 1000);
            let value = data::value(90, number);
            watched.latencies.time(|| committer.commit(&key, &value))?;
        }
        watched.cpu = thread_time()? - cpu;
        Ok(watched)
    })?;
    phases.extend(bare);
    Ok(phases)
}

/// Collects beside a thread that reads what stays, at each find the newest state of a branch.
pub(super) fn beside_reader(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let store = Base::Garbage.open(peer, dir, sizes)?;
    let store = store.as_ref();
    beside(store, sizes, "Wg reader", "find", &|is_over| {
        let mut watched = Watched::default();
        let cpu = thread_time()?;
        let mut random = data::indices(67, 25 * sizes.shares * 100);
        while !is_over.load(Ordering::Relaxed) {
            let index = random.next().unwrap_or_default();
            let branch = index % 25 * 2;
            let key = data::share_key(branch, index / 25 % sizes.shares, index / 25 / sizes.shares);
            let branch = data::branch(branch);
            watched
                .latencies
                .time(|| must_find(store.reader(&branch)?.as_mut(), &key))?;
        }
        watched.cpu = thread_time()? - cpu;
        Ok(watched)
    })
}

/// What a thread did until it was stopped.
#[derive(Default)]
pub(super) struct Watched {
    pub(super) latencies: Latencies,
    pub(super) cpu: Duration,
}

/// Runs a thread's work for a while alone, and then as long as a collection takes.
fn beside(
    store: &dyn Store,
    sizes: &Sizes,
    name: &str,
    what: &str,
    work: &(dyn Fn(&AtomicBool) -> Result<Watched> + Sync),
) -> Result<Vec<Phase>> {
    let pause = Duration::from_millis(sizes.alone_millis);
    // The first time warms caches and is not reported.
    watch(&format!("{name} alone"), what, work, || rest(pause / 4))?;
    let alone = watch(&format!("{name} alone"), what, work, || rest(pause))?;
    let mut collection = 0.0;
    let mut beside = watch(name, what, work, || {
        let phase = time("", 1, || store.collect(&mut || ()))?;
        collection = phase.sample.wall_seconds;
        Ok(())
    })?;
    let per_second = |phase: &Phase| whole(phase.sample.operations) / phase.sample.wall_seconds;
    let cpu = |phase: &Phase| phase.sample.cpu_seconds / whole(phase.sample.operations);
    beside.add("× alone", per_second(&beside) / per_second(&alone));
    beside.add("CPU ÷ alone", cpu(&beside) / cpu(&alone));
    beside.add("collection, s", collection);
    store.check()?;
    Ok(vec![alone, beside])
}

pub(super) fn rest(pause: Duration) -> Result<()> {
    wait(pause);
    Ok(())
}

/// Runs the work as long as something else takes.
pub(super) fn watch(
    name: &str,
    what: &str,
    work: &(dyn Fn(&AtomicBool) -> Result<Watched> + Sync),
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Phase> {
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    let mut watched = Watched::default();
    let mut phase = time(name, 1, || {
        thread::scope(|scope| {
            let worker = scope.spawn(move || work(is_over));
            let outcome = meanwhile();
            is_over.store(true, Ordering::Relaxed);
            for done in join_all(vec![worker])? {
                watched = done;
            }
            outcome
        })
    })?;
    phase.sample.operations = watched.latencies.count().max(1);
    phase.sample.cpu_seconds = watched.cpu.as_secs_f64();
    watched.latencies.report(what, &mut phase);
    Ok(phase)
}
