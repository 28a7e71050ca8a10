//! What `Deferred` and `None` may lose, and what not.

use std::time::Duration;

use irmin_core::{Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore};
use irmin_crashfs::CrashFs;
use irmin_pack::{Options, PackStore};

use crate::place::dir;

const COMMITS: u8 = 20;
const SEEDS: u64 = 300;

fn open(disk: &CrashFs) -> PackStore {
    let options = Options {
        files: std::sync::Arc::new(disk.clone()),
        deferred_interval: Duration::from_secs(3600),
        ..Options::default()
    };
    PackStore::open_or_create(dir(), options).unwrap()
}

fn commit(store: &PackStore, number: u8, durability: Durability) {
    let bytes = [number; 100];
    let id = Id::of(&bytes);
    let object = Object {
        base: None,
        cut: irmin_core::Cut::NONE,
        id,
        kind: Kind::Commit,
        bytes: &bytes,
        links: &[],
        generation: 1,
    };
    store.put_many(&[object]).unwrap();
    let edit = RefEdit {
        name: format!("heads/{number:02}"),
        expected: None,
        new: Some(id),
    };
    store.compare_and_swap(&[edit], durability).unwrap();
}

/// Returns how many of the commits are there: the first ones, or it panics.
fn survivors(disk: &CrashFs) -> usize {
    let store = open(disk);
    let refs = store.list_refs("heads/").unwrap();
    for (number, (name, id)) in refs.iter().enumerate() {
        assert_eq!(
            *name,
            format!("heads/{number:02}"),
            "a later one survived an earlier one"
        );
        assert!(store.get(&(*id).into()).unwrap().is_some());
    }
    refs.len()
}

/// Makes some commits durable with `sync`, then others that are not, and lets the power fail in every
/// way: the fewest and the most that survived.
fn range_of_survivors(
    durability: Durability,
    synced: u8,
    sync: impl Fn(&PackStore, u8),
) -> (usize, usize) {
    let disk = CrashFs::new();
    let store = open(&disk);
    for number in 0..synced {
        commit(&store, number, durability);
    }
    sync(&store, synced);
    let acknowledged = store.list_refs("heads/").unwrap().len();
    for number in u8::try_from(acknowledged).unwrap()..COMMITS {
        commit(&store, number, durability);
    }
    assert_eq!(
        survivors(&disk.after_kill()),
        usize::from(COMMITS),
        "killed"
    );
    let counts: Vec<usize> = (0..SEEDS)
        .map(|seed| survivors(&disk.after_power_cut(seed)))
        .collect();
    let (fewest, most) = (counts.iter().min(), counts.iter().max());
    (*fewest.unwrap(), *most.unwrap())
}

#[test]
fn deferred_and_none_lose_at_most_what_came_after_the_last_sync_and_the_last_of_it_first() {
    for durability in [Durability::Deferred, Durability::None] {
        for synced in [0, 7, COMMITS] {
            let range = range_of_survivors(durability, synced, |store, _| store.sync().unwrap());
            // No less than what was synced; and really no more, in some case.
            assert_eq!(range, (usize::from(synced), usize::from(COMMITS)));
        }
    }
}

#[test]
fn a_sync_commit_makes_all_before_it_durable_whatever_it_asked_for() {
    for durability in [Durability::Deferred, Durability::None] {
        let range = range_of_survivors(durability, 7, |store, number| {
            commit(store, number, Durability::Sync);
        });
        assert_eq!(range, (8, usize::from(COMMITS)));
    }
}

#[test]
fn a_sync_commit_is_never_lost() {
    let range = range_of_survivors(Durability::Sync, 5, |_, _| ());
    assert_eq!(range, (usize::from(COMMITS), usize::from(COMMITS)));
}

#[test]
fn a_close_makes_everything_durable() {
    for durability in [Durability::Deferred, Durability::None] {
        let disk = CrashFs::new();
        let store = open(&disk);
        for number in 0..COMMITS {
            commit(&store, number, durability);
        }
        store.close().unwrap();
        for seed in 0..SEEDS {
            assert_eq!(survivors(&disk.after_power_cut(seed)), usize::from(COMMITS));
        }
    }
}
