//! Costs that do not depend on the machine.

use irmin_core::{Base, Durability, Id, Key, Kind, Object, ObjectStore, RefStore};
use irmin_pack::{Options, PackStore};

use crate::{put, set, small_segments};

const OBJECT_BYTES: usize = 400;

/// Five nodes, each linked to the one below, and their commit.
fn commit(store: &PackStore, number: u32, durability: Durability) {
    let mut links: Vec<Key> = Vec::new();
    for level in 0..6u32 {
        let mut bytes = [number.to_le_bytes(), level.to_le_bytes()].concat();
        bytes.resize(OBJECT_BYTES, 9);
        let kind = if level == 5 { Kind::Commit } else { Kind::Node };
        links = vec![put(store, kind, &bytes, &links)];
    }
    set(store, "heads/main", Some(links[0].id), durability);
}

#[test]
fn a_commit_takes_one_write_one_sync_if_durable_and_few_bytes_of_framing() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    for (durability, syncs) in [(Durability::Sync, 1), (Durability::None, 0)] {
        let before = store.stats().unwrap();
        for number in 0..20 {
            commit(&store, number + 100 * syncs, durability);
        }
        let after = store.stats().unwrap();
        let syncs = u64::from(syncs);
        assert_eq!(after.syncs - before.syncs, 20 * syncs, "{durability:?}");
        assert_eq!(after.writes - before.writes, 20);
        let framing = (after.bytes_written - before.bytes_written) / 20 - 6 * OBJECT_BYTES as u64;
        assert!(framing <= 90, "{framing} bytes");
    }
}

#[test]
fn what_is_made_from_another_object_takes_what_differs_and_is_read_in_few_steps() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let below: Vec<Key> = (0..200_u8)
        .map(|n| put(&store, Kind::Blob, &[n; 9], &[]))
        .collect();
    let (mut bytes, mut links) = (vec![7; OBJECT_BYTES], below[..10].to_vec());
    let mut nodes = vec![(put(&store, Kind::Node, &bytes, &links), bytes.clone())];
    let before = store.stats().unwrap().pending_bytes;
    for number in 0..70_u8 {
        let child = usize::from(number) % 10;
        let (base, old) = nodes.last().unwrap();
        bytes[60 + 32 * child..][..32].fill(100 + number);
        links[child] = below[100 + usize::from(number)];
        let object = Object {
            base: base.locator.map(|locator| Base {
                locator,
                bytes: old,
            }),
            cut: irmin_core::Cut::NONE,
            id: Id::of(&bytes),
            kind: Kind::Node,
            bytes: &bytes,
            links: &links,
            generation: 0,
        };
        let key = store.put_many(&[object]).unwrap()[0];
        nodes.push((key, bytes.clone()));
    }
    let each = (store.stats().unwrap().pending_bytes - before) / 70;
    // Every eighth is whole.
    let most = (7 * 55 + OBJECT_BYTES as u64 + 40) / 8;
    assert!(each <= most, "{each} bytes");
    store.close().unwrap();
    let options = Options {
        cache_bytes: 0,
        map: false,
        ..Options::default()
    };
    let store = PackStore::open(dir.path(), options).unwrap();
    for (key, bytes) in &nodes {
        let before = store.stats().unwrap().reads;
        let stored = store.get(key).unwrap().unwrap();
        assert_eq!(stored.bytes, bytes);
        assert_eq!(stored.links.iter().flatten().count(), 10);
        assert!(store.stats().unwrap().reads - before <= 8);
    }
}

#[test]
fn an_empty_commit_makes_what_came_before_durable() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    commit(&store, 1, Durability::None);
    let before = store.stats().unwrap();
    store.compare_and_swap(&[], Durability::Sync).unwrap();
    store.compare_and_swap(&[], Durability::Sync).unwrap();
    let after = store.stats().unwrap();
    assert_eq!(after.syncs - before.syncs, 1);
    assert_eq!(after.bytes_written, before.bytes_written);
}

#[test]
fn a_deferred_commit_is_synced_by_a_thread_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        deferred_interval: std::time::Duration::ZERO,
        ..Options::default()
    };
    let store = PackStore::create(dir.path(), options).unwrap();
    let before = store.stats().unwrap().syncs;
    commit(&store, 1, Durability::Deferred);
    while store.stats().unwrap().syncs == before {
        std::thread::yield_now();
    }
}

#[test]
fn a_read_with_a_locator_reads_the_disk_once_and_the_cache_after_that() {
    let unmapped = Options {
        map: false,
        ..small_segments()
    };
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let keys: Vec<Key> = (0..50u8)
        .map(|n| put(&store, Kind::Node, &[n; 200], &[]))
        .collect();
    store.close().unwrap();
    let store = PackStore::open(dir.path(), unmapped).unwrap();
    assert!(store.stats().unwrap().segments > 1);
    for _ in 0..2 {
        for key in &keys {
            assert!(store.get(key).unwrap().is_some());
        }
        assert_eq!(store.stats().unwrap().reads, keys.len() as u64);
    }
    assert_eq!(store.stats().unwrap().cache_hits, keys.len() as u64);
}

#[test]
fn what_is_mapped_is_not_read_nor_cached() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let keys: Vec<Key> = (0..50u8)
        .map(|n| put(&store, Kind::Node, &[n; 200], &[]))
        .collect();
    store.close().unwrap();
    let store = PackStore::open(dir.path(), small_segments()).unwrap();
    for key in &keys {
        assert!(store.get(key).unwrap().is_some());
        assert!(store.get(&Key::from(key.id)).unwrap().is_some());
    }
    let stats = store.stats().unwrap();
    assert_eq!((stats.reads, stats.cache_bytes), (0, 0));
}

#[test]
fn opening_after_a_clean_close_scans_no_more_than_the_options_say() {
    for (checkpoint_bytes, scanned_max) in [(0, 24), (100_000, 100_024)] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            checkpoint_bytes,
            ..Options::default()
        };
        let store = PackStore::create(dir.path(), options.clone()).unwrap();
        for number in 0..100 {
            commit(&store, number, Durability::None);
        }
        store.close().unwrap();
        let store = PackStore::open(dir.path(), options.clone()).unwrap();
        let stats = store.stats().unwrap();
        assert!(stats.bytes_scanned <= scanned_max, "{stats:?}");
        assert_eq!(stats.commits.objects, 100);
        assert!(store.get(&Key::from(Id::of(b"absent"))).unwrap().is_none());
        // Nothing was changed, so closing changes nothing.
        let before = store.stats().unwrap();
        assert_eq!((before.writes, before.syncs), (0, 0));
        let length = || {
            let path = dir.path().join("segments/00000001.seg");
            std::fs::metadata(path).unwrap().len()
        };
        let unchanged = length();
        store.close().unwrap();
        assert_eq!(length(), unchanged);
    }
}
