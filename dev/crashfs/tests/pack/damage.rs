//! Every byte of a small store is flipped, one after the other.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use irmin_core::{
    Base, Collect, Durability, Engine, Id, Key, Kind, Object, ObjectStore, RefEdit, RefStore,
};
use irmin_crashfs::CrashFs;
use irmin_pack::{Options, PackStore};

use crate::place::dir;

/// What a small store holds.
struct Sample {
    checkpoint_bytes: u32,
    disk: CrashFs,
    objects: Vec<(Key, Vec<u8>)>,
    refs: BTreeMap<String, Id>,
}

fn options(disk: &CrashFs, checkpoint_bytes: u32) -> Options {
    Options {
        segment_bytes: 700,
        pending_bytes: 200,
        checkpoint_bytes,
        files: std::sync::Arc::new(disk.clone()),
        ..Options::default()
    }
}

/// Two complete segments and one that is not, of all kinds of frames.
fn sample(checkpoint_bytes: u32) -> Sample {
    let disk = CrashFs::new();
    let store = PackStore::create(dir(), options(&disk, checkpoint_bytes)).unwrap();
    let mut objects: Vec<(Key, Vec<u8>)> = Vec::new();
    let mut head = None;
    for number in 0..18u8 {
        // Every other one is made from one before it.
        let mut bytes = vec![number / 6; 70 + usize::from(number / 6)];
        bytes[40] = number;
        let base = objects.iter().nth_back(2).filter(|_| number % 2 == 1);
        let links: Vec<Key> = objects.iter().rev().take(2).map(|(key, _)| *key).collect();
        let object = Object {
            base: base.map(|(key, bytes)| Base {
                locator: key.locator.unwrap(),
                bytes,
            }),
            cut: irmin_core::Cut::NONE,
            id: Id::of(&bytes),
            kind: if number % 3 == 2 {
                Kind::Commit
            } else {
                Kind::Node
            },
            bytes: &bytes,
            links: &links,
            generation: u32::from(number),
        };
        let key = store.put_many(&[object]).unwrap()[0];
        objects.push((key, bytes));
        if number % 3 == 2 {
            let edit = RefEdit {
                name: "heads/main".to_owned(),
                expected: head,
                new: Some(key.id),
            };
            store.compare_and_swap(&[edit], Durability::Sync).unwrap();
            head = Some(key.id);
        }
    }
    let refs = store.list_refs("").unwrap().into_iter().collect();
    assert!(store.stats().unwrap().segments >= 2);
    store.close().unwrap();
    Sample {
        checkpoint_bytes,
        disk,
        objects,
        refs,
    }
}

/// The same, with segments that a collection wrote, and a frame that says so.
fn collected(checkpoint_bytes: u32) -> Sample {
    let sample = sample(checkpoint_bytes);
    let options = || options(&sample.disk, checkpoint_bytes);
    let store = PackStore::open(dir(), options()).unwrap();
    for number in 0..6u8 {
        let bytes = [number, 2, 3].repeat(20);
        let object = Object {
            base: None,
            cut: irmin_core::Cut::NONE,
            id: Id::of(&bytes),
            kind: Kind::Blob,
            bytes: &bytes,
            links: &[],
            generation: 0,
        };
        store.put_many(&[object]).unwrap();
    }
    store.close().unwrap();
    // Garbage of an earlier process goes at once.
    let store = PackStore::open(dir(), options()).unwrap();
    let collect = Collect::everything_named();
    let go_on = &mut |_| ControlFlow::Continue(());
    assert_eq!(store.collect(&collect, go_on).unwrap().objects_removed, 6);
    store.close().unwrap();
    sample
}

/// Whether the flip was noticed, with no wrong byte returned.
fn is_noticed(sample: &Sample, disk: &CrashFs) -> bool {
    let Ok(store) = PackStore::open(dir(), options(disk, sample.checkpoint_bytes)) else {
        return true;
    };
    let mut is_noticed = !store.verify(&mut |_| ()).unwrap().is_clean();
    let refs: BTreeMap<String, Id> = store.list_refs("").unwrap().into_iter().collect();
    assert_eq!(refs, sample.refs, "refs");
    for (key, bytes) in &sample.objects {
        for key in [*key, Key::from(key.id)] {
            match store.get(&key) {
                Ok(Some(stored)) => assert_eq!(stored.bytes, bytes, "wrong bytes"),
                Ok(None) => panic!("an object is gone without a word"),
                Err(_) => is_noticed = true,
            }
        }
    }
    is_noticed
}

#[test]
fn every_flipped_byte_is_noticed_or_harmless_and_never_returned() {
    // With and without a sidecar of the newest segment.
    flip_every_byte(&sample(0));
    flip_every_byte(&sample(10_000));
}

#[test]
fn every_flipped_byte_of_a_collected_store_is_noticed_or_harmless() {
    flip_every_byte(&collected(0));
}

fn flip_every_byte(sample: &Sample) {
    let last = sample
        .disk
        .paths()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .max()
        .unwrap();
    let mut flips = 0;
    for path in sample.disk.paths() {
        let bytes = sample.disk.bytes(&path);
        for index in 0..bytes.len() {
            for mask in [1, 0x80] {
                let disk = sample.disk.copy();
                let mut wrong = bytes.clone();
                wrong[index] ^= mask;
                disk.set_bytes(&path, &wrong);
                // The pid in the lock means nothing once its holder is gone. The frame that says
                // that the store was closed protects the others, and nothing follows it to
                // protect it: without it the store is as after a crash, with all it held.
                let is_closing_frame = path == last && index >= bytes.len() - 24;
                let may_pass = path.ends_with("lock") || is_closing_frame;
                assert!(
                    is_noticed(sample, &disk) || may_pass,
                    "byte {index} of {}",
                    path.display()
                );
                flips += 1;
            }
        }
    }
    assert!(flips > 2000, "{flips}");
}

#[test]
fn a_missing_sidecar_is_made_again() {
    let sample = sample(0);
    let sidecars = sample.disk.paths();
    let sidecars: Vec<_> = sidecars
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "idx"))
        .collect();
    assert!(!sidecars.is_empty());
    for path in sidecars {
        let disk = sample.disk.copy();
        irmin_pack::Files::remove(&disk, path).unwrap();
        assert!(!is_noticed(&sample, &disk), "{}", path.display());
    }
}

#[test]
fn a_lost_end_of_any_segment_is_noticed() {
    let sample = sample(0);
    for path in sample.disk.paths() {
        if path.extension().is_none_or(|extension| extension != "seg") {
            continue;
        }
        let bytes = sample.disk.bytes(&path);
        let is_newest = !sample
            .disk
            .paths()
            .iter()
            .any(|other| other.extension().is_some_and(|e| e == "seg") && *other > path);
        let checked = if is_newest {
            // A sidecar vouches for what was there when the store was closed.
            bytes.len() - 24
        } else {
            bytes.len()
        };
        for length in 0..checked {
            let disk = sample.disk.copy();
            disk.set_bytes(&path, &bytes[..length]);
            assert!(is_noticed(&sample, &disk), "{length} of {}", path.display());
        }
    }
}

#[test]
fn damage_before_durable_frames_is_an_error_with_its_place_and_nothing_is_cut() {
    let sample = sample(10_000);
    let paths = sample.disk.paths();
    let newest = paths
        .iter()
        .rev()
        .find(|p| p.extension().is_some_and(|e| e == "seg"));
    let newest = newest.unwrap();
    let disk = sample.disk.copy();
    let sidecar = newest.with_extension("idx");
    if paths.contains(&sidecar) {
        irmin_pack::Files::remove(&disk, &sidecar).unwrap();
    }
    let mut bytes = disk.bytes(newest);
    let at = bytes.len() - 24 - 40;
    bytes[at] ^= 1;
    disk.set_bytes(newest, &bytes);
    let error = PackStore::open(dir(), options(&disk, 10_000))
        .unwrap_err()
        .to_string();
    assert!(error.contains(newest.to_str().unwrap()), "{error}");
    assert!(error.contains("expected checksum"), "{error}");
    assert_eq!(disk.bytes(newest), bytes);
}
