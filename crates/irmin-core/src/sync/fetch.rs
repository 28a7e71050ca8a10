//! Fetching: what a remote's names lead to, and where they were seen.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::copy::{CopyOptions, CopyProgress, copy};
use super::error::SyncError;
use crate::error::{Error, Result};
use crate::refs::{BranchName, RefName};
use crate::repo::Repo;
use crate::store::{Durability, Engine, RefEdit, RefOutcome};
use crate::{Hold, Id, Key};

/// How often a fetch looks at its own names anew when somebody else moves them.
const ATTEMPTS_MAX: usize = 8;

/// How many commits a remote is told that are here: enough for it to find where histories part.
const HAVES_MAX: usize = 1024;

/// What to fetch.
#[derive(Clone, Debug, Default)]
pub struct FetchOptions {
    /// Only these branches of the remote; empty: all.
    pub branches: Vec<BranchName>,
    /// Whether names of branches that the remote no longer has are removed here.
    pub prune: bool,
    /// Whether tags stay where they are.
    pub no_tags: bool,
    /// How much history.
    pub copy: CopyOptions,
}

/// How a name here changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefMove {
    /// The full name: `remotes/<remote>/<branch>` or `tags/<tag>`.
    pub name: RefName,
    /// Where it pointed; `None`: it is new.
    pub old: Option<Id>,
    /// Where it points; `None`: it is removed.
    pub new: Option<Id>,
}

/// What a fetch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The branches that the remote has, of those that were asked for, in order.
    pub branches: Vec<(BranchName, Id)>,
    /// The names that changed here, in order.
    pub moved: Vec<RefMove>,
    /// Tags that point elsewhere on the remote, where to. They were left alone: tags do not move.
    pub kept_tags: Vec<(String, Id)>,
    /// What was brought.
    pub copied: CopyProgress,
}

impl Repo {
    /// Brings what the branches and tags of `remote` lead to, and notes its branches as
    /// `remotes/<name>/<branch>` and its new tags, all at once. Touches no branch of this
    /// repository. See [`copy`](super::copy) for what it costs; one sync.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::sync::Arc;
    /// use irmin_core::{Env, MemoryStore, Path, Repo, sync::FetchOptions};
    /// let new = || Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    /// let (here, there) = (new(), new());
    /// let head = there.branch("main")?.set(&Path::parse("a")?, "1", "Begin")?.unwrap();
    /// let go_on = &mut |_| ControlFlow::Continue(());
    /// let options = FetchOptions::default();
    /// let fetched = here.fetch(there.engine().as_ref(), "origin", &options, go_on)?;
    /// assert_eq!(fetched.moved[0].name.as_str(), "remotes/origin/main");
    /// assert_eq!(here.engine().get_ref("remotes/origin/main")?, Some(head.id()));
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Sync`](crate::Error::Sync); no name has moved then.
    pub fn fetch(
        &self,
        remote: &dyn Engine,
        name: &str,
        options: &FetchOptions,
        progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Result<Fetched> {
        let engine = self.engine().as_ref();
        let offer = Offer::new(remote, options)?;
        check_prerequisites(remote, engine)?;
        let wants = offer.wants();
        let _holds = hold_missing(remote, engine, &wants)?;
        let _ahead = read_ahead(remote, engine, &wants, &options.copy)?;
        let copied = copy(remote, &wants, engine, &options.copy, progress)?;
        let tags = offer.tags_here(engine)?;
        let mut lost = String::new();
        for _ in 0..ATTEMPTS_MAX {
            let plan = Plan::new(engine, name, &offer, &tags)?;
            match apply(engine, &plan.moved)? {
                RefOutcome::Lost { name, .. } => lost = name,
                RefOutcome::Applied => {
                    return Ok(Fetched {
                        branches: offer.branches,
                        moved: plan.moved,
                        kept_tags: plan.kept_tags,
                        copied,
                    });
                }
            }
        }
        Err(SyncError::Moved { name: lost }.into())
    }
}

/// Checks that what a remote leaves out is here.
fn check_prerequisites(remote: &dyn Engine, engine: &dyn Engine) -> Result<(), SyncError> {
    let keys: Vec<Key> = remote.prerequisites().into_iter().map(Key::from).collect();
    let mut missing = Vec::new();
    engine.get_many(&keys, &mut |position, stored| {
        if stored.is_none_or(|stored| stored.cut.contents) {
            missing.extend(keys.get(position).map(|key| key.id));
        }
    })?;
    match missing.first() {
        None => Ok(()),
        Some(&first) => Err(SyncError::Prerequisites {
            first,
            count: missing.len(),
        }),
    }
}

/// What a remote has, of what was asked for.
struct Offer {
    branches: Vec<(BranchName, Id)>,
    tags: Vec<(RefName, Id)>,
    /// Whether a tag is reason enough to bring what it leads to.
    brings_tags: bool,
    prunes: bool,
}

impl Offer {
    fn new(remote: &dyn Engine, options: &FetchOptions) -> Result<Self> {
        let mut branches = Vec::new();
        for (name, id) in remote.list_refs("heads/")? {
            let name = RefName::new(name)?.as_branch();
            branches.extend(name.map(|name| (name, id)));
        }
        let is_all = options.branches.is_empty();
        for name in &options.branches {
            if !branches.iter().any(|(branch, _)| branch == name) {
                return Err(Error::NoBranch { name: name.clone() });
            }
        }
        branches.retain(|(name, _)| is_all || options.branches.contains(name));
        let mut tags = Vec::new();
        if !options.no_tags {
            for (name, id) in remote.list_refs("tags/")? {
                tags.push((RefName::new(name)?, id));
            }
        }
        Ok(Self {
            branches,
            tags,
            brings_tags: is_all && options.copy.depth.is_none(),
            prunes: is_all && options.prune,
        })
    }

    fn wants(&self) -> Vec<Id> {
        let branches = self.branches.iter().map(|(_, id)| *id);
        let tags = self.tags.iter().map(|(_, id)| *id);
        let tags = tags.filter(|_| self.brings_tags);
        // Several names for one commit are common.
        branches
            .chain(tags)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Returns the tags whose commits are here by now.
    fn tags_here(&self, engine: &dyn Engine) -> Result<Vec<(RefName, Id)>> {
        let ids: Vec<Id> = self.tags.iter().map(|(_, id)| *id).collect();
        let mut is_here = Vec::with_capacity(ids.len());
        engine.contains_many(&ids, &mut is_here)?;
        let tags = self.tags.iter().cloned().zip(is_here);
        Ok(tags.filter_map(|(tag, here)| here.then_some(tag)).collect())
    }
}

/// How the names here shall change.
struct Plan {
    moved: Vec<RefMove>,
    kept_tags: Vec<(String, Id)>,
}

impl Plan {
    fn new(
        engine: &dyn Engine,
        remote: &str,
        offer: &Offer,
        tags: &[(RefName, Id)],
    ) -> Result<Self> {
        let mut names: BTreeMap<String, Id> = engine.list_refs("remotes/")?.into_iter().collect();
        names.extend(engine.list_refs("tags/")?);
        let mut plan = Self {
            moved: Vec::new(),
            kept_tags: Vec::new(),
        };
        let mut offered = BTreeSet::new();
        for (branch, id) in &offer.branches {
            let name = RefName::remote(remote, branch)?;
            offered.insert(name.as_str().to_owned());
            let old = names.get(name.as_str()).copied();
            plan.push(name, old, Some(*id));
        }
        if offer.prunes {
            let prefix = format!("remotes/{remote}/");
            let below = names.iter().filter(|(name, _)| name.starts_with(&prefix));
            for (name, id) in below.filter(|(name, _)| !offered.contains(*name)) {
                plan.push(RefName::new(name.clone())?, Some(*id), None);
            }
        }
        for (name, id) in tags {
            match names.get(name.as_str()) {
                None => plan.push(name.clone(), None, Some(*id)),
                Some(here) if here == id => {}
                Some(_) => plan.kept_tags.push((name.short().to_owned(), *id)),
            }
        }
        check_names(names.into_keys(), &plan.moved)?;
        Ok(plan)
    }

    fn push(&mut self, name: RefName, old: Option<Id>, new: Option<Id>) {
        if old != new {
            self.moved.push(RefMove { name, old, new });
        }
    }
}

/// Moves names, all or none.
pub(super) fn apply(engine: &dyn Engine, moves: &[RefMove]) -> Result<RefOutcome, SyncError> {
    if moves.is_empty() {
        return Ok(RefOutcome::Applied);
    }
    let edits: Vec<RefEdit> = moves
        .iter()
        .map(|one| RefEdit {
            name: one.name.as_str().to_owned(),
            expected: one.old,
            new: one.new,
        })
        .collect();
    Ok(engine.compare_and_swap(&edits, Durability::Sync)?)
}

/// Checks that no new name will lie below another one, as directories of refs cannot.
pub(super) fn check_names(
    names: impl Iterator<Item = String>,
    moves: &[RefMove],
) -> Result<(), SyncError> {
    let mut names: BTreeSet<String> = names.collect();
    for one in moves {
        let name = one.name.as_str();
        match one.new {
            Some(_) => drop(names.insert(name.to_owned())),
            None => drop(names.remove(name)),
        }
    }
    for one in moves.iter().filter(|one| one.old.is_none()) {
        let name = one.name.as_str();
        let prefix = format!("{name}/");
        let below = names.range(prefix.clone()..).next();
        let below = below.filter(|other| other.starts_with(&prefix));
        let mut above = name.match_indices('/').skip(1).map(|(end, _)| &name[..end]);
        let above = above.find(|above| names.contains(*above));
        if let Some(taken) = above.or(below.map(String::as_str)) {
            return Err(SyncError::NameTaken {
                name: name.to_owned(),
                taken: taken.to_owned(),
            });
        }
    }
    Ok(())
}

/// Tells a remote what is about to be read from it.
fn read_ahead(
    remote: &dyn Engine,
    engine: &dyn Engine,
    wants: &[Id],
    options: &CopyOptions,
) -> Result<Option<Hold>, SyncError> {
    let mut is_here = Vec::with_capacity(wants.len());
    engine.contains_many(wants, &mut is_here)?;
    let missing = wants.iter().zip(is_here).filter(|(_, here)| !here);
    let missing: Vec<Id> = missing.map(|(&want, _)| want).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let names = engine.list_refs("")?.into_iter();
    let haves: BTreeSet<Id> = names.map(|(_, id)| id).collect();
    let haves: Vec<Id> = haves.into_iter().take(HAVES_MAX).collect();
    Ok(Some(remote.read_ahead(&missing, &haves, options.depth)?))
}

/// Keeps the commits on one side that the other lacks from being collected meanwhile, and on the
/// other side what is stored on the way to them.
pub(super) fn hold_missing(
    source: &dyn Engine,
    target: &dyn Engine,
    commits: &[Id],
) -> Result<[Hold; 2], SyncError> {
    let held = target.hold_many(commits)?;
    let mut is_there = Vec::with_capacity(commits.len());
    target.contains_many(commits, &mut is_there)?;
    let missing = commits.iter().zip(is_there).filter(|(_, there)| !there);
    let missing: Vec<Id> = missing.map(|(&commit, _)| commit).collect();
    Ok([held, source.hold_many(&missing)?])
}
