//! Copying what commits lead to from one store to another.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::commits::{self, Missing};
use super::error::SyncError;
use super::object::{Role, Want};
use super::sink::{Parcel, Sink};
use crate::store::Cut;
use crate::{Id, ObjectStore, Stored};

/// How many objects are asked for at once.
const ROUND_OBJECTS: usize = 256;
/// About how many bytes are asked for at once.
const ROUND_BYTES: u64 = 4 << 20;
/// How many commits' trees are walked together.
const GROUP_COMMITS: usize = 256;

/// How much is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Only so many of the newest commits of each line; the last of them is [`Cut`] off from its
    /// parents. `None`: all.
    pub depth: Option<NonZeroU32>,
}

/// Tells of a commit whether it is left out.
pub(super) type LeftOut<'a> = dyn Fn(Id) -> Result<bool, SyncError> + 'a;

/// How far a copy is, or how far it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyProgress {
    /// Commits that were stored, with all that they lead to.
    pub commits: u64,
    /// Commits to store, as far as known.
    pub commits_total: u64,
    /// Objects that were stored, the commits among them.
    pub objects: u64,
    /// Bytes of their encodings.
    pub bytes: u64,
}

/// Copies commits and all that they lead to into `target`, as far as it is not there, each object
/// after those that it points to. What the target has is neither read from the source nor written,
/// nor is what lies beneath it looked at.
///
/// The source is not trusted: every object is hashed, decoded strictly, and checked against what
/// points to it. Generations are computed anew. A commit that is cut in the source is stored so.
///
/// Moves no name. When it fails, or `progress` breaks, what was stored stays, and a later copy finds
/// it. `progress` is called after about every megabyte, and for each generation of commits that are
/// found missing. Returns how far it came: all the way.
///
/// Memory: about 300 bytes for each commit that the target lacks, 10 MB for what is known of the
/// target, and the nodes on the way to those 256 objects that are read at once. Engine calls: one
/// to either side for each generation of commits and for each 256 objects.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
/// use irmin_core::sync::{CopyOptions, copy};
/// use irmin_core::{Env, MemoryStore, ObjectStore, Path, Repo};
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let commit = repo.branch("main")?.set(&Path::parse("a/b")?, "1", "Begin")?.unwrap();
/// let target = MemoryStore::new();
/// let go_on = &mut |_| ControlFlow::Continue(());
/// let options = CopyOptions::default();
/// let done = copy(repo.engine().as_ref(), &[commit.id()], &target, &options, go_on)?;
/// assert_eq!((done.commits, done.objects), (1, 3));
/// assert!(target.get(&commit.id().into())?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SyncError`] that names the object and what is wrong; [`SyncError::Cancelled`] when `progress`
/// breaks.
pub fn copy(
    source: &dyn ObjectStore,
    wants: &[Id],
    target: &dyn ObjectStore,
    options: &CopyOptions,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyProgress, SyncError> {
    copy_without(source, wants, target, options, &|_| Ok(false), progress)
}

/// Copies as [`copy`] does, but for commits that are left out with all that they lead to.
pub(super) fn copy_without(
    source: &dyn ObjectStore,
    wants: &[Id],
    target: &dyn ObjectStore,
    options: &CopyOptions,
    is_left_out: &LeftOut<'_>,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyProgress, SyncError> {
    let mut sink = Sink::new(target, progress);
    let mut missing = commits::find(source, &mut sink, wants, options.depth, is_left_out)?;
    let mut walk = Walk {
        source,
        sink: &mut sink,
        stack: Vec::new(),
        in_flight: HashMap::new(),
    };
    let copied = missing
        .chunks_mut(GROUP_COMMITS)
        .try_for_each(|group| walk.group(group));
    // What came before a failure is worth keeping: it was checked, and children came first.
    let flushed = sink.flush();
    copied.and(flushed)?;
    Ok(sink.done)
}

/// A walk over trees, which stores each object after what it points to.
struct Walk<'a, 'b> {
    source: &'a dyn ObjectStore,
    sink: &'a mut Sink<'b>,
    stack: Vec<Task>,
    /// Objects that were read, while what they point to is on its way.
    in_flight: HashMap<Id, Flying>,
}

enum Task {
    Bring(Want),
    Store(Id),
}

struct Flying {
    role: Role,
    bytes: Bytes,
    links: Vec<Want>,
}

impl Walk<'_, '_> {
    /// Copies commits whose parents are there or come before them.
    fn group(&mut self, group: &mut [Missing]) -> Result<(), SyncError> {
        let with_contents = group.iter().rev().filter(|commit| !commit.cut.contents);
        let roots = with_contents.map(|commit| {
            Task::Bring(Want {
                id: commit.tree.id,
                locator: commit.tree.locator,
                role: Role::Root,
            })
        });
        self.stack.extend(roots);
        self.run()?;
        commits::read_again(self.source, group)?;
        for commit in group {
            self.sink.push(commit.take_parcel())?;
        }
        self.sink.tell()
    }

    fn run(&mut self) -> Result<(), SyncError> {
        while let Some(task) = self.stack.pop() {
            match task {
                Task::Store(id) => self.store(id)?,
                Task::Bring(want) => {
                    let round = self.round(want);
                    self.bring(round)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the objects to bring next from the stack.
    fn round(&mut self, first: Want) -> Vec<Want> {
        let (mut round, mut seen) = (Vec::new(), HashSet::new());
        let mut bytes = 0_u64;
        let mut next = Some(first);
        while let Some(want) = next {
            if self.in_flight.contains_key(&want.id) {
                // What asks for it now may be stored before what asked first.
                self.lift(want.id);
                break;
            }
            if !self.sink.knows(&want.id) && seen.insert(want.id) {
                bytes = bytes.saturating_add(want.role.bytes());
                round.push(want);
            }
            let is_full = round.len() >= ROUND_OBJECTS || bytes >= ROUND_BYTES;
            next = if is_full { None } else { self.next_want() };
        }
        round
    }

    fn next_want(&mut self) -> Option<Want> {
        match self.stack.pop() {
            Some(Task::Bring(want)) => Some(want),
            other => {
                self.stack.extend(other);
                None
            }
        }
    }

    /// Puts an object that is in flight on top of the stack, and what it points to above.
    fn lift(&mut self, id: Id) {
        if let Some(flying) = self.in_flight.get(&id) {
            self.stack.push(Task::Store(id));
            self.stack
                .extend(flying.links.iter().copied().map(Task::Bring));
        }
    }

    fn bring(&mut self, mut round: Vec<Want>) -> Result<(), SyncError> {
        self.sink.retain_missing(&mut round, |want| want.id)?;
        if round.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = round.iter().map(Want::key).collect();
        let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
        self.source.get_many(&keys, &mut |position, stored| {
            if let Some(slot) = found.get_mut(position) {
                *slot = stored;
            }
        })?;
        for (want, stored) in round.iter().zip(found) {
            let (bytes, links) = want.check(stored)?;
            let (id, role) = (want.id, want.role);
            let flying = Flying { role, bytes, links };
            if flying.links.is_empty() {
                self.sink.push(flying.parcel(id))?;
            } else {
                self.in_flight.insert(id, flying);
                self.lift(id);
            }
        }
        Ok(())
    }

    fn store(&mut self, id: Id) -> Result<(), SyncError> {
        // One that was lifted is stored by then.
        match self.in_flight.remove(&id) {
            Some(flying) => self.sink.push(flying.parcel(id)),
            None => Ok(()),
        }
    }
}

impl Flying {
    fn parcel(self, id: Id) -> Parcel {
        Parcel {
            id,
            kind: self.role.kind(),
            bytes: self.bytes,
            links: self.links.iter().map(|link| link.id).collect(),
            generation: 0,
            cut: Cut::NONE,
        }
    }
}
