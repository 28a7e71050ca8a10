//! The order in which missing commits can be stored, and what is known of each from those before it.

use std::collections::{HashMap, HashSet, VecDeque};

use super::bases::Olds;
use super::commits::{COMMIT, Missing, ROUND_COMMITS, read};
use super::error::SyncError;
use super::sink::Sink;
use crate::{CommitData, Id, Key};

/// Puts parents before children, computes the generations, and notes which trees each commit's tree is
/// like, when so many commits are copied together. Two calls to the target for each 1024 commits of it
/// that something points to.
pub(super) fn sort(
    commits: &mut Vec<Missing>,
    sink: &mut Sink<'_>,
    wants: &[Id],
    group_commits: usize,
) -> Result<(), SyncError> {
    let numbers = commits.iter().map(|commit| commit.key.id).zip(0..);
    let numbers: HashMap<Id, usize> = numbers.collect();
    let there = there(commits, &numbers, sink, wants)?;
    let mut sorting = Sorting {
        groups: vec![0; commits.len()],
        group_commits,
        commits: std::mem::take(commits),
        numbers,
        there,
    };
    let order = sorting.order()?;
    let mut sorted: Vec<Option<Missing>> = sorting.commits.into_iter().map(Some).collect();
    commits.extend(order.into_iter().filter_map(|at| sorted[at].take()));
    Ok(())
}

/// A commit of the target.
struct There {
    generation: u32,
    /// Its tree, if all of it is there.
    tree: Option<Key>,
}

struct Sorting {
    commits: Vec<Missing>,
    /// With which others each commit is copied.
    groups: Vec<usize>,
    group_commits: usize,
    /// The positions of the commits.
    numbers: HashMap<Id, usize>,
    there: HashMap<Id, There>,
}

impl Sorting {
    fn order(&mut self) -> Result<Vec<usize>, SyncError> {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.commits.len()];
        let mut waits = vec![0_usize; self.commits.len()];
        let mut ready = VecDeque::new();
        for (number, commit) in self.commits.iter().enumerate() {
            for parent in commit.followed() {
                if let Some(&parent) = self.numbers.get(parent) {
                    children[parent].push(number);
                    waits[number] += 1;
                }
            }
            if waits[number] == 0 {
                ready.push_back(number);
            }
        }
        let mut order = Vec::with_capacity(self.commits.len());
        while let Some(number) = ready.pop_front() {
            self.groups[number] = order.len() / self.group_commits;
            self.commits[number].generation = self.generation(number)?;
            self.commits[number].olds = self.olds(number);
            order.push(number);
            for &child in &children[number] {
                waits[child] -= 1;
                if waits[child] == 0 {
                    ready.push_back(child);
                }
            }
        }
        Ok(order)
    }

    fn generation(&self, number: usize) -> Result<u32, SyncError> {
        let commit = &self.commits[number];
        let breaks = |reason| SyncError::Rule {
            id: commit.key.id,
            what: COMMIT,
            reason,
        };
        if commit.cut.parents {
            // Only the source can know; a root has 1, so this one has more.
            return match commit.generation {
                0 | 1 => Err(breaks("it is cut off from parents, and has no generation")),
                said => Ok(said),
            };
        }
        let mut highest = 0;
        for parent in &commit.parents {
            let here = self
                .numbers
                .get(parent)
                .map(|&at| self.commits[at].generation);
            let known = here.or_else(|| Some(self.there.get(parent)?.generation));
            highest = highest.max(known.unwrap_or_default());
        }
        highest
            .checked_add(1)
            .ok_or_else(|| breaks("its generation is beyond all bounds"))
    }

    /// Returns the roots of the trees that a commit's tree is compared with: those of its parents, or of
    /// theirs where those are copied along with it, as it is not known then what is stored first.
    fn olds(&self, number: usize) -> Olds {
        let mut olds = Olds::default();
        let mut free = olds.iter_mut();
        let mut seen = HashSet::new();
        for parent in self.commits[number].followed() {
            let known = self.numbers.get(parent);
            let of_parent = match known.map(|&at| (&self.commits[at], self.groups[at])) {
                Some((parent, group)) if group < self.groups[number] && !parent.cut.contents => {
                    [Some(parent.tree.id.into()), None]
                }
                Some((parent, _)) => parent.olds,
                None => [self.there.get(parent).and_then(|there| there.tree), None],
            };
            for old in of_parent.into_iter().flatten() {
                if seen.insert(old.id)
                    && let Some(place) = free.next()
                {
                    *place = Some(old);
                }
            }
        }
        olds
    }
}

/// Returns the commits of the target that something points to.
fn there(
    commits: &[Missing],
    numbers: &HashMap<Id, usize>,
    sink: &mut Sink<'_>,
    wants: &[Id],
) -> Result<HashMap<Id, There>, SyncError> {
    let parents = commits.iter().flat_map(Missing::followed);
    let ids: HashSet<Id> = parents
        .chain(wants)
        .filter(|id| !numbers.contains_key(id))
        .copied()
        .collect();
    let keys: Vec<Key> = ids.into_iter().map(Key::from).collect();
    let mut found = HashMap::with_capacity(keys.len());
    for keys in keys.chunks(ROUND_COMMITS) {
        let mut trees = Vec::new();
        for (key, stored) in keys.iter().zip(read(sink.target, keys)?) {
            let id = key.id;
            let data = CommitData::from_stored(&stored).map_err(|source| SyncError::Decode {
                id,
                what: COMMIT,
                source,
            })?;
            trees.push(data.tree);
            found.insert(
                id,
                There {
                    generation: stored.generation,
                    tree: Some(data.tree),
                },
            );
        }
        // The commit may be there without its tree, or with a part of it on its way out: who is asked
        // keeps what it says is there.
        sink.retain_missing(&mut trees, |tree| tree.id)?;
        let absent: HashSet<Id> = trees.iter().map(|tree| tree.id).collect();
        for there in found.values_mut() {
            there.tree.take_if(|tree| absent.contains(&tree.id));
        }
    }
    Ok(found)
}
