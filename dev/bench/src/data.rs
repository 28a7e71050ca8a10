//! The data of the workloads: the same keys and values for all peers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

/// The length of every value, in bytes.
pub const VALUE_BYTES: usize = 100;

/// A key, written `directory/name`, and its value.
pub type Set = (String, [u8; VALUE_BYTES]);

/// Sebastiano Vigna's generator `SplitMix64`.
struct SplitMix64(u64);

impl SplitMix64 {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Returns 100 bytes that cannot be compressed, the same for the same arguments.
pub fn value(tag: u64, index: u64) -> [u8; VALUE_BYTES] {
    let mut bytes = [0; VALUE_BYTES];
    fill(&mut bytes, tag, index);
    bytes
}

/// Fills a buffer with bytes that cannot be compressed, the same for the same arguments.
pub fn fill(bytes: &mut [u8], tag: u64, index: u64) {
    let mut random = SplitMix64((tag << 40) ^ index);
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes()[..chunk.len()]);
    }
}

/// Returns endless random numbers below `end`, the same for the same arguments.
pub fn indices(tag: u64, end: u64) -> impl Iterator<Item = u64> {
    let mut random = SplitMix64(tag << 40);
    std::iter::repeat_with(move || (random.next() >> 2) % end)
}

/// W1: one key a commit, spread over 100 times 10 directories.
pub fn spread(commits: u64) -> impl Iterator<Item = Set> {
    spread_range(0..commits)
}

/// A part of W1.
pub fn spread_range(range: Range<u64>) -> impl Iterator<Item = Set> {
    range.map(|i| {
        let key = format!("a{}/b{}/k{i}", i % 100, i % 1000);
        (key, value(1, i))
    })
}

/// W2: a thousand entries a directory, in order.
pub fn bulk(entries: u64) -> impl Iterator<Item = Set> {
    (0..entries).map(|i| (bulk_key(i), value(2, i)))
}

/// Returns the key of an entry of W2.
pub fn bulk_key(index: u64) -> String {
    let mut key = String::with_capacity(16);
    write_bulk_key(&mut key, index);
    key
}

/// Replaces `key` by the key of an entry of W2.
pub fn write_bulk_key(key: &mut String, index: u64) {
    key.clear();
    write!(key, "d{:03}/f{:03}", index / 1000, index % 1000).expect("because memory takes it");
}

/// W4: one directory.
pub fn names(count: u64) -> impl Iterator<Item = Set> {
    (0..count).map(|i| (name(i), value(4, i)))
}

/// W4: random entries of a directory of `count` names, with new values.
pub fn replacements(count: u64, commits: u64) -> impl Iterator<Item = Set> {
    let chosen = indices(44, count).zip(0..commits);
    chosen.map(|(i, commit)| (name(i), value(45, commit)))
}

fn name(index: u64) -> String {
    format!("dir/e{index:07}")
}

/// W5, W7: which keys of W2 a branch changes: even ones on branch 0, odd ones on branch 1.
pub fn changed(branch: u64, entries: u64, changes: u64) -> BTreeSet<u64> {
    let mut chosen = BTreeSet::new();
    let mut random = indices(5 + branch, entries / 2);
    while (chosen.len() as u64) < changes {
        chosen.extend(random.next().map(|i| 2 * i + branch));
    }
    chosen
}

/// W5, W7: the changes of a branch.
pub fn changes(branch: u64, entries: u64, changes: u64) -> impl Iterator<Item = Set> {
    let chosen = changed(branch, entries, changes).into_iter();
    chosen.map(move |i| (bulk_key(i), changed_value(branch, i)))
}

/// Returns what a branch sets a key to.
pub fn changed_value(branch: u64, index: u64) -> [u8; VALUE_BYTES] {
    value(51 + branch, index)
}

/// Wo: so many entries of W2 in order, with the values of a round.
pub fn round(round: u64, range: Range<u64>) -> impl Iterator<Item = Set> {
    range.map(move |i| (bulk_key(i), value(70 + round, i)))
}

/// Wg: how many branches there are; every second one is removed.
pub const BRANCHES: u64 = 50;

/// Wg: the entries of one commit to a branch.
pub fn share(branch: u64, commit: u64) -> impl Iterator<Item = Set> {
    (0..100).map(move |entry| {
        let key = share_key(branch, commit, entry);
        (key, value(80 + branch, commit * 100 + entry))
    })
}

/// Returns the key of an entry of Wg.
pub fn share_key(branch: u64, commit: u64, entry: u64) -> String {
    format!("b{branch:02}/c{commit:03}/e{entry:02}")
}

/// Wg: what a branch is called.
pub fn branch(number: u64) -> String {
    format!("b{number:02}")
}

/// W8: the entries of each commit that a clone lacks.
pub fn news(entries: u64, commit: u64) -> impl Iterator<Item = Set> {
    let chosen = indices(800 + commit, entries).take(10);
    chosen.map(move |i| (bulk_key(i), value(900 + commit, i)))
}

/// W6: commits that each set the same key.
pub fn ticks(tag: u64, commits: u64) -> impl Iterator<Item = Set> {
    (0..commits).map(move |i| ("x".to_owned(), value(tag, i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_the_workloads_define_them() {
        // The first output of SplitMix64 from seed 0.
        assert_eq!(value(0, 0)[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
        assert_ne!(value(1, 0), value(1, 1));
        assert_eq!(bulk_key(999_001), "d999/f001");
    }

    #[test]
    fn the_branches_change_distinct_keys_and_as_many_as_asked() {
        let (even, odd) = (changed(0, 1000, 100), changed(1, 1000, 100));
        assert_eq!((even.len(), odd.len()), (100, 100));
        assert!(even.is_disjoint(&odd));
    }
}
