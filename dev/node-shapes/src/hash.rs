//! SHA-256 against BLAKE3 on messages of the size of values and nodes.

use crate::report::{Figure, print};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 9;

pub(crate) fn measure() {
    let sizes = [100, 512, 1024, 2048, 4096, 65536];
    let rows: Vec<_> = sizes.map(|n| (format!("{n} B"), compare(n))).into();
    print("SHA-256 against BLAKE3, one message at a time", &rows);
}

fn compare(size: usize) -> Vec<Figure> {
    let mut sha = Vec::new();
    let mut blake = Vec::new();
    for _ in 0..ROUNDS {
        sha.push(rate(size, |m| Sha256::digest(m)[0]));
        blake.push(rate(size, |m| blake3::hash(m).as_bytes()[0]));
    }
    let (sha, blake) = (median(sha), median(blake));
    let gb = size as f64 / 1e9;
    vec![
        ("SHA-256 M/s", sha / 1e6),
        ("BLAKE3 M/s", blake / 1e6),
        ("SHA-256 GB/s", sha * gb),
        ("BLAKE3 GB/s", blake * gb),
        ("SHA-256 / BLAKE3", sha / blake),
    ]
}

/// Messages a second over 16 MB of input.
fn rate(size: usize, hash: impl Fn(&[u8]) -> u8) -> f64 {
    let mut message = vec![7u8; size];
    let times = (16 << 20) / size;
    let start = Instant::now();
    for i in 0..times {
        message[0] = i as u8;
        black_box(hash(black_box(&message)));
    }
    times as f64 / start.elapsed().as_secs_f64()
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}
