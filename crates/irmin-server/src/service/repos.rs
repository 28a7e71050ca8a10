//! The repositories of a server: each a directory below the data directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use irminsule::{BranchName, Env, Repo, StoreError};

use super::error::{ErrorKind, Result, ServiceError};
use super::hub::Hub;
use super::lock::lock;
use super::requests::Requests;

/// Where repositories live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Each in a directory of its own below this one.
    Dir(PathBuf),
    /// In memory: for tests and demonstrations.
    Memory,
}

/// What directories of dropped repositories are called while they are deleted. No repository's name
/// starts with a dot.
const DROPPED: &str = ".dropped-";

/// Names in the data directory that are no repositories, and what lies beside those files.
const RESERVED: [&str; 2] = ["tokens.json", "audit.log"];

/// A repository that is open, with what its requests share.
pub struct OpenRepo {
    name: String,
    repo: Repo,
    pub(crate) requests: Requests,
    pub(crate) hub: Arc<Hub>,
    dropped: AtomicBool,
}

impl OpenRepo {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the repository itself, which knows nothing of rights.
    pub(crate) const fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Tells whether it was dropped since it was opened.
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }
}

type Slot = Arc<Mutex<Option<Arc<OpenRepo>>>>;

/// The repositories of a server, opened when they are first asked for and kept open.
pub struct Repos {
    data: Data,
    env: Env,
    answers: usize,
    slots: Mutex<BTreeMap<String, Slot>>,
    dropped: AtomicU64,
}

impl Repos {
    /// Looks at the data directory, makes it if it is not there, and deletes what is left of
    /// repositories that were dropped.
    ///
    /// # Errors
    /// [`ServiceError`] when the directory cannot be read or made.
    pub fn open(data: Data, env: Env, answers: usize) -> Result<Self> {
        let mut slots = BTreeMap::new();
        if let Data::Dir(dir) = &data {
            fs::create_dir_all(dir).map_err(|error| failure("make", dir, &error))?;
            for name in names(dir)? {
                if name.starts_with(DROPPED) {
                    let rest = dir.join(&name);
                    fs::remove_dir_all(&rest).map_err(|error| failure("delete", &rest, &error))?;
                } else if check_name(&name).is_ok() {
                    slots.insert(name, Slot::default());
                }
            }
        }
        Ok(Self {
            data,
            env,
            answers,
            slots: Mutex::new(slots),
            dropped: AtomicU64::new(0),
        })
    }

    /// Lists the names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.slots().keys().cloned().collect()
    }

    /// Returns a repository, and opens it when it is asked for the first time: 3 ms, and after a
    /// crash a scan of at most 64 MiB.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is none; what the engine says.
    pub fn get(&self, name: &str) -> Result<Arc<OpenRepo>> {
        let slot = self.slots().get(name).cloned();
        let slot = slot.ok_or_else(|| no_repo(name))?;
        let mut open = lock(&slot);
        if let Some(open) = &*open {
            return Ok(Arc::clone(open));
        }
        if !self.slots().contains_key(name) {
            return Err(no_repo(name));
        }
        let repo = match &self.data {
            Data::Memory => irminsule::open("mem:")?,
            Data::Dir(dir) => irminsule::open(&url(&dir.join(name)))?,
        };
        Ok(Arc::clone(open.insert(self.opened(name, &repo))))
    }

    /// Makes a new repository. Some syncs.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` for a bad name, `Conflict` when there is one already.
    pub fn create(&self, name: &str) -> Result<Arc<OpenRepo>> {
        check_name(name)?;
        let taken = || {
            ServiceError::new(
                ErrorKind::Conflict,
                format!("there is a repository '{name}' already"),
            )
        };
        let slot = {
            let mut slots = self.slots();
            if slots.contains_key(name) {
                return Err(taken());
            }
            Arc::clone(slots.entry(name.to_owned()).or_default())
        };
        let mut open = lock(&slot);
        let made = match &self.data {
            Data::Memory => irminsule::create("mem:"),
            Data::Dir(dir) => irminsule::create(&url(&dir.join(name))),
        };
        match made {
            Ok(repo) => Ok(Arc::clone(open.insert(self.opened(name, &repo)))),
            Err(irminsule::OpenError::Store(StoreError::AlreadyExists { .. })) => Err(taken()),
            Err(error) => {
                self.slots().remove(name);
                Err(error.into())
            }
        }
    }

    /// Removes a repository with all that is in it: it is gone at once, also for requests that run
    /// there, whose next step fails; its files are deleted then.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound`; when the directory cannot be renamed or deleted.
    pub fn drop_repo(&self, name: &str) -> Result<()> {
        let slot = self.slots().remove(name).ok_or_else(|| no_repo(name))?;
        if let Some(open) = lock(&slot).take() {
            open.dropped.store(true, Ordering::Release);
            open.hub.stop();
        }
        let Data::Dir(dir) = &self.data else {
            return Ok(());
        };
        let number = self.dropped.fetch_add(1, Ordering::Relaxed);
        let (from, to) = (
            dir.join(name),
            dir.join(format!("{DROPPED}{number}-{name}")),
        );
        fs::rename(&from, &to).map_err(|error| failure("rename", &from, &error))?;
        fs::remove_dir_all(&to).map_err(|error| failure("delete", &to, &error))
    }

    /// Returns those that are open, with their names: for metrics.
    #[must_use]
    pub fn opened_now(&self) -> Vec<Arc<OpenRepo>> {
        let slots: Vec<Slot> = self.slots().values().cloned().collect();
        // One that is being opened just now is not there yet.
        let open = slots
            .iter()
            .filter_map(|slot| slot.try_lock().ok()?.clone());
        open.collect()
    }

    /// Returns figures about the engines that are open, by name: for metrics. Reads no object.
    ///
    /// # Errors
    /// [`ServiceError`] when an index cannot be read.
    pub fn stats(&self) -> Result<Vec<(String, irminsule::StoreStats)>> {
        let open = self.opened_now();
        let stats = open
            .iter()
            .map(|open| Ok((open.name.clone(), open.repo.engine().stats()?)));
        stats.collect()
    }

    /// Closes all, and makes durable what was committed with less than that. Requests that run keep
    /// theirs open until they end.
    ///
    /// # Errors
    /// The first [`ServiceError`] of an engine that cannot sync.
    pub fn close(&self) -> Result<()> {
        let slots = std::mem::take(&mut *self.slots());
        let mut done = Ok(());
        for slot in slots.values() {
            if let Some(open) = lock(slot).take() {
                open.hub.stop_and_wait();
                done = done.and(open.repo.engine().sync());
            }
        }
        Ok(done?)
    }

    fn opened(&self, name: &str, repo: &Repo) -> Arc<OpenRepo> {
        let repo = Repo::new(Arc::clone(repo.engine()), self.env.clone());
        Arc::new(OpenRepo {
            name: name.to_owned(),
            hub: Hub::new(Arc::clone(repo.engine())),
            repo,
            requests: Requests::new(self.answers),
            dropped: AtomicBool::new(false),
        })
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        lock(&self.slots)
    }
}

/// Checks the name of a repository: as that of a branch, in one part.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let reserved = RESERVED.iter().any(|file| name.starts_with(file));
    let reason = match BranchName::new(name) {
        Err(error) => error.reason,
        Ok(_) if name.contains('/') => "it cannot contain '/'",
        Ok(_) if reserved => "the server has a file that is called so",
        Ok(_) if name.len() > 200 => "it has at most 200 bytes",
        Ok(_) => return Ok(()),
    };
    let name = name.escape_debug();
    Err(ServiceError::invalid(format!(
        "'{name}' cannot be a repository: {reason}"
    )))
}

pub(crate) fn no_repo(name: &str) -> ServiceError {
    ServiceError::not_found(format!("there is no repository '{}'", name.escape_debug()))
}

/// Lists the directories in a directory.
fn names(dir: &FilePath) -> Result<Vec<String>> {
    let unreadable = |error: io::Error| failure("read", dir, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

fn url(dir: &FilePath) -> String {
    format!("pack:{}", dir.display())
}

fn failure(action: &str, path: &FilePath, error: &io::Error) -> ServiceError {
    let path = path.display();
    ServiceError::new(
        ErrorKind::Unavailable,
        format!("cannot {action} '{path}': {error}"),
    )
}
