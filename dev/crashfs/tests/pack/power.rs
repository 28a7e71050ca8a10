//! The power fails at every operation of random scripts, also while the store recovers.

use std::sync::Arc;

use irmin_core::{Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore, StoreError};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackStore};

use crate::model::{Model, dir, options};

const STEPS: usize = 25;

/// Makes random changes, with the store closed and opened again now and then.
fn run(disk: &CrashFs, model: &mut Model, random: &mut Random) -> Result<(), StoreError> {
    let mut store = PackStore::open_or_create(dir(), options(disk, random))?;
    for _ in 0..STEPS {
        if random.one_in(8) {
            store.close()?;
            model.promise();
            store = PackStore::open(dir(), options(disk, random))?;
        }
        model.step(&store, random)?;
    }
    store.close()?;
    model.promise();
    Ok(())
}

/// Opens the store after a power cut, with the power failing again as long as `random` likes.
fn recover(mut disk: CrashFs, random: &mut Random) -> (CrashFs, PackStore) {
    while random.one_in(3) {
        disk.cut_power_at(1 + random.below(6) as u64);
        drop(PackStore::open_or_create(dir(), options(&disk, random)));
        disk = disk.after_power_cut(random.draw());
    }
    let store = PackStore::open_or_create(dir(), options(&disk, random)).unwrap();
    (disk, store)
}

fn crash(seed: u64, cut_at: u64) {
    let what = format!("seed {seed}, power cut at {cut_at}");
    let disk = CrashFs::new();
    let mut model = Model::new();
    disk.cut_power_at(cut_at);
    let _ = run(&disk, &mut model, &mut Random::new(seed));
    let mut random = Random::new(seed ^ cut_at << 32);
    let (disk, store) = recover(disk.after_power_cut(random.draw()), &mut random);
    model.check_survivors(&store, &what);
    // The store goes on working, and a second crash finds it as sound.
    for _ in 0..5 {
        model.step(&store, &mut random).unwrap();
    }
    let disk = disk.after_power_cut(random.draw());
    drop(store);
    let (_, store) = recover(disk, &mut random);
    model.check_survivors(&store, &what);
}

fn operations(seed: u64) -> u64 {
    let disk = CrashFs::new();
    run(&disk, &mut Model::new(), &mut Random::new(seed)).unwrap();
    disk.operations()
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_acknowledged() {
    for seed in 0..4 {
        for cut_at in 1..=operations(seed) + 1 {
            crash(seed, cut_at);
        }
    }
}

#[test]
fn a_power_cut_in_any_of_many_scripts_loses_nothing_that_was_acknowledged() {
    let seeds: u64 = std::env::var("CRASH_SEEDS").map_or(300, |text| text.parse().unwrap());
    for seed in 1000..1000 + seeds {
        let cut_at = Random::new(seed).draw() % (operations(seed) + 1);
        crash(seed, 1 + cut_at);
    }
}

/// The tail that a crash left is cut; were the cut not durable before new frames are written, an
/// old frame could be found again behind a new one of the same length.
#[test]
fn frames_that_were_cut_off_never_come_back_behind_new_ones() {
    let commit = |store: &PackStore, number: u8| {
        let bytes = [number; 50];
        let object = Object {
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
