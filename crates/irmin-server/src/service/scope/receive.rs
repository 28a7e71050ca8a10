//! Objects that clients bring. Nothing of what they say is believed.

use std::collections::HashMap;

use irminsule::sync::{SyncError, check_received};
use irminsule::{CommitData, Cut, Id, Key, Kind, Object};

use super::Scope;
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
    /// For a commit whose parents are left out, its generation, which nobody can check; else computed.
    pub generation: u32,
}

impl Scope {
    /// Stores objects, each behind those it points to, which must be there; returns their ids in order.
    /// They are durable when a name leads to them. Each is hashed, decoded strictly, and compared with
    /// what it points to, which is read.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` for bytes that are no object, point to one that is not
    /// there, or say wrong things of one; `PermissionDenied` for a commit that says it was made by
    /// another principal, unless it is there already or the caller administers the repository;
    /// `TooLarge`. Those before the one that is refused are stored.
    pub fn put_objects(&self, objects: &[NewObject]) -> Result<Vec<Id>> {
        self.begin(Verb::WriteObjects, None)?;
        self.check_count("objects", objects.len(), self.limits().objects)?;
        let bytes: usize = objects.iter().map(|object| object.bytes.len()).sum();
        self.check_count("bytes of objects", bytes, self.limits().request_bytes)?;
        self.server().metrics().bytes_in.add(bytes as u64);
        let mut places = HashMap::new();
        let mut ids = Vec::with_capacity(objects.len());
        for object in objects {
            self.check_time()?;
            let key = self.put_object(object, &places)?;
            places.insert(key.id, key);
            ids.push(key.id);
        }
        Ok(ids)
    }

    fn put_object(&self, object: &NewObject, places: &HashMap<Id, Key>) -> Result<Key> {
        let engine = self.repo().engine();
        let received = check_received(&object.bytes, object.cut, engine.as_ref());
        let received = received.map_err(refusal)?;
        let (is_commit, cut) = match &received.commit {
            Some(commit) => {
                self.check_principal(received.id, commit)?;
                (true, object.cut)
            }
            None => (false, Cut::NONE),
        };
        let links = received.links.iter();
        let links = links.map(|id| places.get(id).copied().unwrap_or(Key::from(*id)));
        let links: Vec<Key> = links.collect();
        let generation = match is_commit && cut.parents {
            true => received
                .generation
                .max(object.generation.min(GENERATION_MAX)),
            false => received.generation,
        };
        let stored = engine.put_many(&[Object {
            id: received.id,
            kind: received.kind,
            bytes: &object.bytes,
            links: &links,
            generation,
            cut,
            base: None,
        }])?;
        Ok(stored.first().copied().unwrap_or(Key::from(received.id)))
    }

    /// Nobody brings a commit that says another one made it through this server.
    fn check_principal(&self, id: Id, commit: &CommitData) -> Result<()> {
        let own = self.caller().principal.as_ref();
        let own = own.map(|own| own.as_str().as_bytes());
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
}

/// The largest generation that is believed: no history is longer, and larger ones would leave no room.
const GENERATION_MAX: u32 = 1 << 30;

/// What is wrong with what a client brings is the client's mistake.
fn refusal(error: SyncError) -> ServiceError {
    match error {
        SyncError::Store(error) => error.into(),
        SyncError::Missing { id, what } => ServiceError {
            missing: Some(Box::new(id)),
            ..ServiceError::invalid(format!("object {id}, {what}, is not here; send it before"))
        },
        error => ServiceError::invalid(error.to_string()),
    }
}

/// Tells whether an object is a commit, by its bytes.
pub(super) fn is_commit(bytes: &[u8]) -> bool {
    bytes.get(1).copied().and_then(Kind::from_code) == Some(Kind::Commit)
}
