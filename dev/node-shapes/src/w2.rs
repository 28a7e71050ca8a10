//! W2: bulk load of 1,000 x 1,000 entries. W3: random finds in it, one thread, warm.

use crate::log::{BLOB, Child, Entry, Log, Rng, Shape, TREE};
use crate::report::Figure;
use std::hint::black_box;
use std::time::Instant;

const FINDS: usize = 200_000;

pub(crate) fn measure(shape: &dyn Shape) -> Vec<Figure> {
    let mut log = Log::with_capacity(400 << 20);
    log.touch();
    let start = Instant::now();
    let (root, nodes) = load(shape, &mut log);
    let seconds = start.elapsed().as_secs_f64();
    finds(shape, &log, root.off);
    let mut rates = [0; 3].map(|_| finds(shape, &log, root.off));
    rates.sort_by(f64::total_cmp);
    vec![
        ("load s", seconds),
        ("MB", log.len() as f64 / 1e6),
        ("hashes", nodes as f64),
        ("finds M/s", rates[1] / 1e6),
    ]
}

fn load(shape: &dyn Shape, log: &mut Log) -> (Child, u64) {
    let mut rng = Rng(2);
    let names = numbered(b'f');
    let directories: Vec<Child> = (0..1000)
        .map(|_| {
            let values: Vec<[u8; 100]> = names.iter().map(|_| rng.value()).collect();
            let entries: Vec<Entry<'_>> = names
                .iter()
                .zip(&values)
                .map(|(name, value)| Entry {
                    name,
                    tag: BLOB,
                    value,
                    loc: 0,
                })
                .collect();
            shape.build(log, &entries)
        })
        .collect();
    let names = numbered(b'd');
    let entries: Vec<Entry<'_>> = names
        .iter()
        .zip(&directories)
        .map(|(name, d)| Entry {
            name,
            tag: TREE,
            value: &d.id,
            loc: d.off,
        })
        .collect();
    (shape.build(log, &entries), log.hashes)
}

fn numbered(letter: u8) -> Vec<[u8; 4]> {
    (0..1000).map(|i| name(letter, i)).collect()
}

fn name(letter: u8, i: usize) -> [u8; 4] {
    let digit = |d: usize| b'0' + (i / d % 10) as u8;
    [letter, digit(100), digit(10), digit(1)]
}

fn finds(shape: &dyn Shape, log: &Log, root: u64) -> f64 {
    let (mut rng, mut path) = (Rng(3), Vec::with_capacity(64));
    let start = Instant::now();
    for _ in 0..FINDS {
        let i = rng.below(1_000_000);
        path.clear();
        let directory = shape
            .locate(log, root, &name(b'd', i / 1000), &mut path)
            .unwrap();
        path.clear();
        let found = shape
            .locate(log, directory.loc, &name(b'f', i % 1000), &mut path)
            .unwrap();
        assert_eq!(found.value.len(), 100);
        black_box(log.slice(found.value)[0]);
    }
    FINDS as f64 / start.elapsed().as_secs_f64()
}
