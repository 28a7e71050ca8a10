//! Stores that earlier versions wrote are read for ever.

use std::fs;
use std::path::{Path, PathBuf};

use std::ops::ControlFlow;
use std::sync::Arc;

use irmin_core::{
    Collect, Cut, Durability, Engine, Env, Id, Key, Kind, MemoryStore, ObjectStore, RefStore, Repo,
};
use irmin_pack::{Options, PackStore};

use crate::{assert_clean, put, set};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1");
const GOLDEN_2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v2");
/// As the one before, with differences and remnants.
const GOLDEN_DIFFERENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/differences");

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
    // Sidecars of the first version are made again.
    let segments = store.stats().unwrap().segment_bytes;
    assert!(store.stats().unwrap().bytes_scanned <= segments);
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

/// Commits to two branches, and returns the ids of one of them, oldest first.
fn commit_all(repo: &Repo) -> Vec<Id> {
    let mut ids = Vec::new();
    for number in 0..24_u8 {
        let branch = repo
            .branch(["main", "other"][usize::from(number % 2)])
            .unwrap();
        let path = irmin_core::Path::parse(format!("d/{}/f{}", number % 3, number % 7)).unwrap();
        branch.set(&path, value(number), "Go on").unwrap();
        if number % 2 == 0 {
            ids.push(branch.head().unwrap().unwrap().id());
        }
    }
    ids
}

fn value(number: u8) -> Vec<u8> {
    vec![number; 100 + 10 * usize::from(number)]
}

/// Commits whose contents were let go, of those that `commit_all` returns.
const CUT: std::ops::Range<usize> = 0..3;

fn write_collected(path: &str) {
    let store = Arc::new(PackStore::create(Path::new(path), options()).unwrap());
    let ids = commit_all(&Repo::new(Arc::<PackStore>::clone(&store), Env::fixed(0)));
    set(&store, "heads/other", None, Durability::Sync);
    let cut = |id: &Id| Cut {
        contents: ids[CUT].contains(id),
        parents: false,
    };
    let collect = Collect {
        cut: Some(&cut),
        ..Collect::everything_named()
    };
    let report = store.collect(&collect, &mut |_| ControlFlow::Continue(()));
    assert!(report.unwrap().objects_removed > 0);
    Arc::into_inner(store).unwrap().close().unwrap();
    fs::remove_file(Path::new(path).join("lock")).unwrap();
}

#[test]
fn a_store_of_format_2_with_gaps_and_cut_commits_is_read_and_written_on() {
    // Written before there were differences.
    check_collected(GOLDEN_2);
}

#[test]
fn a_store_with_differences_and_remnants_is_read_and_written_on() {
    if std::env::var_os("IRMIN_PACK_WRITE_GOLDEN_DIFFERENCES").is_some() {
        write_collected(GOLDEN_DIFFERENCES);
    }
    check_collected(GOLDEN_DIFFERENCES);
}

fn check_collected(path: &str) {
    let dir = tempfile::tempdir().unwrap();
    copy(Path::new(path), dir.path());
    let format = fs::read_to_string(dir.path().join("format")).unwrap();
    assert!(format.contains("version 2"), "{format}");
    let expected = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    let ids = commit_all(&expected);
    let store = Arc::new(PackStore::open(dir.path(), options()).unwrap());
    assert_clean(&store);
    assert_eq!(
        store.list_refs("").unwrap(),
        [("heads/main".to_owned(), *ids.last().unwrap())]
    );
    let repo = Repo::new(Arc::<PackStore>::clone(&store), Env::fixed(0));
    for (index, id) in ids.iter().enumerate() {
        let commit = repo.commit(*id).unwrap().unwrap();
        let known = expected.commit(*id).unwrap().unwrap();
        assert_eq!(commit.parents().len(), known.parents().len());
        assert_eq!(commit.cut().contents, CUT.contains(&index));
        let listed = commit.tree().list(None, 9);
        assert_eq!(listed.is_err(), CUT.contains(&index));
        if !CUT.contains(&index) {
            assert!(commit.tree().diff(known.tree()).unwrap().is_empty());
        }
    }
    assert!(repo.check(&mut |_| ()).unwrap().is_clean());
    let path = irmin_core::Path::parse("new").unwrap();
    repo.branch("main").unwrap().set(&path, "1", "New").unwrap();
    let again = store.collect(&Collect::everything_named(), &mut |_| {
        ControlFlow::Continue(())
    });
    again.unwrap();
    drop(repo);
    Arc::into_inner(store).unwrap().close().unwrap();
    assert_clean(&PackStore::open(dir.path(), options()).unwrap());
}
