//! Wr: readers of W2's store, alone and beside a thread that commits as fast as it can.
//!
//! A row says what *one* reader does: its finds, its time, its processor time. With two readers
//! and a writer there are three threads for two processors: only the processor time of a find can
//! be compared then.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::{join_all, must_find};
use crate::base::Base;
use crate::measure::{Phase, thread_time, time};
use crate::peers::{Peer, Store};
use crate::report::whole;
use crate::sizes::Sizes;
use crate::{Failure, Result, data};

/// A reader that follows the branch looks for its newest commit after so many finds.
const FINDS_A_LOOK: u64 = 1_000;

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let store = Base::Bulk.open(peer, dir, sizes)?;
    let writes = AtomicU64::new(0);
    let writes = &writes;
    let mut phases = Vec::new();
    for follows in [false, true] {
        for readers in [1, 2] {
            let load = Load {
                readers,
                follows,
                writes,
            };
            let alone = load.measure(store.as_ref(), sizes, false)?;
            let mut beside = load.measure(store.as_ref(), sizes, true)?;
            let rate = |phase: &Phase| 1.0 / phase.sample.wall_seconds;
            beside.add("× alone", rate(&beside) / rate(&alone));
            let cpu = beside.sample.cpu_seconds / alone.sample.cpu_seconds;
            beside.add("CPU of a find ÷ alone", cpu);
            phases.extend([alone, beside]);
        }
    }
    Ok(phases)
}

#[derive(Clone, Copy)]
struct Load<'a> {
    readers: u64,
    /// Whether readers look for new commits, or read one state all the time.
    follows: bool,
    /// How many entries were written so far: each commit writes what was not there.
    writes: &'a AtomicU64,
}

impl Load<'_> {
    fn measure(self, store: &dyn Store, sizes: &Sizes, has_writer: bool) -> Result<Phase> {
        let is_over = AtomicBool::new(false);
        let is_over = &is_over;
        let start = Barrier::new(usize::try_from(self.readers)? + usize::from(has_writer));
        let start = &start;
        let mut name = format!(
            "Wr {} {}",
            self.readers,
            if self.follows { "following" } else { "held" }
        );
        if has_writer {
            name += " + writer";
        }
        let mut phase = time(&name, sizes.long_finds, || Ok(()))?;
        let mut commits = 0;
        thread::scope(|scope| {
            let writer =
                has_writer.then(|| scope.spawn(move || self.write(store, sizes, start, is_over)));
            let readers = (0..self.readers)
                .map(|reader| scope.spawn(move || self.read(store, sizes, reader, start)))
                .collect();
            let outcome = join_all::<(f64, f64)>(readers);
            is_over.store(true, Ordering::Relaxed);
            if let Some(writer) = writer {
                commits = writer.join().map_err(|_| "the writer panicked")??;
            }
            let times = outcome?;
            let mean = |of: &dyn Fn(&(f64, f64)) -> f64| {
                times.iter().map(of).sum::<f64>() / whole(self.readers)
            };
            phase.sample.wall_seconds = mean(&|(wall, _)| *wall);
            phase.sample.cpu_seconds = mean(&|(_, cpu)| *cpu);
            Ok::<_, Failure>(())
        })?;
        if has_writer {
            phase.add(
                "commits/s beside",
                whole(commits) / phase.sample.wall_seconds,
            );
        }
        Ok(phase)
    }

    /// Returns the reader's seconds and seconds of processor time; a first pass is not measured.
    fn read(
        self,
        store: &dyn Store,
        sizes: &Sizes,
        tag: u64,
        start: &Barrier,
    ) -> Result<(f64, f64)> {
        let warmed = self.find(store, sizes, tag, sizes.finds);
        start.wait();
        warmed?;
        let (cpu, wall) = (thread_time()?, Instant::now());
        self.find(store, sizes, tag, sizes.long_finds)?;
        let wall = wall.elapsed().as_secs_f64();
        Ok((wall, (thread_time()? - cpu).as_secs_f64()))
    }

    fn find(self, store: &dyn Store, sizes: &Sizes, tag: u64, finds: u64) -> Result<()> {
        let mut reader = store.reader("main")?;
        let mut key = String::new();
        for (number, index) in (0..finds).zip(data::indices(3 + tag, sizes.entries)) {
            if self.follows && number % FINDS_A_LOOK == 0 {
                reader = store.reader("main")?;
            }
            data::write_bulk_key(&mut key, index);
            must_find(reader.as_mut(), &key)?;
        }
        Ok(())
    }

    /// Replaces random entries, a commit each, until told to stop. Returns how many.
    fn write(
        self,
        store: &dyn Store,
        sizes: &Sizes,
        start: &Barrier,
        is_over: &AtomicBool,
    ) -> Result<u64> {
        let committer = store.committer("main", false);
        start.wait();
        let mut committer = committer?;
        let first = self.writes.load(Ordering::Relaxed);
        let mut random = data::indices(66 + first, sizes.entries);
        while !is_over.load(Ordering::Relaxed) {
            let number = self.writes.fetch_add(1, Ordering::Relaxed);
            let index = random.next().unwrap_or_default();
            committer.commit(&data::bulk_key(index), &data::value(66, number))?;
        }
        Ok(self.writes.load(Ordering::Relaxed) - first)
    }
}
