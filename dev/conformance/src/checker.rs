//! A checker of histories: could these transactions have run one after the other?
//!
//! As Elle does it, from the outside: transactions run at the same time in many threads, read and
//! write a few registers, and never write a value twice, so that a value that was read says who
//! wrote it. The order in which each register's values came about is the order of the commits.
//! From these follow three kinds of "must have run before":
//!
//! * *write-read*: who wrote a value ran before who read it;
//! * *write-write*: who wrote a value ran before who wrote the next one of that register;
//! * *read-write*: who read a value ran before who wrote the next one of that register.
//!
//! The transactions are serialisable if and only if this graph has no cycle: an order along its
//! edges is one in which they could have run. Write skew, for one, is a cycle of two read-writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::thread;

use irmin_core::{Branch, Durability, Isolation, TransactOptions, Transacted};

use crate::place::{main, path, repo};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "random concurrent transactions have no cycle",
        random_transactions_have_no_cycle,
    ),
    (
        "a made-up write skew is found",
        a_made_up_write_skew_is_found,
    ),
    (
        "snapshots allow a write skew, and it is found",
        snapshots_allow_a_write_skew,
    ),
    (
        "serializable transactions refuse the same",
        serializable_ones_refuse_it,
    ),
];

/// What a committed transaction read and wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Registers with the value seen, which came from outside; `None`: absent.
    pub reads: Vec<(usize, Option<u64>)>,
    /// Registers with the value written, which nobody else writes.
    pub writes: Vec<(usize, u64)>,
    /// Its place in the order of commits, if it wrote.
    pub position: Option<u32>,
}

/// Why transactions cannot have run one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// Each of these, by position in the history, must have run before the next, and the last
    /// before the first.
    Cycle(Vec<usize>),
    /// A transaction read a value that none committed.
    Unwritten {
        /// The reader.
        reader: usize,
        /// The value.
        value: u64,
    },
}

/// Checks whether transactions are serialisable. Linear in their reads and writes, but for sorting.
///
/// # Errors
/// [`Anomaly`] with the proof that they are not.
pub fn check(history: &[Transaction]) -> Result<(), Anomaly> {
    match find_cycle(&dependencies(history)?) {
        None => Ok(()),
        Some(cycle) => Err(Anomaly::Cycle(cycle)),
    }
}

/// Returns for each transaction those that must have run after it.
fn dependencies(history: &[Transaction]) -> Result<Vec<Vec<usize>>, Anomaly> {
    let mut versions: BTreeMap<usize, Vec<(Option<u32>, u64, usize)>> = BTreeMap::new();
    for (writer, transaction) in history.iter().enumerate() {
        for &(register, value) in &transaction.writes {
            let version = (transaction.position, value, writer);
            versions.entry(register).or_default().push(version);
        }
    }
    let mut before = vec![Vec::new(); history.len()];
    let mut places = HashMap::new();
    for versions in versions.values_mut() {
        versions.sort_unstable();
        for pair in versions.windows(2) {
            before[pair[0].2].push(pair[1].2);
        }
        let numbered = versions.iter().enumerate();
        places.extend(numbered.map(|(number, &(_, value, _))| (value, number)));
    }
    for (reader, transaction) in history.iter().enumerate() {
        for &(register, value) in &transaction.reads {
            let versions = versions.get(&register).map_or(&[][..], Vec::as_slice);
            let next = match value {
                None => 0,
                Some(value) => {
                    let Some(&number) = places.get(&value) else {
                        return Err(Anomaly::Unwritten { reader, value });
                    };
                    before[versions[number].2].push(reader);
                    number + 1
                }
            };
            before.get_mut(reader).into_iter().for_each(|edges| {
                edges.extend(versions.get(next).map(|&(_, _, writer)| writer));
            });
        }
    }
    for (own, edges) in before.iter_mut().enumerate() {
        edges.retain(|&other| other != own);
    }
    Ok(before)
}

/// Returns a cycle of a graph, if there is one.
fn find_cycle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        OnPath,
        Done,
    }
    let mut states = vec![State::New; edges.len()];
    for start in 0..edges.len() {
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            if *next == 0 && states[at] == State::Done {
                path.pop();
                continue;
            }
            states[at] = State::OnPath;
            let Some(&to) = edges[at].get(*next) else {
                states[at] = State::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match states[to] {
                State::New => path.push((to, 0)),
                State::Done => {}
                State::OnPath => {
                    let cycle = path.iter().map(|&(at, _)| at).skip_while(|&at| at != to);
                    return Some(cycle.collect());
                }
            }
        }
    }
    None
}

fn a_made_up_write_skew_is_found(_: Open<'_>) {
    let first = Transaction {
        writes: vec![(0, 1), (1, 2)],
        position: Some(1),
        ..Transaction::default()
    };
    let both = vec![(0, Some(1)), (1, Some(2))];
    let left = Transaction {
        reads: both.clone(),
        writes: vec![(0, 3)],
        position: Some(2),
    };
    let right = Transaction {
        reads: both,
        writes: vec![(1, 4)],
        position: Some(3),
    };
    let skew = [first.clone(), left.clone(), right.clone()];
    assert_eq!(check(&skew), Err(Anomaly::Cycle(vec![1, 2])));
    let mut saw_it = right;
    saw_it.reads[0].1 = Some(3);
    assert_eq!(check(&[first.clone(), left.clone(), saw_it]), Ok(()));
    // A lost update: both read what the first wrote, and the second overwrites.
    let again = Transaction {
        writes: vec![(0, 5)],
        position: Some(4),
        ..left.clone()
    };
    assert!(matches!(
        check(&[first.clone(), left, again]),
        Err(Anomaly::Cycle(_))
    ));
    let dirty = Transaction {
        reads: vec![(0, Some(77))],
        ..Transaction::default()
    };
    assert_eq!(
        check(&[first, dirty]),
        Err(Anomaly::Unwritten {
            reader: 1,
            value: 77
        })
    );
    // A read-only transaction that sees half of another one.
    let both = Transaction {
        writes: vec![(0, 1), (1, 2)],
        position: Some(1),
        ..Transaction::default()
    };
    let half = Transaction {
        reads: vec![(0, Some(1)), (1, None)],
        ..Transaction::default()
    };
    assert!(matches!(check(&[both, half]), Err(Anomaly::Cycle(_))));
}

/// Runs a transaction that reads and writes registers, and writes down what it saw.
fn run(
    branch: &Branch,
    isolation: Isolation,
    reads: &[usize],
    writes: &[(usize, u64)],
    mut between: impl FnMut(),
) -> Transaction {
    let options = TransactOptions::new("go")
        .isolation(isolation)
        .durability(Durability::None);
    let at = |register: usize| path(&format!("r{}/{register}", register % 2));
    let done: Transacted<_> = branch
        .transact(&options, |view| {
            let mut seen = Vec::new();
            for &register in reads {
                let bytes = view.get(&at(register))?;
                let value = bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
                seen.push((register, value.map(|value| value.parse().unwrap())));
                thread::yield_now();
            }
            between();
            for (register, value) in writes {
                view.set(&at(*register), value.to_string())?;
            }
            Ok(seen)
        })
        .unwrap();
    Transaction {
        reads: done.value,
        writes: writes.to_vec(),
        position: done.commit.map(|commit| commit.generation()),
    }
}

fn random_transactions_have_no_cycle(open: Open<'_>) {
    const THREADS: u64 = 6;
    const REGISTERS: u64 = 5;
    let rounds = if cfg!(debug_assertions) { 60 } else { 1000 };
    let place = open();
    let repo = repo(place.as_ref());
    let history = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (repo, history) = (&repo, &history);
            scope.spawn(move || {
                let mut state = thread + 1;
                let mut random = |below: u64| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695);
                    (state >> 33) % below
                };
                for round in 0..rounds {
                    let mut register = || usize::try_from(random(REGISTERS)).unwrap();
                    let reads = [register(), register(), register()];
                    let mut writes = vec![register(), register()];
                    writes.sort_unstable();
                    writes.dedup();
                    writes.truncate(usize::try_from(random(3)).unwrap());
                    let value = |(n, register)| (register, (thread * rounds + round) * 2 + n);
                    let writes: Vec<_> = (0..).zip(writes).map(value).collect();
                    let done = run(
                        &main(repo),
                        Isolation::Serializable,
                        &reads,
                        &writes,
                        thread::yield_now,
                    );
                    history.lock().unwrap().push(done);
                }
            });
        }
    });
    let history = history.into_inner().unwrap();
    assert_eq!(history.len() as u64, THREADS * rounds);
    assert!(
        history
            .iter()
            .all(|done| done.writes.is_empty() || done.position.is_some())
    );
    assert_eq!(check(&history), Ok(()));
}

/// Lets two transactions read two registers, and each write another one, at the same time.
fn skew(open: Open<'_>, isolation: Isolation) -> Vec<Transaction> {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let mut history = vec![run(&main, isolation, &[], &[(0, 1), (1, 2)], || ())];
    let mut other = None;
    let one = run(&main, isolation, &[0, 1], &[(0, 3)], || {
        let run_other = || run(&main, isolation, &[0, 1], &[(1, 4)], || ());
        other.get_or_insert_with(run_other);
    });
    history.push(one);
    history.extend(other);
    history
}

fn snapshots_allow_a_write_skew(open: Open<'_>) {
    let found = check(&skew(open, Isolation::Snapshot));
    assert!(matches!(found, Err(Anomaly::Cycle(_))), "{found:?}");
}

fn serializable_ones_refuse_it(open: Open<'_>) {
    assert_eq!(check(&skew(open, Isolation::Serializable)), Ok(()));
}
