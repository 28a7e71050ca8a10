//! W4: one directory of `n` names, replaced one by one; pages and positions in its middle.

use crate::log::{Log, Owned, Rng, Shape};
use crate::report::{Figure, build, stats};
use std::hint::black_box;
use std::time::Instant;

const COMMITS: usize = 10_000;
const INSERTS: usize = 1_000;

/// The names of W4.
pub(crate) fn decimal(n: usize) -> Vec<Vec<u8>> {
    (0..n).map(|i| format!("e{i:07}").into_bytes()).collect()
}

/// Random names over an alphabet of 16 or 36 characters, for decimal digits flatter a radix tree.
pub(crate) fn random(n: usize, alphabet: usize, len: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng(9);
    let mut letter = || b"0123456789abcdefghijklmnopqrstuvwxyz"[rng.below(alphabet)];
    let mut names: Vec<Vec<u8>> = (0..n)
        .map(|_| (0..len).map(|_| letter()).collect())
        .collect();
    names.sort();
    names.dedup();
    names
}

pub(crate) fn measure(shape: &dyn Shape, names: &[Vec<u8>]) -> Vec<Figure> {
    let n = names.len();
    let mut log = Log::with_capacity(600 << 20);
    log.touch();
    let root = build(shape, &mut log, names);
    let s = stats(shape, &log, &root);
    let finds = finds(shape, &log, root.off, names);
    let mut rng = Rng(4);
    let (bytes, hashes, start) = (log.len(), log.hashes, Instant::now());
    let (mut head, mut path) = (root, Vec::with_capacity(64));
    for _ in 0..COMMITS {
        path.clear();
        let found = shape
            .locate(&log, head.off, &names[rng.below(n)], &mut path)
            .unwrap();
        head = log.replace(&path, &found, &rng.value());
    }
    let seconds = start.elapsed().as_secs_f64();
    let (bytes, hashes) = (log.len() - bytes, log.hashes - hashes);
    let inserted = inserts(shape, &mut log, root, names);
    // Last: a hash trie sorts a million names here, and leaves heap and caches upset.
    let (page, nth) = pages(shape, &log, root.off, names);
    vec![
        ("commits k/s", COMMITS as f64 / seconds / 1e3),
        ("B/replace", bytes as f64 / COMMITS as f64),
        ("hashes/replace", hashes as f64 / COMMITS as f64),
        ("B/insert", inserted),
        ("finds M/s", finds / 1e6),
        ("page of 100, µs", page * 1e6),
        ("nth, µs", nth * 1e6),
        ("depth", s.average_depth),
        ("max", s.depth as f64),
        ("node B", s.bytes as f64 / s.nodes as f64),
        ("max B", s.largest as f64),
        ("nodes", s.nodes as f64),
        ("MB", s.bytes as f64 / 1e6),
    ]
}

/// Finds a second, warm: the median of three passes.
fn finds(shape: &dyn Shape, log: &Log, root: u64, names: &[Vec<u8>]) -> f64 {
    let (mut rng, mut path) = (Rng(6), Vec::with_capacity(64));
    let mut pass = || {
        let start = Instant::now();
        for _ in 0..200_000 {
            path.clear();
            let name = &names[rng.below(names.len())];
            let found = shape.locate(log, root, name, &mut path).unwrap();
            black_box(log.slice(found.value)[0]);
        }
        200_000.0 / start.elapsed().as_secs_f64()
    };
    pass();
    let mut rates = [pass(), pass(), pass()];
    rates.sort_by(f64::total_cmp);
    rates[1]
}

/// Seconds for a page of 100 after a random name in the middle, and for the n-th name.
fn pages(shape: &dyn Shape, log: &Log, root: u64, names: &[Vec<u8>]) -> (f64, f64) {
    let (n, mut rng) = (names.len(), Rng(10));
    let middle: Vec<usize> = (0..1000).map(|_| n / 4 + rng.below(n / 2)).collect();
    let page = timed(&middle, |i| {
        let page = shape.page(log, root, &names[i], 100);
        assert_eq!(page, names[i + 1..i + 101]);
    });
    let nth = timed(&middle, |i| {
        assert_eq!(shape.nth(log, root, i as u64).as_deref(), Some(&*names[i]));
    });
    (page, nth)
}

/// Seconds for one call, from as many calls as fit in a second.
fn timed(inputs: &[usize], run: impl Fn(usize)) -> f64 {
    run(inputs[0]);
    let start = Instant::now();
    for (done, i) in inputs.iter().enumerate() {
        run(*i);
        if start.elapsed().as_secs_f64() > 0.5 {
            return start.elapsed().as_secs_f64() / (done + 1) as f64;
        }
    }
    start.elapsed().as_secs_f64() / inputs.len() as f64
}

/// Bytes written by the insertion of one new name.
fn inserts(shape: &dyn Shape, log: &mut Log, root: crate::log::Child, names: &[Vec<u8>]) -> f64 {
    let (before, mut rng, mut head) = (log.len(), Rng(7), root);
    for _ in 0..INSERTS {
        let mut name = names[rng.below(names.len())].clone();
        name.push(b'a' + (rng.below(26)) as u8);
        let value = rng.value().to_vec();
        head = shape.insert(
            log,
            head,
            &Owned {
                name,
                tag: 0,
                value,
                loc: 0,
            },
        );
    }
    (log.len() - before) as f64 / INSERTS as f64
}
