//! Making a repository from another one.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use irmin_core::sync::{CopyProgress, FetchOptions, Fetched};
use irmin_core::{BranchName, Engine, Env, Error, ErrorKind, Repo, StoreError};

use crate::bundle::sync_dir;
use crate::remotes::{Remotes, RemotesError, write_whole};
use crate::url::{OpenError, Url};

/// The remote that a clone comes from.
pub const ORIGIN: &str = "origin";
/// The file that marks a clone that is not finished: the URL that it comes from.
const MARKER: &str = "clone";
/// The branch that is worked on if the source has it.
const MAIN: &str = "main";

/// What to clone, and how.
#[derive(Clone, Debug, Default)]
pub struct CloneOptions {
    /// The branch to work on: `None` for `main`, or the first one if the source has no `main`.
    pub branch: Option<BranchName>,
    /// What to fetch.
    pub fetch: FetchOptions,
}

/// A new repository and where it came from.
#[derive(Debug)]
pub struct Cloned {
    /// The repository.
    pub repo: Repo,
    /// Its branch; `None` if the source has none.
    pub branch: Option<BranchName>,
    /// What was fetched.
    pub fetched: Fetched,
    /// Whether an earlier clone was gone on with.
    pub is_resumed: bool,
}

/// Why there is no clone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloneError {
    /// One of the stores cannot be opened or made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The transfer failed.
    #[error(transparent)]
    Transfer(#[from] Error),
    /// The remote cannot be noted.
    #[error(transparent)]
    Remotes(#[from] RemotesError),
    /// An unfinished clone of another source is in the way.
    #[error("'{}' is an unfinished clone of {of}", path.display())]
    OfAnother {
        /// The directory.
        path: PathBuf,
        /// What it was to be a clone of.
        of: String,
    },
}

/// Clones what is in `source`, which is known as `url`, into a new repository in the directory of
/// `target`: fetches all as the remote [`ORIGIN`], makes one branch, and notes the remote.
///
/// A clone that is cut short, also by the death of the process, leaves a file `clone` in the
/// directory; the same call goes on with it then. One that cannot work, because the source is damaged
/// or has no such branch, leaves nothing.
///
/// # Errors
/// [`CloneError`].
pub fn clone(
    source: &dyn Engine,
    url: &str,
    target: &Url,
    env: Env,
    options: &CloneOptions,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<Cloned, CloneError> {
    let Some(dir) = target.dir() else {
        let engine = target.create()?;
        return fill(Repo::new(engine, env), source, options, progress);
    };
    let start = begin(dir, url)?;
    let engine = match target.open() {
        // Nothing came before the store, so nothing is lost with what there is of it.
        Err(OpenError::Store(StoreError::NotFound { .. })) => {
            restart(dir, url)?;
            target.create()
        }
        other => other,
    }?;
    match fill(Repo::new(engine, env), source, options, progress) {
        Ok(cloned) => {
            finish(dir, url)?;
            Ok(Cloned {
                is_resumed: start.is_resumed,
                ..cloned
            })
        }
        Err(error) => {
            if !start.is_resumed && !is_worth_resuming(&error) {
                start.undo(dir);
            }
            Err(error)
        }
    }
}

/// What was there before a clone began.
struct Start {
    is_resumed: bool,
    /// The directories that were made for it, from below.
    made: Vec<PathBuf>,
}

impl Start {
    /// Removes what was made a moment ago. The failure before it is the one to tell.
    fn undo(self, dir: &Path) {
        let _ = fs::remove_dir_all(dir);
        for dir in self.made {
            // Somebody may have put something there.
            let _ = fs::remove_dir(dir);
        }
    }
}

/// Returns the URL that a clone into the store in `dir` comes from, if it was begun and is not
/// finished: until then [`clone`] goes on with it, and names are not there yet. Reads one file.
#[must_use]
pub fn unfinished_clone(dir: &Path) -> Option<String> {
    let of = fs::read_to_string(dir.join(MARKER)).ok()?;
    Some(of.trim_end().to_owned())
}

/// Makes the directory and marks it as an unfinished clone, if it is not one.
fn begin(dir: &Path, url: &str) -> Result<Start, CloneError> {
    let io = |source| OpenError::Store(io_error("create", dir, source));
    match fs::read_to_string(dir.join(MARKER)) {
        Ok(of) if of.trim_end() == url => Ok(Start {
            is_resumed: true,
            made: Vec::new(),
        }),
        Ok(of) => Err(CloneError::OfAnother {
            path: dir.into(),
            of: of.trim_end().into(),
        }),
        Err(_) => {
            let is_used = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
            if is_used {
                let path = dir.into();
                return Err(OpenError::Store(StoreError::AlreadyExists { path }).into());
            }
            let missing = dir.ancestors().skip(1);
            let missing = missing.take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists());
            let made = missing.map(Path::to_path_buf).collect();
            fs::create_dir_all(dir).map_err(io)?;
            mark(dir, url)?;
            Ok(Start {
                is_resumed: false,
                made,
            })
        }
    }
}

/// Leaves nothing in the directory but the mark.
fn restart(dir: &Path, url: &str) -> Result<(), CloneError> {
    fs::remove_dir_all(dir)
        .and_then(|()| fs::create_dir_all(dir))
        .map_err(|source| OpenError::Store(io_error("create", dir, source)))?;
    mark(dir, url)
}

fn mark(dir: &Path, url: &str) -> Result<(), CloneError> {
    let marker = dir.join(MARKER);
    write_whole(&marker, format!("{url}\n").as_bytes())
        .map_err(|source| OpenError::Store(io_error("write", &marker, source)).into())
}

/// Notes the remote, and that the clone is complete.
fn finish(dir: &Path, url: &str) -> Result<(), CloneError> {
    let mut remotes = Remotes::load(dir)?;
    remotes.set(ORIGIN, url)?;
    remotes.save()?;
    let marker = dir.join(MARKER);
    fs::remove_file(&marker)
        .and_then(|()| sync_dir(&marker))
        .map_err(|source| OpenError::Store(io_error("remove", &marker, source)).into())
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.into(),
        offset: None,
        source,
    }
}

/// Tells whether the same call may work later.
fn is_worth_resuming(error: &CloneError) -> bool {
    match error {
        CloneError::Transfer(error) => {
            !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt)
        }
        _ => true,
    }
}

/// Fetches, and makes the branch.
fn fill(
    repo: Repo,
    source: &dyn Engine,
    options: &CloneOptions,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<Cloned, CloneError> {
    let mut fetch = options.fetch.clone();
    if let (Some(branch), false) = (&options.branch, fetch.branches.is_empty()) {
        fetch.branches.push(branch.clone());
    }
    let fetched = repo.fetch(source, ORIGIN, &fetch, progress)?;
    let chosen = match &options.branch {
        Some(name) => {
            let found = fetched.branches.iter().find(|(branch, _)| branch == name);
            Some(found.ok_or_else(|| Error::NoBranch { name: name.clone() })?)
        }
        None => {
            let branches = &fetched.branches;
            let main = branches.iter().find(|(branch, _)| branch.as_str() == MAIN);
            main.or(branches.first())
        }
    };
    if let Some((name, head)) = chosen {
        let branch = repo.branch(name.as_str())?;
        if branch.head_id()?.is_none() {
            branch.reset(&repo.must_load(*head)?)?;
        }
    }
    Ok(Cloned {
        branch: chosen.map(|(name, _)| name.clone()),
        repo,
        fetched,
        is_resumed: false,
    })
}

#[cfg(test)]
mod tests;
