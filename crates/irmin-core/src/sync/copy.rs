//! Copying what commits lead to from one store to another.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::bases::{Bases, Errand, Near};
use super::commits::{self, Missing};
use super::error::SyncError;
use super::object::{Role, Want};
use super::order;
use super::sink::{Parcel, Sink};
use crate::store::{Cut, Locator};
use crate::{Id, Key, ObjectStore, Stored};

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many objects are asked for.
    pub(super) objects: usize,
    /// How many tasks are looked at for them.
    pub(super) tasks: usize,
    /// How many commits' trees are walked together.
    pub(super) commits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects: 1024,
            tasks: 8192,
            commits: 256,
        }
    }
}

/// About how many bytes are asked for at once.
const ROUND_BYTES: u64 = 4 << 20;

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
/// A tree is compared with those of its commit's parents, where the target has them, so that nothing is
/// asked or read of what they share; the target can store what differs as differences.
///
/// Memory: about 400 bytes for each commit that the target lacks, 20 MB for what is known of the
/// target, and the nodes on the way to those 1024 objects that are read at once. Calls to either side: one
/// for each window of commits (1, 4, 16 and so on up to 1024), and one for each 1024 objects of up to
/// 256 commits.
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
    Copy::new(source, target, Near::Target).run(wants, options, progress)
}

/// A copy from one store to another.
pub(super) struct Copy<'a> {
    source: &'a dyn ObjectStore,
    target: &'a dyn ObjectStore,
    near: Near,
    is_left_out: &'a LeftOut<'a>,
    limits: Limits,
}

impl<'a> Copy<'a> {
    pub(super) fn new(
        source: &'a dyn ObjectStore,
        target: &'a dyn ObjectStore,
        near: Near,
    ) -> Self {
        Self {
            source,
            target,
            near,
            is_left_out: &|_| Ok(false),
            limits: Limits::default(),
        }
    }

    /// Leaves some commits out with all that they lead to.
    pub(super) fn without(self, is_left_out: &'a LeftOut<'a>) -> Self {
        Self {
            is_left_out,
            ..self
        }
    }

    /// Does as much at once.
    #[cfg(test)]
    pub(super) fn with(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// See [`copy`].
    pub(super) fn run(
        &self,
        wants: &[Id],
        options: &CopyOptions,
        progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Result<CopyProgress, SyncError> {
        let (source, target) = (self.source, self.target);
        let mut sink = Sink::new(target, progress);
        let mut missing = commits::find(source, &mut sink, wants, options.depth, self.is_left_out)?;
        order::sort(&mut missing, &mut sink, wants, self.limits.commits)?;
        let mut walk = Walk {
            source,
            limits: self.limits,
            sink: &mut sink,
            bases: Bases::new(self.near, source, target),
            stack: Vec::new(),
            in_flight: HashMap::new(),
        };
        let copied = missing
            .chunks_mut(self.limits.commits)
            .try_for_each(|group| walk.group(group));
        // What came before a failure is worth keeping: it was checked, and children came first.
        let flushed = sink.flush();
        copied.and(flushed)?;
        Ok(sink.done)
    }
}

/// A walk over trees, which stores each object after what it points to.
struct Walk<'a, 'b> {
    source: &'a dyn ObjectStore,
    limits: Limits,
    sink: &'a mut Sink<'b>,
    bases: Bases<'a>,
    stack: Vec<Task>,
    /// Objects that were read, while what they point to is on its way.
    in_flight: HashMap<Id, Flying>,
}

enum Task {
    Bring(Errand),
    Store(Id),
}

/// An object that was read, and is stored after what is still to be brought.
struct Flying {
    role: Role,
    bytes: Bytes,
    links: Vec<Key>,
    base: Option<(Locator, Bytes)>,
    /// What is to be brought before it is stored.
    errands: Vec<Errand>,
}

/// The objects that are asked for at once, and the tasks that come before and between.
struct Round {
    errands: Vec<Errand>,
    /// What was taken from the stack, the last first; `None` stands for the next errand.
    tasks: Vec<Option<Id>>,
}

impl Walk<'_, '_> {
    /// Copies commits whose parents are there or come before them.
    fn group(&mut self, group: &mut [Missing]) -> Result<(), SyncError> {
        let with_contents = group.iter().rev().filter(|one| !one.cut.contents);
        let roots = with_contents.map(|commit| {
            let want = Want {
                id: commit.tree.id,
                locator: commit.tree.locator,
                role: Role::Root,
            };
            Task::Bring(Errand {
                want,
                olds: commit.olds,
            })
        });
        self.stack.extend(roots);
        self.run()?;
        commits::read_again(self.source, group)?;
        for commit in group {
            self.sink.push(commit.take_parcel())?;
        }
        // Later commits are compared with these.
        self.sink.flush()?;
        self.sink.tell()
    }

    fn run(&mut self) -> Result<(), SyncError> {
        while let Some(task) = self.stack.pop() {
            match task {
                Task::Store(id) => self.store(id)?,
                Task::Bring(errand) => {
                    self.stack.push(Task::Bring(errand));
                    let round = self.round();
                    self.bring(round)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the objects to bring next from the stack: those from the top on, whatever they belong to.
    fn round(&mut self) -> Round {
        let (mut errands, mut tasks) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let mut bytes = 0_u64;
        let limits = self.limits;
        while errands.len() < limits.objects && bytes < ROUND_BYTES && tasks.len() < limits.tasks {
            match self.stack.pop() {
                None => break,
                Some(Task::Store(id)) => tasks.push(Some(id)),
                Some(Task::Bring(Errand { want, .. }))
                    if self.sink.knows(&want.id) || !seen.insert(want.id) => {}
                // What asks for it now may be stored before what asked first.
                Some(Task::Bring(Errand { want, .. })) if self.in_flight.contains_key(&want.id) => {
                    self.lift(want.id);
                }
                Some(Task::Bring(errand)) => {
                    bytes = bytes.saturating_add(errand.want.role.bytes());
                    errands.push(errand);
                    tasks.push(None);
                }
            }
        }
        Round { errands, tasks }
    }

    /// Puts an object that is in flight on top of the stack, and what it waits for above.
    fn lift(&mut self, id: Id) {
        if let Some(flying) = self.in_flight.get(&id) {
            self.stack.push(Task::Store(id));
            let sink = &self.sink;
            let errands = flying.errands.iter();
            let errands = errands.filter(|errand| !sink.knows(&errand.want.id));
            self.stack.extend(errands.copied().map(Task::Bring));
        }
    }

    /// Reads the objects of a round, and puts back what was taken from the stack, each with what it
    /// points to in its place.
    fn bring(&mut self, round: Round) -> Result<(), SyncError> {
        let Round { errands, tasks } = round;
        let ids: Vec<Id> = errands.iter().map(|errand| errand.want.id).collect();
        let mut missing = errands;
        self.sink
            .retain_missing(&mut missing, |errand| errand.want.id)?;
        let found = self.read(&missing)?;
        self.bases.load(&missing)?;
        for (errand, stored) in missing.iter().zip(found) {
            self.take(errand, stored)?;
        }
        let mut ids = ids.into_iter().rev();
        for task in tasks.into_iter().rev() {
            match task {
                Some(id) => self.stack.push(Task::Store(id)),
                None => ids.next().into_iter().for_each(|id| self.lift(id)),
            }
        }
        Ok(())
    }

    fn read(&self, errands: &[Errand]) -> Result<Vec<Option<Stored>>, SyncError> {
        let keys: Vec<Key> = errands.iter().map(|errand| errand.want.key()).collect();
        let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
        if !keys.is_empty() {
            self.source.get_many(&keys, &mut |position, stored| {
                if let Some(slot) = found.get_mut(position) {
                    *slot = stored;
                }
            })?;
        }
        Ok(found)
    }

    /// Checks an object that came. It is stored at once if all that it points to is there.
    fn take(&mut self, errand: &Errand, stored: Option<Stored>) -> Result<(), SyncError> {
        let Want { id, role, .. } = errand.want;
        let checked = errand.want.check(stored)?;
        let compared = self.bases.compare(errand, &checked);
        let flying = Flying {
            role,
            bytes: checked.bytes,
            links: compared.links,
            base: compared.base,
            errands: compared.errands,
        };
        if flying.errands.is_empty() {
            return self.sink.push(flying.parcel(id));
        }
        self.in_flight.insert(id, flying);
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
            links: self.links,
            generation: 0,
            cut: Cut::NONE,
            base: self.base,
        }
    }
}
