//! Comparing an engine with the model after a command of a script.

use std::collections::{BTreeMap, BTreeSet};

use irmin_core::{Commit, Difference, Order, Step, Tree, WalkOptions};

use crate::model::{Files, Node};
use crate::race::{file_of, files_of, path_of, steps_of, tree_of};
use crate::script::Run;

impl Run<'_> {
    /// Compares all that can be asked for.
    pub(crate) fn compare(&self, number: usize) {
        let heads = self.repo().branches().unwrap();
        let heads: BTreeMap<_, _> = heads
            .into_iter()
            .map(|(name, id)| (name.to_string(), id))
            .collect();
        let expected = self.model.branches.iter();
        let expected: BTreeMap<_, _> = expected
            .map(|(name, &at)| (name.clone(), self.ids[at]))
            .collect();
        assert_eq!(heads, expected, "heads after command {number}");
        let tags: BTreeMap<_, _> = self.repo().tags().unwrap().into_iter().collect();
        let expected = self.model.tags.iter();
        let expected: BTreeMap<_, _> = expected
            .map(|(name, &at)| (name.clone(), self.ids[at]))
            .collect();
        assert_eq!(tags, expected, "tags after command {number}");
        for (name, &head) in &self.model.branches {
            let commit = self.repo().branch(name).unwrap().head().unwrap().unwrap();
            assert_eq!(commit.generation(), self.model.generation(head));
            let parents: Vec<_> = commit.parents().iter().map(|key| key.id).collect();
            let expected = self.model.commits[head]
                .parents
                .iter()
                .map(|&at| self.ids[at]);
            assert_eq!(parents, expected.collect::<Vec<_>>());
            assert_eq!(commit.info().subject(), self.model.commits[head].message);
            compare_trees(commit.tree(), &self.model.commits[head].files);
            self.compare_history(head, &commit);
        }
    }

    fn compare_history(&self, head: usize, commit: &Commit) {
        let history = self.repo().history();
        let logged: BTreeSet<_> = history
            .log(commit.id())
            .map(|entry| entry.unwrap().key.id)
            .collect();
        let ids = |set: BTreeSet<usize>| {
            set.into_iter()
                .map(|at| self.ids[at])
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(logged, ids(self.model.ancestors(head)));
        for &other in self.model.branches.values() {
            let found = history.lowest_common_ancestors(&[self.ids[head]], &[self.ids[other]]);
            let expected = self.model.lowest_common_ancestors(&[head], &[other]);
            let expected: Vec<_> = expected.into_iter().map(|at| self.ids[at]).collect();
            assert_eq!(found.unwrap(), expected);
            self.compare_diff(other, commit, &self.model.commits[head].files);
        }
        for at in [
            vec![b"a".to_vec()],
            vec![b"a".to_vec(), b"b".to_vec()],
            vec![b"wide".to_vec()],
        ] {
            let log = self.repo().log_path(commit, &path_of(&at));
            let found: BTreeSet<_> = log.map(|found| found.unwrap().id()).collect();
            assert_eq!(found, ids(self.model.log_of(head, &at)), "log of {at:?}");
        }
        let blamed = self
            .repo()
            .blame(commit, &irmin_core::Path::root())
            .unwrap();
        let files = self.model.commits[head].files.0.keys();
        let expected = files.map(|at| (path_of(at), self.ids[self.model.blame(head, at)]));
        assert_eq!(blamed, expected.collect::<Vec<_>>());
    }

    fn compare_diff(&self, old: usize, new: &Commit, new_files: &Files) {
        let old_tree = self.repo().commit(self.ids[old]).unwrap().unwrap();
        let changes = old_tree.tree().diff(new.tree()).unwrap();
        let found = changes.into_iter().map(|change| {
            let (old, new) = match change.difference {
                Difference::Added(new) => (None, Some(new)),
                Difference::Removed(old) => (Some(old), None),
                Difference::Modified { old, new } => (Some(old), Some(new)),
            };
            let side = |blob: Option<irmin_core::Blob>| blob.as_ref().map(file_of);
            (steps_of(&change.path), side(old), side(new))
        });
        let expected = self.model.commits[old].files.diff(new_files);
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}

fn compare_trees(tree: &Tree, files: &Files) {
    assert_eq!(files_of(tree), *files);
    assert_eq!(
        tree.id().unwrap(),
        tree_of(files).id().unwrap(),
        "the shape is canonical"
    );
    let wide = path_of(&[b"wide".to_vec()]);
    let dirs = [(Some(tree.clone()), Some(files.clone())), {
        let node = files.get(&[b"wide".to_vec()]);
        let dir = match node {
            Some(Node::Dir(dir)) => Some(dir),
            _ => None,
        };
        (tree.get_tree(&wide).unwrap(), dir)
    }];
    for (tree, files) in dirs {
        assert_eq!(tree.is_some(), files.is_some());
        if let (Some(tree), Some(files)) = (tree, files) {
            compare_pages(&tree, &files);
        }
    }
    for order in [Order::Before, Order::After] {
        for depth in [1..=usize::MAX, 2..=2, 0..=1] {
            for prefix in [vec![], vec![b"a".to_vec()]] {
                let expected = files.walk(order, &depth, &prefix);
                let prefix = path_of(&prefix);
                let walk = tree.walk(WalkOptions {
                    order,
                    depth: depth.clone(),
                    prefix,
                });
                let found = walk.map(|found| {
                    let (path, entry) = found.unwrap();
                    (steps_of(&path), entry.kind())
                });
                assert_eq!(
                    found.collect::<Vec<_>>(),
                    expected,
                    "walk {order:?} {depth:?}"
                );
            }
        }
    }
}

fn compare_pages(tree: &Tree, files: &Files) {
    let all = files.page(None, usize::MAX);
    assert_eq!(tree.len().unwrap(), all.len() as u64);
    for limit in [1, 7, 40] {
        let (mut after, mut pages) = (None::<Step>, Vec::new());
        loop {
            let page = tree.list(after.as_ref(), limit).unwrap();
            assert!(page.len() <= limit);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            pages.extend(
                page.iter()
                    .map(|(step, entry)| (step.as_bytes().to_vec(), entry.kind())),
            );
        }
        assert_eq!(pages, all, "pages of {limit}");
    }
    for index in (0..all.len() + 2).step_by(5) {
        let found = tree.nth(index as u64).unwrap();
        let found = found.map(|(step, entry)| (step.as_bytes().to_vec(), entry.kind()));
        assert_eq!(found.as_ref(), all.get(index), "entry {index}");
    }
}
