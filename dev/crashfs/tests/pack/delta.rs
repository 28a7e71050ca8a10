//! Objects that are stored as the difference to others, where those others are damaged.

use std::sync::Arc;

use irmin_core::{
    Base, Cut, Durability, Id, Key, Kind, Object, ObjectStore, RefEdit, RefStore, StoreError,
};
use irmin_crashfs::CrashFs;
use irmin_pack::{Options, PackStore, salvage};

use crate::place::dir;
use crate::salvage::find;

/// Chains of directories with one entry each, every one made from the one before, and of each chain the
/// commit of the last one.
struct Chains {
    disk: CrashFs,
    nodes: Vec<Vec<(Key, Vec<u8>)>>,
}

const CHAINS: u8 = 3;
const LENGTH: u8 = 5;

fn node(chain: u8, number: u8) -> Vec<u8> {
    let mut bytes = vec![1, 3, 0, 1, 3, 0, 120];
    bytes.extend([b'a' + chain; 3]);
    bytes.extend([chain; 120]);
    bytes[60] = 100 + number;
    bytes
}

fn options(disk: &CrashFs, segment_bytes: u32) -> Options {
    Options {
        segment_bytes,
        checkpoint_bytes: 0,
        files: Arc::new(disk.clone()),
        ..Options::default()
    }
}

fn chains(segment_bytes: u32) -> Chains {
    let disk = CrashFs::new();
    let store = PackStore::create(dir(), options(&disk, segment_bytes)).unwrap();
    let mut nodes = Vec::new();
    for chain in 0..CHAINS {
        let mut made: Vec<(Key, Vec<u8>)> = Vec::new();
        for number in 0..LENGTH {
            let bytes = node(chain, number);
            let base = made.last().map(|(key, bytes)| Base {
                locator: key.locator.unwrap(),
                bytes,
            });
            let key = put(&store, Kind::Node, &bytes, &[], base);
            made.push((key, bytes));
        }
        let (tree, _) = *made.last().as_ref().unwrap();
        let mut bytes = vec![1, 4];
        bytes.extend(tree.id.as_bytes());
        bytes.extend([0; 2 + 14 + 1 + 2 + 4]);
        let commit = put(&store, Kind::Commit, &bytes, &[*tree], None);
        let edit = RefEdit {
            name: format!("heads/{chain}"),
            expected: None,
            new: Some(commit.id),
        };
        store.compare_and_swap(&[edit], Durability::Sync).unwrap();
        nodes.push(made);
    }
    // Each chain once whole.
    let written = store.stats().unwrap().segment_bytes;
    assert!(segment_bytes < 1000 || written < 1500, "{written} bytes");
    store.close().unwrap();
    Chains { disk, nodes }
}

fn put(store: &PackStore, kind: Kind, bytes: &[u8], links: &[Key], base: Option<Base<'_>>) -> Key {
    let object = Object {
        base,
        cut: Cut::NONE,
        id: Id::of(bytes),
        kind,
        bytes,
        links,
        generation: u32::from(kind == Kind::Commit),
    };
    store.put_many(&[object]).unwrap()[0]
}

/// Flips a byte of the whole object that a chain begins with.
fn damaged(chains: &Chains, chain: u8) -> CrashFs {
    let disk = chains.disk.copy();
    let path = dir().join("segments/00000001.seg");
    let mut content = disk.bytes(&path);
    let at = find(&content, &node(chain, 0))[0];
    content[at + 30] ^= 1;
    disk.set_bytes(&path, &content);
    disk
}

#[test]
fn what_is_made_from_a_lost_object_is_lost_with_it_and_nothing_else() {
    let chains = chains(10_000);
    for chain in 0..CHAINS {
        let disk = damaged(&chains, chain);
        let copy = std::path::Path::new("/repositories/copy");
        let report = salvage(dir(), Some(copy), &options(&disk, 10_000), &mut |_| ()).unwrap();
        let store = PackStore::open(copy, options(&disk, 10_000)).unwrap();
        for (other, made) in chains.nodes.iter().enumerate() {
            let is_lost = other == usize::from(chain);
            for (key, bytes) in made {
                let found = store.get(&Key::from(key.id)).unwrap();
                let expected = (!is_lost).then_some(bytes);
                assert_eq!(found.map(|stored| stored.bytes.to_vec()).as_ref(), expected);
            }
            let name = store.get_ref(&format!("heads/{other}")).unwrap();
            assert_eq!(name.is_some(), !is_lost);
        }
        let of_bases = report.problems.iter().filter(|problem| {
            let text = problem.to_string();
            text.contains("which this one is made from")
        });
        assert_eq!(of_bases.count(), usize::from(LENGTH) - 1);
    }
}

#[test]
fn reading_what_is_made_from_a_damaged_object_is_an_error_with_the_place_of_the_damage() {
    let chains = chains(10_000);
    let disk = damaged(&chains, 1);
    let store = PackStore::open(dir(), options(&disk, 10_000)).unwrap();
    for (chain, made) in chains.nodes.iter().enumerate() {
        for (key, bytes) in made {
            match store.get(key) {
                Ok(found) => {
                    assert_ne!(chain, 1);
                    assert_eq!(found.unwrap().bytes, bytes);
                }
                Err(StoreError::Corrupt { path, .. }) => {
                    assert_eq!(chain, 1);
                    assert!(path.ends_with("segments/00000001.seg"));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(!store.verify(&mut |_| ()).unwrap().is_clean());
}

#[test]
fn verify_names_the_objects_that_a_damaged_one_in_an_older_segment_takes_along() {
    let chains = chains(300);
    let disk = damaged(&chains, 0);
    let store = PackStore::open(dir(), options(&disk, 300)).unwrap();
    assert!(store.stats().unwrap().segments > 1);
    let report = store.verify(&mut |_| ()).unwrap();
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    let of_damage = |text: &&String| text.contains("00000001.seg") && text.contains("checksum");
    let of_bases = |text: &&String| text.contains("which this one is made from");
    assert!(
        problems.iter().any(|text| of_damage(&text)),
        "{problems:#?}"
    );
    assert!(problems.iter().any(|text| of_bases(&text)), "{problems:#?}");
}
