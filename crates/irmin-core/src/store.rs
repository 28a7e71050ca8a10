//! What an engine is: where immutable objects and mutable names live.
//!
//! Two object-safe traits, synchronous and batch-first. An algorithm that visits many objects asks
//! for many keys at a time, so that an engine far away costs one round trip a round.

use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::collect::{Collect, CollectProgress, CollectReport};
use crate::signal::Hold;
use crate::store_error::StoreError;
use crate::{CommitData, Id, IdPrefix, StoreStats, VerifyProgress, VerifyReport};

/// What an object is. The second byte of every encoded object, after the format version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The bytes of a value, or one chunk of a large value.
    Blob = 1,
    /// The list of the chunks of a large value.
    Chunks = 2,
    /// A node of a directory.
    Node = 3,
    /// A commit.
    Commit = 4,
}

impl Kind {
    /// Returns the kind with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Blob),
            2 => Some(Self::Chunks),
            3 => Some(Self::Node),
            4 => Some(Self::Commit),
            _ => None,
        }
    }

    /// Returns the byte that stands for this kind.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Where an engine keeps an object: opaque to everyone else, stable as long as the object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Locator(pub NonZeroU64);

/// Tells one open store from another, within this process: a locator is good in one store only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(u64);

impl StoreId {
    /// Returns an id that no other store in this process has.
    #[must_use]
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for StoreId {
    fn default() -> Self {
        Self::fresh()
    }
}

/// An object's id with, where known, its place: with a locator an engine need not look its index up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// What the object is called everywhere.
    pub id: Id,
    /// Where this engine keeps it. A locator is only good in the engine that gave it.
    pub locator: Option<Locator>,
}

impl From<Id> for Key {
    fn from(id: Id) -> Self {
        Self { id, locator: None }
    }
}

/// What was left out beneath a commit: by a collection that keeps only a part of history, or by a
/// clone that asked for a part of it. A commit that is cut keeps its bytes and its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The commit's tree is not there.
    pub contents: bool,
    /// The commit's parents are not there: history ends here.
    pub parents: bool,
}

impl Cut {
    /// Nothing is left out.
    pub const NONE: Self = Self {
        contents: false,
        parents: false,
    };

    /// Tells whether the commit's link with this position is left out: the tree is the first, the
    /// parents follow.
    #[must_use]
    pub const fn leaves_out(self, link: usize) -> bool {
        if link == 0 {
            self.contents
        } else {
            self.parents
        }
    }

    /// Tells whether nothing is left out.
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.contents && !self.parents
    }

    /// Returns what is left out by one of the two, or by both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            contents: self.contents || other.contents,
            parents: self.parents || other.parents,
        }
    }

    /// Tells whether no more is left out than by the other.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        (!self.contents || other.contents) && (!self.parents || other.parents)
    }

    /// Returns the number that stands for a commit's generation and what is left out beneath it, as
    /// packs and bundles keep it: the generation, bit 32 for the contents, bit 33 for the parents.
    #[must_use]
    pub fn with_generation(self, generation: u32) -> u64 {
        u64::from(generation) | u64::from(self.contents) << 32 | u64::from(self.parents) << 33
    }

    /// Reads what [`with_generation`](Self::with_generation) returns; `None` if a larger bit is set.
    #[must_use]
    pub fn split_generation(field: u64) -> Option<(u32, Self)> {
        let cut = Self {
            contents: field >> 32 & 1 == 1,
            parents: field >> 33 & 1 == 1,
        };
        let generation = u32::try_from(field & u64::from(u32::MAX)).ok()?;
        (field >> 34 == 0).then_some((generation, cut))
    }
}

/// An encoded object on its way into an engine.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// The SHA-256 of `bytes`, computed by the caller.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// The canonical encoding, from format version to end.
    pub bytes: &'a [u8],
    /// The objects it points to, in the order in which its encoding names them. The engine keeps
    /// their locators beside the object and gives them back in [`Stored::links`].
    pub links: &'a [Key],
    /// For a commit, one more than the largest generation of its parents (1 for a root); 0 for
    /// other kinds. Kept by the engine beside the object, not part of its id.
    pub generation: u32,
    /// What is left out beneath a commit; [`Cut::NONE`] for other kinds. Kept beside the object.
    pub cut: Cut,
    /// A stored object that this one was made from by a small change, where the caller has it at
    /// hand: an engine may store the difference. No part of the object.
    pub base: Option<Base<'a>>,
}

/// An object that another one was made from.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// Where the engine that is given the other one keeps it.
    pub locator: Locator,
    /// Its canonical encoding, as it was read or stored: not checked again.
    pub bytes: &'a [u8],
}

/// An object as an engine returns it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The canonical encoding. Its integrity was checked on the way from the disk.
    pub bytes: Bytes,
    /// Larger bytes that `bytes` lies in and that are in memory anyway, such as a mapped file, if
    /// there are: who keeps many objects may keep positions in them.
    pub region: Option<Arc<Bytes>>,
    /// The locators of the objects it points to, in the order of its encoding; either empty (none
    /// is known) or one for each.
    pub links: Vec<Option<Locator>>,
    /// The generation of a commit; 0 for other kinds.
    pub generation: u32,
    /// What is left out beneath a commit; [`Cut::NONE`] for other kinds.
    pub cut: Cut,
}

/// Immutable objects by key.
pub trait ObjectStore: Send + Sync {
    /// Returns which store this is. The same for all handles that share objects and locators; an
    /// engine takes a [`StoreId::fresh`] one when it is opened.
    fn store_id(&self) -> StoreId;

    /// Looks up many objects at once and calls `out` with the position of each key and what was
    /// found, in any order, exactly once a key. Absence is `None`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when stored bytes fail their checksum, [`StoreError::Io`] when they
    /// cannot be read. `out` may have been called for some keys.
    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError>;

    /// Stores objects, each after the objects it links to, and returns their keys in order.
    ///
    /// Storing an object again is harmless. Visible to readers of this handle at once, durable
    /// only with the next [`RefStore::compare_and_swap`]; an object that no ref leads to may be
    /// collected.
    ///
    /// # Errors
    /// [`StoreError`] when the engine cannot take them.
    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError>;

    /// Tells of each id whether the object is stored, and with it all that it leads to, but for what
    /// is cut beneath commits. Appends one answer for each id to `out`, in order.
    ///
    /// Costs a look into the index for each. What is provided here reads the objects.
    ///
    /// # Errors
    /// As [`get_many`](Self::get_many).
    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        let start = out.len();
        out.resize(start + ids.len(), false);
        let keys: Vec<Key> = ids.iter().copied().map(Key::from).collect();
        self.get_many(&keys, &mut |position, stored| {
            out[start + position] = stored.is_some();
        })
    }

    /// Looks up commits and what came before them, at most `limit` but at least the given ones, and
    /// calls `out` with each that was found, once, the nearest first. What cannot be read as a commit
    /// has nothing before it.
    ///
    /// Costs what is provided here: one [`get_many`](Self::get_many) for each generation. An engine
    /// that is far away does it in one round trip.
    ///
    /// # Errors
    /// As [`get_many`](Self::get_many).
    fn get_history(
        &self,
        from: &[Key],
        limit: usize,
        out: &mut dyn FnMut(Id, Stored),
    ) -> Result<(), StoreError> {
        let mut seen: HashSet<Id> = from.iter().map(|key| key.id).collect();
        let mut level = from.to_vec();
        let mut left = limit.saturating_sub(level.len());
        while !level.is_empty() {
            let mut parents = Vec::new();
            self.get_many(&level, &mut |position, stored| {
                let (Some(key), Some(stored)) = (level.get(position), stored) else {
                    return;
                };
                if left > 0
                    && !stored.cut.parents
                    && let Ok(data) = CommitData::from_stored(&stored)
                {
                    parents.extend(data.parents);
                }
                out(key.id, stored);
            })?;
            parents.retain(|parent| seen.insert(parent.id));
            parents.truncate(left);
            left -= parents.len();
            level = parents;
        }
        Ok(())
    }

    /// Returns the ids of stored *commits* that start with `prefix`, at most `limit`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the index cannot be read.
    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError>;

    /// Looks up one object.
    ///
    /// # Errors
    /// As [`get_many`](Self::get_many).
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        let mut found = None;
        self.get_many(std::slice::from_ref(key), &mut |_, stored| found = stored)?;
        Ok(found)
    }
}

/// One change of a name, on condition of its present value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefEdit {
    /// The full name, such as `heads/main` or `tags/v1`.
    pub name: String,
    /// What the name must point to now; `None`: it must not exist.
    pub expected: Option<Id>,
    /// What it shall point to; `None` removes it.
    pub new: Option<Id>,
}

/// What came of a set of [`RefEdit`]s. All of them happen, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefOutcome {
    /// All edits took effect, with the durability that was asked for.
    Applied,
    /// Nothing changed, because this name had another value than expected.
    Lost {
        /// The first name in the edits that differed.
        name: String,
        /// Its present value.
        current: Option<Id>,
    },
}

/// What an acknowledged commit can still lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: on stable storage before the call returns. One sync.
    #[default]
    Sync,
    /// What came after the last sync, which the engine does within a stated interval or with the
    /// next `Sync` commit. Survives the death of the process.
    Deferred,
    /// What the operating system had not written by itself. Survives the death of the process.
    None,
}

/// Mutable names, the only place where two writers meet.
pub trait RefStore: Send + Sync {
    /// Returns what a name points to.
    ///
    /// # Errors
    /// [`StoreError`] when the engine is closed or cannot be read.
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError>;

    /// Returns all names that start with `prefix`, with what they point to, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the engine is closed or cannot be read.
    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError>;

    /// Applies all edits, or none, and makes them and every object stored before as durable as
    /// asked. One sync for [`Durability::Sync`], none otherwise.
    ///
    /// # Errors
    /// [`StoreError::Full`] when there is no room: then nothing was changed. Any other
    /// [`StoreError`] when writing or syncing failed: then the handle is poisoned.
    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError>;

    /// Makes all that was applied before as durable as [`Durability::Sync`] does. One sync, shared
    /// with other threads that wait for one.
    ///
    /// # Errors
    /// [`StoreError`] when syncing failed: then the handle is poisoned.
    fn sync(&self) -> Result<(), StoreError>;

    /// Returns a number that tells how much was applied so far, for
    /// [`sync_to`](Self::sync_to). It never becomes less.
    fn applied(&self) -> u64 {
        0
    }

    /// Makes durable what was applied when [`applied`](Self::applied) returned a number: a commit
    /// need not wait for those that others made since. What is provided here makes all durable.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    fn sync_to(&self, _applied: u64) -> Result<(), StoreError> {
        self.sync()
    }

    /// Returns a number that changes whenever a name that this handle sees has changed.
    fn changes(&self) -> u64;

    /// Waits until [`changes`](Self::changes) is another number than `seen`, or for `timeout`, and
    /// returns the present one. A handle that follows another process looks for its changes
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the engine is closed or cannot be read.
    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError>;
}

/// A place where a repository lives.
pub trait Engine: ObjectStore + RefStore {
    /// Returns a URL that names the place, such as `mem:` or `pack:/srv/data`.
    fn url(&self) -> String;

    /// Returns the commits that whoever takes something from here must have already, because they
    /// are left out on purpose. None, but for bundles.
    fn prerequisites(&self) -> Vec<Id> {
        Vec::new()
    }

    /// Is told that all that `wants` lead to and `haves` do not is about to be read from here; with
    /// `depth`, only so many commits of each line. An engine far away may have it sent in one go,
    /// and keep it as long as the returned [`Hold`] lives. What is read is the same without.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be asked for.
    fn read_ahead(
        &self,
        _wants: &[Id],
        _haves: &[Id],
        _depth: Option<NonZeroU32>,
    ) -> Result<Hold, StoreError> {
        Ok(Hold::new(()))
    }

    /// Reads all that is stored, reachable or not, and checks every id, link and ref; changes
    /// nothing. Damage is in the report, not an error.
    ///
    /// # Errors
    /// [`StoreError::Io`] when something cannot be read.
    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError>;

    /// Returns figures about what is stored. Reads no object.
    ///
    /// # Errors
    /// [`StoreError`] when an index cannot be read.
    fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Keeps a commit with all that it leads to from being collected, also when no name leads to
    /// it, as long as the returned [`Hold`] lives and the process does. One that no name led to any
    /// more may just be on its way out: look for it when it is held. What rules of retention cut is
    /// not kept, but for the contents of the commit itself.
    ///
    /// A commit that is not there yet may be held by whoever is about to store it: until it is there,
    /// collections keep all that is stored or asked for.
    ///
    /// # Errors
    /// [`StoreError`] when the engine cannot note it.
    fn hold(&self, commit: Id) -> Result<Hold, StoreError>;

    /// Holds several commits, as [`hold`](Self::hold) does one.
    ///
    /// # Errors
    /// [`StoreError`] when the engine cannot note them.
    fn hold_many(&self, commits: &[Id]) -> Result<Hold, StoreError> {
        let holds = commits.iter().map(|&commit| self.hold(commit));
        Ok(Hold::new(holds.collect::<Result<Vec<_>, _>>()?))
    }

    /// Removes the objects that no name, no hold and none of the given roots leads to. Reads and
    /// writes go on meanwhile. What it did so far stays when it is cancelled or fails.
    ///
    /// What is stored and not named yet may be part of a commit on its way: the first collection
    /// after it was stored, or found stored when it was stored again or asked for, keeps it; what a
    /// name led to goes at once. A commit that is still on its way when the next collection begins
    /// may be refused ([`StoreError::Dangling`]).
    ///
    /// `control` is called after each piece of work of at most about a megabyte, and may wait, to go
    /// slowly, or break, to cancel.
    ///
    /// # Errors
    /// [`StoreError::Collecting`] when one runs already; another [`StoreError`] when something cannot
    /// be read or written. The store is whole then.
    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError>;
}
