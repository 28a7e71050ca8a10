//! Commits of what is whole in trees that are not.

use std::collections::HashMap;
use std::sync::Arc;

use irmin_core::{
    CommitData, CommitInfo, Entry, Error, Id, IdPrefix, Key, Kind, Object, ObjectStore, Path,
    RefName, Step, StoreError, StoreId, Stored, Tree,
};

use super::SalvagedName;
use super::names::{Names, is_outside, missing};
use super::objects::Objects;
use crate::store::PackStore;

/// Gives the copy a commit of what is whole for each name whose newest readable commit is not, and
/// adds the names of these commits.
pub(super) fn add(
    names: &Names,
    objects: &Arc<Objects>,
    copy: &Arc<PackStore>,
    all: &mut Vec<SalvagedName>,
) -> Result<(), StoreError> {
    let mut partial = Partial {
        objects,
        store: Arc::new(Patched {
            objects: Arc::clone(objects),
            copy: Arc::clone(copy),
        }),
        repaired: HashMap::new(),
    };
    for (name, id) in &names.now {
        let Some(source) = names.newest(name, *id, objects, is_readable)? else {
            continue;
        };
        if objects.whole.contains(&source) {
            continue;
        }
        let commit = match partial.commit(source) {
            Err(Error::Store(error)) => return Err(error),
            commit => commit.ok().flatten(),
        };
        if commit.is_none() {
            continue;
        }
        // What the name itself lacks is told there.
        let missing = match source == *id {
            true => Vec::new(),
            false => missing(objects, source)?,
        };
        all.push(SalvagedName {
            name: free_name(name, all),
            was: Some(source),
            now: commit,
            missing,
        });
    }
    Ok(())
}

/// Whether there is a commit, and at least a part of its tree.
fn is_readable(objects: &Objects, id: &Id) -> bool {
    let commit = objects.found.get(id).filter(|found| !found.cut.contents);
    let commit = commit.filter(|found| found.kind == Kind::Commit);
    commit
        .and_then(|found| CommitData::decode(&objects.read(id, found).ok()?).ok())
        .is_some_and(|commit| objects.found.contains_key(&commit.tree.id))
}

fn free_name(name: &str, taken: &[SalvagedName]) -> String {
    let short = name.strip_prefix("heads/").unwrap_or(name);
    let fitting = format!("{PREFIX}{short}");
    let numbered = (1_u64..).map(|number| format!("{PREFIX}{number}"));
    let is_free = |name: &String| {
        RefName::new(name.as_str()).is_ok() && taken.iter().all(|other| other.name != *name)
    };
    let mut names = std::iter::once(fitting).chain(numbered);
    names.find(is_free).unwrap_or_default()
}

struct Partial<'a> {
    objects: &'a Objects,
    store: Arc<dyn ObjectStore>,
    /// What directories that are not whole became, if anything is left.
    repaired: HashMap<Id, Option<Id>>,
}

impl Partial<'_> {
    /// Commits what is whole of a commit's tree; `None` when that is nothing.
    fn commit(&mut self, source: Id) -> Result<Option<Id>, Error> {
        let Some(found) = self.objects.found.get(&source) else {
            return Ok(None);
        };
        let Ok(data) = CommitData::decode(&self.objects.read(&source, found)?) else {
            return Ok(None);
        };
        self.repair(data.tree.id)?;
        let Some(tree) = self.now(data.tree.id) else {
            return Ok(None);
        };
        let subject: String = data.info.subject().chars().take(SUBJECT_CHARS).collect();
        let commit = CommitData {
            tree: tree.into(),
            parents: Vec::new(),
            info: CommitInfo {
                message: format!(
                    "Salvaged in part: {subject}\n\n\
                     This is what is whole of the tree of commit {source}.\n\
                     What was lost is left out, and so is the history.\n"
                )
                .into(),
                // It may be a signature, which is of another commit.
                extra: Vec::new(),
                ..data.info
            },
        };
        let encoded = commit.encode()?;
        self.store.put_many(&[encoded.object(1)])?;
        Ok(Some(encoded.id))
    }

    /// Repairs a directory, after those below it: each once, however many paths lead there.
    fn repair(&mut self, root: Id) -> Result<(), Error> {
        let mut stack = vec![root];
        while let Some(&dir) = stack.last() {
            let length = stack.len();
            if self.is_broken(dir) {
                self.pages(dir, &mut |page| {
                    let dirs = page.into_iter().filter_map(|(_, entry)| entry.into_tree());
                    for dir in dirs {
                        stack.extend(Some(dir.id()?).filter(|dir| self.is_broken(*dir)));
                    }
                    Ok(())
                })?;
                if stack.len() > length {
                    continue;
                }
                let now = self.rebuild(dir)?;
                self.repaired.insert(dir, now);
            }
            stack.pop();
        }
        Ok(())
    }

    /// Whether a directory is there, not whole, and not repaired.
    fn is_broken(&self, dir: Id) -> bool {
        self.objects.found.contains_key(&dir)
            && !self.objects.whole.contains(&dir)
            && !self.repaired.contains_key(&dir)
    }

    /// Returns what is left of a value or of a directory.
    fn now(&self, id: Id) -> Option<Id> {
        match self.objects.whole.contains(&id) {
            true => Some(id),
            false => self.repaired.get(&id).copied().flatten(),
        }
    }

    fn rebuild(&self, dir: Id) -> Result<Option<Id>, Error> {
        let mut tree = Tree::empty();
        self.pages(dir, &mut |page| {
            for (step, entry) in page {
                if let Some(entry) = self.left_of(entry)? {
                    tree.set(&Path::root().child(step), entry)?;
                }
            }
            if !tree.is_empty()? {
                // Stored page by page, to have no more than that in memory.
                tree = self.load(tree.persist(&self.store)?.id);
            }
            Ok(())
        })?;
        Ok(match tree.is_empty()? {
            true => None,
            false => Some(tree.id()?),
        })
    }

    fn left_of(&self, entry: Entry) -> Result<Option<Entry>, Error> {
        Ok(match &entry {
            Entry::Blob(blob) if !is_outside(blob) => Some(entry),
            Entry::Blob(blob) => self.now(blob.id()).map(|_| entry),
            Entry::Tree(tree) => self.now(tree.id()?).map(|id| self.load(id).into()),
        })
    }

    fn load(&self, dir: Id) -> Tree {
        Tree::load(Arc::clone(&self.store), dir.into())
    }

    /// Visits the entries of a directory that can be read.
    fn pages(
        &self,
        dir: Id,
        visit: &mut dyn FnMut(Vec<(Step, Entry)>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after: Option<Step> = None;
        // Loaded anew for each page, to forget the nodes of the one before.
        while let Ok(entries) = self.load(dir).entries_after(after.as_ref()) {
            // An error is a node that is lost: the entries behind it follow.
            let page: Vec<_> = entries.filter_map(Result::ok).take(PAGE_ENTRIES).collect();
            let Some((last, _)) = page.last() else {
                break;
            };
            after = Some(last.clone());
            visit(page)?;
        }
        Ok(())
    }
}

/// The copy, with what the damaged store has besides, and with nodes without entries for those that
/// are lost, so that what lies beside them can be listed. Objects that are whole count as stored.
struct Patched {
    objects: Arc<Objects>,
    copy: Arc<PackStore>,
}

impl ObjectStore for Patched {
    fn store_id(&self) -> StoreId {
        self.copy.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.copy.get_many(keys, &mut |position, stored| {
            let damaged = || self.objects.get(&keys[position].id.into()).ok().flatten();
            let stored = stored.or_else(damaged).unwrap_or_else(|| Stored {
                region: None,
                bytes: EMPTY_NODE.as_slice().into(),
                links: Vec::new(),
                generation: 0,
                cut: irmin_core::Cut::NONE,
            });
            out(position, Some(stored));
        })
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.copy.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.copy.commits_with_prefix(prefix, limit)
    }
}

const PREFIX: &str = "heads/salvaged/partial/";
/// Enough to recognise a commit by.
const SUBJECT_CHARS: usize = 200;
const PAGE_ENTRIES: usize = 500;
/// Format version, kind, shape, and the number of entries.
const EMPTY_NODE: [u8; 4] = [1, Kind::Node.code(), 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_or_too_long_are_numbered() {
        let mut taken = Vec::new();
        for (name, expected) in [
            ("heads/main", "main"),
            ("tags/main", "tags/main"),
            ("heads/main", "1"),
            (&format!("heads/{}", "n/".repeat(505) + "n"), "2"),
        ] {
            let name = free_name(name, &taken);
            assert_eq!(name, format!("{PREFIX}{expected}"));
            taken.push(SalvagedName {
                name,
                was: None,
                now: None,
                missing: Vec::new(),
            });
        }
    }
}
