//! A write or a sync that fails once.

use irmin_core::{Id, Key, ObjectStore, RefStore, StoreError};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::PackStore;

use crate::place::{commit, dir, options};

fn refuses_writes_after(fail: impl Fn(&CrashFs)) {
    let disk = CrashFs::new();
    let options = options(&disk, &mut Random::new(1));
    let store = PackStore::create(dir(), options.clone()).unwrap();
    let first = commit(&store, b"first", None).unwrap();
    fail(&disk);
    let failed = commit(&store, b"second", Some(first));
    assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
    let head = store.get_ref("heads/main").unwrap();
    let refused = commit(&store, b"third", head);
    let Err(StoreError::Poisoned { cause }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        cause.contains("00000001.seg") && cause.contains("the disk failed"),
        "{cause}"
    );
    let stored = store.get(&Key::from(first)).unwrap().unwrap();
    assert_eq!(stored.bytes.as_ref(), b"first");
    assert!(matches!(store.close(), Err(StoreError::Poisoned { .. })));
    let store = PackStore::open(dir(), options).unwrap();
    let head = store.get_ref("heads/main").unwrap();
    assert!(head == Some(first) || head == Some(Id::of(b"second")));
    commit(&store, b"fourth", head).unwrap();
}

#[test]
fn a_failed_write_poisons_the_handle_for_writes_and_not_for_reads() {
    refuses_writes_after(CrashFs::fail_next_write);
}

#[test]
fn a_failed_sync_poisons_the_handle_for_writes_and_not_for_reads() {
    refuses_writes_after(CrashFs::fail_next_sync);
}
