//! The embedded engine on a real disk. Power cuts and damage are in `dev/crashfs`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod behaviour;
mod budgets;
mod collect;
mod collect_model;
mod collect_threads;
mod full_disk;
mod golden;
mod kill;
mod kill_load;
mod map;
mod model;
mod reader;
mod reader_collect;
mod reader_follows;
mod reader_kill;
mod threads;

use irmin_core::{Durability, Id, Key, Kind, Object, ObjectStore, RefEdit, RefOutcome, RefStore};
use irmin_pack::{Options, PackStore};

/// Many segments from little data.
fn small_segments() -> Options {
    Options {
        segment_bytes: 4000,
        pending_bytes: 500,
        ..Options::default()
    }
}

fn put(store: &PackStore, kind: Kind, bytes: &[u8], links: &[Key]) -> Key {
    let object = Object {
        base: None,
        cut: irmin_core::Cut::NONE,
        id: Id::of(bytes),
        kind,
        bytes,
        links,
        generation: u32::from(kind == Kind::Commit) * 3,
    };
    store.put_many(&[object]).unwrap()[0]
}

fn set(store: &PackStore, name: &str, new: Option<Id>, durability: Durability) {
    let edit = RefEdit {
        name: name.to_owned(),
        expected: store.get_ref(name).unwrap(),
        new,
    };
    let outcome = store.compare_and_swap(&[edit], durability).unwrap();
    assert_eq!(outcome, RefOutcome::Applied);
}

fn bytes_of(store: &PackStore, key: &Key) -> Option<Vec<u8>> {
    store.get(key).unwrap().map(|stored| stored.bytes.to_vec())
}

fn assert_clean(store: &PackStore) {
    let report = store.verify(&mut |_| ()).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
}
