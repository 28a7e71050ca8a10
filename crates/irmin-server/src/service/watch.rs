//! Watches that wait without a thread each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use irminsule::{Change, Id, NameChange, Path, Since, WatchEvent, WatchKind};
use tokio::sync::watch as signal;

use super::access::{Caller, PathSet, Right};
use super::error::{ErrorKind, Result, ServiceError};
use super::feed::{Ask, Feed, Interest};
use super::hop::Deadline;
use super::hub::LOOK;
use super::repos::OpenRepo;
use super::scope::{Scope, Snapshot, differ, pruned};
use super::server::Server;
use super::verb::Verb;

/// How many events are fetched in one hop at the most.
const EVENTS_PER_HOP: usize = 64;

/// How often one hop asks for more where commits are passed over.
const LOOKS_PER_HOP: usize = 16;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// The branch, by its short name.
    pub branch: String,
    /// What is at and below this path; the root: all.
    pub path: Path,
    /// From where on.
    pub since: Since,
    /// Tell also of commits that change nothing there; never of those that change only what the caller
    /// may not read.
    pub every_commit: bool,
    /// Say what changed.
    pub changes: bool,
}

/// Something that happened to a branch.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What.
    pub kind: WatchKind,
    /// Where the branch is now; `None` if it was removed.
    pub commit: Option<Snapshot>,
    /// Where it was.
    pub before: Option<Id>,
    /// What changed, as far as the caller may see it, by path from the root; nothing unless asked for.
    pub changes: Vec<Change>,
    /// More changed than [`Limits::watch_changes`]: ask for the difference.
    ///
    /// [`Limits::watch_changes`]: super::Limits::watch_changes
    pub more: bool,
    /// The place to go on from behind this event.
    pub cursor: Since,
}

/// A watch on a branch, as its caller may see it. Costs no thread while nothing happens, and less than
/// 2 KiB: where it stands is a commit.
pub struct Watching {
    server: Server,
    caller: Caller,
    repo: Arc<OpenRepo>,
    options: WatchOptions,
    feed: Arc<Feed>,
    /// The engine's count of changes after it had come to where it stands.
    looked: u64,
    is_caught_up: bool,
    /// Keeps the hub's thread going.
    _told: signal::Receiver<u64>,
    events: VecDeque<Watched>,
    _counted: Counted,
}

/// Counts a watch until it is dropped.
struct Counted(Server);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics().watchers.sub(1);
    }
}

impl Counted {
    fn new(server: &Server) -> Result<Self> {
        let metrics = server.metrics();
        metrics.watchers.add(1);
        let counted = Self(server.clone());
        if metrics.watchers.get() > server.limits().watchers as u64 {
            return Err(ServiceError::unavailable("too many watches are open", LOOK));
        }
        Ok(counted)
    }
}

impl Server {
    /// Watches a branch. One hop, in which the caller's rights are checked, and that the commit to go on
    /// from is one that it may see.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when the caller may read nothing of the branch, `Gone` when
    /// the commit to go on from is not kept or not to be seen any more, `Unavailable` when too many
    /// watch.
    pub async fn watch(
        &self,
        caller: &Caller,
        repo: &str,
        options: WatchOptions,
    ) -> Result<Watching> {
        let counted = Counted::new(self)?;
        let (repo, mut options, told, feed) = self
            .run(caller, repo, Deadline::never(), move |scope| {
                scope.begin(Verb::Watch, Some(&options.branch))?;
                let hub = &scope.open_repo().hub;
                let told = hub.subscribe()?;
                let feed = hub.feed(scope.branch(&options.branch)?)?;
                let options = scope.settle(options)?;
                Ok((Arc::clone(scope.open_repo()), options, told, feed))
            })
            .await?;
        options.branch.shrink_to_fit();
        Ok(Watching {
            server: self.clone(),
            caller: caller.clone(),
            looked: repo.repo().engine().changes(),
            repo,
            options,
            feed,
            is_caught_up: false,
            _told: told,
            events: VecDeque::new(),
            _counted: counted,
        })
    }
}

impl Scope {
    /// Settles where a watch begins.
    fn settle(&self, options: WatchOptions) -> Result<WatchOptions> {
        let branch = self.branch(&options.branch)?;
        let since = match options.since {
            Since::Now => branch.head_id()?.map_or(Since::Absent, Since::Commit),
            Since::Commit(id) => {
                // What lies between this commit and the next is told: it must be the caller's to see.
                let name = format!("heads/{}", options.branch);
                let seen = self.seen(id, &[name])?;
                let wanted = self.grants().on(&options.branch, Right::Read);
                let covers = |seen: &Snapshot| {
                    wanted
                        .prefixes()
                        .iter()
                        .all(|path| seen.paths().covers(path))
                };
                if !seen.is_some_and(|seen| covers(&seen)) {
                    let gone = irminsule::WatchError::Gone { commit: id };
                    return Err(irminsule::Error::from(gone).into());
                }
                Since::Commit(id)
            }
            since => since,
        };
        Ok(WatchOptions { since, ..options })
    }

    /// Fetches the next events of a watch, at most so many: what it tells, where it stands then, and
    /// whether that is all for now.
    pub(in crate::service) fn look(
        &self,
        options: &WatchOptions,
        events_max: usize,
    ) -> Result<(VecDeque<Watched>, Since, bool)> {
        self.begin(Verb::Watch, Some(&options.branch))?;
        let readable = self.grants().on(&options.branch, Right::Read);
        let mut watch = self
            .branch(&options.branch)?
            .watch(&options.path, options.since)?;
        if options.every_commit {
            watch = watch.every_commit();
        }
        let mut events = VecDeque::new();
        let events_max = events_max.min(EVENTS_PER_HOP);
        for _ in 0..LOOKS_PER_HOP {
            while events.len() < events_max
                && let Some(event) = watch.next(Duration::ZERO)?
            {
                self.check_time()?;
                events.extend(self.watched(&event, options, &readable)?);
            }
            if watch.is_caught_up() || events.len() >= events_max {
                break;
            }
        }
        Ok((events, watch.cursor(), watch.is_caught_up()))
    }

    /// Returns an event as the caller may see it; `None` if there is nothing in it for it to see.
    fn watched(
        &self,
        event: &WatchEvent,
        options: &WatchOptions,
        readable: &PathSet,
    ) -> Result<Option<Watched>> {
        let paths = &readable.within(&options.path);
        let tree = |commit: Option<&irminsule::Commit>| {
            commit.map_or_else(irminsule::Tree::empty, |commit| commit.tree().clone())
        };
        let (old, new) = (tree(event.before()), tree(event.commit()));
        let is_whole = paths.covers(&options.path);
        let is_every_told = options.every_commit
            && (readable.covers(&Path::root()) || differ(&old, &new, readable)?);
        let is_told = is_every_told
            || is_whole
            || event.kind() == WatchKind::Removed
            || differ(&old, &new, paths)?;
        if !is_told {
            return Ok(None);
        }
        let mut changes = match options.changes {
            false => Vec::new(),
            true if is_whole => event.changes()?,
            true => pruned(&old, paths)?.diff(&pruned(&new, paths)?)?,
        };
        let more = changes.len() > self.limits().watch_changes;
        if more {
            changes.clear();
        }
        self.server().metrics().events.add(1);
        let commit = event.commit().cloned();
        Ok(Some(Watched {
            kind: event.kind(),
            commit: commit.map(|commit| self.snapshot_on(&options.branch, commit)),
            before: event.before().map(irminsule::Commit::id),
            changes,
            more,
            cursor: event.cursor(),
        }))
    }
}

impl Watching {
    /// Returns where the watch stands: behind what [`next`](Self::next) returned last.
    #[must_use]
    pub fn cursor(&self) -> Since {
        self.options.since
    }

    /// Tells whether all that has happened was told.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.is_caught_up && self.events.is_empty()
    }

    /// Waits for the next event. Dropped while it waits, nothing is lost.
    ///
    /// A commit to the branch is looked at once for all of its watches; what touches its path costs a
    /// watch a hop, in which the caller's rights are looked at.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Unavailable` when the server stops, `NotFound` when the repository or
    /// the right was taken away, `Gone` when the commit that it stands on was collected. After an error
    /// the watch stands where it stood.
    pub async fn next(&mut self) -> Result<Watched> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let events_max = self.wait().await?;
            let permit = self.server.0.admission.look().await;
            let (server, caller) = (self.server.clone(), self.caller.clone());
            let (repo, options) = (self.repo.name().to_owned(), self.options.clone());
            let looking = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                server.scope(&caller, &repo)?.look(&options, events_max)
            });
            let looked = looking.await.unwrap_or_else(|error| {
                Err(ServiceError::new(
                    ErrorKind::Internal,
                    format!("the watch failed: {error}"),
                ))
            });
            let (events, since, is_caught_up) = looked?;
            self.events = events;
            self.options.since = since;
            self.looked = self.repo.repo().engine().changes();
            self.is_caught_up = is_caught_up;
        }
    }

    /// Waits until there may be something to tell behind where it stands, and passes over what is not;
    /// returns how many events to look for.
    async fn wait(&mut self) -> Result<usize> {
        loop {
            let interest = Interest {
                path: &self.options.path,
                every_commit: self.options.every_commit,
            };
            let told = match self.feed.ask(interest, self.options.since, self.looked) {
                Ask::Look { from, events } => {
                    self.options.since = from;
                    return Ok(events);
                }
                Ask::Wait(told) => told,
                Ask::End => return Err(ended()),
            };
            self.options.since = tokio::select! {
                told = told => told.map_err(|_| ended())?,
                () = self.server.stopping() => return Err(ended()),
            };
        }
    }
}

fn ended() -> ServiceError {
    ServiceError::unavailable("the repository is closed, or the server stops", LOOK)
}

/// A watch on the names that start with a prefix, as its caller may see them. Keeps them in memory.
pub struct NamesWatching {
    server: Server,
    caller: Caller,
    repo: Arc<OpenRepo>,
    prefix: String,
    names: Option<BTreeMap<String, Id>>,
    told: signal::Receiver<u64>,
    _counted: Counted,
}

impl Server {
    /// Watches the names that start with a prefix: `heads/`, `tags/`, or all.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub async fn watch_refs(
        &self,
        caller: &Caller,
        repo: &str,
        prefix: &str,
    ) -> Result<NamesWatching> {
        let counted = Counted::new(self)?;
        let (repo, told) = self
            .run(caller, repo, Deadline::never(), |scope| {
                scope.begin(Verb::WatchRefs, None)?;
                Ok((
                    Arc::clone(scope.open_repo()),
                    scope.open_repo().hub.subscribe()?,
                ))
            })
            .await?;
        Ok(NamesWatching {
            server: self.clone(),
            caller: caller.clone(),
            repo,
            prefix: prefix.to_owned(),
            names: None,
            told,
            _counted: counted,
        })
    }
}

impl NamesWatching {
    /// Waits for the next changes, by name; the first ones are all names that are there, perhaps none.
    /// A name that moved several times meanwhile is told once. Lists all names each time.
    ///
    /// # Errors
    /// As [`Watching::next`].
    pub async fn next(&mut self) -> Result<Vec<NameChange>> {
        loop {
            self.told.borrow_and_update();
            if self.repo.hub.is_stopped() {
                return Err(ended());
            }
            let permit = self.server.0.admission.look().await;
            let (server, caller) = (self.server.clone(), self.caller.clone());
            let (repo, prefix) = (self.repo.name().to_owned(), self.prefix.clone());
            let looking = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                let scope = server.scope(&caller, &repo)?;
                scope.begin(Verb::WatchRefs, None)?;
                Ok(scope.visible().names(&prefix)?)
            });
            let looked = looking.await.unwrap_or_else(|error| {
                Err(ServiceError::new(
                    ErrorKind::Internal,
                    format!("the watch failed: {error}"),
                ))
            });
            let names: BTreeMap<String, Id> = looked?.into_iter().collect();
            let is_first = self.names.is_none();
            let before = self.names.replace(names);
            let changes = differences(&before.unwrap_or_default(), self.names.as_ref());
            if is_first || !changes.is_empty() {
                return Ok(changes);
            }
            tokio::select! {
                changed = self.told.changed() => changed.map_err(|_| ended())?,
                () = self.server.stopping() => return Err(ended()),
            }
        }
    }
}

fn differences(
    before: &BTreeMap<String, Id>,
    after: Option<&BTreeMap<String, Id>>,
) -> Vec<NameChange> {
    let mut changes = BTreeMap::new();
    for (name, &id) in before {
        changes.insert(name, (Some(id), None));
    }
    for (name, &id) in after.into_iter().flatten() {
        changes.entry(name).or_default().1 = Some(id);
    }
    let changes = changes
        .into_iter()
        .filter(|(_, (before, after))| before != after);
    changes
        .map(|(name, (before, after))| NameChange {
            name: name.clone(),
            before,
            after,
        })
        .collect()
}
