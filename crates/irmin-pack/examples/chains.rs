//! Measures what it costs to store and to read nodes that are told by their difference to others:
//! `cargo run --release -p irmin-pack --example chains`.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::error::Error;
use std::time::{Duration, Instant};

use irmin_core::{Base, Cut, Id, Key, Kind, Object, ObjectStore};
use irmin_pack::{Options, PackStore};

const CHAINS: usize = 2000;
/// A record that is whole and seven that are not, and one that is whole again.
const LENGTH: usize = 9;
/// An inner node of ten children, and a bucket of ten values.
const SIZES: [(&str, usize, usize); 2] = [("inner node", 350, 10), ("bucket", 1100, 0)];

struct Node {
    id: Id,
    bytes: Vec<u8>,
    links: Vec<Key>,
}

fn main() -> Result<(), Box<dyn Error>> {
    for (name, size, links) in SIZES {
        for with_bases in [false, true] {
            println!("{name} of {size} bytes, with bases: {with_bases}");
            measure(size, links, with_bases)?;
        }
    }
    Ok(())
}

fn measure(size: usize, links: usize, with_bases: bool) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let options = Options {
        // Each object is made anew each time.
        cache_bytes: 0,
        ..Options::default()
    };
    let store = PackStore::create(dir.path(), options.clone())?;
    let mut children = Vec::new();
    for number in 0..100_u8 {
        children.extend(store.put_many(&[object(Kind::Blob, &[number; 9], &[], None)])?);
    }
    let nodes: Vec<Vec<Node>> = (0..CHAINS)
        .map(|n| chain(n, size, links, &children))
        .collect();
    let mut keys: Vec<Vec<Key>> = vec![Vec::new(); CHAINS];
    let before = store.stats()?;
    let started = Instant::now();
    for step in 0..LENGTH {
        for (chain, keys) in nodes.iter().zip(&mut keys) {
            let node = &chain[step];
            let base = keys.last().filter(|_| with_bases);
            let base = base.and_then(|key| {
                let (locator, bytes) = (key.locator?, &chain[step - 1].bytes);
                Some(Base { locator, bytes })
            });
            let object = Object {
                id: node.id,
                ..object(Kind::Node, &node.bytes, &node.links, base)
            };
            keys.extend(store.put_many(&[object])?);
        }
    }
    let after = store.stats()?;
    let count = CHAINS * LENGTH;
    let bytes = after.bytes_written + after.pending_bytes - before.bytes_written;
    println!(
        "  stored: {:?}, {} bytes each",
        each(started.elapsed(), count),
        bytes / count as u64
    );
    store.close()?;
    let store = PackStore::open(dir.path(), options)?;
    for step in 0..LENGTH {
        let started = Instant::now();
        for keys in &keys {
            store.get(&keys[step])?;
        }
        println!(
            "  read, {step} changes later: {:?}",
            each(started.elapsed(), CHAINS)
        );
    }
    Ok(())
}

fn each(elapsed: Duration, count: usize) -> Duration {
    elapsed / u32::try_from(count).unwrap_or(u32::MAX)
}

/// A node and what becomes of it when one child, or one value of a hundred bytes, changes each time.
fn chain(number: usize, size: usize, links: usize, children: &[Key]) -> Vec<Node> {
    let mut bytes: Vec<u8> = (0..size)
        .map(|at| (at * 7 + number * 31).to_le_bytes()[0])
        .collect();
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    let mut links = children[..links].to_vec();
    let changed = if links.is_empty() { 100 } else { 32 };
    (0..LENGTH)
        .map(|step| {
            let at = 20 + step % 3 * 100;
            let fresh = Id::of(&(number * LENGTH + step).to_le_bytes());
            let mut fresh = fresh.as_bytes().repeat(4);
            fresh[step] ^= 0x55;
            bytes[at..at + changed].copy_from_slice(&fresh[..changed]);
            if let Some(link) = links.get_mut(step) {
                *link = children[50 + step];
            }
            Node {
                id: Id::of(&bytes),
                bytes: bytes.clone(),
                links: links.clone(),
            }
        })
        .collect()
}

fn object<'a>(kind: Kind, bytes: &'a [u8], links: &'a [Key], base: Option<Base<'a>>) -> Object<'a> {
    Object {
        base,
        id: Id::of(bytes),
        kind,
        bytes,
        links,
        generation: 0,
        cut: Cut::NONE,
    }
}
