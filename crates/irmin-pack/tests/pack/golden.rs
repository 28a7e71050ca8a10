//! Stores that earlier versions wrote are read for ever.

use std::fs;
use std::path::{Path, PathBuf};

use irmin_core::{Durability, Id, Key, Kind, ObjectStore, RefStore};
use irmin_pack::{Options, PackStore};

use crate::{assert_clean, put, set};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1");

fn options() -> Options {
    Options {
        segment_bytes: 1500,
        pending_bytes: 300,
        checkpoint_bytes: 0,
        ..Options::default()
    }
}

fn body(number: u8) -> Vec<u8> {
    vec![number; 20 + 7 * usize::from(number)]
}

fn fill(store: &PackStore) {
    let mut links: Vec<Key> = Vec::new();
    for number in 0..20 {
        let kind = Kind::from_code(number % 4 + 1).unwrap();
        let key = put(store, kind, &body(number), &links);
        if kind == Kind::Commit {
            set(store, "heads/main", Some(key.id), Durability::Sync);
            set(
                store,
                &format!("tags/{number}"),
                Some(key.id),
                Durability::None,
            );
        }
        links.push(key);
        links = links.split_off(links.len().saturating_sub(3));
    }
    set(store, "tags/3", None, Durability::Sync);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("segments")).unwrap();
    fs::copy(from.join("format"), to.join("format")).unwrap();
    for entry in fs::read_dir(from.join("segments")).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap();
        fs::copy(&path, to.join("segments").join(name)).unwrap();
    }
}

#[test]
fn a_store_of_format_1_is_read_and_written_on() {
    if std::env::var_os("IRMIN_PACK_WRITE_GOLDEN").is_some() {
        fill(&PackStore::create(Path::new(GOLDEN), options()).unwrap());
        fs::remove_file(Path::new(GOLDEN).join("lock")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    copy(Path::new(GOLDEN), dir.path());
    let store = PackStore::open(dir.path(), options()).unwrap();
    assert_clean(&store);
    assert_eq!(store.stats().unwrap().bytes_scanned, 24);
    for number in 0..20 {
        let stored = store.get(&Id::of(&body(number)).into()).unwrap().unwrap();
        assert_eq!(stored.bytes, body(number));
        assert_eq!(stored.links.len(), usize::from(number.min(3)));
        assert_eq!(stored.generation, if number % 4 == 3 { 3 } else { 0 });
    }
    let refs = store.list_refs("").unwrap();
    let names: Vec<&str> = refs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["heads/main", "tags/11", "tags/15", "tags/19", "tags/7"]
    );
    assert_eq!(refs[0].1, Id::of(&body(19)));
    let key = put(&store, Kind::Commit, b"new", &[]);
    set(&store, "heads/main", Some(key.id), Durability::Sync);
    store.close().unwrap();
    let store = PackStore::open(dir.path(), options()).unwrap();
    assert_eq!(store.get_ref("heads/main").unwrap(), Some(key.id));
    assert_clean(&store);
}
