//! Wc: threads that each commit one entry at a time, durably: all to one branch, or each to its
//! own.

use std::path::Path;
use std::thread;

use super::{join_all, must_be};
use crate::measure::{Phase, time_writes};
use crate::peers::{Peer, Store};
use crate::report::whole;
use crate::sizes::Sizes;
use crate::{Result, data};

const THREADS: [u64; 4] = [1, 4, 16, 64];
/// One thread makes so many times fewer commits.
const FEWER_ALONE: u64 = 4;

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let mut phases = Vec::new();
    let mut alone = 0.0;
    for threads in THREADS {
        let per_thread = match threads {
            1 => sizes.group_commits / FEWER_ALONE,
            _ => sizes.group_commits / threads,
        };
        let load = Load {
            threads,
            per_thread: per_thread.max(1),
        };
        for branches in [1, threads] {
            let is_asked_twice = threads == 1 && !phases.is_empty();
            if is_asked_twice || branches > 1 && !peer.has_history() {
                continue;
            }
            let dir = dir.join(format!("{threads}-{branches}"));
            let mut phase = load.measure(peer, &dir, branches)?;
            let rate = whole(phase.sample.operations) / phase.sample.wall_seconds;
            if threads == 1 {
                alone = rate;
            }
            phase.add("× one thread", rate / alone);
            phases.push(phase);
        }
    }
    Ok(phases)
}

#[derive(Clone, Copy)]
struct Load {
    threads: u64,
    per_thread: u64,
}

impl Load {
    fn measure(self, peer: Peer, dir: &Path, branches: u64) -> Result<Phase> {
        let name = match branches {
            1 => format!("Wc {} to one", self.threads),
            _ => format!("Wc {} to {branches}", self.threads),
        };
        let mut store = peer.create(dir)?;
        // The store's first commit makes its first files and names.
        for thread in 0..branches {
            let (key, value) = ("first", data::value(0, 0));
            let mut entries = std::iter::once((key.to_owned(), value));
            store.commit_each(&branch(thread, branches), &mut entries, false)?;
        }
        store.sync()?;
        let commits = self.threads * self.per_thread;
        let phase = time_writes(&name, commits, store.as_mut(), |store| {
            self.commit_all(store, branches)
        })?;
        self.check(store.as_ref(), branches)?;
        Ok(phase)
    }

    fn commit_all(self, store: &dyn Store, branches: u64) -> Result<()> {
        thread::scope(|scope| {
            let started = (0..self.threads).map(|thread| {
                scope.spawn(move || {
                    let mut committer = store.committer(&branch(thread, branches), true)?;
                    self.entries(thread)
                        .try_for_each(|(key, value)| committer.commit(&key, &value))
                })
            });
            join_all(started.collect()).map(drop)
        })
    }

    /// W1's keys, each thread its own.
    fn entries(self, thread: u64) -> impl Iterator<Item = data::Set> {
        let start = thread * self.per_thread;
        data::spread_range(start..start + self.per_thread)
    }

    fn check(self, store: &dyn Store, branches: u64) -> Result<()> {
        for thread in 0..self.threads {
            let mut reader = store.reader(&branch(thread, branches))?;
            self.entries(thread)
                .try_for_each(|(key, value)| must_be(reader.as_mut(), &key, &value))?;
        }
        Ok(())
    }
}

fn branch(thread: u64, branches: u64) -> String {
    match thread % branches {
        0 => "main".to_owned(),
        number => format!("t{number}"),
    }
}
