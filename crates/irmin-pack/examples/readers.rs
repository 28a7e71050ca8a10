//! Measures what readers cost beside a writer: `cargo run --release -p irmin-pack --example readers`.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use irmin_core::{Cut, Durability, Engine, Id, Key, Kind, Object, ObjectStore, RefEdit, RefStore};
use irmin_pack::{Options, PackReader, PackStore};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const OBJECTS: usize = 100_000;
const READS: u32 = 200_000;
const LONG: Duration = Duration::from_secs(600);

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let store = PackStore::create(dir.path(), Options::default())?;
    let keys = fill(&store)?;
    let reader = PackReader::open(dir.path(), Options::default())?;
    println!("nobody writes:");
    reads("the writer's own handle", &store, &keys)?;
    reads("a reader", &reader, &keys)?;
    idle(&reader)?;
    println!("from acknowledgment to wake-up:");
    for (pace, count) in [
        (Duration::from_millis(1), 1000),
        (Duration::from_millis(20), 100),
        (Duration::from_millis(300), 20),
    ] {
        latency(dir.path(), &store, pace, count)?;
    }
    println!("while a thread commits as fast as it can, not synced:");
    beside_a_writer(&store, &|| reads("the writer's own handle", &store, &keys))?;
    beside_a_writer(&store, &|| reads("a reader", &reader, &keys))?;
    let before = reader.stats()?;
    println!(
        "{} segments, {} bytes followed",
        before.segments, before.bytes_scanned
    );
    Ok(())
}

fn fill(store: &PackStore) -> Result<Vec<Key>> {
    let mut keys = Vec::with_capacity(OBJECTS);
    for number in 0..OBJECTS as u64 {
        keys.push(put(store, Kind::Node, &number.to_le_bytes().repeat(50))?);
    }
    commit(store, Durability::Sync)?;
    Ok(keys)
}

fn put(store: &PackStore, kind: Kind, bytes: &[u8]) -> Result<Key> {
    let object = Object {
        base: None,
        id: Id::of(bytes),
        kind,
        bytes,
        links: &[],
        generation: 1,
        cut: Cut::NONE,
    };
    Ok(store.put_many(&[object])?[0])
}

/// A commit as a small change of a tree makes it: five objects of 400 bytes, a commit, a name.
fn commit(store: &PackStore, durability: Durability) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    for part in 0..5 {
        let bytes = (number << 8 | part).to_be_bytes().repeat(50);
        put(store, Kind::Node, &bytes)?;
    }
    let bytes = format!("commit {number}");
    let edit = RefEdit {
        name: "heads/main".into(),
        expected: store.get_ref("heads/main")?,
        new: Some(put(store, Kind::Commit, bytes.as_bytes())?.id),
    };
    store.compare_and_swap(&[edit], durability)?;
    Ok(())
}

/// Reads objects here and there, and names.
fn reads<S: ObjectStore + RefStore>(what: &str, store: &S, keys: &[Key]) -> Result<()> {
    let started = Instant::now();
    for number in 0..READS {
        store.get(&keys[number as usize * 7919 % keys.len()])?;
    }
    let get = started.elapsed() / READS;
    let started = Instant::now();
    for _ in 0..READS {
        store.get_ref("heads/main")?;
    }
    let name = started.elapsed() / READS;
    println!("  {what:<24} an object {get:>6?}, a name {name:>6?}");
    Ok(())
}

fn beside_a_writer(store: &PackStore, read: &dyn Fn() -> Result<()>) -> Result<()> {
    let is_done = AtomicBool::new(false);
    let started = Instant::now();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut number = 0;
            while !is_done.load(Ordering::Relaxed) {
                if commit(store, Durability::None).is_err() {
                    break;
                }
                number += 1;
            }
            number
        });
        let read = read();
        is_done.store(true, Ordering::Relaxed);
        let commits = writing.join().unwrap_or(0);
        let rate = f64::from(commits) / started.elapsed().as_secs_f64();
        println!("  {:<24} {rate:.0} commits a second", "");
        read
    })
}

fn idle(reader: &PackReader) -> Result<()> {
    let before = cpu()?;
    let wait = Duration::from_secs(3);
    let seen = reader.changes();
    reader.wait_for_changes(seen, wait)?;
    let used = cpu()?.saturating_sub(before);
    let share = used.as_secs_f64() / wait.as_secs_f64() * 100.0;
    println!("  a reader that waits {wait:?} uses {used:?} of a processor, {share:.3} %");
    Ok(())
}

/// The time that this thread has had a processor.
fn cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanos))
}

fn latency(dir: &Path, store: &PackStore, pace: Duration, count: usize) -> Result<()> {
    let reader = PackReader::open(dir, Options::default())?;
    // When the last commit was acknowledged, until its waker was seen.
    let told: Mutex<Option<Instant>> = Mutex::new(None);
    let lock = || told.lock().unwrap_or_else(PoisonError::into_inner);
    let is_done = AtomicBool::new(false);
    let mut late = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut late = Vec::new();
            let mut seen = reader.changes();
            while !is_done.load(Ordering::Relaxed) {
                let Ok(changes) = reader.wait_for_changes(seen, LONG) else {
                    break;
                };
                seen = changes;
                let woken = Instant::now();
                // Before the acknowledgment: a reader sees what is not synced yet.
                let told = lock().take();
                late.push(
                    told.map_or(Duration::ZERO, |told| woken.saturating_duration_since(told)),
                );
            }
            late
        });
        for number in 1..=count {
            thread::park_timeout(pace);
            is_done.store(number == count, Ordering::Relaxed);
            if commit(store, Durability::None).is_err() {
                break;
            }
            *lock() = Some(Instant::now());
        }
        waiting.join().unwrap_or_default()
    });
    late.sort_unstable();
    let at = |percent: usize| late.get((late.len() * percent / 100).min(late.len() - 1));
    if let (Some(median), Some(p99)) = (at(50), at(99)) {
        println!("  a commit each {pace:>6?}: median {median:?}, p99 {p99:?}");
    }
    Ok(())
}
