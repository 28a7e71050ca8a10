//! The names in a repository: which branches there are, and names that do not move.

use crate::error::Result;
use crate::refs::{BranchName, RefName};
use crate::store::{Durability, RefEdit, RefOutcome};
use crate::{Commit, Id, Repo};

impl Repo {
    /// Lists the branches with their heads, by name.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn branches(&self) -> Result<Vec<(BranchName, Id)>> {
        self.names("heads/", RefName::as_branch)
    }

    /// Lists the tags with their commits, by name.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn tags(&self) -> Result<Vec<(String, Id)>> {
        self.names("tags/", |name| name.as_tag().map(str::to_owned))
    }

    /// Lists the pins with their commits, by name.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn pins(&self) -> Result<Vec<(String, Id)>> {
        self.names("pins/", |name| Some(name.short().to_owned()))
    }

    fn names<T>(
        &self,
        prefix: &str,
        parse: impl Fn(&RefName) -> Option<T>,
    ) -> Result<Vec<(T, Id)>> {
        let mut names = Vec::new();
        for (name, id) in self.engine().list_refs(prefix)? {
            names.extend(parse(&RefName::new(name)?).map(|name| (name, id)));
        }
        Ok(names)
    }

    /// Gives a commit a name that does not move. `false` if the tag exists already.
    ///
    /// # Errors
    /// [`Error::RefName`](crate::Error::RefName) for a bad name,
    /// [`Error::Store`](crate::Error::Store) when the engine fails.
    pub fn tag(&self, name: &str, commit: &Commit) -> Result<bool> {
        self.fix_name(&RefName::tag(name)?, commit)
    }

    /// Removes a tag; `false` if there is none.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    pub fn remove_tag(&self, name: &str) -> Result<bool> {
        self.remove_name(&RefName::tag(name)?)
    }

    /// Keeps a commit, with its contents and its history, from being collected, under a name that
    /// is nobody's but this repository's: pins are not sent elsewhere. `false` if the pin exists
    /// already.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    pub fn pin(&self, name: &str, commit: &Commit) -> Result<bool> {
        self.fix_name(&RefName::pin(name)?, commit)
    }

    /// Removes a pin; `false` if there is none.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    pub fn remove_pin(&self, name: &str) -> Result<bool> {
        self.remove_name(&RefName::pin(name)?)
    }

    fn fix_name(&self, name: &RefName, commit: &Commit) -> Result<bool> {
        self.check_name_is_free(name.as_str())?;
        let edit = RefEdit {
            name: name.as_str().to_owned(),
            expected: None,
            new: Some(commit.id()),
        };
        let outcome = self.engine().compare_and_swap(&[edit], Durability::Sync)?;
        Ok(outcome == RefOutcome::Applied)
    }

    fn remove_name(&self, name: &RefName) -> Result<bool> {
        let engine = self.engine();
        while let Some(expected) = engine.get_ref(name.as_str())? {
            let edit = RefEdit {
                name: name.as_str().to_owned(),
                expected: Some(expected),
                new: None,
            };
            if engine.compare_and_swap(&[edit], Durability::Sync)? == RefOutcome::Applied {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Env, MemoryStore, Path};

    #[test]
    fn pins_and_tags_are_names_that_do_not_move() {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let main = repo.branch("main").unwrap();
        let path = Path::parse("a").unwrap();
        let first = main.set(&path, "1", "1").unwrap().unwrap();
        let second = main.set(&path, "2", "2").unwrap().unwrap();
        assert!(repo.pin("before/upgrade", &first).unwrap());
        assert!(!repo.pin("before/upgrade", &second).unwrap());
        assert!(repo.tag("before/upgrade", &second).unwrap());
        assert_eq!(
            repo.pins().unwrap(),
            [("before/upgrade".to_owned(), first.id())]
        );
        assert_eq!(
            repo.tags().unwrap(),
            [("before/upgrade".to_owned(), second.id())]
        );
        assert!(repo.remove_pin("before/upgrade").unwrap());
        assert!(!repo.remove_pin("before/upgrade").unwrap());
        assert_eq!(repo.tags().unwrap().len(), 1);
        assert!(repo.pin("a..b", &first).is_err());
    }
}
