//! A client: what it asks for, and what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::REGISTERS;
use super::doors::Door;
use crate::faulty::Random;
use crate::linear::Did;

/// How often a client asks.
const ROUNDS: u64 = 24;

/// What all clients share.
#[derive(Default)]
pub(super) struct Clock {
    now: AtomicU64,
    /// How often calls were tried again.
    pub(super) retried: AtomicU64,
}

impl Clock {
    pub(super) fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }
}

/// What a client asks for. Values are never written twice.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Read,
    Write(usize, u64),
    Swap(usize, Option<u64>, u64),
    /// Reads the first and writes the second, if what was read still holds then.
    Session(usize, usize, u64),
}

/// What it did to registers, in one step.
pub(super) type DidAll = Vec<(usize, Did)>;

/// What came of a request.
pub(super) enum Told {
    /// It was done; the commit is the one that it made, or that it read.
    Done(DidAll, Option<Vec<u8>>),
    /// It failed, and did nothing.
    Nothing,
    /// No answer came to what cannot be sent again without being done again: this may have happened,
    /// may happen yet, or never does.
    Lost(DidAll),
}

/// What a client did and was told, with everything that happened in one step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) began: u64,
    /// `None`: there was no answer.
    pub(super) ended: Option<u64>,
    pub(super) did: DidAll,
    /// Which commit it was told: the one that it made, or that it read.
    pub(super) commit: Option<Vec<u8>>,
    /// Whether it makes a commit, if it is done.
    pub(super) is_made: bool,
    /// The key of a request that made it.
    pub(super) key: Option<String>,
}

/// One client: asks at random, and notes what it is told.
pub(super) async fn run(number: usize, seed: u64, mut door: Door, clock: Arc<Clock>) -> Vec<Step> {
    let mut random = Random(seed.wrapping_mul(1000) + number as u64);
    let mut steps = Vec::new();
    let mut known = [None; REGISTERS];
    for round in 0..ROUNDS {
        let ask = choose(&mut random, &known, number as u64 * 1000 + round + 1);
        let key = format!("c{number}.{round}");
        let (began, told) = door.ask(&ask, &key, &clock).await;
        let ended = Some(clock.tick());
        let step = match told {
            Told::Nothing => continue,
            Told::Lost(did) => Step {
                began,
                ended: None,
                did,
                commit: None,
                is_made: true,
                key: None,
            },
            Told::Done(did, commit) => {
                learn(&mut known, &did);
                let is_made = commit.is_some() && !matches!(ask, Ask::Read);
                Step {
                    began,
                    ended,
                    did,
                    commit,
                    is_made,
                    key: (is_made && door.has_keys()).then_some(key),
                }
            }
        };
        steps.push(step);
    }
    steps
}

fn choose(random: &mut Random, known: &[Option<u64>; REGISTERS], value: u64) -> Ask {
    let (one, other) = (random.below(REGISTERS), random.below(REGISTERS));
    match random.below(8) {
        0..=2 => Ask::Read,
        3 => Ask::Write(one, value),
        4..=6 => Ask::Swap(one, known[one], value),
        _ => Ask::Session(one, other, value),
    }
}

fn learn(known: &mut [Option<u64>; REGISTERS], did: &[(usize, Did)]) {
    for (register, did) in did {
        known[*register] = match *did {
            Did::Read(seen) => seen,
            Did::Write(value) | Did::Swap(_, value) => Some(value),
            Did::Refused(_) => known[*register],
        };
    }
}
