//! Watching names: branches, tags and what remotes have.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::Id;
use crate::error::Result;
use crate::repo::Repo;

/// What happened to a name: it is there now, was moved, or is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameChange {
    /// The full name, such as `heads/main`.
    pub name: String,
    /// What it pointed to; `None` if it is new.
    pub before: Option<Id>,
    /// What it points to; `None` if it was removed.
    pub after: Option<Id>,
}

/// A look at the names that start with a prefix, which tells what differs from the look before.
///
/// A name that moved several times between two looks is told once. Keeps all names with the prefix in
/// memory.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use irmin_core::{Env, MemoryStore, Path, Repo};
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let mut watch = repo.watch_names("heads/")?;
/// let commit = repo.branch("main")?.set(&Path::parse("a")?, "1", "first")?.unwrap();
/// let changes = watch.next(Duration::ZERO)?;
/// assert_eq!((changes[0].name.as_str(), changes[0].after), ("heads/main", Some(commit.id())));
/// assert!(watch.next(Duration::ZERO)?.is_empty());
/// # Ok::<(), irmin_core::Error>(())
/// ```
pub struct NamesWatch {
    repo: Repo,
    prefix: String,
    names: BTreeMap<String, Id>,
    seen: u64,
}

impl Repo {
    /// Watches the names that start with `prefix`: `heads/`, `tags/`, `remotes/`, or all with an empty
    /// one. Reads what is there now, which is not told.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn watch_names(&self, prefix: &str) -> Result<NamesWatch> {
        let seen = self.engine().changes();
        Ok(NamesWatch {
            repo: self.clone(),
            prefix: prefix.to_owned(),
            names: self.engine().list_refs(prefix)?.into_iter().collect(),
            seen,
        })
    }
}

impl NamesWatch {
    /// Returns what changed since the last call, by name. If nothing has, waits for at most `timeout`
    /// until a name of the store changes, and looks once more; so it may return nothing early.
    ///
    /// Lists all names with the prefix when any name has changed.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn next(&mut self, timeout: Duration) -> Result<Vec<NameChange>> {
        let mut changes = self.look()?;
        if changes.is_empty() {
            self.repo.engine().wait_for_changes(self.seen, timeout)?;
            changes = self.look()?;
        }
        Ok(changes)
    }

    fn look(&mut self) -> Result<Vec<NameChange>> {
        let seen = self.repo.engine().changes();
        if seen == self.seen {
            return Ok(Vec::new());
        }
        let listed = self.repo.engine().list_refs(&self.prefix)?;
        let names: BTreeMap<String, Id> = listed.into_iter().collect();
        let before = std::mem::replace(&mut self.names, names);
        self.seen = seen;
        Ok(differences(before, &self.names))
    }
}

fn differences(before: BTreeMap<String, Id>, after: &BTreeMap<String, Id>) -> Vec<NameChange> {
    let mut changes = BTreeMap::new();
    for (name, &id) in after {
        if before.get(name) != Some(&id) {
            changes.insert(name.clone(), (before.get(name).copied(), Some(id)));
        }
    }
    for (name, id) in before {
        if !after.contains_key(&name) {
            changes.insert(name, (Some(id), None));
        }
    }
    let changes = changes.into_iter();
    changes
        .map(|(name, (before, after))| NameChange {
            name,
            before,
            after,
        })
        .collect()
}

impl fmt::Debug for NamesWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamesWatch")
            .field("prefix", &self.prefix)
            .field("names", &self.names.len())
            .finish_non_exhaustive()
    }
}
