//! What import and export share: the names that stay apart, and what goes wrong with files.

use std::io;
use std::path::{Path, PathBuf};

use irminsule::{Repo, Step, Url};

use crate::failure::Failure;
use crate::quote::quote;

/// Tells whether a name belongs to a version control system or to this program: it is neither
/// imported nor removed by an import, nor written by an export.
pub(crate) fn stays_apart(name: &[u8]) -> bool {
    matches!(name, b".git" | b".irmin")
}

/// Returns the directory where a repository lives, with nothing symbolic in it.
pub(crate) fn home(repo: &Repo) -> Option<PathBuf> {
    let url: Url = repo.engine().url().parse().ok()?;
    url.dir()?.canonicalize().ok()
}

/// Makes a step of a file's name.
pub(crate) fn step_of(name: &[u8], path: &Path) -> Result<Step, FilesError> {
    let named = Step::new(name).map_err(|error| Failure::from(error).at(show(path)));
    Ok(named?)
}

/// What can go wrong between a tree and a directory of files.
#[derive(Debug)]
pub(crate) enum FilesError {
    /// The system refused to do something with a file.
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else, as the user is told.
    Other(Failure),
}

impl FilesError {
    /// Returns a function that names the file in an error of the system.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

impl From<irminsule::Error> for FilesError {
    fn from(error: irminsule::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<Failure> for FilesError {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Io {
                action,
                path,
                source,
            } => Self::file(action, &path, &source),
            FilesError::Other(failure) => failure,
        }
    }
}

/// Writes the name of a file for people.
pub(crate) fn show(path: &Path) -> String {
    quote(path.as_os_str().as_encoded_bytes())
}

/// The error for what should be a directory and is none.
pub(crate) fn not_a_directory(path: &Path) -> Failure {
    Failure::new(format!("'{}' is not a directory", show(path)))
        .hint("'irmin set PATH --file FILE' and 'irmin get PATH' are for single files")
}
