//! Names chosen to hurt: how deep, how large, and what one edit costs at worst.

use crate::hashtrie::HashTrie;
use crate::log::{Child, Log, Owned, Rng, Shape};
use crate::prolly::Prolly;
use crate::radix::Radix;
use crate::report::{Figure, build, print, stats};
use std::collections::BTreeSet;

pub(crate) fn measure() {
    let sets: [(&str, Vec<Vec<u8>>); 8] = [
        ("100,000 names with 240 bytes in common", common_prefix()),
        ("255 names, each one byte longer", growth()),
        ("100,000 random names of 255 bytes", long()),
        ("1,000,000 names with 16 bytes in common", collide()),
        ("a fork at every nibble of 255 bytes", staircase(false)),
        ("the same, all 16 ways at every nibble", staircase(true)),
        ("1,000,000 names that end no chunk", no_boundary()),
        ("10,000 names of one byte pair each", pairs()),
    ];
    let shapes: [(&str, Box<dyn Shape>); 3] = [
        (
            "radix N = 32",
            Box::new(Radix {
                bits: 4,
                bucket: 32,
            }),
        ),
        ("prolly 32", Box::new(Prolly { target: 32 })),
        (
            "hash trie 32",
            Box::new(HashTrie {
                bucket: 32,
                secure: true,
            }),
        ),
    ];
    let mut rows = Vec::new();
    for (set, names) in &sets {
        for (shape_name, shape) in &shapes {
            rows.push((format!("{set}: {shape_name}"), cost(&**shape, names)));
        }
    }
    print("Names chosen to hurt", &rows);
}

fn cost(shape: &dyn Shape, names: &[Vec<u8>]) -> Vec<Figure> {
    let mut log = Log::with_capacity(700 << 20);
    let root = build(shape, &mut log, names);
    let s = stats(shape, &log, &root);
    let (replace, replace_hashes) = worst_replace(shape, &mut log, &root, names);
    let (front, front_hashes) = insert(shape, &mut log, root, b"\x01".to_vec());
    let (mut worst, mut worst_hashes) = (0, 0);
    for name in sample(names) {
        let mut name = name.clone();
        match name.len() {
            255 => *name.last_mut().unwrap() ^= 1,
            _ => name.push(1),
        }
        let (bytes, hashes) = insert(shape, &mut log, root, name);
        worst = worst.max(bytes);
        worst_hashes = worst_hashes.max(hashes);
    }
    vec![
        ("nodes", s.nodes as f64),
        ("max depth", s.depth as f64),
        ("max node B", s.largest as f64),
        ("B/entry", s.bytes as f64 / names.len() as f64),
        ("worst replace B", replace as f64),
        ("hashes", replace_hashes as f64),
        ("insert in front B", front as f64),
        ("hashes ", front_hashes as f64),
        ("worst other insert B", worst as f64),
        ("hashes  ", worst_hashes as f64),
    ]
}

fn sample(names: &[Vec<u8>]) -> Vec<&Vec<u8>> {
    let step = (names.len() / 20).max(1);
    let longest = names.iter().max_by_key(|n| n.len()).unwrap();
    names
        .iter()
        .step_by(step)
        .chain([longest, &names[names.len() - 1]])
        .collect()
}

fn worst_replace(
    shape: &dyn Shape,
    log: &mut Log,
    root: &Child,
    names: &[Vec<u8>],
) -> (usize, u64) {
    let (mut worst, mut hashes) = (0, 0);
    let step = (names.len() / 2000).max(1);
    for name in names.iter().step_by(step).chain(sample(names)) {
        let (before, hashed, mut path) = (log.len(), log.hashes, Vec::new());
        let found = shape.locate(log, root.off, name, &mut path).unwrap();
        log.replace(&path, &found, &[9; 100]);
        worst = worst.max(log.len() - before);
        hashes = hashes.max(log.hashes - hashed);
        log.forget(before);
    }
    (worst, hashes)
}

fn insert(shape: &dyn Shape, log: &mut Log, root: Child, name: Vec<u8>) -> (usize, u64) {
    let (before, hashed) = (log.len(), log.hashes);
    shape.insert(
        log,
        root,
        &Owned {
            name,
            tag: 0,
            value: vec![1; 100],
            loc: 0,
        },
    );
    let cost = (log.len() - before, log.hashes - hashed);
    log.forget(before);
    cost
}

fn sorted(names: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    names
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn common_prefix() -> Vec<Vec<u8>> {
    let prefix = "p".repeat(240);
    sorted((0..100_000).map(|i| format!("{prefix}{i:07}").into_bytes()))
}

fn growth() -> Vec<Vec<u8>> {
    sorted((1..=255).map(|n| vec![b'a'; n]))
}

fn long() -> Vec<Vec<u8>> {
    let mut rng = Rng(11);
    sorted((0..100_000).map(|_| (0..255).map(|_| 33 + rng.below(90) as u8).collect()))
}

fn collide() -> Vec<Vec<u8>> {
    let mut rng = Rng(12);
    sorted((0..1_000_000).map(|_| format!("0123456789abcdef{:016x}", rng.next()).into_bytes()))
}

/// Names that leave a common trunk at each nibble, to one side or to all.
pub(crate) fn staircase(all_ways: bool) -> Vec<Vec<u8>> {
    let trunk = [0x77; 255];
    let mut names = vec![trunk.to_vec()];
    for nibble in 0..510 {
        for way in 1..if all_ways { 16u8 } else { 2 } {
            let mut name = trunk.to_vec();
            name[nibble / 2] ^= way << (4 * (1 - nibble % 2));
            names.push(name);
        }
    }
    // The tail must not fit in a bucket, or the last levels collapse into one.
    names.extend((0..=255u8).map(|b| [&trunk[..254], &[b]].concat()));
    sorted(
        names
            .into_iter()
            .filter(|n| !n.contains(&0) && !n.contains(&b'/')),
    )
}

/// Names picked so that the prolly tree finds no natural boundary among its leaves.
fn no_boundary() -> Vec<Vec<u8>> {
    let tree = Prolly { target: 32 };
    let names = (0u64..).map(|i| format!("e{i:07}").into_bytes());
    sorted(names.filter(|n| !tree.ends(0, 100, n)).take(1_000_000))
}

fn pairs() -> Vec<Vec<u8>> {
    let bytes = 1..=255u8;
    sorted(
        bytes
            .clone()
            .flat_map(|a| bytes.clone().map(move |b| vec![a, b]))
            .step_by(6)
            .take(10_000),
    )
}
