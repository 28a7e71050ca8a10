//! Names chosen by an adversary: depth and size of the nodes stay bounded.
//!
//! A node is at most 16 KiB: a bucket has at most 32 entries, of a name and an inline value each;
//! an inner node has a prefix, one entry and at most 16 children. Every inner node below another
//! one takes a half byte of the name at least, so a directory is at most 2 × 255 + 1 nodes deep.

use irmin_core::{Path, Step, Tree};

use crate::place::{probed, report};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[(
    "adversarial names keep nodes small and few",
    names_are_bounded,
)];

const NODE_BYTES_MAX: u64 = 16 << 10;
const DEPTH_MAX: u64 = 2 * 255 + 1;

fn names_are_bounded(open: Open<'_>) {
    let many = if cfg!(debug_assertions) {
        2_000
    } else {
        200_000
    };
    let shapes: [(&str, Vec<Vec<u8>>); 6] = [
        (
            "a long common beginning",
            (0..many).map(|n| padded(b'p', n)).collect(),
        ),
        (
            "one byte longer each",
            (1..=255).map(|length| vec![b'a'; length]).collect(),
        ),
        ("each a fork of the last one, at every half byte", forks()),
        (
            "32 of the greatest length",
            (0..32).map(|n| padded(b'x', n)).collect(),
        ),
        (
            "33 of the greatest length, different at the end",
            (0..33).map(|n| padded(b'x', n)).collect(),
        ),
        (
            "equal in the first bytes",
            (0..many)
                .map(|n| format!("same{n:x}").into_bytes())
                .collect(),
        ),
    ];
    for (shape, names) in shapes {
        let (depth, bytes) = measure(open, &names);
        report(&format!(
            "{shape}: {} names, {depth} nodes deep, nodes of at most {bytes} bytes",
            names.len()
        ));
        assert!(depth <= DEPTH_MAX, "{shape}: {depth} nodes deep");
        assert!(bytes <= NODE_BYTES_MAX, "{shape}: a node of {bytes} bytes");
    }
}

/// A name of 255 bytes with a number at its end.
fn padded(byte: u8, number: usize) -> Vec<u8> {
    let end = format!("{number:x}");
    [vec![byte; 255 - end.len()], end.into_bytes()].concat()
}

/// Names that leave the line of `a…a` at every half byte, so that each needs a node of its own.
fn forks() -> Vec<Vec<u8>> {
    let line = |length: usize| vec![b'a'; length];
    let forks = (0..255).flat_map(|length| {
        // `a` is 0x61: `q` differs from it in the high half byte, `b` in the low one.
        [b"q", b"b"].map(|fork| [line(length), fork.to_vec()].concat())
    });
    forks.chain([line(255)]).collect()
}

/// Returns the largest number of nodes on the way to a name, and the size of the largest node.
fn measure(open: Open<'_>, names: &[Vec<u8>]) -> (u64, u64) {
    let place = open();
    let (repo, probe) = probed(place.as_ref());
    let at = |name: &[u8]| Path::root().child(Step::new(name).unwrap());
    let mut tree = Tree::empty();
    for name in names {
        tree.set(&at(name), vec![b'v'; 128]).unwrap();
    }
    probe.largest();
    let key = tree.persist(&repo.objects()).unwrap();
    let bytes = probe.largest();
    let deepest = names
        .iter()
        .step_by(names.len() / 1000 + 1)
        .chain(names.last());
    let depths = deepest.map(|name| {
        let lazy = Tree::load(repo.objects(), key);
        probe.reads();
        assert!(lazy.get(&at(name)).unwrap().is_some());
        probe.reads()
    });
    let depth = depths.max().unwrap();
    // Taking all away again ends with the one empty tree.
    for name in names {
        assert!(tree.remove(&at(name)).unwrap());
    }
    assert_eq!(tree.id().unwrap(), Tree::empty().id().unwrap());
    (depth, bytes)
}
