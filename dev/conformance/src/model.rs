//! A naive repository: each commit is a whole map of paths.
//!
//! Slow and plain on purpose, so that it is right by being looked at. Only for small inputs: its
//! functions recurse, and copy all they touch.

use std::collections::{BTreeMap, BTreeSet};

use irmin_core::{ConflictKind, EntryKind, Mode, Order};

/// A path as bytes of its steps. Ordered step by step, as paths are.
pub type Steps = Vec<Vec<u8>>;

/// A blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its mode.
    pub mode: Mode,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A tree as the map of its blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub BTreeMap<Steps, File>);

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A blob.
    File(File),
    /// A directory, which has something in it.
    Dir(Files),
}

impl Node {
    /// Returns what it is.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::File(file) => EntryKind::Blob(file.mode),
            Self::Dir(_) => EntryKind::Tree,
        }
    }
}

impl Files {
    /// Returns what a path leads to. The root is always a directory.
    #[must_use]
    pub fn get(&self, path: &[Vec<u8>]) -> Option<Node> {
        if let Some(file) = self.0.get(path) {
            return Some(Node::File(file.clone()));
        }
        let below = self.0.iter().filter(|(at, _)| at.starts_with(path));
        let below: BTreeMap<_, _> = below
            .map(|(at, file)| (at[path.len()..].to_vec(), file.clone()))
            .collect();
        (path.is_empty() || !below.is_empty()).then_some(Node::Dir(Self(below)))
    }

    /// Puts something at a path: what was there, below it, and blobs on the way go.
    pub fn set(&mut self, path: &[Vec<u8>], node: Option<Node>) {
        let empty = matches!(&node, Some(Node::Dir(dir)) if dir.0.is_empty());
        let node = node.filter(|_| !empty);
        let removes = node.is_none();
        self.0.retain(|at, _| {
            let in_the_way = path.starts_with(at) && !removes;
            !at.starts_with(path) && !in_the_way
        });
        match node {
            None => {}
            Some(Node::File(file)) => drop(self.0.insert(path.to_vec(), file)),
            Some(Node::Dir(dir)) => {
                for (below, file) in dir.0 {
                    self.0.insert([path, &below].concat(), file);
                }
            }
        }
    }

    /// Lists names and what they lead to.
    #[must_use]
    pub fn list(&self) -> Vec<(Vec<u8>, Node)> {
        let names: BTreeSet<_> = self.0.keys().map(|at| at[0].clone()).collect();
        let named = |name: Vec<u8>| {
            let node = self.get(std::slice::from_ref(&name))?;
            Some((name, node))
        };
        names.into_iter().filter_map(named).collect()
    }

    /// Lists at most `limit` names behind `after`, as a page.
    #[must_use]
    pub fn page(&self, after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, EntryKind)> {
        let behind = |name: &[u8]| after.is_none_or(|after| name > after);
        let entries = self.list().into_iter();
        let page = entries.filter(|(name, _)| behind(name)).take(limit);
        page.map(|(name, node)| (name, node.kind())).collect()
    }

    /// Visits blobs and directories below `prefix`, with paths from the root.
    #[must_use]
    pub fn walk(
        &self,
        order: Order,
        depth: &std::ops::RangeInclusive<usize>,
        prefix: &[Vec<u8>],
    ) -> Vec<(Steps, EntryKind)> {
        let mut all: BTreeMap<Steps, EntryKind> = BTreeMap::new();
        for (at, file) in &self.0 {
            all.insert(at.clone(), EntryKind::Blob(file.mode));
            for end in 1..at.len() {
                all.insert(at[..end].to_vec(), EntryKind::Tree);
            }
        }
        let visited = all.into_iter();
        let mut visited: Vec<_> = visited
            .filter(|(at, _)| at.starts_with(prefix) && depth.contains(&at.len()))
            .collect();
        if order == Order::After {
            // A directory behind all that it is a prefix of.
            visited.sort_by(|(left, _), (right, _)| {
                if left.starts_with(right) || right.starts_with(left) {
                    right.len().cmp(&left.len())
                } else {
                    left.cmp(right)
                }
            });
        }
        visited
    }

    /// Lists blobs that differ in a newer tree, by path: removed before added.
    #[must_use]
    pub fn diff(&self, newer: &Self) -> Vec<(Steps, Option<File>, Option<File>)> {
        let paths: BTreeSet<_> = self.0.keys().chain(newer.0.keys()).collect();
        let sides = paths.into_iter().map(|at| {
            let sides = [self, newer].map(|files| files.0.get(at).cloned());
            (at.clone(), sides)
        });
        sides
            .filter(|(_, [old, new])| old != new)
            .map(|(at, [old, new])| (at, old, new))
            .collect()
    }
}

/// Merges three maps: the merged one, with our side where there is a conflict, and the conflicts
/// by path with what the base has there.
#[must_use]
pub fn merge(base: &Files, ours: &Files, theirs: &Files) -> (Files, Vec<Conflict>) {
    let mut merged = ours.clone();
    let mut conflicts = Vec::new();
    let nodes = [base, ours, theirs].map(|files| Some(Node::Dir(files.clone())));
    merge_nodes(&mut merged, &mut conflicts, &Vec::new(), nodes);
    (merged, conflicts)
}

/// A conflict of the naive merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Where.
    pub path: Steps,
    /// How.
    pub kind: ConflictKind,
    /// What the ancestor, our side and their side have.
    pub sides: [Option<Node>; 3],
}

fn merge_nodes(
    merged: &mut Files,
    conflicts: &mut Vec<Conflict>,
    path: &Steps,
    sides: [Option<Node>; 3],
) {
    let [base, ours, theirs] = &sides;
    if base == theirs || ours == theirs {
        return;
    }
    if base == ours {
        merged.set(path, theirs.clone());
        return;
    }
    let base_is_dir = matches!(base, Some(Node::Dir(_)));
    let kind = match (ours, theirs) {
        (Some(Node::Dir(_)), Some(Node::Dir(_))) => None,
        (Some(Node::Dir(_)), None) | (None, Some(Node::Dir(_))) if base_is_dir => None,
        (Some(Node::File(ours)), Some(Node::File(theirs))) => {
            let old = match base {
                Some(Node::File(old)) => Some(old),
                _ => None,
            };
            match merge_files(old, ours, theirs) {
                Ok(file) => return merged.set(path, Some(Node::File(file))),
                Err(kind) => Some(kind),
            }
        }
        (None, _) | (_, None) => Some(ConflictKind::ModifyRemove),
        _ => Some(ConflictKind::BlobTree),
    };
    if let Some(kind) = kind {
        let path = path.clone();
        conflicts.push(Conflict { path, kind, sides });
        return;
    }
    let dirs = sides.map(|side| match side {
        Some(Node::Dir(dir)) => dir,
        _ => Files::default(),
    });
    let names: BTreeSet<_> = dirs.iter().flat_map(Files::list).map(|e| e.0).collect();
    for name in names {
        let mut path = path.clone();
        path.push(name.clone());
        let sides = [0, 1, 2].map(|side: usize| dirs[side].get(std::slice::from_ref(&name)));
        merge_nodes(merged, conflicts, &path, sides);
    }
}

fn merge_files(base: Option<&File>, ours: &File, theirs: &File) -> Result<File, ConflictKind> {
    fn pick<T: Clone + PartialEq>(base: Option<&T>, ours: &T, theirs: &T) -> Option<T> {
        if ours == theirs || base == Some(theirs) {
            Some(ours.clone())
        } else {
            (base == Some(ours)).then(|| theirs.clone())
        }
    }
    let bytes = pick(base.map(|file| &file.bytes), &ours.bytes, &theirs.bytes);
    let clash = match base {
        None => ConflictKind::AddAdd,
        Some(_) => ConflictKind::Content,
    };
    let bytes = bytes.ok_or(clash)?;
    let mode = pick(base.map(|file| &file.mode), &ours.mode, &theirs.mode);
    let mode = mode.ok_or(ConflictKind::Mode)?;
    Ok(File { mode, bytes })
}

/// A commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// What is in it.
    pub files: Files,
    /// Its parents in order, as positions in [`Model::commits`].
    pub parents: Vec<usize>,
    /// What it says.
    pub message: String,
    /// What the engine calls it: decides in which order several ancestors are merged.
    pub id: Vec<u8>,
}

/// A repository.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// All commits ever made, each behind its parents.
    pub commits: Vec<Commit>,
    /// Branches with their heads.
    pub branches: BTreeMap<String, usize>,
    /// Tags.
    pub tags: BTreeMap<String, usize>,
}

impl Model {
    /// Returns what is at the head of a branch.
    #[must_use]
    pub fn files(&self, branch: &str) -> Files {
        let head = self.branches.get(branch);
        head.map_or_else(Files::default, |&head| self.commits[head].files.clone())
    }

    /// Makes a commit.
    pub fn commit(&mut self, files: Files, parents: Vec<usize>, message: String) -> usize {
        let id = Vec::new();
        self.commits.push(Commit {
            files,
            parents,
            message,
            id,
        });
        self.commits.len() - 1
    }

    /// Returns a commit and all its ancestors.
    #[must_use]
    pub fn ancestors(&self, commit: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([commit]);
        let mut pending = vec![commit];
        while let Some(at) = pending.pop() {
            pending.extend(
                self.commits[at]
                    .parents
                    .iter()
                    .filter(|p| found.insert(**p)),
            );
        }
        found
    }

    /// Returns how many commits the longest line down to a root has.
    #[must_use]
    pub fn generation(&self, commit: usize) -> u32 {
        let parents = self.commits[commit].parents.iter();
        parents
            .map(|&parent| self.generation(parent))
            .max()
            .unwrap_or(0)
            + 1
    }

    /// Returns the common ancestors of two sides that are no ancestors of other common ones, by id.
    #[must_use]
    pub fn lowest_common_ancestors(&self, left: &[usize], right: &[usize]) -> Vec<usize> {
        let all = |side: &[usize]| -> BTreeSet<usize> {
            side.iter()
                .flat_map(|&commit| self.ancestors(commit))
                .collect()
        };
        let (left, right) = (all(left), all(right));
        let common: BTreeSet<usize> = left.intersection(&right).copied().collect();
        let is_above = |low: usize, high: usize| low != high && self.ancestors(high).contains(&low);
        let mut lowest: Vec<_> = common
            .iter()
            .copied()
            .filter(|&low| !common.iter().any(|&high| is_above(low, high)))
            .collect();
        lowest.sort_by_key(|&commit| self.commits[commit].id.clone());
        lowest
    }

    /// Returns what two sides have in common, where several ancestors are merged one by one and
    /// what they disagree on is as their own ancestor had it.
    #[must_use]
    pub fn merge_base(&self, left: &[usize], right: &[usize]) -> Files {
        let ancestors = self.lowest_common_ancestors(left, right);
        let Some((&first, rest)) = ancestors.split_first() else {
            return Files::default();
        };
        let mut base = self.commits[first].files.clone();
        let mut done = vec![first];
        for &next in rest {
            let common = self.merge_base(&done, &[next]);
            let (mut merged, conflicts) = merge(&common, &base, &self.commits[next].files);
            for conflict in conflicts {
                let [old, ..] = conflict.sides;
                merged.set(&conflict.path, old);
            }
            base = merged;
            done.push(next);
        }
        base
    }

    /// Returns the commits of a history that changed what a path leads to. Where a parent has the
    /// same, only the first such parent's line counts.
    #[must_use]
    pub fn log_of(&self, head: usize, path: &[Vec<u8>]) -> BTreeSet<usize> {
        let (mut found, mut pending) = (BTreeSet::new(), vec![head]);
        let mut seen = BTreeSet::new();
        while let Some(at) = pending.pop() {
            if !seen.insert(at) {
                continue;
            }
            let commit = &self.commits[at];
            let now = commit.files.get(path);
            let has_same = |parent: &&usize| self.commits[**parent].files.get(path) == now;
            if let Some(&same) = commit.parents.iter().find(has_same) {
                pending.push(same);
                continue;
            }
            pending.extend(&commit.parents);
            if !commit.parents.is_empty() || now.is_some() {
                found.insert(at);
            }
        }
        found
    }

    /// Returns the commit from which on a blob is as it is in `head`, along the first parents that
    /// have it so.
    #[must_use]
    pub fn blame(&self, head: usize, path: &Steps) -> usize {
        let mut at = head;
        loop {
            let commit = &self.commits[at];
            let now = commit.files.0.get(path);
            let has_same = |parent: &&usize| self.commits[**parent].files.0.get(path) == now;
            match commit.parents.iter().find(has_same) {
                Some(&parent) => at = parent,
                None => return at,
            }
        }
    }
}
