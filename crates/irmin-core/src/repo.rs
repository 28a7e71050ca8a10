//! A repository: an engine seen as commits, branches and tags.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::branch::{Branch, BranchState};
use crate::commit::{CommitData, CommitInfo, Signature, Time};
use crate::error::{Error, Result};
use crate::graph::CommitGraph;
use crate::history::History;
use crate::loader::{Loader, NoContents};
use crate::refs::BranchName;
use crate::revision::Revision;
use crate::rules::RuleTypes;
use crate::store::{Base, Cut, Engine, Object, ObjectStore};
use crate::tree::Staged;
use crate::{Id, Key, Tree};

/// How many bytes may go through a repository's trees before it lets go of what its branches keep
/// loaded.
const LOADED_BYTES_MAX: u64 = 256 << 20;

/// From how many branches on a repository forgets those that nobody has a handle on.
const BRANCHES_SWEPT_MIN: usize = 1024;

/// What a repository cannot know by itself: who is at work, and what time it is.
#[derive(Clone)]
pub struct Env {
    /// The name in commits that are made without another one.
    pub name: String,
    /// The address beside it.
    pub email: String,
    /// The time and the zone.
    pub clock: Arc<dyn Fn() -> Time + Send + Sync>,
}

impl Env {
    /// Returns an environment with a fixed identity and a clock that stands still, for tests and
    /// examples.
    #[must_use]
    pub fn fixed(seconds: i64) -> Self {
        let clock = Arc::new(move || Time::utc(seconds));
        Self {
            name: "Irmin".into(),
            email: "irmin@localhost".into(),
            clock,
        }
    }
}

/// A repository. Cloning it gives another handle on the same one.
///
/// ```
/// use std::sync::Arc;
/// use irmin_core::{Env, MemoryStore, Path, Repo};
///
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let main = repo.branch("main")?;
/// main.set(&Path::parse("greeting")?, "hello", "say hello")?;
/// assert_eq!(main.get(&Path::parse("greeting")?)?.unwrap(), "hello");
/// assert_eq!(main.head()?.unwrap().info().subject(), "say hello");
/// # Ok::<(), irmin_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Repo(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    loader: Arc<Loader>,
    graph: CommitGraph,
    env: Env,
    /// The environment's user, at any time.
    user: OnceLock<Signature>,
    rule_types: RuleTypes,
    branches: Mutex<HashMap<BranchName, Arc<BranchState>>>,
}

/// An immutable commit with its tree, not loaded until touched. Cheap to clone.
#[derive(Clone)]
pub struct Commit {
    key: Key,
    generation: u32,
    cut: Cut,
    body: Arc<Body>,
    tree: Tree,
}

/// What a commit says, and its encoding.
struct Body {
    data: CommitData,
    bytes: Bytes,
}

impl Repo {
    /// Opens what is in an engine. Reads nothing.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, env: Env) -> Self {
        Self::with_rule_types(engine, env, RuleTypes::default())
    }

    /// Opens a repository whose `.irmin/rules` may name content types of the application.
    #[must_use]
    pub fn with_rule_types(engine: Arc<dyn Engine>, env: Env, rule_types: RuleTypes) -> Self {
        Self(Arc::new(Inner {
            loader: Arc::new(Loader::new(Arc::clone(&engine))),
            engine,
            graph: CommitGraph::new(),
            env,
            user: OnceLock::new(),
            rule_types,
            branches: Mutex::default(),
        }))
    }

    /// Returns the engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.engine
    }

    /// Returns the store that this repository's trees load from.
    #[must_use]
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.0.loader) as Arc<dyn ObjectStore>
    }

    pub(crate) fn rule_types(&self) -> &RuleTypes {
        &self.0.rule_types
    }

    /// Returns what a commit made now by this repository's user says.
    ///
    /// # Errors
    /// [`Error::Signature`] when the user's name cannot be in a commit.
    pub fn info(&self, message: &str) -> Result<CommitInfo> {
        let author = self.user()?.at(self.now());
        Ok(CommitInfo::new(author, message.to_owned()))
    }

    /// Returns this repository's user, checked once.
    fn user(&self) -> Result<&Signature> {
        if let Some(user) = self.0.user.get() {
            return Ok(user);
        }
        let env = &self.0.env;
        let user = Signature::new(env.name.clone(), env.email.clone(), Time::utc(0))?;
        Ok(self.0.user.get_or_init(|| user))
    }

    /// Returns a handle on a branch, which need not exist yet.
    ///
    /// # Errors
    /// [`Error::RefName`] when the name breaks Git's rules.
    pub fn branch(&self, name: &str) -> Result<Branch> {
        let name = BranchName::new(name)?;
        let mut branches = self
            .0
            .branches
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if branches.len() >= BRANCHES_SWEPT_MIN
            && branches.len().is_power_of_two()
            && !branches.contains_key(&name)
        {
            // Names that nobody has a handle on: whoever asks for names of strangers' choice must
            // not fill the memory.
            branches.retain(|_, state| Arc::strong_count(state) > 1);
        }
        let state = branches.entry(name.clone()).or_default();
        Ok(Branch::new(self.clone(), name, Arc::clone(state)))
    }

    /// Loads a commit; `None` if there is none with this id. One read.
    ///
    /// # Errors
    /// [`Error::Decode`] when the object is no commit, [`Error::Store`] when the engine fails.
    pub fn commit(&self, key: impl Into<Key>) -> Result<Option<Commit>> {
        let key = key.into();
        let Some(stored) = self.0.loader.get(&key)? else {
            return Ok(None);
        };
        let data = CommitData::from_stored(&stored)
            .map_err(|source| Error::Decode { id: key.id, source })?;
        let objects = match stored.cut.contents {
            true => Arc::new(NoContents::new(self.objects(), key.id)),
            false => self.objects(),
        };
        let tree = Tree::load(objects, data.tree);
        Ok(Some(Commit {
            key,
            generation: stored.generation,
            cut: stored.cut,
            body: Arc::new(Body {
                data,
                bytes: stored.bytes,
            }),
            tree,
        }))
    }

    /// Loads a commit that another object points to.
    ///
    /// # Errors
    /// [`Error::Missing`] if it is not there; else as [`commit`](Self::commit).
    pub fn must_load(&self, key: impl Into<Key>) -> Result<Commit> {
        let key = key.into();
        self.commit(key)?.ok_or(Error::Missing { id: key.id })
    }

    /// Stores a tree and a commit of it, with no name. Visible by id; durable with the next change
    /// of a name.
    ///
    /// # Errors
    /// [`Error::Commit`] when a part of `info` is beyond its limit, [`Error::Store`] when the
    /// engine fails.
    pub fn create_commit(
        &self,
        tree: &Tree,
        parents: &[Commit],
        info: CommitInfo,
    ) -> Result<Commit> {
        let objects = self.objects();
        let staged = tree.stage(objects.as_ref())?;
        self.commit_staged(tree, staged, parents, info)
    }

    /// Stores a commit of a tree with what is left to store of that: one call of the engine.
    pub(crate) fn commit_staged(
        &self,
        tree: &Tree,
        mut staged: Staged<'_>,
        parents: &[Commit],
        info: CommitInfo,
    ) -> Result<Commit> {
        let generation = parents
            .iter()
            .map(|parent| parent.generation)
            .max()
            .unwrap_or(0)
            // A damaged parent may say anything; history refuses a child that is no younger.
            .saturating_add(1);
        let base = parents.first().and_then(Commit::as_base);
        let parents = parents.iter().map(|parent| parent.key).collect();
        let mut data = CommitData {
            tree: staged.root(),
            parents,
            info,
        };
        let encoded = data.encode()?;
        let object = Object {
            base,
            ..encoded.object(generation)
        };
        let key = staged.put(Some(object))?;
        let key = key.unwrap_or_else(|| encoded.id.into());
        data.tree = staged.root();
        let tree = tree.in_store(&self.objects(), data.tree);
        Ok(Commit {
            key,
            generation,
            cut: Cut::NONE,
            body: Arc::new(Body {
                data,
                bytes: encoded.bytes,
            }),
            tree,
        })
    }

    /// Returns questions about ancestry, answered from a cache of the commit graph.
    #[must_use]
    pub fn history(&self) -> History<'_> {
        History::new(&self.0.graph, self.0.loader.as_ref())
    }

    /// Returns the time by this repository's clock.
    pub(crate) fn now(&self) -> Time {
        (self.0.env.clock)()
    }

    /// Lets go of what is known of history, after a part of it was collected.
    pub fn forget_history(&self) {
        self.0.graph.forget();
    }

    /// Finds the commit that a revision names, such as `main~3`, `v1`, `3f2a` or
    /// `main@2026-11-01T10:00Z`; `@` means `current`.
    ///
    /// # Errors
    /// [`Error::Revision`] when the text is no revision or names nothing; it says what and where.
    pub fn resolve(&self, revision: &str, current: &BranchName) -> Result<Commit> {
        let revision: Revision = revision.parse()?;
        let id = revision.resolve(self.0.engine.as_ref(), &self.0.graph, current)?;
        self.must_load(id)
    }

    /// Has the branches let go of what they keep loaded, when that has become much.
    pub(crate) fn bound_memory(&self) {
        if self.0.loader.exceeds(LOADED_BYTES_MAX) {
            let branches = self
                .0
                .branches
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            branches.values().for_each(|state| state.unload());
        }
    }

    /// Checks that a new name neither lies below an existing one nor above: in Git's directories of
    /// refs, `a` and `a/b` exclude each other.
    pub(crate) fn check_name_is_free(&self, name: &str) -> Result<()> {
        let mut taken = self.0.engine.list_refs(&format!("{name}/"))?;
        for (end, _) in name.match_indices('/').skip(1) {
            let above = &name[..end];
            taken.extend(
                self.0
                    .engine
                    .get_ref(above)?
                    .map(|id| (above.to_owned(), id)),
            );
        }
        match taken.pop() {
            Some((taken, _)) => Err(Error::NameTaken {
                name: name.to_owned(),
                taken,
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repo({})", self.0.engine.url())
    }
}

impl Commit {
    /// Returns the id.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.key.id
    }

    /// Returns the key, with the engine's locator where known.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Returns who made it, when and why.
    #[must_use]
    pub fn info(&self) -> &CommitInfo {
        &self.body.data.info
    }

    /// Returns how many commits the longest line down to a root has, this one included.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns the parents in order; none where history was [`cut`](Self::cut).
    #[must_use]
    pub fn parents(&self) -> &[Key] {
        match self.cut.parents {
            true => &[],
            false => &self.body.data.parents,
        }
    }

    /// Returns what is left out beneath it. Reading a tree that is left out fails with
    /// [`StoreError::Cut`](crate::StoreError::Cut).
    #[must_use]
    pub const fn cut(&self) -> Cut {
        self.cut
    }

    /// Returns the tree.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Returns what a commit on top of this one is like.
    pub(crate) fn as_base(&self) -> Option<Base<'_>> {
        let bytes = &self.body.bytes;
        self.key.locator.map(|locator| Base { locator, bytes })
    }

    /// Returns the same commit with nothing loaded.
    pub(crate) fn unloaded(&self) -> Self {
        Self {
            body: Arc::clone(&self.body),
            tree: self.tree.unloaded(),
            ..*self
        }
    }
}

impl PartialEq for Commit {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Commit {}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commit({})", self.id().short())
    }
}

#[cfg(test)]
mod tests;
