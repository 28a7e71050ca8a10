//! Copies into stores that have a part already, against the closure of what they shall have.

use std::collections::HashSet;
use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::sync::bases::Near;
use crate::sync::copy::{Copy, Limits};
use crate::sync::{CopyOptions, SyncError};
use crate::{
    CommitData, Id, IdPrefix, Key, Object, ObjectStore, StoreError, StoreId, Stored, Tree,
};

/// A store that takes nothing that points to what it lacks.
#[derive(Debug, Default)]
struct Strict(MemoryStore);

impl ObjectStore for Strict {
    fn store_id(&self) -> StoreId {
        self.0.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.0.get_many(keys, out)
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        self.0.contains_many(ids, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        for object in objects {
            for (index, link) in object.links.iter().enumerate() {
                let found = self.0.get(&link.id.into()).unwrap();
                let is_there = object.cut.leaves_out(index) || found.is_some();
                assert!(is_there, "{} before {}", object.id, link.id);
                if link.locator.is_some() {
                    let found = self.0.get(link).unwrap().unwrap();
                    assert_eq!(Id::of(&found.bytes), link.id, "another object's place");
                }
            }
            if let Some(base) = object.base {
                let locator = Some(base.locator);
                let key = Key {
                    id: Id::of(base.bytes),
                    locator,
                };
                assert_eq!(self.0.get(&key).unwrap().unwrap().bytes, base.bytes);
            }
            keys.extend(self.0.put_many(std::slice::from_ref(object))?);
        }
        Ok(keys)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.0.commits_with_prefix(prefix, limit)
    }
}

/// Follows all links from a commit, one by one, and returns the objects.
fn closure(store: &dyn ObjectStore, from: Id) -> HashSet<Id> {
    let (mut seen, mut pending) = (HashSet::new(), vec![from]);
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        let stored = store.get(&id.into()).unwrap();
        let stored = stored.unwrap_or_else(|| panic!("{id} is missing"));
        match stored.bytes[1] {
            4 => {
                let data = CommitData::from_stored(&stored).unwrap();
                pending.extend((!stored.cut.contents).then_some(data.tree.id));
                let parents = data.parents.iter().map(|parent| parent.id);
                pending.extend(parents.filter(|_| !stored.cut.parents));
            }
            3 => pending.extend(crate::tree::node_links(&stored.bytes).unwrap()),
            2 => {
                let chunks = crate::tree::chunk_list(&stored).unwrap();
                pending.extend(chunks.iter().map(|(key, _)| key.id));
            }
            _ => {}
        }
    }
    seen
}

/// What happens to the source.
#[derive(Clone, Debug)]
enum Step {
    /// A value is set on one of three branches.
    Set(usize, u8, u8, usize),
    /// A part of the tree is put elsewhere.
    Move(usize, u8, u8),
    /// A branch has an older tree again.
    Revert(usize, usize),
    /// A branch gets the trees of two, as its own parents and the other's.
    Merge(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let branch = || 0..3_usize;
    // Few lengths, so that values come back; some are objects of their own, one has chunks.
    let len = prop_oneof![40 => 0..4_usize, 12 => Just(200), 1 => Just(1_100_000)];
    prop_oneof![
        8 => (branch(), 0..4_u8, 0..40_u8, len).prop_map(|(b, d, f, l)| Step::Set(b, d, f, l)),
        1 => (branch(), 0..4_u8, 0..4_u8).prop_map(|(b, d, e)| Step::Move(b, d, e)),
        1 => (branch(), 0..9_usize).prop_map(|(b, n)| Step::Revert(b, n)),
        2 => (branch(), branch()).prop_map(|(b, o)| Step::Merge(b, o)),
    ]
}

/// A history that grows.
struct World {
    repo: Repo,
    heads: [Vec<Commit>; 3],
}

impl World {
    fn new() -> Self {
        let repo = repo();
        let mut tree = Tree::empty();
        for number in 0..120 {
            let at = path(&format!("d{}/f{number}", number % 3));
            tree.set(&at, vec![0; number % 40]).unwrap();
        }
        let info = repo.info("Begin").unwrap();
        let first = repo.create_commit(&tree, &[], info).unwrap();
        let heads = std::array::from_fn(|_| vec![first.clone()]);
        Self { repo, heads }
    }

    fn head(&self, branch: usize) -> Commit {
        self.heads[branch].last().unwrap().clone()
    }

    fn go(&mut self, step: &Step) {
        let (branch, other) = match *step {
            Step::Merge(branch, other) => (branch, Some(other)),
            Step::Set(branch, ..) | Step::Move(branch, ..) | Step::Revert(branch, _) => {
                (branch, None)
            }
        };
        let head = self.head(branch);
        let mut tree = head.tree().clone();
        let mut parents = vec![head];
        match *step {
            Step::Set(_, dir, file, len) => {
                let value: Vec<u8> = (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect();
                tree.set(&path(&format!("d{dir}/f{file}")), value).unwrap();
            }
            Step::Move(_, from, to) => {
                let part = tree.get_tree(&path(&format!("d{from}"))).unwrap();
                if let Some(part) = part {
                    tree.set(&path(&format!("m/d{to}")), part).unwrap();
                }
            }
            Step::Revert(_, back) => {
                let line = &self.heads[branch];
                tree = line[back % line.len()].tree().clone();
            }
            Step::Merge(..) => {}
        }
        if let Some(other) = other.map(|other| self.head(other)) {
            let theirs = other.tree().get_tree(&path("d1")).unwrap();
            if let Some(theirs) = theirs {
                tree.set(&path("d1"), theirs).unwrap();
            }
            if parents[0].id() != other.id() {
                parents.push(other);
            }
        }
        let info = self.repo.info("Change").unwrap();
        let commit = self.repo.create_commit(&tree, &parents, info).unwrap();
        self.heads[branch].push(commit);
    }
}

/// A transfer of a branch: with all that limits it.
type Transfer = (usize, bool, usize, Option<u32>, usize, usize);

fn transfer() -> impl Strategy<Value = Transfer> {
    let depth = prop_oneof![4 => Just(None), 1 => (1..4_u32).prop_map(Some)];
    // Stopped after so many calls of progress.
    let stop = prop_oneof![2 => Just(usize::MAX), 1 => 0..6_usize];
    (
        0..3_usize,
        any::<bool>(),
        stop,
        depth,
        1..20_usize,
        1..6_usize,
    )
}

fn run(world: &World, target: &Strict, transfer: Transfer) -> Result<(), SyncError> {
    let (branch, is_push, stop, depth, objects, commits) = transfer;
    let near = if is_push { Near::Source } else { Near::Target };
    let limits = Limits {
        objects,
        tasks: 4 * objects,
        commits,
    };
    let copy = Copy::new(engine(&world.repo), target, near).with(limits);
    let options = CopyOptions {
        depth: depth.and_then(NonZeroU32::new),
    };
    let mut calls = 0;
    let mut progress = |_| {
        calls += 1;
        match calls > stop {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let head = world.head(branch).id();
    copy.run(&[head], &options, &mut progress).map(drop)?;
    // All is there that its commits do not say was left out.
    let there = closure(target, head);
    if depth.is_none() && there.len() < closure(engine(&world.repo), head).len() {
        let is_cut = |id: &Id| {
            let stored = target.0.get(&(*id).into()).unwrap().unwrap();
            stored.cut.parents
        };
        assert!(there.iter().any(is_cut), "something was left out");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_a_copy_brings_is_whole_whatever_was_there(
        rounds in prop::collection::vec(
            (prop::collection::vec(step(), 0..12), transfer()),
            1..8,
        ),
    ) {
        let (mut world, target) = (World::new(), Strict::default());
        for (steps, transfer) in rounds {
            steps.iter().for_each(|step| world.go(step));
            match run(&world, &target, transfer) {
                Ok(()) | Err(SyncError::Cancelled) => {}
                Err(error) => panic!("{error}"),
            }
        }
        for branch in 0..3 {
            run(&world, &target, (branch, false, usize::MAX, None, 7, 3)).unwrap();
        }
    }
}
