//! Random lives of a store on a disk that fails, and what must be true after each.
//!
//! A [`Script`] is a few numbers; the same script does the same each time, to the byte. It puts
//! objects, moves, makes and deletes names with every durability, closes and opens the store,
//! collects, holds commits, and meets a full disk, reads and syncs that fail. Then the power fails or
//! the process is killed, also while the store is opened again. What must hold then:
//!
//! * all names point to what they did after one and the same moment, which is not before the last
//!   one that was promised to be durable (power cut) or acknowledged (killed process);
//! * all that the names lead to is there, byte for byte;
//! * `verify` finds nothing;
//! * the store takes commits.

mod drive;
mod encode;
mod generate;
mod model;

use std::fmt;

pub use drive::run;

/// What to do to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which random changes, and which of the unsynced writes survive.
    pub seed: u64,
    /// How many changes in each life of the store.
    pub steps: usize,
    /// At which operation of the disk the first life ends; `None`: after its steps.
    pub cut_at: Option<u64>,
    /// How many lives.
    pub lives: usize,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--seed {} --steps {} --lives {}",
            self.seed, self.steps, self.lives
        )?;
        match self.cut_at {
            Some(at) => write!(f, " --cut-at {at}"),
            None => Ok(()),
        }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// How much a script did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations of the disk in the first life.
    pub operations: u64,
    /// Transactions that were applied.
    pub commits: u64,
    /// How often the power failed.
    pub cuts: u64,
    /// How often the process was killed.
    pub kills: u64,
    /// How often the store was collected, or collecting it was cancelled.
    pub collections: u64,
    /// How often there was no room.
    pub full: u64,
    /// How often a read failed.
    pub bad_reads: u64,
    /// How often a sync failed.
    pub bad_syncs: u64,
    /// How often a segment was begun.
    pub segments: u64,
}

impl Tally {
    /// Adds the figures of another script.
    pub fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.commits += other.commits;
        self.cuts += other.cuts;
        self.kills += other.kills;
        self.collections += other.collections;
        self.full += other.full;
        self.bad_reads += other.bad_reads;
        self.bad_syncs += other.bad_syncs;
        self.segments += other.segments;
    }
}

/// Returns the shortest script with the same seed that breaks a promise, too: fewer lives, fewer
/// steps. Runs up to a few dozen scripts.
#[must_use]
pub fn shrink(script: Script) -> Script {
    let mut smallest = script;
    for lives in 1..script.lives {
        let fewer = Script { lives, ..smallest };
        if run(&fewer).is_err() {
            smallest = fewer;
            break;
        }
    }
    for steps in 1..script.steps {
        let shorter = Script { steps, ..smallest };
        if run(&shorter).is_err() {
            return shorter;
        }
    }
    smallest
}
