//! Each prototype must be right before its speed means anything.

use crate::hashtrie::HashTrie;
use crate::log::{BLOB, Entry, Log, Owned, Rng, Shape};
use crate::prolly::Prolly;
use crate::radix::Radix;
use std::collections::BTreeMap;

fn shapes() -> Vec<Box<dyn Shape>> {
    vec![
        Box::new(Radix { bits: 4, bucket: 4 }),
        Box::new(Radix {
            bits: 4,
            bucket: 32,
        }),
        Box::new(Radix {
            bits: 8,
            bucket: 16,
        }),
        Box::new(Prolly { target: 8 }),
        Box::new(Prolly { target: 32 }),
        Box::new(HashTrie {
            bucket: 32,
            secure: false,
        }),
        Box::new(HashTrie {
            bucket: 4,
            secure: true,
        }),
    ]
}

/// Names with shared prefixes, names that are prefixes of others, and all byte values.
fn names(rng: &mut Rng, n: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut all = BTreeMap::new();
    while all.len() < n {
        let len = 1 + rng.below(6);
        let alphabet: &[u8] = if rng.below(2) == 0 {
            b"ab"
        } else {
            b"\x01\x0f\x10\xfe\xff019"
        };
        let mut name: Vec<u8> = (0..len)
            .map(|_| alphabet[rng.below(alphabet.len())])
            .collect();
        name.extend(std::iter::repeat_n(b'a', rng.below(40)));
        all.insert(name, rng.value()[..rng.below(100)].to_vec());
    }
    all
}

fn build(shape: &dyn Shape, log: &mut Log, all: &BTreeMap<Vec<u8>, Vec<u8>>) -> crate::log::Child {
    let entries: Vec<Entry<'_>> = all
        .iter()
        .map(|(name, value)| Entry {
            name,
            tag: BLOB,
            value,
            loc: 0,
        })
        .collect();
    shape.build(log, &entries)
}

#[test]
fn inserting_in_any_order_gives_the_id_of_a_bulk_build() {
    for (seed, shape) in shapes().iter().enumerate() {
        let mut rng = Rng(seed as u64);
        let all = names(&mut rng, 1500);
        let mut log = Log::default();
        let expected = build(&**shape, &mut log, &all);
        let mut order: Vec<_> = all.iter().collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.below(i + 1));
        }
        let (name, value) = order[0];
        let mut root = shape.build(
            &mut log,
            &[Entry {
                name,
                tag: BLOB,
                value: b"old",
                loc: 0,
            }],
        );
        for (name, value) in order.iter().copied().chain([(name, value)]) {
            let owned = Owned {
                name: name.clone(),
                tag: BLOB,
                value: value.clone(),
                loc: 0,
            };
            root = shape.insert(&mut log, root, &owned);
        }
        assert_eq!(
            (root.id, root.count),
            (expected.id, expected.count),
            "shape {seed}"
        );
    }
}

#[test]
fn finds_pages_and_positions_agree_with_a_sorted_map() {
    for (seed, shape) in shapes().iter().enumerate() {
        let all = names(&mut Rng(99 + seed as u64), 900);
        let mut log = Log::default();
        let root = build(&**shape, &mut log, &all);
        for (i, (name, value)) in all.iter().enumerate() {
            let found = shape.locate(&log, root.off, name, &mut Vec::new()).unwrap();
            assert_eq!(log.slice(found.value), value, "shape {seed}");
            let mut absent = name.clone();
            absent.push(b'!');
            assert!(
                shape
                    .locate(&log, root.off, &absent, &mut Vec::new())
                    .is_none()
            );
            assert_eq!(shape.nth(&log, root.off, i as u64).as_ref(), Some(name));
            let after = if i % 2 == 0 { name } else { &absent };
            let expected: Vec<_> = all
                .keys()
                .filter(|n| *n > after)
                .take(50)
                .cloned()
                .collect();
            assert_eq!(
                shape.page(&log, root.off, after, 50),
                expected,
                "shape {seed}"
            );
        }
    }
}

#[test]
fn replacing_a_value_in_place_gives_the_id_of_a_rebuild() {
    for (seed, shape) in shapes().iter().enumerate() {
        let mut all = names(&mut Rng(7 + seed as u64), 700);
        let mut log = Log::default();
        let root = build(&**shape, &mut log, &all);
        let name = all.keys().nth(333).unwrap().clone();
        let value = vec![7; all[&name].len()];
        let mut path = Vec::new();
        let found = shape.locate(&log, root.off, &name, &mut path).unwrap();
        let root = log.replace(&path, &found, &value);
        all.insert(name, value);
        assert_eq!(root.id, build(&**shape, &mut log, &all).id, "shape {seed}");
    }
}

#[test]
fn the_worst_names_reach_the_proved_bounds_of_the_radix_tree_and_no_more() {
    let shape = Radix {
        bits: 4,
        bucket: 32,
    };
    let names = crate::attack::staircase(true);
    let mut log = Log::default();
    let root = crate::report::build(&shape, &mut log, &names);
    let s = crate::report::stats(&shape, &log, &root);
    assert_eq!(s.depth, 510);
    assert!(s.largest <= 6 + 3 + 32 * (3 + 255 + 128));

    // A full inner node: the longest prefix, a name that equals it, sixteen ways on.
    let trunk = [0x77; 254];
    let mut names = vec![trunk.to_vec()];
    names.extend((1..=255u8).map(|b| [&trunk[..], &[b]].concat()));
    let root = crate::report::build(&shape, &mut log, &names);
    assert!(log.record_len(root.off) <= 1205);
}
