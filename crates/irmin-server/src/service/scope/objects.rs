//! Objects by their ids, for those who keep a copy of the repository: engines of clients, and sync.

use irminsule::{Durability, Id, IdPrefix, Key, RefEdit, RefOutcome, Stored};

use super::Scope;
use super::receive::is_commit;
use super::visible::name_in_rules;
use crate::service::error::{Result, ServiceError};
use crate::service::requests::{Answer, Begun, RequestKey};
use crate::service::verb::Verb;

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

    pub(super) fn read_objects(&self, ids: &[Id]) -> Result<Vec<Option<Stored>>> {
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

    /// Moves names by compare-and-swap, all or none. For those who may read the whole repository and
    /// write the whole of each branch.
    ///
    /// A request with a key that was answered before is answered so again, as long as the server
    /// remembers; `is_retry` says that the client asked before and heard no answer, for a server that
    /// does not: where the names lead to the new commits already, that is an answer.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` for a bad name or a commit that is not there;
    /// `PermissionDenied`.
    pub fn update_refs(
        &self,
        edits: &[RefEdit],
        durability: Durability,
        request: Option<&RequestKey>,
        is_retry: bool,
    ) -> Result<RefOutcome> {
        self.check_count("names", edits.len(), self.limits().paths)?;
        for edit in edits {
            // Whoever spells a name in another way means another name, for rules and for the engine.
            if irminsule::RefName::new(edit.name.clone())?.as_str() != edit.name {
                let name = edit.name.escape_debug();
                return Err(ServiceError::invalid(format!(
                    "'{name}' is not a full name"
                )));
            }
            self.begin(Verb::UpdateRefs, Some(name_in_rules(&edit.name)))?;
        }
        self.check_commits(edits)?;
        let running = match request.map(|key| self.begin_named(key)).transpose()? {
            Some(Begun::Known(Answer::Lost)) => return self.still_lost(edits),
            Some(Begun::Known(_)) => {
                self.server().metrics().repeated.add(1);
                self.repo().engine().sync()?;
                return Ok(RefOutcome::Applied);
            }
            Some(Begun::New(running)) => Some(running),
            None => None,
        };
        let outcome = self.swap(edits, durability, is_retry)?;
        if let Some(running) = running {
            running.end(match outcome {
                RefOutcome::Applied => Answer::Nothing,
                RefOutcome::Lost { .. } => Answer::Lost,
            });
        }
        Ok(outcome)
    }

    /// Names lead to commits that are there. Not every engine says so itself.
    fn check_commits(&self, edits: &[RefEdit]) -> Result<()> {
        let ids: Vec<Id> = edits.iter().filter_map(|edit| edit.new).collect();
        for (id, stored) in ids.iter().zip(self.read_objects(&ids)?) {
            match stored {
                Some(stored) if is_commit(&stored.bytes) => {}
                Some(_) => {
                    let message = format!("a name leads to a commit, and object {id} is none");
                    return Err(ServiceError::invalid(message));
                }
                None => {
                    let message = format!("commit {id} is not here; send it before");
                    return Err(ServiceError {
                        missing: Some(Box::new(*id)),
                        ..ServiceError::invalid(message)
                    });
                }
            }
        }
        Ok(())
    }

    fn begin_named(&self, key: &RequestKey) -> Result<Begun<'_>> {
        let principal = self.caller().principal.as_ref();
        let requests = &self.open_repo().requests;
        requests.begin_unnamed(principal, key, self.deadline().at())
    }

    fn swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
        is_retry: bool,
    ) -> Result<RefOutcome> {
        let engine = self.repo().engine();
        match engine.compare_and_swap(edits, durability)? {
            RefOutcome::Lost { .. } if is_retry && self.was_applied(edits)? => {
                engine.sync()?;
                Ok(RefOutcome::Applied)
            }
            outcome => Ok(outcome),
        }
    }

    /// Says again that a race was lost, with what the names are by now.
    fn still_lost(&self, edits: &[RefEdit]) -> Result<RefOutcome> {
        let mut lost = None;
        for edit in edits {
            let current = self.repo().engine().get_ref(&edit.name)?;
            if current != edit.expected || lost.is_none() {
                let is_other = current != edit.expected;
                let name = edit.name.clone();
                lost = Some(RefOutcome::Lost { name, current });
                if is_other {
                    break;
                }
            }
        }
        Ok(lost.unwrap_or(RefOutcome::Applied))
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
