//! The whole suite.

use std::thread;
use std::time::Instant;

use crate::place::report;
use crate::{
    Open, branches, checker, collect, deep, engines, history, merges, names, objects, race, script,
    sync, transactions, trees, watch, wide,
};

/// One property: it panics where it does not hold. Makes its own places.
pub type Check = fn(Open<'_>);

/// All themes.
const THEMES: [(&str, &[(&str, Check)]); 16] = [
    ("engines", engines::CHECKS),
    ("objects", objects::CHECKS),
    ("trees", trees::CHECKS),
    ("history", history::CHECKS),
    ("merges", merges::CHECKS),
    ("branches", branches::CHECKS),
    ("transactions", transactions::CHECKS),
    ("names", names::CHECKS),
    ("watches", watch::CHECKS),
    ("wide", wide::CHECKS),
    ("deep", deep::CHECKS),
    ("sync", sync::CHECKS),
    ("scripts", script::CHECKS),
    ("races", race::CHECKS),
    ("collection", collect::CHECKS),
    ("serialisability", checker::CHECKS),
];

/// Checks an engine: runs every property on places of its own, each in a thread that bears its
/// name, and says which do not hold.
///
/// Takes less than a minute on an engine on a local disk, compiled for debugging; the sizes of the
/// largest directories are smaller then.
///
/// # Panics
/// When a property does not hold, after all have run.
pub fn suite(open: Open<'_>) {
    let mut broken = Vec::new();
    for (theme, checks) in THEMES {
        for (name, check) in checks {
            let name = format!("{theme}: {name}");
            let thread = thread::Builder::new().name(name.clone());
            let start = Instant::now();
            let passed = thread::scope(|scope| {
                let running = thread.spawn_scoped(scope, || check(open)).unwrap();
                running.join().is_ok()
            });
            report(&format!("{name}: {} ms", start.elapsed().as_millis()));
            if !passed {
                broken.push(name);
            }
        }
    }
    assert!(broken.is_empty(), "these do not hold: {broken:#?}");
}
