//! What a collection promises, one by one.

use std::fs;
use std::ops::ControlFlow;

use irmin_core::{
    Base, Collect, CollectReport, Cut, Durability, Engine, Id, Key, Kind, Object, ObjectStore,
    RefEdit, RefStore, StoreError,
};
use irmin_pack::{Options, PackStore};

use crate::{assert_clean, bytes_of, put, set, small_segments};

fn blob(seed: u16, length: usize) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes.resize(length.max(4), 7);
    bytes
}

/// An object that names others by their ids.
fn list(ids: &[Id]) -> Vec<u8> {
    let mut bytes = vec![1, 2, u8::try_from(ids.len()).unwrap()];
    for id in ids {
        bytes.extend_from_slice(id.as_bytes());
        bytes.push(9);
    }
    bytes
}

/// Anything that is a commit to the engine.
fn commit(store: &PackStore, seed: u16, links: &[Key]) -> Key {
    put(store, Kind::Commit, &blob(seed, 50), links)
}

fn collect(store: &PackStore) -> CollectReport {
    let what = Collect::everything_named();
    store
        .collect(&what, &mut |_| ControlFlow::Continue(()))
        .unwrap()
}

fn has(store: &PackStore, key: Key) -> bool {
    let by_id = bytes_of(store, &key.id.into());
    assert_eq!(by_id, bytes_of(store, &key), "by id and by place");
    by_id.is_some()
}

fn store() -> (tempfile::TempDir, PackStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    (dir, store)
}

/// Many objects that are of no use, so that what is before lies in complete segments.
fn fill(store: &PackStore, seed: u16) {
    for number in 0..60 {
        put(store, Kind::Blob, &blob(seed + number, 500), &[]);
    }
}

#[test]
fn what_a_name_led_to_goes_at_once_and_what_is_not_named_yet_at_the_second_time() {
    let (_dir, store) = store();
    let kept = commit(&store, 1, &[]);
    set(&store, "heads/kept", Some(kept.id), Durability::None);
    let below = put(&store, Kind::Blob, &blob(2, 300), &[]);
    let named = commit(&store, 3, &[below]);
    set(&store, "heads/gone", Some(named.id), Durability::None);
    set(&store, "heads/gone", None, Durability::None);
    let on_its_way = commit(&store, 4, &[]);
    let report = collect(&store);
    assert_eq!((report.objects_kept, report.objects_removed), (2, 2));
    assert!(report.bytes_after < report.bytes_before);
    assert!(has(&store, kept) && has(&store, on_its_way));
    assert!(!has(&store, named) && !has(&store, below));
    let report = collect(&store);
    assert_eq!((report.objects_kept, report.objects_removed), (1, 1));
    assert!(has(&store, kept) && !has(&store, on_its_way));
    assert_eq!(collect(&store).objects_removed, 0);
    assert_clean(&store);
}

#[test]
fn links_whose_places_are_not_known_are_followed_by_the_bytes() {
    let (_dir, store) = store();
    let leaf = put(&store, Kind::Blob, &blob(1, 80), &[]);
    let inner = put(&store, Kind::Chunks, &list(&[leaf.id]), &[leaf.id.into()]);
    fill(&store, 100);
    // Further back than the engine searches.
    let outer = list(&[inner.id, leaf.id]);
    let links = [inner.id.into(), leaf.id.into()];
    let outer = put(&store, Kind::Chunks, &outer, &links);
    let stored = store.get(&outer).unwrap().unwrap();
    assert_eq!(stored.links, [None, None]);
    let head = commit(&store, 2, &[outer]);
    set(&store, "heads/main", Some(head.id), Durability::None);
    collect(&store);
    let report = collect(&store);
    assert_eq!(report.objects_kept, 4);
    assert!(
        [leaf, inner, outer, head]
            .iter()
            .all(|key| has(&store, *key))
    );
    assert_clean(&store);
}

#[test]
fn nothing_can_point_to_what_was_collected() {
    let (dir, store) = store();
    let gone = commit(&store, 1, &[]);
    set(&store, "heads/gone", Some(gone.id), Durability::None);
    set(&store, "heads/gone", None, Durability::None);
    collect(&store);
    store.close().unwrap();
    let store = PackStore::open(dir.path(), small_segments()).unwrap();
    for link in [gone, gone.id.into()] {
        let bytes = blob(2, 50);
        let object = Object {
            base: None,
            id: Id::of(&bytes),
            kind: Kind::Node,
            bytes: &bytes,
            links: &[link],
            generation: 0,
            cut: Cut::NONE,
        };
        let error = store.put_many(&[object]).unwrap_err();
        assert!(matches!(error, StoreError::Dangling { id } if id == gone.id));
    }
    let edit = RefEdit {
        name: "heads/gone".to_owned(),
        expected: None,
        new: Some(gone.id),
    };
    let error = store.compare_and_swap(&[edit], Durability::None);
    assert!(matches!(error, Err(StoreError::Dangling { id }) if id == gone.id));
    assert_eq!(store.get_ref("heads/gone").unwrap(), None);
    // Stored again it is there, also for those who know its old place.
    commit(&store, 1, &[]);
    put(&store, Kind::Node, &blob(2, 50), &[gone]);
    set(&store, "heads/gone", Some(gone.id), Durability::None);
    assert!(has(&store, gone));
    assert_clean(&store);
}

#[test]
fn dead_objects_that_a_commit_on_its_way_found_stored_survive_it() {
    let (_dir, store) = store();
    let dead = put(&store, Kind::Blob, &blob(1, 300), &[]);
    let old = commit(&store, 2, &[dead]);
    set(&store, "heads/old", Some(old.id), Durability::None);
    set(&store, "heads/old", None, Durability::None);
    // It is found stored; then a collection; then it is linked to.
    assert_eq!(put(&store, Kind::Blob, &blob(1, 300), &[]), dead);
    assert_eq!(collect(&store).objects_removed, 1);
    let head = commit(&store, 3, &[dead]);
    set(&store, "heads/new", Some(head.id), Durability::None);
    collect(&store);
    assert!(has(&store, dead) && has(&store, head) && !has(&store, old));
    assert_clean(&store);
}

#[test]
fn what_is_told_to_be_there_stays_for_whoever_asked() {
    let (_dir, store) = store();
    let dead = commit(&store, 1, &[]);
    set(&store, "heads/old", Some(dead.id), Durability::None);
    set(&store, "heads/old", None, Durability::None);
    let mut there = Vec::new();
    let ids = [dead.id, Id::of(b"a stranger")];
    store.contains_many(&ids, &mut there).unwrap();
    assert_eq!(there, [true, false]);
    collect(&store);
    assert!(has(&store, dead));
    collect(&store);
    assert!(!has(&store, dead));
}

#[test]
fn a_held_commit_stays_until_it_is_let_go() {
    let (_dir, store) = store();
    let below = put(&store, Kind::Blob, &blob(1, 300), &[]);
    let held = commit(&store, 2, &[below]);
    set(&store, "heads/old", Some(held.id), Durability::None);
    set(&store, "heads/old", None, Durability::None);
    let hold = store.hold(held.id).unwrap();
    assert_eq!(collect(&store).objects_removed, 0);
    drop(hold);
    assert_eq!(collect(&store).objects_removed, 2);
}

#[test]
fn what_is_stored_for_a_commit_that_is_held_before_it_is_there_stays() {
    let (_dir, store) = store();
    let dead = put(&store, Kind::Blob, &blob(1, 300), &[]);
    let old = commit(&store, 2, &[dead]);
    set(&store, "heads/old", Some(old.id), Durability::None);
    set(&store, "heads/old", None, Durability::None);
    let hold = store.hold(Id::of(&blob(3, 50))).unwrap();
    let mut there = Vec::new();
    store.contains_many(&[dead.id], &mut there).unwrap();
    let below = put(&store, Kind::Blob, &blob(4, 300), &[]);
    for _ in 0..3 {
        collect(&store);
        assert!(has(&store, dead) && has(&store, below) && !has(&store, old));
    }
    let awaited = commit(&store, 3, &[dead, below]);
    for _ in 0..3 {
        collect(&store);
    }
    set(&store, "heads/main", Some(awaited.id), Durability::None);
    drop(hold);
    collect(&store);
    assert!(has(&store, awaited) && has(&store, below));
    assert_clean(&store);
}

#[test]
fn what_a_held_commit_waits_for_may_be_made_from_what_is_gone() {
    let (_dir, store) = store();
    let was = [blob(1, 400), vec![5; 300]].concat();
    let named = put(&store, Kind::Commit, &was, &[]);
    set(&store, "heads/old", Some(named.id), Durability::None);
    set(&store, "heads/old", None, Durability::None);
    let hold = store.hold(Id::of(&blob(3, 50))).unwrap();
    let bytes = [was.as_slice(), b"and more"].concat();
    let object = Object {
        base: Some(Base {
            locator: named.locator.unwrap(),
            bytes: &was,
        }),
        cut: Cut::NONE,
        id: Id::of(&bytes),
        kind: Kind::Commit,
        bytes: &bytes,
        links: &[],
        generation: 3,
    };
    let made = store.put_many(&[object]).unwrap()[0];
    for _ in 0..3 {
        collect(&store);
        assert!(has(&store, made) && !has(&store, named));
    }
    drop(hold);
    collect(&store);
    collect(&store);
    assert!(!has(&store, made));
    assert_clean(&store);
}

#[test]
fn what_other_processes_hold_stays_and_files_of_dead_ones_are_removed() {
    let (dir, store) = store();
    let held = commit(&store, 1, &[]);
    let stale = commit(&store, 2, &[]);
    for key in [held, stale] {
        set(&store, "heads/old", Some(key.id), Durability::None);
        set(&store, "heads/old", None, Durability::None);
    }
    let holds = dir.path().join("holds");
    fs::create_dir(&holds).unwrap();
    fs::write(holds.join("1-1"), format!("{}\n", held.id)).unwrap();
    fs::write(holds.join("2-1"), format!("{}\n", stale.id)).unwrap();
    let file = fs::File::open(holds.join("1-1")).unwrap();
    file.lock().unwrap();
    collect(&store);
    assert!(has(&store, held) && !has(&store, stale));
    assert!(holds.join("1-1").exists() && !holds.join("2-1").exists());
    drop(file);
    collect(&store);
    assert!(!has(&store, held));
}

#[test]
fn a_store_has_version_2_from_the_first_removal_or_cut_on() {
    let version = |dir: &tempfile::TempDir| {
        let text = fs::read_to_string(dir.path().join("format")).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    };
    let (dir, store) = store();
    let key = commit(&store, 1, &[]);
    set(&store, "heads/a", Some(key.id), Durability::None);
    collect(&store);
    assert_eq!(version(&dir), "version 1", "nothing was removed");
    set(&store, "heads/a", None, Durability::None);
    collect(&store);
    assert_eq!(version(&dir), "version 2");
    store.close().unwrap();
    assert_clean(&PackStore::open(dir.path(), small_segments()).unwrap());

    let (dir, store) = self::store();
    let object = Object {
        base: None,
        id: Id::of(b"cut"),
        kind: Kind::Commit,
        bytes: b"cut",
        links: &[Id::of(b"not here").into()],
        generation: 1,
        cut: Cut {
            contents: true,
            parents: false,
        },
    };
    store.put_many(&[object]).unwrap();
    assert_eq!(version(&dir), "version 2");
    let whole = Object {
        cut: Cut::NONE,
        ..object
    };
    // Whoever has all of it stores it again, which needs all of it.
    assert!(matches!(
        store.put_many(&[whole]),
        Err(StoreError::Dangling { .. })
    ));
    put(&store, Kind::Blob, b"not here", &[]);
    store.put_many(&[whole]).unwrap();
    let stored = store.get(&object.id.into()).unwrap().unwrap();
    assert!(stored.cut.is_none());
    assert_clean(&store);
}

#[test]
fn a_commit_that_is_stored_cut_does_not_hide_a_whole_one_far_back() {
    let (_dir, store) = store();
    let below = put(&store, Kind::Blob, &blob(1, 300), &[]);
    let whole = commit(&store, 2, &[below]);
    set(&store, "heads/main", Some(whole.id), Durability::None);
    // Further back than the engine looks for what is stored again.
    fill(&store, 100);
    let bytes = blob(2, 50);
    let object = Object {
        base: None,
        id: whole.id,
        kind: Kind::Commit,
        bytes: &bytes,
        links: &[below.id.into()],
        generation: 3,
        cut: Cut {
            contents: true,
            parents: false,
        },
    };
    assert_eq!(store.put_many(&[object]).unwrap(), [whole]);
    collect(&store);
    collect(&store);
    let stored = store.get(&whole.id.into()).unwrap().unwrap();
    assert!(stored.cut.is_none());
    assert!(has(&store, below));
    assert_clean(&store);
}

#[test]
fn a_collection_can_be_cancelled_at_every_call_and_goes_on_later() {
    let mut calls = 0;
    loop {
        let (dir, store) = store();
        let kept = commit(&store, 1, &[]);
        set(&store, "heads/main", Some(kept.id), Durability::None);
        for number in 0..40 {
            let dead = commit(&store, 100 + number, &[kept]);
            set(&store, "heads/old", Some(dead.id), Durability::None);
        }
        set(&store, "heads/old", None, Durability::None);
        calls += 1;
        let mut left = calls;
        let report = store
            .collect(&Collect::everything_named(), &mut |_| {
                left -= 1;
                match left {
                    0 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            })
            .unwrap();
        let segments = fs::read_dir(dir.path().join("segments")).unwrap();
        let mut names = segments.map(|entry| entry.unwrap().file_name());
        assert!(names.all(|name| !name.to_str().unwrap().ends_with(".tmp")));
        assert!(has(&store, kept));
        assert_clean(&store);
        let removed = report.objects_removed + collect(&store).objects_removed;
        assert_eq!(removed, 40, "cancelled at call {calls}");
        if !report.is_cancelled {
            break;
        }
    }
    assert!(calls > 5, "{calls}");
}

#[test]
fn a_segment_without_anything_alive_stays_as_a_small_file() {
    let (dir, store) = store();
    fill(&store, 100);
    let before = store.stats().unwrap().segments;
    collect(&store);
    let report = collect(&store);
    assert_eq!((report.objects_kept, report.objects_removed), (0, 60));
    let stats = store.stats().unwrap();
    assert_eq!(stats.segments, before + 1);
    assert_eq!(stats.blobs.objects, 0);
    store.close().unwrap();
    let path = dir.path().join("segments/00000001.seg");
    assert_eq!(fs::metadata(path).unwrap().len(), 32 + 24 + 24);
    let store = PackStore::open(dir.path(), small_segments()).unwrap();
    assert_clean(&store);
}

#[test]
fn a_missing_sidecar_of_a_collected_segment_is_made_again() {
    let (dir, store) = store();
    let mut kept = Vec::new();
    for number in 0..60 {
        let key = commit(
            &store,
            number,
            &kept.last().copied().into_iter().collect::<Vec<_>>(),
        );
        put(&store, Kind::Blob, &blob(1000 + number, 200), &[]);
        kept.push(key);
    }
    set(&store, "heads/main", Some(kept[59].id), Durability::None);
    collect(&store);
    collect(&store);
    store.close().unwrap();
    for entry in fs::read_dir(dir.path().join("segments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "idx") {
            fs::remove_file(path).unwrap();
        }
    }
    let store = PackStore::open(dir.path(), small_segments()).unwrap();
    assert!(kept.iter().all(|key| has(&store, *key)));
    let prefix = "0".repeat(4).parse().unwrap();
    store.commits_with_prefix(&prefix, 9).unwrap();
    assert_eq!(store.stats().unwrap().commits.objects, 60);
    assert_eq!(store.stats().unwrap().blobs.objects, 0);
    assert_clean(&store);
}

#[test]
fn a_damaged_record_stops_a_collection_and_nothing_is_lost() {
    let (dir, store) = store();
    let below = put(&store, Kind::Blob, &blob(1, 300), &[]);
    let dead = put(&store, Kind::Blob, &blob(5, 300), &[]);
    let head = commit(&store, 2, &[below]);
    set(&store, "heads/main", Some(head.id), Durability::None);
    fill(&store, 100);
    store.close().unwrap();
    let path = dir.path().join("segments/00000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let store = PackStore::open(dir.path(), Options::default()).unwrap();
    let what = Collect::everything_named();
    let error = store.collect(&what, &mut |_| ControlFlow::Continue(()));
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(has(&store, dead) && has(&store, head));
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_were_replaced_make_room_before_a_collection_ends() {
    let (dir, store) = store();
    for number in 0..3 {
        fill(&store, number * 100);
    }
    // Has all files open.
    store.stats().unwrap();
    collect(&store);
    let mut deleted_max = 0;
    let what = Collect::everything_named();
    let report = store.collect(&what, &mut |_| {
        let files = fs::read_dir("/proc/self/fd").unwrap();
        let names = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
        let dir = dir.path().to_str().unwrap();
        let is_deleted = |name: &std::path::PathBuf| {
            let name = name.to_str().unwrap_or_default();
            name.starts_with(dir) && name.ends_with(".seg (deleted)")
        };
        deleted_max = deleted_max.max(names.filter(is_deleted).count());
        ControlFlow::Continue(())
    });
    assert_eq!(report.unwrap().objects_removed, 180);
    assert!(store.stats().unwrap().segments > 10);
    assert!(deleted_max <= 2, "{deleted_max}");
}
