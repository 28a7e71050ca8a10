//! Tables that are looked up in place, bytes that are read where they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use irmin_core::{
    Base, Collect, Cut, Durability, Engine, Id, Key, Kind, Object, ObjectStore, RefStore,
};
use irmin_pack::{File, Files, Map, Options, OsFiles, PackStore};

use crate::{assert_clean, put, set, small_segments};

fn body(number: u32) -> Vec<u8> {
    let word = number.wrapping_mul(0x9e37_79b1).to_le_bytes();
    word.repeat(5 + number as usize % 40)
}

/// Some segments of objects that nothing leads to, but for the last.
fn sample(dir: &Path, options: &Options, objects: u32) -> Vec<Key> {
    let store = PackStore::create(dir, options.clone()).unwrap();
    let mut keys: Vec<Key> = Vec::new();
    for number in 0..objects {
        let kind = Kind::from_code(u8::try_from(number % 4).unwrap() + 1).unwrap();
        let near = keys.len().saturating_sub(2);
        let links = keys[near..].to_vec();
        keys.push(put(&store, kind, &body(number), &links));
        if kind == Kind::Commit {
            set(
                &store,
                "heads/main",
                keys.last().map(|key| key.id),
                Durability::None,
            );
        }
    }
    store.close().unwrap();
    keys
}

fn assert_all_there(store: &PackStore, keys: &[Key]) {
    for (number, key) in (0..).zip(keys) {
        let by_place = store.get(key).unwrap().unwrap();
        assert_eq!(by_place.bytes, body(number));
        let by_id = store.get(&Key::from(key.id)).unwrap().unwrap();
        assert_eq!(by_id.bytes, body(number));
        let absent = Id::of(&number.to_le_bytes());
        assert!(store.get(&Key::from(absent)).unwrap().is_none());
    }
}

fn sidecars(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("segments")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|p| p.extension() == Some("idx".as_ref()))
        .collect();
    paths.sort();
    paths
}

fn few_segments(map: bool) -> Options {
    Options {
        segment_bytes: 10_000,
        checkpoint_bytes: 0,
        map,
        ..small_segments()
    }
}

/// Stores versions of a few objects, each as the difference to the one before.
fn versions(store: &PackStore, count: u32) -> (Vec<Key>, Vec<Vec<u8>>) {
    let (mut keys, mut bodies): (Vec<Key>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    for number in 0..count {
        let before = keys.len().checked_sub(5);
        let mut bytes = before.map_or(vec![0; 500], |before| bodies[before].clone());
        bytes[number as usize..][..4].copy_from_slice(&number.to_le_bytes());
        let base = before.map(|before| Base {
            locator: keys[before].locator.unwrap(),
            bytes: &bodies[before],
        });
        let near = keys.len().saturating_sub(3);
        let object = Object {
            id: Id::of(&bytes),
            kind: Kind::Node,
            bytes: &bytes,
            links: &keys[near..],
            generation: 0,
            cut: Cut::NONE,
            base,
        };
        let key = store.put_many(&[object]).unwrap()[0];
        keys.push(key);
        bodies.push(bytes);
    }
    (keys, bodies)
}

#[test]
fn many_objects_made_from_others_are_the_same_at_once_as_one_by_one() {
    for map in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = PackStore::create(dir.path(), few_segments(map)).unwrap();
        let (mut keys, bodies) = versions(&store, 300);
        let main = Some(keys[299].id);
        set(&store, "heads/main", main, Durability::Sync);
        store.close().unwrap();
        let store = PackStore::open(dir.path(), few_segments(map)).unwrap();
        // One is elsewhere than its key says, one is nowhere.
        keys[7].locator = None;
        keys.push(Key::from(Id::of(b"absent")));
        for _ in 0..2 {
            let mut count = 0;
            let mut check = |position: usize, stored: Option<irmin_core::Stored>| {
                count += 1;
                let one = store.get(&keys[position]).unwrap();
                assert_eq!(stored.is_some(), position < 300);
                let (Some(stored), Some(one)) = (stored, one) else {
                    return;
                };
                assert_eq!(stored.bytes, bodies[position]);
                assert_eq!((&stored.bytes, &stored.links), (&one.bytes, &one.links));
            };
            store.get_many(&keys, &mut check).unwrap();
            assert_eq!(count, 301);
        }
    }
}

#[test]
fn a_sidecar_that_is_damaged_anywhere_never_gives_a_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    let keys = sample(dir.path(), &few_segments(true), 200);
    let sidecars = sidecars(dir.path());
    assert!(sidecars.len() > 2);
    for (round, path) in sidecars.iter().enumerate() {
        let sound = fs::read(path).unwrap();
        for at in (round..sound.len()).step_by(83) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x41;
            fs::write(path, &bytes).unwrap();
            let store = PackStore::open(dir.path(), few_segments(at % 2 == 0)).unwrap();
            assert_all_there(&store, &keys);
            store.close().unwrap();
        }
        for length in (0..sound.len()).step_by(197) {
            fs::write(path, &sound[..length]).unwrap();
            let store = PackStore::open(dir.path(), few_segments(length % 2 == 0)).unwrap();
            assert_all_there(&store, &keys);
            store.close().unwrap();
        }
        fs::write(path, &sound).unwrap();
    }
}

#[test]
fn a_damaged_block_has_the_sidecar_of_a_complete_segment_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let keys = sample(dir.path(), &few_segments(true), 200);
    let path = &sidecars(dir.path())[0];
    let sound = fs::read(path).unwrap();
    let mut bytes = sound.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, &bytes).unwrap();
    let store = PackStore::open(dir.path(), few_segments(true)).unwrap();
    // Opening looks at the front only.
    assert_eq!(store.stats().unwrap().bytes_scanned, 24);
    assert_all_there(&store, &keys);
    assert!(store.stats().unwrap().bytes_scanned > 24);
    assert_eq!(fs::read(path).unwrap(), sound);
    assert_clean(&store);
}

#[test]
fn what_was_read_stays_when_its_segment_is_collected_and_the_store_closed() {
    let dir = tempfile::tempdir().unwrap();
    let options = few_segments(true);
    let keys = sample(dir.path(), &options, 200);
    let store = PackStore::open(dir.path(), options).unwrap();
    let read = |key| store.get(key).unwrap().unwrap().bytes;
    let held: Vec<_> = keys.iter().map(read).collect();
    set(&store, "heads/main", None, Durability::Sync);
    let mut report = Default::default();
    for _ in 0..2 {
        let collect = Collect::everything_named();
        report = store
            .collect(&collect, &mut |_| std::ops::ControlFlow::Continue(()))
            .unwrap();
    }
    assert_eq!(report.objects_kept, 0);
    assert!(store.get(&keys[0]).unwrap().is_none());
    drop(store);
    drop(dir);
    for (number, bytes) in (0..).zip(held) {
        assert_eq!(bytes, body(number));
    }
}

/// Counts what is read and what is open.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    open: AtomicU64,
    open_most: AtomicU64,
}

#[derive(Debug)]
struct CountedFile(Arc<dyn File>, Arc<Counts>);

impl Counting {
    fn count(&self, file: io::Result<Arc<dyn File>>) -> io::Result<Arc<dyn File>> {
        let file = file?;
        let open = self.0.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.open_most.fetch_max(open, Ordering::Relaxed);
        Ok(Arc::new(CountedFile(file, Arc::clone(&self.0))))
    }
}

impl Drop for CountedFile {
    fn drop(&mut self) {
        self.1.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Files for Counting {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.count(OsFiles.open(path))
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.count(OsFiles.open_or_create(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFiles.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFiles.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsFiles.list(dir)
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        OsFiles.create_dirs(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        OsFiles.sync_dir(dir)
    }

    fn salt(&self) -> u64 {
        OsFiles.salt()
    }
}

impl File for CountedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.1
            .bytes
            .fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.truncate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn map(&self, length: u64) -> io::Result<Option<Map>> {
        self.0.map(length)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.0.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

#[test]
fn opening_and_finding_an_object_read_a_few_headers_however_large_the_store_is() {
    let read = |objects| {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 200_000,
            ..few_segments(true)
        };
        let keys = sample(dir.path(), &options, objects);
        let files = Counting::default();
        let options = Options {
            files: Arc::new(files.clone()),
            ..options
        };
        let store = PackStore::open(dir.path(), options).unwrap();
        assert!(store.get(&keys[0]).unwrap().is_some());
        assert!(store.get_ref("heads/main").unwrap().is_some());
        // The rest is mapped.
        files.0.bytes.load(Ordering::Relaxed)
    };
    // `format` twice, the segment's header and its close frame; the header of another segment.
    assert_eq!(read(2000), read(6000));
    assert!(read(2000) < 200);
}

#[test]
fn only_some_of_the_segments_are_open_at_a_time() {
    for (map, open_max) in [(true, 6), (false, 20)] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 2000,
            map,
            ..small_segments()
        };
        let keys = sample(dir.path(), &options, 1200);
        let files = Counting::default();
        let options = Options {
            files: Arc::new(files.clone()),
            ..options
        };
        let store = PackStore::open(dir.path(), options).unwrap();
        assert!(store.stats().unwrap().segments > 60);
        assert_all_there(&store, &keys);
        let most = files.0.open_most.load(Ordering::Relaxed);
        assert!(most <= open_max, "{most} files were open at once");
    }
}

#[test]
fn opening_keeps_few_of_the_segments_open_that_objects_are_made_from() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 700,
        ..small_segments()
    };
    let bytes = |number: u32| number.to_le_bytes().repeat(150);
    let store = PackStore::create(dir.path(), options).unwrap();
    let bases: Vec<_> = (0..150)
        .map(|number| put(&store, Kind::Node, &bytes(number), &[]))
        .collect();
    store.close().unwrap();
    let store = PackStore::open(dir.path(), Options::default()).unwrap();
    for (number, key) in (0..).zip(&bases) {
        let (base, mut changed) = (bytes(number), bytes(number));
        changed.push(1);
        let object = Object {
            base: Some(Base {
                locator: key.locator.unwrap(),
                bytes: &base,
            }),
            cut: Cut::NONE,
            id: Id::of(&changed),
            kind: Kind::Node,
            bytes: &changed,
            links: &[],
            generation: 0,
        };
        store.put_many(&[object]).unwrap();
    }
    assert!(store.stats().unwrap().segments > 140);
    store.close().unwrap();
    let files = Counting::default();
    let options = Options {
        files: Arc::new(files.clone()),
        ..Options::default()
    };
    let store = PackStore::open(dir.path(), options).unwrap();
    let most = files.0.open_most.load(Ordering::Relaxed);
    assert!(most <= 70, "{most} files were open at once");
    assert_clean(&store);
}

#[test]
fn objects_that_are_made_from_each_other_are_read_at_once_as_they_are_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let mut bytes = 7_u32.to_le_bytes().repeat(150);
    let mut stored = vec![(put(&store, Kind::Node, &bytes, &[]), bytes.clone())];
    for number in 0..40 {
        let before = bytes.clone();
        bytes[usize::from(number) * 13] = number;
        let (locator, base) = (stored[usize::from(number)].0.locator.unwrap(), before);
        let object = Object {
            base: Some(Base {
                locator,
                bytes: &base,
            }),
            cut: Cut::NONE,
            id: Id::of(&bytes),
            kind: Kind::Node,
            bytes: &bytes,
            links: &[],
            generation: 0,
        };
        let keys = store.put_many(&[object]).unwrap();
        stored.push((keys[0], bytes.clone()));
    }
    store.close().unwrap();
    for map in [true, false] {
        let options = Options {
            map,
            ..Options::default()
        };
        let store = PackStore::open(dir.path(), options).unwrap();
        let keys: Vec<_> = stored.iter().rev().map(|(key, _)| *key).collect();
        let mut found = vec![None; keys.len()];
        store
            .get_many(&keys, &mut |position, stored| found[position] = stored)
            .unwrap();
        for (found, (key, bytes)) in found.into_iter().zip(stored.iter().rev()) {
            assert_eq!(found.unwrap().bytes, bytes);
            assert_eq!(store.get(key).unwrap().unwrap().bytes, bytes);
        }
        store.close().unwrap();
    }
}
