//! The remotes of a repository: short names of URLs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use irmin_core::{BranchName, RefName, RefNameError};

use crate::bundle::sync_dir;

/// The file in the directory of a repository.
const FILE: &str = "remotes";

/// The remotes of a repository, in a text file `remotes` beside its data: a line for each, its name,
/// a space, its URL. They belong to this copy of the repository, so they are not in its tree.
///
/// ```
/// use irminsule::Remotes;
/// let dir = tempfile::tempdir()?;
/// let mut remotes = Remotes::load(dir.path())?;
/// assert!(remotes.set("origin", "pack:/srv/data")?.is_none());
/// remotes.save()?;
/// assert_eq!(Remotes::load(dir.path())?.url("origin"), Some("pack:/srv/data"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Remotes {
    path: PathBuf,
    list: Vec<(String, String)>,
}

/// What is wrong with a repository's remotes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemotesError {
    /// The file cannot be read or written.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried: "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of the file is no name and URL.
    #[error("line {line} of '{}' is not a name, a space and a URL", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A name breaks the rules.
    #[error(transparent)]
    Name(#[from] RefNameError),
    /// A URL has a line break in it, or nothing.
    #[error("'{}' cannot be the URL of a remote", url.escape_debug())]
    Url {
        /// The text.
        url: String,
    },
}

impl Remotes {
    /// Reads the remotes of the repository in a directory; none if there is no file.
    ///
    /// # Errors
    /// [`RemotesError::Io`], [`RemotesError::Line`].
    pub fn load(dir: &Path) -> Result<Self, RemotesError> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|source| failed("read", &path, source))?,
        };
        let mut list = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let pair = line.split_once(' ').filter(|(_, url)| !url.is_empty());
            let (name, url) = pair.ok_or_else(|| RemotesError::Line {
                path: path.clone(),
                line: number + 1,
            })?;
            list.push((name.to_owned(), url.to_owned()));
        }
        Ok(Self { path, list })
    }

    /// Writes the file anew: under another name first, synced, renamed. Two syncs.
    ///
    /// # Errors
    /// [`RemotesError::Io`]; the file is the old one then.
    pub fn save(&self) -> Result<(), RemotesError> {
        let lines = self
            .list
            .iter()
            .map(|(name, url)| format!("{name} {url}\n"));
        let text: String = lines.collect();
        write_whole(&self.path, text.as_bytes()).map_err(|error| failed("write", &self.path, error))
    }

    /// Returns names and URLs, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(name, url)| (&**name, &**url))
    }

    /// Returns the URL of a remote.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<&str> {
        let found = self.list.iter().find(|(other, _)| other == name);
        found.map(|(_, url)| &**url)
    }

    /// Adds a remote, or gives it another URL; returns the one that it had.
    ///
    /// # Errors
    /// [`RemotesError::Name`], [`RemotesError::Url`].
    pub fn set(&mut self, name: &str, url: &str) -> Result<Option<String>, RemotesError> {
        RefName::remote(name, &BranchName::new("main")?)?;
        if url.is_empty() || url.contains(['\n', '\r']) {
            return Err(RemotesError::Url { url: url.into() });
        }
        let old = self.remove(name);
        self.list.push((name.to_owned(), url.to_owned()));
        self.list.sort();
        Ok(old)
    }

    /// Removes a remote and returns its URL.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.list.iter().position(|(other, _)| other == name)?;
        Some(self.list.remove(at).1)
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> RemotesError {
    RemotesError::Io {
        action,
        path: path.into(),
        source,
    }
}

/// Writes a small file, all or nothing.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_are_kept_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut remotes = Remotes::load(dir.path()).unwrap();
        assert_eq!(remotes.iter().count(), 0);
        remotes.set("z", "pack:/with a space").unwrap();
        remotes.set("a", "x").unwrap();
        assert_eq!(remotes.set("a", "y").unwrap().as_deref(), Some("x"));
        remotes.save().unwrap();
        let remotes = Remotes::load(dir.path()).unwrap();
        let list: Vec<_> = remotes.iter().collect();
        assert_eq!(list, [("a", "y"), ("z", "pack:/with a space")]);
    }

    #[test]
    fn what_would_not_read_back_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut remotes = Remotes::load(dir.path()).unwrap();
        for (name, url) in [
            ("a b", "x"),
            ("a/b", "x"),
            ("", "x"),
            ("a", ""),
            ("a", "x\ny"),
        ] {
            assert!(remotes.set(name, url).is_err(), "{name} {url}");
        }
        fs::write(dir.path().join(FILE), "a x\nb\n").unwrap();
        let error = Remotes::load(dir.path()).unwrap_err();
        assert!(error.to_string().starts_with("line 2 of '"), "{error}");
    }
}
