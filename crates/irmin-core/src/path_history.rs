//! The history of a path: which commits changed it, and who last changed each blob below it.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};

use crate::error::Result;
use crate::repo::{Commit, Repo};
use crate::{Entry, Id, Key, Path, Tree, WalkOptions};

impl Repo {
    /// Lists the commits from `head` down that changed what is at `path`, newest first. A merge
    /// is listed only if it has something that none of its parents has; where a parent has the
    /// same, only that parent's line is followed, as Git does.
    ///
    /// A commit whose contents were let go is passed over: what it changed is told of the next one
    /// that has contents.
    ///
    /// Reads each commit on the lines that it follows, and the nodes on the path that differ.
    #[must_use]
    pub fn log_path(&self, head: &Commit, path: &Path) -> PathLog {
        let mut log = PathLog {
            repo: self.clone(),
            path: path.clone(),
            pending: BinaryHeap::new(),
            seen: HashSet::new(),
        };
        log.push(head.clone());
        log
    }

    /// Returns the newest `limit` commits from `head` down that changed what is at `path`; none if
    /// there never was anything.
    ///
    /// # Errors
    /// [`Error::Missing`](crate::Error::Missing) or [`Error::Store`](crate::Error::Store) when a
    /// commit or a node cannot be had.
    pub fn last_modified(&self, head: &Commit, path: &Path, limit: usize) -> Result<Vec<Commit>> {
        self.log_path(head, path).take(limit).collect()
    }

    /// Returns, for each blob at or below `path`, the commit that last changed it: the one from
    /// which on it is as it is in `head`. By path.
    ///
    /// Compares each commit with its parents once, so the cost is that of the differences in the
    /// history, down to the oldest commit that is blamed.
    ///
    /// # Errors
    /// As [`last_modified`](Self::last_modified).
    pub fn blame(&self, head: &Commit, path: &Path) -> Result<Vec<(Path, Id)>> {
        let mut blamed = BTreeMap::new();
        let mut queue = Queue::default();
        queue.add(head.clone(), blobs_below(head.tree(), path)?);
        while let Some((commit, mut blobs)) = queue.next() {
            for parent in parents_with_contents(self, &commit)? {
                if blobs.is_empty() {
                    break;
                }
                let changed = changed_below(parent.tree(), commit.tree(), path)?;
                let kept: BTreeSet<_> = match changed {
                    None => continue,
                    Some(changed) => changed
                        .into_iter()
                        .filter(|path| blobs.remove(path))
                        .collect(),
                };
                queue.add(parent, std::mem::replace(&mut blobs, kept));
            }
            blamed.extend(blobs.into_iter().map(|blob| (blob, commit.id())));
        }
        Ok(blamed.into_iter().collect())
    }
}

/// Returns the parents of a commit; of one that has no contents any more, those before it that do.
fn parents_with_contents(repo: &Repo, commit: &Commit) -> Result<Vec<Commit>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut pending: Vec<Key> = commit.parents().iter().rev().copied().collect();
    while let Some(key) = pending.pop() {
        if !seen.insert(key.id) {
            continue;
        }
        let parent = repo.must_load(key)?;
        if parent.cut().contents {
            pending.extend(parent.parents().iter().rev());
        } else {
            found.push(parent);
        }
    }
    Ok(found)
}

/// The commits that changed a path; see [`Repo::log_path`].
pub struct PathLog {
    repo: Repo,
    path: Path,
    pending: BinaryHeap<Newest>,
    seen: HashSet<Id>,
}

impl PathLog {
    fn push(&mut self, commit: Commit) {
        if self.seen.insert(commit.id()) {
            self.pending.push(Newest(commit));
        }
    }

    /// Looks at one commit, queues the parents to follow, and tells whether it changed the path.
    fn visit(&mut self, commit: &Commit) -> Result<bool> {
        let here = commit.tree().get(&self.path)?;
        let mut parents = Vec::new();
        for parent in parents_with_contents(&self.repo, commit)? {
            if Entry::both_equal(here.as_ref(), parent.tree().get(&self.path)?.as_ref())? {
                self.push(parent);
                return Ok(false);
            }
            parents.push(parent);
        }
        let is_root = parents.is_empty();
        parents.into_iter().for_each(|parent| self.push(parent));
        Ok(!is_root || here.is_some())
    }
}

impl Iterator for PathLog {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Result<Commit>> {
        while let Some(Newest(commit)) = self.pending.pop() {
            match self.visit(&commit) {
                Ok(true) => return Some(Ok(commit)),
                Ok(false) => {}
                Err(error) => {
                    self.pending.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Commits in the order in which they are looked at: no parent before its child, newer first.
#[derive(PartialEq, Eq)]
struct Newest(Commit);

impl Newest {
    fn rank(&self) -> (u32, i64, Id) {
        (
            self.0.generation(),
            self.0.info().committer.time().seconds(),
            self.0.id(),
        )
    }
}

impl Ord for Newest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Newest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Commits with the blobs that are as they are in it.
#[derive(Default)]
struct Queue {
    order: BinaryHeap<Newest>,
    blobs: BTreeMap<Id, BTreeSet<Path>>,
}

impl Queue {
    fn add(&mut self, commit: Commit, mut blobs: BTreeSet<Path>) {
        match self.blobs.get_mut(&commit.id()) {
            Some(known) => known.append(&mut blobs),
            None => {
                self.blobs.insert(commit.id(), blobs);
                self.order.push(Newest(commit));
            }
        }
    }

    fn next(&mut self) -> Option<(Commit, BTreeSet<Path>)> {
        let Newest(commit) = self.order.pop()?;
        let blobs = self.blobs.remove(&commit.id()).unwrap_or_default();
        Some((commit, blobs))
    }
}

/// Returns the paths of the blobs at and below a path.
fn blobs_below(tree: &Tree, path: &Path) -> Result<BTreeSet<Path>> {
    let walk = tree.walk(WalkOptions {
        prefix: path.clone(),
        ..WalkOptions::default()
    });
    let blobs = walk.filter_map(|found| match found {
        Ok((path, Entry::Blob(_))) => Some(Ok(path)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    blobs.collect()
}

/// Returns the paths at or below `path` that differ; `None` if all do.
fn changed_below(old: &Tree, new: &Tree, path: &Path) -> Result<Option<Vec<Path>>> {
    Ok(match (old.get(path)?, new.get(path)?) {
        (Some(Entry::Blob(old)), Some(Entry::Blob(new))) => Some(if old == new {
            Vec::new()
        } else {
            vec![path.clone()]
        }),
        (Some(Entry::Tree(old)), Some(Entry::Tree(new))) => {
            let changes = old.diff(&new)?.into_iter();
            Some(changes.map(|change| path.join(&change.path)).collect())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Branch, Durability, Env, MemoryStore, MergeOptions, MergeOutcome};

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn set(branch: &Branch, at: &str, value: &str) -> Commit {
        branch
            .set(&path(at), value.to_owned(), at)
            .unwrap()
            .unwrap()
    }

    fn log(repo: &Repo, head: &Commit, at: &str) -> Vec<Id> {
        repo.log_path(head, &path(at))
            .map(|commit| commit.unwrap().id())
            .collect()
    }

    #[test]
    fn the_log_of_a_path_has_its_changes_and_follows_the_line_that_made_them() {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1));
        let (main, side) = (repo.branch("main").unwrap(), repo.branch("side").unwrap());
        let first = set(&main, "d/a", "1");
        side.reset(&first).unwrap();
        let other = set(&main, "d/b", "1");
        let theirs = set(&side, "d/a", "2");
        let options = MergeOptions {
            info: repo.info("merge").unwrap(),
            always_commit: false,
            durability: Durability::Sync,
        };
        let MergeOutcome::Merged(merge) = main.merge(&theirs, &options).unwrap() else {
            panic!("a merge commit expected");
        };
        let gone = main.remove(&path("d/b"), "remove").unwrap().unwrap();
        assert_eq!(log(&repo, &gone, "d/a"), [theirs.id(), first.id()]);
        assert_eq!(log(&repo, &gone, "d/b"), [gone.id(), other.id()]);
        assert_eq!(log(&repo, &gone, "never"), []);
        let whole = log(&repo, &gone, "d");
        assert_eq!(
            (whole[0], whole[1], whole[4]),
            (gone.id(), merge.id(), first.id())
        );
        let newest = repo.last_modified(&gone, &path("d/a"), 1).unwrap();
        assert_eq!(newest, std::slice::from_ref(&theirs));
        let blamed = repo.blame(&merge, &path("d")).unwrap();
        assert_eq!(
            blamed,
            [(path("d/a"), theirs.id()), (path("d/b"), other.id())]
        );
        assert_eq!(
            repo.blame(&gone, &path("d/a")).unwrap(),
            [(path("d/a"), theirs.id())]
        );
        assert_eq!(repo.blame(&gone, &path("never")).unwrap(), []);
    }

    #[test]
    fn commits_without_contents_are_passed_over_and_history_begins_where_it_was_cut() {
        let full = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1));
        let main = full.branch("main").unwrap();
        let commits: Vec<Commit> = (0..6).map(|n| set(&main, "a", &n.to_string())).collect();
        // A store that has all but the contents of three commits and what came before them.
        let store = Arc::new(MemoryStore::new());
        let keep = [false, false, true, false, true, true];
        for (commit, has_contents) in commits.iter().zip(keep).skip(1) {
            if has_contents {
                commit.tree().persist(&(Arc::clone(&store) as _)).unwrap();
            }
            let stored = full.objects().get(&commit.key()).unwrap().unwrap();
            let object = crate::Object {
                base: None,
                id: commit.id(),
                kind: crate::Kind::Commit,
                bytes: &stored.bytes,
                links: &[],
                generation: stored.generation,
                cut: crate::Cut {
                    contents: !has_contents,
                    parents: stored.generation == 2,
                },
            };
            crate::ObjectStore::put_many(store.as_ref(), &[object]).unwrap();
        }
        let repo = Repo::new(store, Env::fixed(1));
        let head = repo.must_load(commits[5].id()).unwrap();
        let ids = |range: &[usize]| range.iter().map(|&n| commits[n].id()).collect::<Vec<_>>();
        assert_eq!(log(&repo, &head, "a"), ids(&[5, 4, 2]));
        let old = repo.must_load(commits[3].id()).unwrap();
        let error = old.tree().get(&path("a")).unwrap_err().to_string();
        let expected = format!("the contents of commit {} are not kept", old.id());
        assert!(error.starts_with(&expected), "{error}");
        let whole: Vec<Id> = repo
            .history()
            .log(head.id())
            .map(|entry| entry.unwrap().key.id)
            .collect();
        assert_eq!(whole, ids(&[5, 4, 3, 2, 1]));
        assert!(
            repo.must_load(commits[1].id())
                .unwrap()
                .parents()
                .is_empty()
        );
        let other = repo.create_commit(&Tree::empty(), &[], repo.info("other").unwrap());
        let sides = ([other.unwrap().id()], [head.id()]);
        let answer = repo.history().lowest_common_ancestors(&sides.0, &sides.1);
        let error = answer.unwrap_err().to_string();
        let cut = format!("history was cut at commit {}", commits[1].id());
        assert!(error.starts_with(&cut), "{error}");
    }
}
