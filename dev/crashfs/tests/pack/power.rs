//! The power fails at every operation of random scripts, also while the store recovers.

use irmin_core::StoreError;
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::PackStore;

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
