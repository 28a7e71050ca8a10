//! Whether what the names of a repository lead to makes sense.
//!
//! [`Engine::verify`](crate::Engine::verify) checks bytes; this checks what they mean.

mod contents;

use std::collections::{HashMap, HashSet};

use self::contents::Root;
use crate::error::{Error, Result};
use crate::{CommitData, Cut, Id, Key, ObjectStore, RefName, Repo, StoreError};

/// How many commits are read in one round.
const COMMITS_PER_ROUND: usize = 1024;

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckProgress {
    /// Commits that were looked at.
    pub commits: u64,
    /// Entries of directories that were looked at.
    pub entries: u64,
}

/// What a check found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// How many refs were followed.
    pub refs: u64,
    /// How many different commits they lead to.
    pub commits: u64,
    /// How many of these are kept without their contents, which nobody can check.
    pub commits_without_contents: u64,
    /// How many different directories.
    pub directories: u64,
    /// How many entries these have.
    pub entries: u64,
    /// How many different values outside of directories were read.
    pub blobs: u64,
    /// All that is wrong.
    pub problems: Vec<CheckProblem>,
}

impl CheckReport {
    /// Tells whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something that does not make sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{thing}: expected {expected}, found {found}")]
pub struct CheckProblem {
    /// A name, or a kind of object and its id.
    pub thing: String,
    /// What should be so.
    pub expected: String,
    /// What is so.
    pub found: String,
}

impl Repo {
    /// Follows every ref and checks that it leads to a commit, that every commit can be read and
    /// has the generation that its parents give it, that every directory has the one shape that its
    /// entries give it, and that every value is there with its size. Changes nothing.
    ///
    /// Of a commit's tree only what its parent's has not is looked at. Reads each object that is reachable
    /// a few times. Memory: about 100 bytes for each of them, 300 for each commit, and the largest directory.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use irmin_core::{Env, MemoryStore, Path, Repo};
    /// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    /// repo.branch("main")?.set(&Path::parse("a/b")?, "1", "Begin")?;
    /// let report = repo.check(&mut |_| ())?;
    /// assert!(report.is_clean());
    /// assert_eq!((report.commits, report.directories), (1, 2));
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Store`] when the engine cannot read. Damage is in the report, not an error.
    pub fn check(&self, progress: &mut dyn FnMut(CheckProgress)) -> Result<CheckReport> {
        let mut check = Check {
            repo: self,
            report: CheckReport::default(),
            progress,
        };
        let heads = check.refs()?;
        let roots = check.commits(heads)?;
        check.directories(roots)?;
        Ok(check.report)
    }
}

struct Check<'a> {
    repo: &'a Repo,
    report: CheckReport,
    progress: &'a mut dyn FnMut(CheckProgress),
}

/// A commit as it is stored.
struct Loaded {
    id: Id,
    data: CommitData,
    generation: u32,
    cut: Cut,
}

/// What is remembered of a commit.
struct Line {
    generation: u32,
    parents: Vec<Id>,
    /// Whether its parents are left out: then its generation tells what is not there.
    is_cut: bool,
    /// If it is kept with its contents.
    tree: Option<Key>,
}

fn roots(lines: &HashMap<Id, Line>) -> Vec<Root> {
    let roots = lines.values().filter_map(|line| {
        let mut parents = line.parents.iter();
        Some(Root {
            tree: line.tree?,
            generation: line.generation,
            base: parents.find_map(|parent| lines.get(parent)?.tree),
        })
    });
    roots.collect()
}

impl Check<'_> {
    /// Returns what the refs point to.
    fn refs(&mut self) -> Result<Vec<Key>> {
        let mut heads = Vec::new();
        for (name, id) in self.repo.engine().list_refs("")? {
            self.report.refs += 1;
            if let Err(error) = RefName::new(name.clone()) {
                self.problem(
                    format!("ref '{}'", name.escape_debug()),
                    "a name",
                    error.reason,
                );
            }
            heads.push(id.into());
        }
        Ok(heads)
    }

    /// Visits all commits, some at a time; returns their trees.
    fn commits(&mut self, heads: Vec<Key>) -> Result<Vec<Root>> {
        let store = self.repo.objects();
        let mut lines: HashMap<Id, Line> = HashMap::new();
        let mut seen = HashSet::new();
        let mut pending: Vec<Key> = heads
            .into_iter()
            .filter(|key| seen.insert(key.id))
            .collect();
        while !pending.is_empty() {
            let round = pending.split_off(pending.len().saturating_sub(COMMITS_PER_ROUND));
            for commit in self.load(store.as_ref(), &round)? {
                self.report.commits += 1;
                if commit.cut.contents {
                    self.report.commits_without_contents += 1;
                }
                let mut parents = commit.data.parents;
                if commit.cut.parents {
                    parents.clear();
                }
                let line = Line {
                    generation: commit.generation,
                    parents: parents.iter().map(|parent| parent.id).collect(),
                    is_cut: commit.cut.parents,
                    tree: (!commit.cut.contents).then_some(commit.data.tree),
                };
                lines.insert(commit.id, line);
                pending.extend(parents.into_iter().filter(|key| seen.insert(key.id)));
            }
            self.tell();
        }
        self.generations(&lines);
        Ok(roots(&lines))
    }

    /// Reads some commits in one round; those that cannot be read are problems.
    fn load(&mut self, store: &dyn ObjectStore, keys: &[Key]) -> Result<Vec<Loaded>> {
        let mut found = vec![None; keys.len()];
        let together = store.get_many(keys, &mut |index, stored| found[index] = stored);
        let mut commits = Vec::with_capacity(keys.len());
        for (&key, found) in keys.iter().zip(found) {
            let thing = || format!("commit {}", key.id);
            // If one of them is damaged the others are read one by one.
            let stored = match &together {
                Ok(()) => found,
                Err(_) => match store.get(&key) {
                    Ok(stored) => stored,
                    Err(error) => {
                        self.damaged(thing(), error.into())?;
                        continue;
                    }
                },
            };
            let Some(stored) = stored else {
                self.problem(thing(), "a commit", "nothing");
                continue;
            };
            match CommitData::from_stored(&stored) {
                Ok(data) => commits.push(Loaded {
                    id: key.id,
                    data,
                    generation: stored.generation,
                    cut: stored.cut,
                }),
                Err(error) => self.problem(thing(), "a commit", &error.to_string()),
            }
        }
        Ok(commits)
    }

    fn generations(&mut self, lines: &HashMap<Id, Line>) {
        for (id, line) in lines.iter().filter(|(_, line)| !line.is_cut) {
            let parents = line.parents.iter().map(|parent| lines.get(parent));
            // What could not be read was told already.
            let Some(parents) = parents.collect::<Option<Vec<_>>>() else {
                continue;
            };
            let highest = parents.iter().map(|parent| parent.generation).max();
            let expected = highest.unwrap_or(0).saturating_add(1);
            if line.generation != expected {
                let expected = format!("generation {expected}");
                self.problem(
                    format!("commit {id}"),
                    &expected,
                    &line.generation.to_string(),
                );
            }
        }
    }

    /// Notes damage, and passes on what is wrong with reading.
    fn damaged(&mut self, thing: String, error: Error) -> Result<()> {
        if let Error::Store(StoreError::Io { .. } | StoreError::Poisoned { .. }) = error {
            return Err(error);
        }
        self.problem(thing, "what was stored", &error.to_string());
        Ok(())
    }

    fn problem(&mut self, thing: String, expected: &str, found: &str) {
        self.report.problems.push(CheckProblem {
            thing,
            expected: expected.to_owned(),
            found: found.to_owned(),
        });
    }

    fn tell(&mut self) {
        (self.progress)(CheckProgress {
            commits: self.report.commits,
            entries: self.report.entries,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::codec::header;
    use crate::{Durability, Env, Kind, MemoryStore, Object, Path, RefEdit, RefStore, Tree};

    fn put(store: &MemoryStore, kind: Kind, bytes: &[u8], links: &[Key]) -> Key {
        let object = Object {
            base: None,
            cut: Cut::NONE,
            id: Id::of(bytes),
            kind,
            bytes,
            links,
            generation: u32::from(kind == Kind::Commit),
        };
        store.put_many(&[object]).unwrap()[0]
    }

    /// Encodes a directory with one entry that points elsewhere.
    fn bucket(tag: u8, value: &[u8]) -> Vec<u8> {
        let [version, kind] = header(Kind::Node);
        let len = u8::try_from(value.len()).unwrap();
        [&[version, kind, 0, 1, 1, tag, len, b'a'], value].concat()
    }

    fn problems(store: MemoryStore, tree: Key) -> Vec<String> {
        let env = Env::fixed(0);
        let repo = Repo::new(Arc::new(MemoryStore::new()), env.clone());
        let info = repo.info("Begin").unwrap();
        let commit = CommitData {
            tree,
            parents: Vec::new(),
            info,
        };
        let encoded = commit.encode().unwrap();
        put(&store, Kind::Commit, &encoded.bytes, &encoded.links);
        name(&store, "heads/main", encoded.id);
        let repo = Repo::new(Arc::new(store), env);
        let report = repo.check(&mut |_| ()).unwrap();
        report.problems.iter().map(ToString::to_string).collect()
    }

    fn name(store: &MemoryStore, name: &str, id: Id) {
        let edit = RefEdit {
            name: name.to_owned(),
            expected: None,
            new: Some(id),
        };
        store.compare_and_swap(&[edit], Durability::Sync).unwrap();
    }

    #[test]
    fn an_empty_directory_inside_another_is_found() {
        let store = MemoryStore::new();
        let [version, kind] = header(Kind::Node);
        let empty = put(&store, Kind::Node, &[version, kind, 0, 0], &[]);
        let root = put(
            &store,
            Kind::Node,
            &bucket(0x30, empty.id.as_bytes()),
            &[empty],
        );
        let problems = problems(store, root);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("directory {}", root.id)),
            "{problems:?}"
        );
        assert!(
            problems[0].contains("the shape that its entries give it"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_missing_value_and_one_of_another_size_are_found() {
        let store = MemoryStore::new();
        let missing = Id::of(b"missing");
        let value = [missing.as_bytes().as_slice(), &[200]].concat();
        let value = [&value[..], &[1]].concat();
        let root = put(&store, Kind::Node, &bucket(0x10, &value), &[]);
        let problems = problems(store, root);
        assert!(
            problems[0].contains(&format!("value {missing}")),
            "{problems:?}"
        );

        let store = MemoryStore::new();
        let blob = [&header(Kind::Blob)[..], &[7; 300]].concat();
        let blob = put(&store, Kind::Blob, &blob, &[]);
        let value = [blob.id.as_bytes().as_slice(), &[200, 1]].concat();
        let root = put(&store, Kind::Node, &bucket(0x10, &value), &[blob]);
        let problems = self::problems(store, root);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].contains("another size than its directory says"),
            "{problems:?}"
        );
    }

    #[test]
    fn refs_to_nothing_and_to_what_is_no_commit_are_found() {
        let store = MemoryStore::new();
        let blob = put(&store, Kind::Blob, b"a blob", &[]);
        name(&store, "heads/blob", blob.id);
        name(&store, "heads/nothing", Id::of(b"nothing"));
        name(&store, "heads/bad..name", blob.id);
        let repo = Repo::new(Arc::new(store), Env::fixed(0));
        let report = repo.check(&mut |_| ()).unwrap();
        assert_eq!((report.refs, report.commits), (3, 0));
        let mut things: Vec<_> = report.problems.iter().map(|p| p.thing.clone()).collect();
        things.sort_unstable();
        let mut expected = [
            format!("commit {}", blob.id),
            format!("commit {}", Id::of(b"nothing")),
            "ref 'heads/bad..name'".to_owned(),
        ];
        expected.sort_unstable();
        assert_eq!(things, expected);
    }

    #[test]
    fn a_wrong_generation_is_found() {
        let store = Arc::new(MemoryStore::new());
        let repo = Repo::new(Arc::clone(&store) as Arc<dyn crate::Engine>, Env::fixed(0));
        let first = repo.create_commit(&Tree::empty(), &[], repo.info("1").unwrap());
        let first = first.unwrap();
        let data = CommitData {
            tree: first.tree().persist(&repo.objects()).unwrap(),
            parents: vec![first.key()],
            info: repo.info("2").unwrap(),
        };
        let encoded = data.encode().unwrap();
        store.put_many(&[encoded.object(7)]).unwrap();
        name(&store, "heads/main", encoded.id);
        let report = repo.check(&mut |_| ()).unwrap();
        let problem = format!("commit {}: expected generation 2, found 7", encoded.id);
        assert_eq!(report.problems[0].to_string(), problem);
    }

    /// Makes a history in which directories, values large and small come, change, go and come back.
    fn history() -> Repo {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let mut tree = Tree::empty();
        let mut before: Vec<crate::Commit> = Vec::new();
        for number in 0..60_usize {
            for change in 0..3 {
                let name = (number * 7 + change * 11) % 90;
                let path = Path::parse(format!("d{}/e{}/f{name}", name % 2, name % 5)).unwrap();
                match number % 5 {
                    3 => drop(tree.remove(&path).unwrap()),
                    _ => drop(tree.set(&path, vec![b'x'; 40 * (number % 9)]).unwrap()),
                }
            }
            let dir = Path::parse("d0/e1").unwrap();
            match number % 20 {
                4 => drop(tree.set(&dir, "a value").unwrap()),
                8 => drop(tree.remove(&dir).unwrap()),
                12 => drop(
                    tree.set(&Path::parse("copy").unwrap(), tree.clone())
                        .unwrap(),
                ),
                16 => drop(tree.remove(&Path::parse("copy").unwrap()).unwrap()),
                19 => tree = Tree::empty(),
                _ => {}
            }
            let parents = [
                before.len().checked_sub(1),
                before.len().checked_sub(number % 3 + 2),
            ];
            let mut parents: Vec<_> = parents
                .into_iter()
                .flatten()
                .map(|at| before[at].clone())
                .collect();
            parents.dedup_by_key(|parent| parent.id());
            let info = repo.info(&format!("{number}")).unwrap();
            before.push(repo.create_commit(&tree, &parents, info).unwrap());
        }
        let head = before.pop().unwrap();
        let edit = RefEdit {
            name: "heads/main".to_owned(),
            expected: None,
            new: Some(head.id()),
        };
        let engine = repo.engine();
        engine.compare_and_swap(&[edit], Durability::Sync).unwrap();
        repo
    }

    #[test]
    fn a_tree_that_is_compared_with_its_parents_counts_like_one_that_is_looked_at_as_a_whole() {
        let repo = history();
        let compared = repo.check(&mut |_| ()).unwrap();
        assert!(compared.is_clean(), "{:?}", compared.problems);
        let mut check = Check {
            repo: &repo,
            report: CheckReport::default(),
            progress: &mut |_| (),
        };
        let heads = check.refs().unwrap();
        let mut roots = check.commits(heads).unwrap();
        roots.iter_mut().for_each(|root| root.base = None);
        check.directories(roots).unwrap();
        let whole = check.report;
        let counts = |report: &CheckReport| (report.directories, report.entries, report.blobs);
        assert_eq!(counts(&compared), counts(&whole));
        assert!(whole.directories > 200 && whole.blobs > 1, "{whole:?}");
    }

    #[test]
    fn a_directory_that_a_later_commit_adds_in_another_shape_is_found() {
        let store = MemoryStore::new();
        let [version, kind] = header(Kind::Node);
        let empty = put(&store, Kind::Node, &[version, kind, 0, 0], &[]);
        let bad = bucket(0x30, empty.id.as_bytes());
        let bad = put(&store, Kind::Node, &bad, &[empty]);
        let store = Arc::new(store);
        let repo = Repo::new(Arc::clone(&store) as Arc<dyn crate::Engine>, Env::fixed(0));
        let first = repo.create_commit(&Tree::empty(), &[], repo.info("1").unwrap());
        let data = CommitData {
            tree: bad,
            parents: vec![first.unwrap().key()],
            info: repo.info("2").unwrap(),
        };
        let encoded = data.encode().unwrap();
        store.put_many(&[encoded.object(2)]).unwrap();
        name(&store, "heads/main", encoded.id);
        let problems = repo.check(&mut |_| ()).unwrap().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].thing, format!("directory {}", bad.id));
    }

    #[test]
    fn a_large_tree_and_a_large_value_are_in_order() {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let mut tree = Tree::empty();
        for number in 0..2000 {
            let path = Path::parse(format!("d{}/f{number}", number % 3)).unwrap();
            tree.set(&path, vec![b'x'; number]).unwrap();
        }
        tree.set(&Path::parse("large").unwrap(), vec![1; 3 << 20])
            .unwrap();
        let branch = repo.branch("main").unwrap();
        branch.set(&Path::root(), tree, "Fill").unwrap();
        let report = repo.check(&mut |_| ()).unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
        assert_eq!((report.directories, report.entries), (4, 2004));
        assert_eq!(report.blobs, 1872);
    }
}
