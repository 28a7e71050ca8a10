//! Measures how long writers wait: `cargo run --release -p irmin-pack --example pauses [MEGABYTES [SECONDS]]`.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::error::Error;
use std::time::{Duration, Instant};

use irmin_core::{Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore, StoreError};
use irmin_pack::{Options, PackStore};

fn main() -> Result<(), Box<dyn Error>> {
    let number = |at, default| {
        let text: Option<String> = std::env::args().nth(at);
        text.map_or(Ok(default), |text| text.parse())
    };
    let (megabytes, seconds) = (number(1, 200)?, number(2, 2)?);
    let dir = tempfile::tempdir_in(".")?;
    let store = PackStore::create(dir.path(), Options::default())?;
    let commits = megabytes * 1_000_000 / (5 * NODE_BYTES as u64);
    let mut times = Vec::new();
    let mut committer = Committer::new(0);
    for _ in 0..commits {
        let started = Instant::now();
        committer.commit(&store, Durability::None)?;
        times.push(started.elapsed());
    }
    report("not durable", &mut times);
    for threads in [1, 4, 16, 64] {
        let before = store.stats()?.syncs;
        let mut times = Vec::new();
        std::thread::scope(|scope| {
            let store = &store;
            let workers: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || durable(store, threads * 100 + thread, seconds)))
                .collect();
            for worker in workers {
                times.extend(worker.join().map_err(|_| "a panic")??);
            }
            Ok::<(), Box<dyn Error>>(())
        })?;
        let (count, syncs) = (times.len() as u64, store.stats()?.syncs - before);
        report(&format!("durable, {threads} threads"), &mut times);
        println!("  {} commits/s, {syncs} syncs", count / seconds);
    }
    store.close()?;
    Ok(())
}

fn durable(store: &PackStore, thread: u64, seconds: u64) -> Result<Vec<Duration>, StoreError> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut committer = Committer::new(thread + 1);
    let mut times = Vec::new();
    while Instant::now() < end {
        let started = Instant::now();
        committer.commit(store, Durability::Sync)?;
        times.push(started.elapsed());
    }
    Ok(times)
}

/// Commits of five nodes that link to each other, to a name of its own.
struct Committer {
    name: String,
    number: u64,
    head: Option<Id>,
}

impl Committer {
    fn new(thread: u64) -> Self {
        Self {
            name: format!("heads/{thread}"),
            number: thread << 32,
            head: None,
        }
    }

    fn commit(&mut self, store: &PackStore, durability: Durability) -> Result<(), StoreError> {
        self.number += 1;
        let mut links = Vec::new();
        let mut new = None;
        for level in 0..5u8 {
            let mut bytes = [self.number.to_le_bytes().as_slice(), &[level]].concat();
            bytes.resize(NODE_BYTES, level);
            let id = Id::of(&bytes);
            links = store.put_many(&[Object {
                base: None,
                cut: irmin_core::Cut::NONE,
                id,
                kind: if level == 4 { Kind::Commit } else { Kind::Node },
                bytes: &bytes,
                links: &links,
                generation: 1,
            }])?;
            new = Some(id);
        }
        let edit = RefEdit {
            name: self.name.clone(),
            expected: self.head,
            new,
        };
        store.compare_and_swap(&[edit], durability)?;
        self.head = new;
        Ok(())
    }
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() - 1) * share / 1000).copied();
    let slow = times.iter().filter(|time| time.as_millis() >= 10).count();
    println!(
        "{what}: {} commits, median {:.1?}, 99 % {:.1?}, longest {:.1?}, {slow} of 10 ms or more",
        times.len(),
        at(500).unwrap_or_default(),
        at(990).unwrap_or_default(),
        at(1000).unwrap_or_default(),
    );
}

const NODE_BYTES: usize = 250;
