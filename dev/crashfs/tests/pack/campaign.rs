//! The campaign: random lives of a store, ended at any operation.

use irmin_crashfs::campaign::{Script, Tally, run};

/// For each of the two cores that a build machine has.
const SEEDS: u64 = 1500;

fn go(script: &Script, tally: &mut Tally) {
    match run(script) {
        Ok(done) => tally.add(&done),
        Err(violation) => {
            panic!("{violation}\nagain: cargo run -p irmin-crashfs --bin soak -- {script}")
        }
    }
}

#[test]
fn whichever_operation_is_the_last_nothing_that_was_promised_is_lost() {
    let mut tally = Tally::default();
    for seed in 0..4 {
        let whole = Script {
            seed,
            steps: 30,
            cut_at: None,
            lives: 1,
        };
        let operations = run(&whole).unwrap().operations;
        for cut_at in 1..=operations {
            let cut_at = Some(cut_at);
            go(&Script { cut_at, ..whole }, &mut tally);
        }
    }
    assert!(tally.cuts > 500, "{tally:?}");
}

#[test]
fn many_stores_live_through_crashes_full_disks_bad_reads_and_failed_syncs() {
    live_through_all(10_000);
}

#[test]
fn many_other_stores_live_through_all_of_it() {
    live_through_all(20_000);
}

fn live_through_all(first: u64) {
    let seeds = std::env::var("CRASH_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let mut tally = Tally::default();
    for seed in first..first + seeds {
        let script = Script {
            seed,
            steps: 40,
            cut_at: Some(1 + seed * 7919 % 400),
            lives: 3,
        };
        go(&script, &mut tally);
    }
    // Everything that can happen did.
    assert!(tally.cuts >= seeds, "{tally:?}");
    let seen = [
        tally.kills,
        tally.full,
        tally.bad_reads,
        tally.bad_syncs,
        tally.collections,
    ];
    assert!(seen.iter().all(|&count| count > seeds / 10), "{tally:?}");
    assert!(tally.segments > 2 * seeds, "{tally:?}");
}
