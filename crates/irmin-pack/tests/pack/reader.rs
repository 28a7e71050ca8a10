//! What a handle that only reads promises.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use irmin_core::{
    Collect, Cut, Durability, Engine, Id, Key, Kind, Object, ObjectStore, RefEdit, RefStore,
    StoreError,
};
use irmin_pack::{Options, PackReader, PackStore};

use crate::{put, set, small_segments};

/// Longer than any test waits for what happens.
const LONG: Duration = Duration::from_secs(600);

fn open(dir: &Path) -> PackReader {
    PackReader::open(dir, small_segments()).unwrap()
}

/// Ends the threads beside a test, also when it fails.
pub(crate) struct Done<'a>(pub(crate) &'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Commits numbers to a branch, each with an object beside it.
fn commit(store: &PackStore, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let node = put(store, Kind::Node, &number.to_le_bytes().repeat(40), &[]);
        let bytes = format!("commit {number}");
        let commit = put(store, Kind::Commit, bytes.as_bytes(), &[node]);
        set(store, "heads/main", Some(commit.id), Durability::None);
    }
}

/// Checks that the reader sees the commits up to a number, by id and by link.
fn assert_sees(reader: &PackReader, numbers: std::ops::Range<u32>) {
    let last = Id::of(format!("commit {}", numbers.end - 1).as_bytes());
    assert_eq!(reader.get_ref("heads/main").unwrap(), Some(last));
    for number in numbers {
        let id = Id::of(format!("commit {number}").as_bytes());
        let commit = reader.get(&Key::from(id)).unwrap().unwrap();
        let node = Key {
            id: Id::of(b"no such object, so that only the link can lead to it"),
            locator: commit.links[0],
        };
        let node = reader.get(&node).unwrap().unwrap();
        assert_eq!(node.bytes, number.to_le_bytes().repeat(40));
    }
}

/// Returns the names and contents of all files.
fn snapshot(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for dir in [dir.to_owned(), dir.join("segments")] {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let name = entry.path().display().to_string();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn newest_segment(dir: &Path) -> std::path::PathBuf {
    let mut paths: Vec<_> = fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    paths.sort();
    paths.pop().unwrap()
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = File::options().append(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

#[test]
fn a_reader_follows_the_writer_through_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let reader = open(dir.path());
    assert!(reader.list_refs("").unwrap().is_empty());
    for round in 0..20 {
        commit(&store, round * 20..round * 20 + 20);
        assert_sees(&reader, 0..round * 20 + 20);
    }
    let stats = reader.stats().unwrap();
    assert!(stats.segments > 10, "{stats:?}");
    assert_eq!(stats.segments, store.stats().unwrap().segments);
    assert_eq!(stats.commits.objects, 400);
    assert!(reader.verify(&mut |_| ()).unwrap().is_clean());
    let prefix = Id::of(b"commit 7").to_string()[..8].parse().unwrap();
    let found = reader.commits_with_prefix(&prefix, 9).unwrap();
    assert_eq!(found, [Id::of(b"commit 7")]);
}

#[test]
fn a_reader_that_fell_behind_by_many_segments_catches_up_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let reader = open(dir.path());
    commit(&store, 0..3);
    assert_sees(&reader, 0..3);
    commit(&store, 3..400);
    let seen = reader.changes();
    assert_ne!(reader.wait_for_changes(seen, LONG).unwrap(), seen);
    assert_sees(&reader, 0..400);
}

#[test]
fn a_reader_outlives_writers_and_follows_the_next() {
    let dir = tempfile::tempdir().unwrap();
    drop(PackStore::create(dir.path(), small_segments()).unwrap());
    let reader = open(dir.path());
    for round in 0..30 {
        let store = PackStore::open(dir.path(), small_segments()).unwrap();
        commit(&store, round * 7..round * 7 + 7);
        store.close().unwrap();
        assert_sees(&reader, 0..round * 7 + 7);
        assert_sees(&open(dir.path()), 0..round * 7 + 7);
    }
}

#[test]
fn a_waiting_reader_is_woken_by_a_commit_and_by_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let reader = open(dir.path());
    let seen = reader.changes();
    put(&store, Kind::Blob, b"no commit", &[]);
    assert_eq!(
        reader
            .wait_for_changes(seen, Duration::from_millis(3))
            .unwrap(),
        seen
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait_for_changes(seen, LONG));
        commit(&store, 0..1);
        assert_ne!(waiting.join().unwrap().unwrap(), seen);
    });
    assert_sees(&reader, 0..1);
}

#[test]
fn several_names_that_move_at_once_are_seen_all_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let is_done = AtomicBool::new(false);
    let names: Vec<String> = (0..5).map(|name| format!("heads/{name}")).collect();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let reader = open(dir.path());
                    let mut seen = 0;
                    while !is_done.load(Ordering::Acquire) {
                        let refs = reader.list_refs("heads/").unwrap();
                        assert!(refs.is_empty() || refs.len() == names.len());
                        assert!(refs.iter().all(|(_, id)| *id == refs[0].1), "{refs:?}");
                        seen += 1;
                    }
                    seen
                })
            })
            .collect();
        let done = Done(&is_done);
        let mut before = None;
        for number in 0..600u32 {
            let id = put(&store, Kind::Commit, &number.to_le_bytes().repeat(9), &[]).id;
            let edit = |name: &String| RefEdit {
                name: name.clone(),
                expected: before,
                new: Some(id),
            };
            let edits: Vec<RefEdit> = names.iter().map(edit).collect();
            store.compare_and_swap(&edits, Durability::None).unwrap();
            before = Some(id);
        }
        drop(done);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

#[test]
fn a_reader_changes_no_file_whatever_it_finds() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    commit(&store, 0..100);
    store.close().unwrap();
    let segments = dir.path().join("segments");
    fs::remove_file(segments.join("00000001.idx")).unwrap();
    fs::write(segments.join("00000002.idx"), b"damaged").unwrap();
    fs::write(segments.join("00000003.idx.tmp"), b"half").unwrap();
    append(&newest_segment(dir.path()), &[7; 300]);
    let before = snapshot(dir.path());
    let reader = open(dir.path());
    assert_sees(&reader, 0..100);
    let prefix = Id::of(b"commit 1").to_string()[..8].parse().unwrap();
    assert_eq!(reader.commits_with_prefix(&prefix, 9).unwrap().len(), 1);
    assert_eq!(reader.stats().unwrap().commits.objects, 100);
    reader.verify(&mut |_| ()).unwrap();
    reader.refresh().unwrap();
    drop(reader);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_torn_tail_is_left_alone_until_the_next_writer_has_cut_it() {
    let dir = tempfile::tempdir().unwrap();
    drop(PackStore::create(dir.path(), Options::default()).unwrap());
    let reader = open(dir.path());
    for round in 0..10u8 {
        let store = PackStore::open(dir.path(), Options::default()).unwrap();
        commit(&store, u32::from(round) * 3..u32::from(round) * 3 + 3);
        store.close().unwrap();
        append(&newest_segment(dir.path()), &vec![round; 1 << round]);
        for _ in 0..3 {
            assert_sees(&reader, 0..u32::from(round) * 3 + 3);
        }
        assert_sees(&open(dir.path()), 0..u32::from(round) * 3 + 3);
    }
}

#[test]
fn a_segment_that_is_complete_but_not_followed_by_another_is_waited_at() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    commit(&store, 0..100);
    store.close().unwrap();
    let newest = newest_segment(dir.path());
    let aside = dir.path().join("aside");
    fs::rename(&newest, &aside).unwrap();
    let reader = open(dir.path());
    let before = reader.get_ref("heads/main").unwrap();
    assert!(before.is_some());
    reader.refresh().unwrap();
    assert_eq!(reader.get_ref("heads/main").unwrap(), before);
    fs::rename(&aside, &newest).unwrap();
    assert_sees(&reader, 0..100);
}

#[test]
fn complete_segments_may_be_replaced_under_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    commit(&store, 0..50);
    let behind = open(dir.path());
    let reader = open(dir.path());
    commit(&store, 50..200);
    assert_sees(&reader, 0..100 + 100);
    for (name, bytes) in snapshot(dir.path()) {
        if name.ends_with(".idx") || name.ends_with(".seg") {
            let is_newest = newest_segment(dir.path()) == Path::new(&name);
            if !is_newest {
                fs::write(format!("{name}.tmp"), bytes).unwrap();
                fs::rename(format!("{name}.tmp"), name).unwrap();
            }
        }
    }
    assert_sees(&reader, 0..200);
    assert_sees(&behind, 0..200);
    behind.refresh().unwrap();
    commit(&store, 200..230);
    assert_sees(&reader, 0..230);
}

#[test]
fn damage_to_what_was_durable_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let reader = open(dir.path());
    commit(&store, 0..3);
    store.sync().unwrap();
    commit(&store, 3..6);
    store.close().unwrap();
    let path = newest_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[150] ^= 1;
    fs::write(&path, &bytes).unwrap();
    for error in [
        reader.get_ref("heads/main").unwrap_err(),
        PackReader::open(dir.path(), Options::default()).unwrap_err(),
    ] {
        let StoreError::Corrupt { path: told, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(told, &path);
    }
}

#[test]
fn a_store_that_is_missing_removed_replaced_or_cut_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    let missing = PackReader::open(&place, Options::default());
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    let store = PackStore::create(&place, Options::default()).unwrap();
    commit(&store, 0..3);
    let reader = open(&place);
    store.close().unwrap();
    fs::rename(&place, dir.path().join("elsewhere")).unwrap();
    let error = reader.wait_for_changes(0, LONG).unwrap_err();
    assert!(
        matches!(&error, StoreError::NotFound { path } if *path == place),
        "{error}"
    );
    drop(PackStore::create(&place, Options::default()).unwrap());
    let error = reader.refresh().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("another file"), "{error}");

    let reader = open(&place);
    let path = newest_segment(&place);
    let length = fs::metadata(&path).unwrap().len();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(length - 1)
        .unwrap();
    let error = reader.get_ref("heads/main").unwrap_err();
    assert!(error.to_string().contains("has read"), "{error}");
}

#[test]
fn writing_through_a_reader_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    commit(&store, 0..1);
    let reader = open(dir.path());
    let object = |bytes| Object {
        base: None,
        cut: Cut::NONE,
        id: Id::of(bytes),
        kind: Kind::Commit,
        bytes,
        links: &[],
        generation: 0,
    };
    let stored = reader.put_many(&[object(b"commit 0")]).unwrap();
    assert!(reader.get(&stored[0]).unwrap().is_some());
    let mut contains = Vec::new();
    let ids = [stored[0].id, Id::of(b"new")];
    reader.contains_many(&ids, &mut contains).unwrap();
    assert_eq!(contains, [true, false]);
    let refused = [
        reader.put_many(&[object(b"new")]).unwrap_err(),
        reader.compare_and_swap(&[], Durability::Sync).unwrap_err(),
        reader
            .collect(&Collect::everything_named(), &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(&error, StoreError::ReadOnly { path } if path == dir.path()));
    }
    reader.sync().unwrap();
    assert_eq!(reader.url(), store.url());
    assert_ne!(reader.store_id(), store.store_id());
}

#[test]
fn a_hold_is_a_locked_file_for_as_long_as_it_lives() {
    let dir = tempfile::tempdir().unwrap();
    let _store = PackStore::create(dir.path(), Options::default()).unwrap();
    let reader = open(dir.path());
    let (first, second) = (Id::of(b"first"), Id::of(b"second"));
    let holds = [reader.hold(first).unwrap(), reader.hold(second).unwrap()];
    let files = || {
        let entries = fs::read_dir(dir.path().join("holds")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.collect::<Vec<_>>()
    };
    let pid = format!("{}-", std::process::id());
    let mut held = Vec::new();
    for path in files() {
        assert!(
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(&pid)
        );
        assert!(File::open(&path).unwrap().try_lock().is_err());
        held.push(fs::read_to_string(path).unwrap());
    }
    held.sort();
    let mut expected = [format!("{first}\n"), format!("{second}\n")];
    expected.sort();
    assert_eq!(held, expected);
    drop(holds);
    assert!(files().is_empty());
}

#[test]
fn a_collector_that_removes_what_nobody_locks_takes_no_hold_away() {
    let dir = tempfile::tempdir().unwrap();
    let _store = PackStore::create(dir.path(), Options::default()).unwrap();
    let reader = open(dir.path());
    drop(reader.hold(Id::of(b"makes the directory")).unwrap());
    let is_done = AtomicBool::new(false);
    let holds = dir.path().join("holds");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                for entry in fs::read_dir(&holds).unwrap().flatten() {
                    let Ok(file) = File::options().write(true).open(entry.path()) else {
                        continue;
                    };
                    if file.try_lock().is_ok() {
                        let _ = fs::remove_file(entry.path());
                    }
                }
            }
        });
        let _done = Done(&is_done);
        for number in 0..500u32 {
            let id = Id::of(&number.to_le_bytes());
            let hold = reader.hold(id).unwrap();
            let is_held = fs::read_dir(&holds).unwrap().flatten().any(|entry| {
                fs::read_to_string(entry.path()).is_ok_and(|text| text == format!("{id}\n"))
            });
            assert!(is_held);
            drop(hold);
        }
    });
    assert_eq!(fs::read_dir(&holds).unwrap().count(), 0);
}
