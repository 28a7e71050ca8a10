//! Objects by their ids, for those who keep a copy of the repository: engines of clients, and sync.

use irminsule::{
    CommitData, Cut, Durability, Id, IdPrefix, Key, Kind, Object, RefEdit, RefOutcome, Stored,
    links_of,
};

use super::Scope;
use super::visible::name_in_rules;
use crate::service::access::Right;
use crate::service::error::{Result, ServiceError};
use crate::service::requests::PRINCIPAL_HEADER;
use crate::service::verb::Verb;

/// An object that a client brings.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// Its canonical encoding; its id is the SHA-256 of it.
    pub bytes: bytes::Bytes,
    /// What is left out beneath a commit.
    pub cut: Cut,
}

impl Scope {
    /// Reads objects, in the order of their ids; `None` for those that are not there. For those who may
    /// read the whole repository.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `TooLarge` for more ids than [`Limits::objects`].
    ///
    /// [`Limits::objects`]: crate::service::Limits::objects
    pub fn objects(&self, ids: &[Id]) -> Result<Vec<Option<Stored>>> {
        self.begin(Verb::ReadObjects, None)?;
        self.check_count("objects", ids.len(), self.limits().objects)?;
        self.read_objects(ids)
    }

    fn read_objects(&self, ids: &[Id]) -> Result<Vec<Option<Stored>>> {
        let keys: Vec<Key> = ids.iter().copied().map(Key::from).collect();
        let mut found = vec![None; keys.len()];
        self.repo()
            .engine()
            .get_many(&keys, &mut |position, stored| {
                if let Some(place) = found.get_mut(position) {
                    *place = stored;
                }
            })?;
        Ok(found)
    }

    /// Tells of each id whether the object is there.
    ///
    /// # Errors
    /// As [`objects`](Self::objects).
    pub fn contains(&self, ids: &[Id]) -> Result<Vec<bool>> {
        self.begin(Verb::ReadObjects, None)?;
        self.check_count("objects", ids.len(), self.limits().objects)?;
        let mut found = Vec::with_capacity(ids.len());
        self.repo().engine().contains_many(ids, &mut found)?;
        Ok(found)
    }

    /// Returns the commits whose ids start so, at most `limit`, in order.
    ///
    /// # Errors
    /// As [`objects`](Self::objects).
    pub fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>> {
        self.begin(Verb::ReadObjects, None)?;
        let limit = limit.min(self.limits().page);
        Ok(self.repo().engine().commits_with_prefix(prefix, limit)?)
    }

    /// Stores objects, each behind those it points to, which must be there; returns their ids in order.
    /// They are durable when a name leads to them.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` for bytes that are no object, or point to one that is not
    /// there; `PermissionDenied` for a commit that says it was made by another principal, unless it is
    /// there already or the caller administers the repository; `TooLarge`.
    pub fn put_objects(&self, objects: &[NewObject]) -> Result<Vec<Id>> {
        self.begin(Verb::WriteObjects, None)?;
        self.check_count("objects", objects.len(), self.limits().objects)?;
        let bytes: usize = objects.iter().map(|object| object.bytes.len()).sum();
        self.check_count("bytes of objects", bytes, self.limits().request_bytes)?;
        objects
            .iter()
            .map(|object| self.put_object(object))
            .collect()
    }

    fn put_object(&self, object: &NewObject) -> Result<Id> {
        let id = Id::of(&object.bytes);
        let kind = object.bytes.get(1).copied().and_then(Kind::from_code);
        let bad =
            |why: &dyn std::fmt::Display| ServiceError::invalid(format!("object {id}: {why}"));
        let kind = kind.ok_or_else(|| bad(&"it is of no kind that is known"))?;
        let links = links_of(&object.bytes).map_err(|error| bad(&error))?;
        let found = self.read_objects(&links)?;
        let mut generation = 0;
        for (position, (link, found)) in links.iter().zip(&found).enumerate() {
            match found {
                Some(stored) => generation = generation.max(stored.generation),
                None if kind == Kind::Commit && object.cut.leaves_out(position) => {}
                None => return Err(bad(&format!("it points to {link}, which is not here"))),
            }
        }
        if kind == Kind::Commit {
            self.check_principal(id, object)?;
            generation = generation.saturating_add(1);
        }
        let links: Vec<Key> = links.into_iter().map(Key::from).collect();
        self.repo().engine().put_many(&[Object {
            id,
            kind,
            bytes: &object.bytes,
            links: &links,
            generation,
            cut: object.cut,
            base: None,
        }])?;
        Ok(id)
    }

    /// Nobody brings a commit that says another one made it through this server.
    fn check_principal(&self, id: Id, object: &NewObject) -> Result<()> {
        let commit = CommitData::decode(&object.bytes)
            .map_err(|error| ServiceError::invalid(format!("object {id}: {error}")))?;
        let own = self
            .caller()
            .principal
            .as_ref()
            .map(|own| own.as_str().as_bytes());
        let mut headers = commit.info.extra.iter();
        let is_other = headers
            .any(|(key, value)| key == PRINCIPAL_HEADER.as_bytes() && Some(&value[..]) != own);
        if !is_other || self.grants().on_repo(Right::Admin) {
            return Ok(());
        }
        let mut is_here = Vec::new();
        self.repo().engine().contains_many(&[id], &mut is_here)?;
        match is_here.first() {
            Some(true) => Ok(()),
            _ => Err(self.denied(format!("commit {id} says that another principal made it"))),
        }
    }

    /// Moves names by compare-and-swap, all or none. For those who may read the whole repository and
    /// write the whole of each branch. `is_retry` says that the client asked before and heard no answer:
    /// where the names lead to the new commits already, that is an answer.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` for a bad name or a commit that is not there;
    /// `PermissionDenied`.
    pub fn update_refs(
        &self,
        edits: &[RefEdit],
        durability: Durability,
        is_retry: bool,
    ) -> Result<RefOutcome> {
        self.check_count("names", edits.len(), self.limits().paths)?;
        for edit in edits {
            irminsule::RefName::new(edit.name.clone())?;
            self.begin(Verb::UpdateRefs, Some(name_in_rules(&edit.name)))?;
        }
        if !self.grants().on_repo(Right::Read) {
            return Err(self.denied("you may not read all of the repository".to_owned()));
        }
        let engine = self.repo().engine();
        let outcome = engine.compare_and_swap(edits, durability)?;
        match outcome {
            RefOutcome::Lost { .. } if is_retry && self.was_applied(edits)? => {
                engine.sync()?;
                Ok(RefOutcome::Applied)
            }
            outcome => Ok(outcome),
        }
    }

    /// Tells whether names are as edits make them, or have gone on from there. One that would have moved
    /// a name back, or made one that has gone on since, cannot be told from one that was never done.
    fn was_applied(&self, edits: &[RefEdit]) -> Result<bool> {
        let history = self.repo().history();
        for edit in edits {
            let current = self.repo().engine().get_ref(&edit.name)?;
            let leads = match (edit.new, current) {
                (None, current) => current.is_none(),
                (Some(new), Some(current)) if new == current => true,
                (Some(new), Some(current)) => {
                    let forward = match edit.expected {
                        Some(before) => history.is_ancestor(before, new)?,
                        None => true,
                    };
                    forward && history.is_ancestor(new, current)?
                }
                (Some(_), None) => false,
            };
            if !leads {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
