//! Measures what the engine costs: `cargo run --release -p irmin-pack --example costs [CACHE_BYTES [SEGMENT_BYTES]]`.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::error::Error;
use std::time::Instant;

use irmin_core::{Durability, Id, Key, Kind, Object, ObjectStore, RefEdit, RefStore};
use irmin_pack::{Options, PackStore};

const OBJECTS: usize = 100_000;
const OBJECT_BYTES: usize = 400;
const COMMITS: usize = 10_000;
const SYNCED: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut options = Options::default();
    if let Some(bytes) = std::env::args().nth(1) {
        options.cache_bytes = bytes.parse()?;
    }
    if let Some(bytes) = std::env::args().nth(2) {
        options.segment_bytes = bytes.parse()?;
    }
    let store = PackStore::create(dir.path(), options.clone())?;
    let bodies: Vec<Vec<u8>> = (0..OBJECTS).map(body).collect();
    let ids: Vec<Id> = bodies.iter().map(|body| Id::of(body)).collect();
    let keys = bulk(&store, &bodies, &ids)?;
    reads("reads by locator, just written", &store, &keys)?;
    commits(&store, Durability::None, COMMITS, OBJECTS)?;
    commits(&store, Durability::Sync, SYNCED, OBJECTS + COMMITS * 6)?;
    for threads in [1, 4, 16, 64] {
        group(&store, threads)?;
    }
    let started = Instant::now();
    store.close()?;
    report("close", 1, started);

    let started = Instant::now();
    let store = PackStore::open(dir.path(), options)?;
    report("open", 1, started);
    reads("reads by locator, reopened", &store, &keys)?;
    reads("again", &store, &keys)?;
    let by_id: Vec<Key> = ids.iter().copied().map(Key::from).collect();
    reads("reads by id", &store, &by_id)?;
    let started = Instant::now();
    let clean = store.verify(&mut |_| ())?.is_clean();
    report("verify", 1, started);
    println!("clean: {clean}; {:#?}", store.stats()?);
    Ok(())
}

fn bulk(store: &PackStore, bodies: &[Vec<u8>], ids: &[Id]) -> Result<Vec<Key>, Box<dyn Error>> {
    let started = Instant::now();
    let mut keys: Vec<Key> = Vec::with_capacity(bodies.len());
    for (bodies, ids) in bodies.chunks(100).zip(ids.chunks(100)) {
        let objects: Vec<_> = bodies
            .iter()
            .zip(ids)
            .map(|(bytes, &id)| object(id, Kind::Node, bytes, &[]))
            .collect();
        keys.extend(store.put_many(&objects)?);
    }
    report("puts of 400 bytes", bodies.len(), started);
    Ok(keys)
}

/// Commits of five nodes that link to each other, as one changed value makes them.
fn commits(
    store: &PackStore,
    durability: Durability,
    count: usize,
    first: usize,
) -> Result<(), Box<dyn Error>> {
    let mut head = store.get_ref("heads/main")?;
    let before = store.stats()?;
    let mut payload = 0;
    let bodies: Vec<Vec<u8>> = (first..first + count * 6).map(body).collect();
    let ids: Vec<Id> = bodies.iter().map(|body| Id::of(body)).collect();
    let started = Instant::now();
    for (bodies, ids) in bodies.chunks(6).zip(ids.chunks(6)) {
        let mut links: Vec<Key> = Vec::new();
        for (level, (bytes, &id)) in bodies.iter().zip(ids).enumerate() {
            let kind = if level == 5 { Kind::Commit } else { Kind::Node };
            links = store.put_many(&[object(id, kind, bytes, &links)])?;
            payload += bytes.len();
        }
        let new = ids.last().copied();
        let name = "heads/main".to_owned();
        let edit = RefEdit {
            name,
            expected: head,
            new,
        };
        store.compare_and_swap(&[edit], durability)?;
        head = new;
    }
    report(&format!("commits with {durability:?}"), count, started);
    let after = store.stats()?;
    let framing = after.bytes_written - before.bytes_written - payload as u64;
    println!(
        "  {} syncs; {} bytes of framing a commit",
        after.syncs - before.syncs,
        framing / count as u64
    );
    Ok(())
}

/// Threads that commit durably at once, each to its own name.
fn group(store: &PackStore, threads: usize) -> Result<(), Box<dyn Error>> {
    const EACH: usize = 100;
    let before = store.stats()?.syncs;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || commit_often(store, threads, thread, EACH)))
            .collect();
        workers.into_iter().all(|worker| worker.join().is_ok())
    });
    report(
        &format!("durable commits, {threads} threads"),
        threads * EACH,
        started,
    );
    println!("  {} syncs", store.stats()?.syncs - before);
    Ok(())
}

fn commit_often(
    store: &PackStore,
    threads: usize,
    thread: usize,
    count: usize,
) -> Result<(), irmin_core::StoreError> {
    let name = format!("heads/{threads}/{thread}");
    let mut expected = None;
    for number in 0..count {
        let bytes = body(usize::MAX - number - count * (thread + 64 * threads));
        let id = Id::of(&bytes);
        store.put_many(&[object(id, Kind::Commit, &bytes, &[])])?;
        let (name, new) = (name.clone(), Some(id));
        let edit = RefEdit {
            name,
            expected,
            new,
        };
        store.compare_and_swap(&[edit], Durability::Sync)?;
        expected = new;
    }
    Ok(())
}

fn reads(what: &str, store: &PackStore, keys: &[Key]) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    // A stride that visits all, far from the order of writing.
    for index in 0..keys.len() {
        let key = &keys[index * 7919 % keys.len()];
        store.get(key)?.ok_or("an object is missing")?;
    }
    report(what, keys.len(), started);
    Ok(())
}

fn body(number: usize) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(OBJECT_BYTES, number.to_le_bytes()[0]);
    body
}

fn object<'a>(id: Id, kind: Kind, bytes: &'a [u8], links: &'a [Key]) -> Object<'a> {
    Object {
        base: None,
        cut: irmin_core::Cut::NONE,
        id,
        kind,
        bytes,
        links,
        generation: 1,
    }
}

fn report(what: &str, count: usize, started: Instant) {
    let elapsed = started.elapsed();
    let each = elapsed.as_nanos() / count as u128;
    println!("{what}: {count} in {elapsed:.1?}, {each} ns each");
}
