//! What random scripts find only with much luck.

use std::sync::Arc;

use irmin_core::{Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore};
use irmin_crashfs::CrashFs;
use irmin_pack::{Options, PackStore};

use crate::place::dir;

/// The tail that a crash left is cut; were the cut not durable before new frames are written, an
/// old frame could be found again behind a new one of the same length.
#[test]
fn frames_that_were_cut_off_never_come_back_behind_new_ones() {
    let commit = |store: &PackStore, number: u8| {
        let bytes = [number; 50];
        let object = Object {
            base: None,
            cut: irmin_core::Cut::NONE,
            id: Id::of(&bytes),
            kind: Kind::Commit,
            bytes: &bytes,
            links: &[],
            generation: 1,
        };
        store.put_many(&[object]).unwrap();
        let edit = RefEdit {
            name: "heads/main".to_owned(),
            expected: store.get_ref("heads/main").unwrap(),
            new: Some(object.id),
        };
        store.compare_and_swap(&[edit], Durability::None).unwrap();
        object.id
    };
    let segment = dir().join("segments/00000001.seg");
    let disk = CrashFs::new();
    let options = |disk: &CrashFs| Options {
        files: Arc::new(disk.clone()),
        ..Options::default()
    };
    let store = PackStore::create(dir(), options(&disk)).unwrap();
    let start = disk.bytes(&segment).len();
    commit(&store, 1);
    let old = commit(&store, 2);
    // The first frame is torn, the second one is whole.
    let torn = disk.copy();
    let mut bytes = torn.bytes(&segment);
    bytes[start + 60] ^= 1;
    torn.set_bytes(&segment, &bytes);
    let store = PackStore::open(dir(), options(&torn)).unwrap();
    assert!(store.stats().unwrap().bytes_cut > 0);
    commit(&store, 3);
    for seed in 0..200 {
        let disk = torn.after_power_cut(seed);
        let store = PackStore::open(dir(), options(&disk)).unwrap();
        assert_ne!(
            store.get_ref("heads/main").unwrap(),
            Some(old),
            "seed {seed}"
        );
    }
}
