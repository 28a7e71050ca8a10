//! Giving what commits lead to to somebody who has a part of it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::SyncError;
use super::bases::Near;
use super::copy::{Copy, CopyOptions, CopyProgress};
use super::object::{Role, Want};
use crate::repo::Repo;
use crate::store::{Key, Object, ObjectStore, StoreId, Stored};
use crate::store_error::StoreError;
use crate::{CommitData, Id, IdPrefix};

/// How many nodes are read at once to learn what the receiver has.
const ROUND_NODES: usize = 256;

/// Takes one object.
pub type Taker<'a> = &'a mut (dyn FnMut(&Object<'_>) -> Result<(), SyncError> + Send);

/// Gives `out` what `wants` lead to and `haves` do not, each object once and after those that it points
/// to, commits from the oldest on. What the trees of `haves` hold is left out, but not what only
/// older trees held. `haves` must be there.
///
/// Memory, beside that of [`copy`](super::copy): about 50 bytes for each object that is given or
/// left out; the nodes of the trees of `haves` are read.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
/// use irmin_core::sync::{CopyOptions, give};
/// use irmin_core::{Env, MemoryStore, Path, Repo};
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let main = repo.branch("main")?;
/// let first = main.set(&Path::parse("a")?, "1", "Begin")?.unwrap();
/// let second = main.set(&Path::parse("b")?, "2", "Go on")?.unwrap();
/// let mut ids = Vec::new();
/// let options = CopyOptions::default();
/// let take: &mut (dyn FnMut(&irmin_core::Object<'_>) -> _ + Send) = &mut |object| {
///     ids.push(object.id);
///     Ok(())
/// };
/// give(&repo, &[second.id()], &[first.id()], &options, take, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!((ids.len(), ids[1]), (2, second.id()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What `out` says; as [`copy`](super::copy).
pub fn give(
    repo: &Repo,
    wants: &[Id],
    haves: &[Id],
    options: &CopyOptions,
    out: Taker<'_>,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyProgress, SyncError> {
    let source = repo.engine().as_ref();
    let offer = Offer {
        id: StoreId::fresh(),
        source,
        state: Mutex::new(State {
            given: trees_of(source, haves)?,
            out,
            failure: None,
        }),
    };
    let is_left_out = |id: Id| {
        for &have in haves {
            if repo.history().is_ancestor(id, have)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let copy = Copy::new(source, &offer, Near::Source).without(&is_left_out);
    let given = copy.run(wants, options, progress);
    let state = offer.state.into_inner();
    // What the taker said is more than what it can tell as a store.
    let failure = state.unwrap_or_else(PoisonError::into_inner).failure;
    failure.map_or(given, Err)
}

/// Returns the ids of all objects that the trees of some commits consist of.
fn trees_of(source: &dyn ObjectStore, commits: &[Id]) -> Result<HashSet<Id>, SyncError> {
    let (mut ids, mut pending) = (HashSet::new(), Vec::new());
    for &id in commits {
        let missing = SyncError::Missing {
            id,
            what: "a commit",
        };
        let stored = source.get(&id.into())?.ok_or(missing)?;
        let data = CommitData::from_stored(&stored).map_err(|source| SyncError::Decode {
            id,
            what: "a commit",
            source,
        })?;
        let root = Want {
            id: data.tree.id,
            locator: data.tree.locator,
            role: Role::Root,
        };
        if !stored.cut.contents && ids.insert(root.id) {
            pending.push(root);
        }
    }
    while !pending.is_empty() {
        let round = pending.split_off(pending.len().saturating_sub(ROUND_NODES));
        let keys: Vec<Key> = round.iter().map(Want::key).collect();
        let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
        source.get_many(&keys, &mut |position, stored| {
            if let Some(slot) = found.get_mut(position) {
                *slot = stored;
            }
        })?;
        for (want, stored) in round.iter().zip(found) {
            let links = want.check(stored)?.links;
            let new = links.into_iter().filter(|link| ids.insert(link.id));
            pending.extend(new.filter(|link| link.role.has_links()));
        }
    }
    Ok(ids)
}

/// A taker in the place of a store.
struct Offer<'a> {
    id: StoreId,
    /// Where the commits are that the receiver has.
    source: &'a dyn ObjectStore,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    /// What was given, or is at the receiver.
    given: HashSet<Id>,
    out: Taker<'a>,
    failure: Option<SyncError>,
}

impl State<'_> {
    fn give(&mut self, object: &Object<'_>) -> Result<(), SyncError> {
        if !self.given.insert(object.id) {
            return Ok(());
        }
        (self.out)(object)
    }
}

impl ObjectStore for Offer<'_> {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.source.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for object in objects {
            if let Err(error) = state.give(object) {
                let cause = error.to_string();
                state.failure = Some(error);
                return Err(StoreError::Poisoned { cause });
            }
        }
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        out.extend(ids.iter().map(|id| state.given.contains(id)));
        Ok(())
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}
