//! The same answers from sets of all ancestors.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::dags::Dag;
use crate::Id;

/// Returns the commits themselves and all their ancestors.
fn closure(dag: &Dag, commits: &[usize], first_parent: bool) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut stack = commits.to_vec();
    while let Some(i) = stack.pop() {
        if seen.insert(i) {
            stack.extend(followed(dag, i, first_parent));
        }
    }
    seen
}

fn followed(dag: &Dag, i: usize, first_parent: bool) -> &[usize] {
    let parents = &*dag.parents[i];
    if first_parent {
        &parents[..parents.len().min(1)]
    } else {
        parents
    }
}

pub(super) fn is_ancestor(dag: &Dag, ancestor: usize, descendant: usize) -> bool {
    closure(dag, &[descendant], false).contains(&ancestor)
}

pub(super) fn lowest_common_ancestors(dag: &Dag, left: &[usize], right: &[usize]) -> Vec<Id> {
    let left = closure(dag, left, false);
    let common: BTreeSet<usize> = left
        .intersection(&closure(dag, right, false))
        .copied()
        .collect();
    let lower: BTreeSet<usize> = common
        .iter()
        .flat_map(|&i| closure(dag, &dag.parents[i], false))
        .collect();
    let mut ids: Vec<Id> = common.difference(&lower).map(|&i| dag.ids[i]).collect();
    ids.sort();
    ids
}

/// Takes the newest commit whose children were all taken, again and again.
pub(super) fn log(
    dag: &Dag,
    include: &[usize],
    exclude: &[usize],
    first_parent: bool,
) -> Vec<usize> {
    let excluded = closure(dag, exclude, false);
    let mut left = BTreeSet::new();
    let mut stack = include.to_vec();
    while let Some(i) = stack.pop() {
        if !excluded.contains(&i) && left.insert(i) {
            stack.extend(followed(dag, i, first_parent));
        }
    }
    let mut taken = Vec::new();
    while !left.is_empty() {
        let is_ready = |i: &usize| {
            !left
                .iter()
                .any(|&child| followed(dag, child, first_parent).contains(i))
        };
        let order = |&i: &usize| (dag.times[i], dag.generations[i], Reverse(dag.ids[i]));
        let next = left
            .iter()
            .copied()
            .filter(is_ready)
            .max_by_key(order)
            .unwrap();
        left.remove(&next);
        taken.push(next);
    }
    taken
}
