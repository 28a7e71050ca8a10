//! Wc: threads that each commit one entry at a time, durably: all to one branch, or each to its
//! own.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::{join_all, must_be};
use crate::measure::{Phase, time_writes};
use crate::peers::{Peer, Store, pack};
use crate::report::whole;
use crate::sizes::Sizes;
use crate::{Result, data};

const THREADS: [u64; 4] = [1, 4, 16, 64];
/// One thread makes so many times fewer commits.
const FEWER_ALONE: u64 = 4;

/// How long the syncs take of disks that are played.
const SYNCS_TAKE: [(&str, Duration); 3] = [
    ("0.2 ms", Duration::from_micros(200)),
    ("2 ms", Duration::from_millis(2)),
    ("5 ms", Duration::from_millis(5)),
];

/// Makes a store in a directory.
type Create<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Store>>;

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let create = |dir: &Path| peer.create(dir);
    let mut phases = Vec::new();
    for threads in THREADS {
        let branches = [1, if peer.has_history() { threads } else { 1 }];
        let commits = sizes.group_commits;
        measure("Wc", &mut phases, &create, dir, threads, branches, commits)?;
    }
    Ok(phases)
}

/// What a group of commits brings depends on how long a sync takes.
pub(super) fn on_slow_disks(dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let mut all = Vec::new();
    for (name, sync_takes) in SYNCS_TAKE {
        let create = |dir: &Path| pack::create_on_slow_disk(dir, sync_takes);
        let dir = dir.join(name);
        let name = format!("Wc {name},");
        let mut phases = Vec::new();
        for threads in [1, 64] {
            let commits = sizes.group_commits * threads.min(4);
            let branches = [1, threads];
            measure(
                &name,
                &mut phases,
                &create,
                &dir,
                threads,
                branches,
                commits,
            )?;
        }
        all.append(&mut phases);
    }
    Ok(all)
}

/// Measures threads that commit to one branch, or to as many; the first of all phases is that of
/// one thread alone.
fn measure(
    name: &str,
    phases: &mut Vec<Phase>,
    create: Create<'_>,
    dir: &Path,
    threads: u64,
    mut branches: [u64; 2],
    commits: u64,
) -> Result<()> {
    let load = Load {
        threads,
        per_thread: match threads {
            1 => commits / FEWER_ALONE,
            _ => commits / threads,
        }
        .max(1),
    };
    branches.sort_unstable();
    let all: &[u64] = if branches[0] == branches[1] {
        &branches[..1]
    } else {
        &branches
    };
    for &branches in all {
        let dir = dir.join(format!("{threads}-{branches}"));
        let mut phase = load.measure(name, create, &dir, branches)?;
        let rate = |phase: &Phase| whole(phase.sample.operations) / phase.sample.wall_seconds;
        let alone = rate(phases.first().unwrap_or(&phase));
        phase.add("× one thread", rate(&phase) / alone);
        phases.push(phase);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Load {
    threads: u64,
    per_thread: u64,
}

impl Load {
    fn measure(self, name: &str, create: Create<'_>, dir: &Path, branches: u64) -> Result<Phase> {
        let name = match branches {
            1 => format!("{name} {} to one", self.threads),
            _ => format!("{name} {} to {branches}", self.threads),
        };
        let mut store = create(dir)?;
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
