//! Replays the corpora of the fuzzer, and what comes of changing their seeds a little.

use std::fs;
use std::path::{Path, PathBuf};

use irmin_fuzz::TARGETS;

/// How often each seed is changed. The fuzzer does this better; this runs everywhere.
const MUTATIONS: u64 = 50;

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let mut targets = TARGETS.map(|(name, _)| name.to_owned());
    targets.sort();
    assert_eq!(names(&fuzz_dir().join("corpus")), targets);
    assert_eq!(names(&fuzz_dir().join("fuzz_targets")), targets);
    let manifest = fs::read_to_string(fuzz_dir().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn no_seed_and_no_mutation_of_one_shows_a_bug() {
    for (name, target) in TARGETS {
        let dir = fuzz_dir().join("corpus").join(name);
        let seeds = names(&dir);
        assert!(seeds.len() > 1, "{name} has no corpus");
        for seed in seeds {
            let bytes = fs::read(dir.join(&seed)).unwrap();
            target(&bytes);
            for round in 1..=MUTATIONS {
                target(&mutated(bytes.clone(), round));
            }
        }
    }
}

/// Changes, removes, repeats or cuts off some bytes, told by the number of the round.
fn mutated(mut bytes: Vec<u8>, round: u64) -> Vec<u8> {
    let mut state = round;
    for _ in 0..=round % 4 {
        let at = draw(&mut state) % bytes.len().max(1);
        let what = draw(&mut state);
        match (what % 5, bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << (what / 5 % 8),
            (1, Some(byte)) => *byte = [0, 0xff, 0x7f, 0x80, b'/'][what / 5 % 5],
            (2, Some(_)) => drop(bytes.remove(at)),
            (3, Some(_)) => bytes.extend_from_within(at..),
            (4, Some(_)) => bytes.truncate(at),
            _ => bytes.push(what.to_le_bytes()[0]),
        }
    }
    bytes
}

/// A linear congruential generator; its high bits are good enough to choose with.
fn draw(state: &mut u64) -> usize {
    let next = state.wrapping_mul(6_364_136_223_846_793_005);
    *state = next.wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 40).unwrap_or_default()
}
