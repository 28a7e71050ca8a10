mod dags;
mod git;
mod naive;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{IdPrefix, Key, Kind, MemoryStore, Object, Stored};
use dags::{Dag, dags};

/// A store that counts how often and for how much it is asked.
struct Counting<'a> {
    store: &'a MemoryStore,
    calls: AtomicUsize,
    keys: AtomicUsize,
}

impl<'a> Counting<'a> {
    fn new(store: &'a MemoryStore) -> Self {
        Self {
            store,
            calls: AtomicUsize::new(0),
            keys: AtomicUsize::new(0),
        }
    }

    /// Returns calls and keys since the last time.
    fn take(&self) -> (usize, usize) {
        (
            self.calls.swap(0, Ordering::Relaxed),
            self.keys.swap(0, Ordering::Relaxed),
        )
    }
}

impl ObjectStore for Counting<'_> {
    fn store_id(&self) -> crate::StoreId {
        self.store.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.keys.fetch_add(keys.len(), Ordering::Relaxed);
        self.store.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.store.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.store.commits_with_prefix(prefix, limit)
    }
}

fn ids(log: Log<'_>) -> Vec<Id> {
    log.map(|entry| entry.unwrap().key.id).collect()
}

#[test]
fn a_criss_cross_has_two_lowest_common_ancestors() {
    //     0
    //    / \
    //   1   2
    //   |\ /|
    //   | X |
    //   |/ \|
    //   3   4
    let dag = Dag::of(&[&[], &[0], &[0], &[1, 2], &[2, 1]]);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);
    let mut both = vec![dag.ids[1], dag.ids[2]];
    both.sort();
    let found = history.lowest_common_ancestors(&[dag.ids[3]], &[dag.ids[4]]);
    assert_eq!(found.unwrap(), both);
}

#[test]
fn a_shortcut_to_the_root_makes_it_no_lowest_common_ancestor() {
    let dag = Dag::of(&[&[], &[0], &[1, 0], &[0, 1]]);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);
    let found = history.lowest_common_ancestors(&[dag.ids[2]], &[dag.ids[3]]);
    assert_eq!(found.unwrap(), [dag.ids[1]]);
}

#[test]
fn a_commit_is_its_own_ancestor_and_unrelated_ones_share_none() {
    let dag = Dag::of(&[&[], &[], &[0], &[1]]);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);
    let [_, one, two, three] = *dag.ids else {
        unreachable!()
    };
    assert!(history.is_ancestor(two, two).unwrap());
    assert_eq!(
        history.lowest_common_ancestors(&[two], &[two]).unwrap(),
        [two]
    );
    assert_eq!(
        history.lowest_common_ancestors(&[two], &[three]).unwrap(),
        []
    );
    assert_eq!(history.lowest_common_ancestors(&[], &[three]).unwrap(), []);
    assert_eq!(
        history
            .lowest_common_ancestors(&[two, one], &[three])
            .unwrap(),
        [one]
    );
    assert!(ids(history.log_with(LogOptions::default())).is_empty());
}

#[test]
fn fast_forward_knows_three_cases() {
    let dag = Dag::of(&[&[], &[0], &[1], &[1]]);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);
    for (from, to, answer) in [
        (0, 0, FastForward::Contained),
        (2, 0, FastForward::Contained),
        (0, 3, FastForward::Possible),
        (2, 3, FastForward::Diverged),
    ] {
        assert_eq!(
            history.fast_forward(dag.ids[from], dag.ids[to]).unwrap(),
            answer
        );
    }
}

#[test]
fn a_limit_that_is_hit_is_an_error_and_one_more_commit_is_an_answer() {
    // Two lines of ten commits on a common root.
    let mut parents: Vec<Vec<usize>> = vec![vec![]];
    parents.extend((0..20).map(|i: usize| vec![if i < 2 { 0 } else { i - 1 }]));
    let dag = Dag::new(&parents, dags::in_order);
    let (left, right) = (dag.ids[19], dag.ids[20]);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);

    let tight = history
        .with_limit(20)
        .lowest_common_ancestors(&[left], &[right]);
    assert!(
        matches!(tight, Err(HistoryError::TooFar { limit: 20 })),
        "{tight:?}"
    );
    let enough = history
        .with_limit(21)
        .lowest_common_ancestors(&[left], &[right]);
    assert_eq!(enough.unwrap(), [dag.ids[0]]);

    let tight = history.with_limit(9).is_ancestor(dag.ids[0], left);
    assert!(
        matches!(tight, Err(HistoryError::TooFar { limit: 9 })),
        "{tight:?}"
    );
    assert!(
        history
            .with_limit(10)
            .is_ancestor(dag.ids[0], left)
            .unwrap()
    );
    assert!(history.with_limit(10).step_back(left, 10).is_err());
    assert!(history.with_limit(11).step_back(left, 10).is_ok());
}

#[test]
fn steps_back_and_moments_follow_first_parents() {
    let dag = Dag::new(&[vec![], vec![0], vec![], vec![1, 2], vec![3]], |i| {
        [10, 20, 5, 30, 25][i]
    });
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);
    let head = dag.ids[4];
    assert_eq!(history.step_back(head, 0).unwrap(), (head, 0));
    assert_eq!(history.step_back(head, 2).unwrap(), (dag.ids[1], 2));
    assert_eq!(history.step_back(head, 3).unwrap(), (dag.ids[0], 3));
    assert_eq!(history.step_back(head, 9).unwrap(), (dag.ids[0], 3));
    for (seconds, commit) in [(99, 4), (29, 4), (25, 4), (24, 1), (10, 0)] {
        assert_eq!(
            history.at(head, seconds).unwrap(),
            Some(dag.ids[commit]),
            "{seconds}"
        );
    }
    assert_eq!(history.at(head, 9).unwrap(), None);
    let parents: Vec<Id> = history
        .parents(dag.ids[3])
        .unwrap()
        .iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(parents, [dag.ids[1], dag.ids[2]]);
}

#[test]
fn a_missing_commit_is_an_error_that_names_it() {
    let dag = Dag::of(&[&[], &[0]]);
    let graph = CommitGraph::new();
    let nowhere = Id::of(b"nowhere");
    let history = History::new(&graph, &dag.store);
    let error = history.is_ancestor(dag.ids[0], nowhere).unwrap_err();
    assert!(matches!(error, HistoryError::Missing { id } if id == nowhere));
    let mut log = history.log(nowhere);
    assert!(log.next().unwrap().is_err());
    assert!(log.next().is_none());

    let store = MemoryStore::new();
    dag.copy(1, &store, 2);
    let graph = CommitGraph::new();
    let mut log = History::new(&graph, &store).log(dag.ids[1]);
    assert_eq!(log.next().unwrap().unwrap().key.id, dag.ids[1]);
    let error = log.next().unwrap().unwrap_err();
    assert!(matches!(error, HistoryError::Missing { id } if id == dag.ids[0]));
    assert!(log.next().is_none());
}

#[test]
fn an_object_that_is_no_commit_is_an_error() {
    let store = MemoryStore::new();
    let bytes = Bytes::from_static(b"\x01\x01value");
    let id = Id::of(&bytes);
    let object = Object {
        base: None,
        cut: crate::Cut::NONE,
        id,
        kind: Kind::Blob,
        bytes: &bytes,
        links: &[],
        generation: 0,
    };
    store.put_many(&[object]).unwrap();
    let graph = CommitGraph::new();
    let error = History::new(&graph, &store).parents(id).unwrap_err();
    assert!(matches!(error, HistoryError::Decode { .. }));
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn generations_that_do_not_grow_are_an_error_not_a_wrong_answer() {
    let dag = Dag::of(&[&[], &[0], &[0]]);
    for (root, child) in [(1, 1), (5, 2), (0, 1), (1, 0)] {
        let store = MemoryStore::new();
        dag.copy(0, &store, root);
        dag.copy(1, &store, child);
        dag.copy(2, &store, child);
        for warm in [false, true] {
            let graph = CommitGraph::new();
            let history = History::new(&graph, &store);
            if warm {
                let _ = history.parents(dag.ids[0]);
            }
            let found = history.lowest_common_ancestors(&[dag.ids[1]], &[dag.ids[2]]);
            assert!(
                matches!(found, Err(HistoryError::Generation { .. })),
                "{found:?}"
            );
            assert!(history.log(dag.ids[1]).any(|entry| entry.is_err()));
        }
    }
}

#[test]
fn a_warm_graph_reads_nothing_and_a_cold_one_reads_in_rounds() {
    // One commit with 500 parents on one root.
    let mut parents: Vec<Vec<usize>> = vec![vec![]];
    parents.extend((1..=500).map(|_| vec![0]));
    parents.push((1..=500).collect());
    let dag = Dag::new(&parents, dags::in_order);
    let store = Counting::new(&dag.store);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &store);
    let (root, top) = (dag.ids[0], dag.ids[501]);
    assert!(history.is_ancestor(root, top).unwrap());
    assert_eq!(store.take(), (2, 502), "the ends, then all parents");
    assert_eq!(ids(history.log(top)).len(), 502);
    assert!(history.is_ancestor(root, top).unwrap());
    assert_eq!(store.take(), (0, 0));
    assert_eq!(graph.len(), 502);
}

#[test]
fn a_log_reads_no_further_than_it_is_read() {
    let dag = Dag::line(1_000);
    let store = Counting::new(&dag.store);
    let graph = CommitGraph::new();
    let newest = History::new(&graph, &store).log(dag.ids[999]).take(10);
    assert_eq!(
        newest.map(|entry| entry.unwrap().generation).min(),
        Some(991)
    );
    assert!(store.take().1 <= 11);
}

#[test]
fn a_full_graph_starts_afresh_and_still_answers() {
    let dag = Dag::line(100);
    let graph = CommitGraph::with_commits_max(10);
    let history = History::new(&graph, &dag.store);
    let log = history.log(dag.ids[99]);
    assert!(history.is_ancestor(dag.ids[0], dag.ids[99]).unwrap());
    assert_eq!(graph.len(), 100);
    assert!(history.is_ancestor(dag.ids[98], dag.ids[99]).unwrap());
    assert!(graph.len() <= 3, "{}", graph.len());
    assert_eq!(ids(log).len(), 100);
}

#[test]
fn threads_share_a_graph_that_overflows() {
    let dag = Dag::line(300);
    let graph = CommitGraph::with_commits_max(50);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (dag, graph) = (&dag, &graph);
            scope.spawn(move || {
                let history = History::new(graph, &dag.store);
                for i in (thread..300).step_by(7) {
                    let j = (i * 31 + 17) % 300;
                    assert_eq!(history.is_ancestor(dag.ids[i], dag.ids[j]).unwrap(), i <= j);
                    assert_eq!(ids(history.log(dag.ids[j])).len(), j + 1);
                }
            });
        }
    });
}

#[test]
fn a_chain_of_100_000_commits_is_walked_without_recursion() {
    let dag = Dag::line(100_000);
    let graph = CommitGraph::new();
    let history = History::new(&graph, &dag.store);
    let (root, head) = (dag.ids[0], dag.ids[99_999]);
    assert_eq!(history.log(head).count(), 100_000);
    assert!(history.is_ancestor(root, head).unwrap());
    assert_eq!(
        history.lowest_common_ancestors(&[root], &[head]).unwrap(),
        [root]
    );
    assert_eq!(history.step_back(head, 99_999).unwrap(), (root, 99_999));
    assert_eq!(history.commits_between(dag.ids[99_989], head).count(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn ancestry_is_what_a_naive_walk_says(dag in dags(), warm: bool, small: bool) {
        let graph = CommitGraph::with_commits_max(if small { 5 } else { 1000 });
        let history = History::new(&graph, &dag.store);
        if warm {
            ids(history.log_with(LogOptions { include: dag.ids.clone(), ..LogOptions::default() }));
        }
        for i in 0..dag.ids.len() {
            for j in 0..dag.ids.len() {
                let (a, b) = (dag.ids[i], dag.ids[j]);
                prop_assert_eq!(history.is_ancestor(a, b).unwrap(), naive::is_ancestor(&dag, i, j));
                let found = history.lowest_common_ancestors(&[a], &[b]).unwrap();
                prop_assert_eq!(found, naive::lowest_common_ancestors(&dag, &[i], &[j]));
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_meeting_of_two_sets_is_what_a_naive_walk_says(
        dag in dags(),
        left in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        right in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let (left, right) = (dag.pick(&left), dag.pick(&right));
        let graph = CommitGraph::new();
        let history = History::new(&graph, &dag.store);
        let found = history.lowest_common_ancestors(&dag.ids_of(&left), &dag.ids_of(&right));
        prop_assert_eq!(found.unwrap(), naive::lowest_common_ancestors(&dag, &left, &right));
    }

    #[test]
    fn a_log_is_what_a_naive_walk_says(
        dag in dags(),
        include in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        exclude in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        first_parent: bool,
    ) {
        let (include, exclude) = (dag.pick(&include), dag.pick(&exclude));
        let graph = CommitGraph::new();
        let history = History::new(&graph, &dag.store);
        let options = LogOptions {
            include: dag.ids_of(&include),
            exclude: dag.ids_of(&exclude),
            first_parent,
        };
        let cold = ids(history.log_with(options.clone()));
        let expected = naive::log(&dag, &include, &exclude, first_parent);
        prop_assert_eq!(&cold, &dag.ids_of(&expected));
        prop_assert_eq!(ids(history.log_with(options)), cold);
    }
}
