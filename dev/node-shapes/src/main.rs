//! Prototypes of directory nodes, side by side on the same workloads, and the hash of nodes.
//!
//! `cargo run --release -p irmin-node-shapes [SECTION…]` prints markdown tables: `w2`, `w4`, `names`,
//! `attack`, `hash`, or all of them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program over its own data: it may stop at the first surprise"
)]
mod attack;
mod bucket;
mod hash;
mod hashtrie;
mod log;
mod names;
mod prolly;
mod radix;
mod report;
#[cfg(test)]
mod tests;
mod w2;
mod w4;

use log::Shape;

const RUNS: usize = 3;

fn shapes() -> Vec<(&'static str, Box<dyn Shape>)> {
    let radix = |bits, bucket| -> Box<dyn Shape> { Box::new(radix::Radix { bits, bucket }) };
    vec![
        ("radix, nibbles, N = 16", radix(4, 16)),
        ("radix, nibbles, N = 32", radix(4, 32)),
        ("radix, nibbles, N = 64", radix(4, 64)),
        ("radix, nibbles, N = 128", radix(4, 128)),
        ("radix, bytes, N = 32", radix(8, 32)),
        ("prolly, about 16", Box::new(prolly::Prolly { target: 16 })),
        ("prolly, about 32", Box::new(prolly::Prolly { target: 32 })),
        (
            "hash trie, 32",
            Box::new(hashtrie::HashTrie {
                bucket: 32,
                secure: false,
            }),
        ),
        (
            "hash trie, 32, SHA-256 of names",
            Box::new(hashtrie::HashTrie {
                bucket: 32,
                secure: true,
            }),
        ),
    ]
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wants = |section: &str| chosen.is_empty() || chosen.iter().any(|c| c == section);
    if wants("w2") {
        report::compare(
            "W2 and W3: 1,000 directories of 1,000 entries",
            RUNS,
            w2::measure,
        );
    }
    if wants("w4") {
        for (title, names) in [
            ("W4: 100,000 names e%07", w4::decimal(100_000)),
            ("W4: 1,000,000 names e%07", w4::decimal(1_000_000)),
            (
                "As W4: 1,000,000 random names of 16 hex digits",
                w4::random(1_000_000, 16, 16),
            ),
            (
                "As W4: 1,000,000 random names of 10 letters and digits",
                w4::random(1_000_000, 36, 10),
            ),
        ] {
            report::compare(title, RUNS, |shape| w4::measure(shape, &names));
        }
    }
    if wants("names") {
        names::measure();
    }
    if wants("attack") {
        attack::measure();
    }
    if wants("hash") {
        hash::measure();
    }
}
