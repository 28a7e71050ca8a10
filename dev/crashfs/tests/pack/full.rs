//! A full disk at each stage of the engine's work; random ones are in the campaign.

use std::ops::ControlFlow;
use std::path::PathBuf;

use irmin_core::{
    Collect, Durability, Engine, ErrorKind, Id, Key, ObjectStore, RefEdit, RefStore, StoreError,
};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackStore};

use crate::place::{commit, dir, options};

fn segment(number: u32) -> PathBuf {
    dir().join(format!("segments/{number:08}.seg"))
}

fn roomy(disk: &CrashFs) -> Options {
    Options {
        segment_bytes: 1 << 20,
        ..options(disk, &mut Random::new(1))
    }
}

fn assert_full<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let Err(error @ StoreError::Full { .. }) = &result else {
        panic!("{result:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    assert!(text.contains("the disk is full"), "{text}");
    assert!(text.contains("/repositories/store"), "{text}");
}

#[test]
fn half_a_commit_is_taken_back_and_the_same_handle_commits_when_there_is_room() {
    // Wherever the room ends within the frame.
    for room in 0..150 {
        let disk = CrashFs::new();
        let store = PackStore::create(dir(), roomy(&disk)).unwrap();
        let first = commit(&store, b"first", None).unwrap();
        let before = disk.bytes(&segment(1));
        let used: usize = disk.paths().iter().map(|path| disk.bytes(path).len()).sum();
        disk.set_size(Some(used as u64 + room));
        let body = [7; 200];
        assert_full(commit(&store, &body, Some(first)));
        assert_full(commit(&store, &body, Some(first)));
        assert_eq!(disk.bytes(&segment(1)), before, "{room}");
        assert_eq!(store.get_ref("heads/main").unwrap(), Some(first));
        // What was put waits, and can be read.
        let key = Key::from(Id::of(&body));
        assert_eq!(store.get(&key).unwrap().unwrap().bytes.as_ref(), &body);
        assert!(store.verify(&mut |_| ()).unwrap().is_clean());
        disk.set_size(None);
        let second = commit(&store, &body, Some(first)).unwrap();
        let disk = disk.after_power_cut(room);
        let store = PackStore::open(dir(), roomy(&disk)).unwrap();
        assert_eq!(store.get_ref("heads/main").unwrap(), Some(second));
        assert_eq!(store.get(&key).unwrap().unwrap().bytes.as_ref(), &body);
        assert_eq!(store.stats().unwrap().commits.objects, 2);
    }
}

#[test]
fn what_waits_for_room_does_not_grow_without_bound() {
    let disk = CrashFs::new();
    let store = PackStore::create(dir(), roomy(&disk)).unwrap();
    disk.fill_at(0, u64::MAX, false);
    let object = |number: u32| number.to_le_bytes().repeat(50);
    for number in 0..1000 {
        if commit(&store, &object(number), None).is_ok() {
            panic!("there is no room");
        }
    }
    assert!(store.stats().unwrap().pending_bytes < 3000);
    disk.make_room();
    commit(&store, &object(0), None).unwrap();
}

/// Commits until the disk is full at the given operation of the change to the next segment.
fn full_in_switch(at: u64) -> bool {
    let disk = CrashFs::new();
    let small = options(&disk, &mut Random::new(1));
    let store = PackStore::create(dir(), small.clone()).unwrap();
    let mut head = None;
    let mut number = 0_u32;
    let mut was_full = false;
    while store.stats().unwrap().segments < 3 {
        number += 1;
        let body = number.to_le_bytes().repeat(60);
        let operations = disk.operations();
        disk.fill_at(at, u64::MAX, false);
        let done = commit(&store, &body, head);
        let is_switch = disk.operations() - operations > 3;
        disk.make_room();
        head = match done {
            Ok(id) => Some(id),
            Err(error) => {
                assert_full::<()>(Err(error));
                was_full |= is_switch;
                // What is there is whole, also for a process that opens it now, without room.
                let copy = disk.after_kill();
                copy.fill_at(0, u64::MAX, false);
                let other = PackStore::open(dir(), options(&copy, &mut Random::new(1))).unwrap();
                assert_eq!(other.get_ref("heads/main").unwrap(), head);
                assert!(other.verify(&mut |_| ()).unwrap().is_clean());
                drop(other);
                Some(commit(&store, &body, head).unwrap())
            }
        };
    }
    store.close().unwrap();
    let store = PackStore::open(dir(), small).unwrap();
    assert_eq!(store.get_ref("heads/main").unwrap(), head);
    assert_eq!(store.stats().unwrap().commits.objects, u64::from(number));
    assert!(store.verify(&mut |_| ()).unwrap().is_clean());
    assert!(
        disk.paths()
            .iter()
            .all(|path| path.extension().is_none_or(|e| e != "tmp"))
    );
    was_full
}

#[test]
fn a_segment_that_cannot_be_begun_is_begun_when_there_is_room() {
    let stages = (1..12).filter(|&at| full_in_switch(at)).count();
    assert!(stages > 3, "{stages}");
}

#[test]
fn a_store_that_could_not_be_made_is_made_when_there_is_room() {
    let whole = CrashFs::new();
    drop(PackStore::create(dir(), roomy(&whole)).unwrap());
    let mut failed = 0;
    for at in 0..whole.operations() {
        let disk = CrashFs::new();
        disk.fill_at(at, u64::MAX, false);
        match PackStore::create(dir(), roomy(&disk)) {
            Ok(_) => continue,
            error => assert_full(error),
        }
        failed += 1;
        disk.make_room();
        let store = PackStore::open_or_create(dir(), roomy(&disk)).unwrap();
        commit(&store, b"first", None).unwrap();
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn a_store_is_closed_without_room_and_only_what_was_not_committed_is_told_of() {
    let disk = CrashFs::new();
    let store = PackStore::create(dir(), roomy(&disk)).unwrap();
    let head = commit(&store, b"first", None).unwrap();
    disk.fill_at(0, u64::MAX, false);
    store.close().unwrap();
    let disk = disk.after_power_cut(3);
    let store = PackStore::open(dir(), roomy(&disk)).unwrap();
    assert_eq!(store.get_ref("heads/main").unwrap(), Some(head));
    disk.fill_at(0, u64::MAX, false);
    assert_full(commit(&store, b"second", Some(head)));
    assert_full(store.close());
}

#[test]
fn a_sidecar_for_which_there_is_no_room_is_kept_in_memory() {
    let disk = CrashFs::new();
    let small = options(&disk, &mut Random::new(1));
    let store = PackStore::create(dir(), small.clone()).unwrap();
    let mut heads = vec![commit(&store, b"first", None).unwrap()];
    while store.stats().unwrap().segments < 4 {
        let body = (heads.len() as u64).to_le_bytes().repeat(30);
        heads.push(commit(&store, &body, heads.last().copied()).unwrap());
    }
    store.close().unwrap();
    for path in disk.paths() {
        if path.extension().is_some_and(|extension| extension == "idx") {
            irmin_pack::Files::remove(&disk, &path).unwrap();
        }
    }
    disk.fill_at(0, u64::MAX, false);
    let store = PackStore::open(dir(), small).unwrap();
    for head in &heads {
        assert!(store.get(&Key::from(*head)).unwrap().is_some());
    }
    disk.make_room();
    let edit = RefEdit {
        name: "heads/main".to_owned(),
        expected: heads.last().copied(),
        new: None,
    };
    store.compare_and_swap(&[edit], Durability::None).unwrap();
    let all = Collect::everything_named();
    let report = store.collect(&all, &mut |_| ControlFlow::Continue(()));
    assert_eq!(report.unwrap().objects_kept, 0);
    assert!(store.verify(&mut |_| ()).unwrap().is_clean());
}

#[test]
fn a_sync_that_finds_no_room_is_a_failed_sync() {
    let disk = CrashFs::new();
    let store = PackStore::create(dir(), roomy(&disk)).unwrap();
    disk.fail_next_sync_with(std::io::ErrorKind::StorageFull);
    let failed = commit(&store, b"first", None);
    assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
    let refused = commit(&store, b"second", store.get_ref("heads/main").unwrap());
    assert!(matches!(refused, Err(StoreError::Poisoned { .. })));
}

#[test]
fn where_not_even_half_a_frame_can_be_cut_off_the_handle_goes_on_when_there_is_room() {
    let disk = CrashFs::new();
    let store = PackStore::create(dir(), roomy(&disk)).unwrap();
    let first = commit(&store, b"first", None).unwrap();
    disk.fill_at(0, u64::MAX, true);
    for _ in 0..3 {
        assert_full(commit(&store, b"second", Some(first)));
    }
    disk.make_room();
    let second = commit(&store, b"second", Some(first)).unwrap();
    assert_eq!(store.get_ref("heads/main").unwrap(), Some(second));
    assert!(store.verify(&mut |_| ()).unwrap().is_clean());
}
