//! Reads that fail: the error says where, nothing else changes, and the next attempt succeeds.

use irmin_core::{Id, IdPrefix, Key, ObjectStore, RefStore, StoreError};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackStore};

use crate::place::{commit, dir, options};

/// Several segments, one of them without its sidecar.
fn sample() -> (CrashFs, Vec<Id>) {
    let disk = CrashFs::new();
    let small = options(&disk, &mut Random::new(1));
    let store = PackStore::create(dir(), small).unwrap();
    let mut ids = vec![commit(&store, b"first", None).unwrap()];
    while store.stats().unwrap().segments < 4 {
        let body = (ids.len() as u64).to_le_bytes().repeat(30);
        ids.push(commit(&store, &body, ids.last().copied()).unwrap());
    }
    store.close().unwrap();
    let sidecar = dir().join("segments/00000002.idx");
    irmin_pack::Files::remove(&disk, &sidecar).unwrap();
    (disk, ids)
}

fn uncached(disk: &CrashFs) -> Options {
    Options {
        cache_bytes: 0,
        ..options(disk, &mut Random::new(1))
    }
}

/// Does something with the first read failing, then the second, and so on until all go well; every
/// time it is done again right away, and must go well then.
fn with_each_read_failing<T>(
    disk: &CrashFs,
    work: impl Fn(&CrashFs) -> Result<T, StoreError>,
    check: impl Fn(T),
) -> u64 {
    for failing in 1.. {
        let disk = disk.after_kill();
        disk.fail_reads_at(failing, 1);
        let result = work(&disk);
        let is_through = !disk.had_bad_reads();
        disk.fail_reads_at(0, 0);
        if is_through {
            check(result.unwrap());
            return failing - 1;
        }
        let Err(error @ StoreError::Io { .. }) = result.map(|_| ()) else {
            panic!("read {failing} failed and nobody was told");
        };
        let text = error.to_string();
        assert!(text.contains("'/repositories/store/"), "{text}");
        assert!(text.contains("Input/output error"), "{text}");
        let is_read = matches!(error, StoreError::Io { action: "read", .. });
        assert_eq!(is_read, text.contains("' at byte "), "{text}");
        check(work(&disk).unwrap());
    }
    0
}

#[test]
fn every_read_of_opening_may_fail_and_opening_again_succeeds() {
    let (disk, ids) = sample();
    let open = |disk: &CrashFs| PackStore::open(dir(), uncached(disk));
    let reads = with_each_read_failing(&disk, open, |store| {
        assert_eq!(store.get_ref("heads/main").unwrap(), ids.last().copied());
    });
    assert!(reads > 5, "{reads}");
}

#[test]
fn every_read_of_the_newest_segment_may_fail_before_its_torn_tail_is_cut() {
    let (disk, ids) = sample();
    let newest = disk
        .paths()
        .into_iter()
        .rfind(|path| path.extension().is_some_and(|e| e == "seg"));
    let newest = newest.unwrap();
    let mut bytes = disk.bytes(&newest);
    bytes.extend([7; 100]);
    disk.set_bytes(&newest, &bytes);
    let open = |disk: &CrashFs| PackStore::open(dir(), uncached(disk));
    with_each_read_failing(&disk, open, |store| {
        assert_eq!(store.stats().unwrap().bytes_cut, 100);
        assert_eq!(store.get_ref("heads/main").unwrap(), ids.last().copied());
    });
}

#[test]
fn every_read_of_an_open_store_may_fail_without_harm() {
    let (disk, ids) = sample();
    // The same handle, which must not remember the failure.
    for failing in 1..60 {
        let disk = disk.after_kill();
        let store = PackStore::open(dir(), uncached(&disk)).unwrap();
        disk.fail_reads_at(failing, 1);
        let mut failures = 0;
        for id in &ids {
            for _ in 0..2 {
                match store.get(&Key::from(*id)) {
                    Ok(stored) => assert!(stored.is_some()),
                    Err(StoreError::Io { path, source, .. }) => {
                        assert!(path.starts_with(dir()), "{path:?}");
                        assert_eq!(source.raw_os_error(), Some(5));
                        failures += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        assert!(failures <= 1);
        commit(&store, b"after", ids.last().copied()).unwrap();
        store.close().unwrap();
    }
}

#[test]
fn every_read_of_verify_list_stats_and_search_may_fail_and_is_no_damage() {
    let (disk, ids) = sample();
    let store = |disk: &CrashFs| PackStore::open(dir(), uncached(disk)).unwrap();
    let (disk, opened) = (disk.after_kill(), ids.len());
    let handle = store(&disk);
    let prefix: IdPrefix = "0000".parse().unwrap();
    let works: [&dyn Fn() -> Result<bool, StoreError>; 4] = [
        &|| Ok(handle.verify(&mut |_| ())?.is_clean()),
        &|| Ok(handle.list_refs("")?.len() == 1),
        &|| Ok(handle.stats()?.commits.objects == opened as u64),
        &|| Ok(handle.commits_with_prefix(&prefix, 9)?.len() <= 9),
    ];
    for work in works {
        for failing in 1.. {
            disk.fail_reads_at(failing, 1);
            let result = work();
            let is_through = !disk.had_bad_reads();
            disk.fail_reads_at(0, 0);
            match result {
                Ok(is_right) => assert!(is_right && is_through),
                Err(StoreError::Io { .. }) => assert!(work().unwrap()),
                Err(error) => panic!("{error}"),
            }
            if is_through {
                break;
            }
        }
    }
}
