//! Visiting a tree of any size with little memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use irminsule::{Blob, Entry, Result, Step, Tree};

use crate::files::stays_apart;

/// How many entries of a directory are looked at together.
const PAGE: usize = 1024;

/// The entries of a tree with the paths of their files, directories before what is in them.
///
/// Lists each directory page by page and forgets what it loaded for a page before the next:
/// memory is bounded by a page for each directory on the way.
pub(super) struct FileWalk {
    levels: Vec<Level>,
}

/// An entry and where it belongs.
pub(super) enum Found {
    Dir(PathBuf),
    File(PathBuf, Blob),
    /// What is not written.
    Apart(PathBuf),
}

struct Level {
    path: PathBuf,
    dir: Tree,
    page: std::vec::IntoIter<(Step, Entry)>,
    next: Next,
}

/// What comes after a page.
enum Next {
    First,
    After(Step),
    Nothing,
}

impl Level {
    /// A directory before its first page.
    fn before(path: PathBuf, dir: &Tree) -> Self {
        Self {
            path,
            dir: dir.unloaded(),
            page: Vec::new().into_iter(),
            next: Next::First,
        }
    }

    /// Goes on to the next page; `false` if there is none.
    fn turn(&mut self) -> Result<bool> {
        let after = match &self.next {
            Next::First => None,
            Next::After(step) => Some(step),
            Next::Nothing => return Ok(false),
        };
        let page = self.dir.unloaded().list(after, PAGE)?;
        self.next = match page.last() {
            Some((last, _)) if page.len() == PAGE => Next::After(last.clone()),
            _ => Next::Nothing,
        };
        self.page = page.into_iter();
        Ok(true)
    }
}

impl FileWalk {
    pub(super) fn new(tree: &Tree, dir: &Path) -> Self {
        Self {
            levels: vec![Level::before(dir.to_owned(), tree)],
        }
    }

    fn advance(&mut self) -> Result<Option<Found>> {
        while let Some(level) = self.levels.last_mut() {
            let Some((name, entry)) = level.page.next() else {
                if !level.turn()? {
                    self.levels.pop();
                }
                continue;
            };
            let path = level.path.join(OsStr::from_bytes(name.as_bytes()));
            if stays_apart(name.as_bytes()) {
                return Ok(Some(Found::Apart(path)));
            }
            return Ok(Some(match entry {
                Entry::Blob(blob) => Found::File(path, blob),
                Entry::Tree(tree) => {
                    self.levels.push(Level::before(path.clone(), &tree));
                    Found::Dir(path)
                }
            }));
        }
        Ok(None)
    }
}

impl Iterator for FileWalk {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.advance();
        if found.is_err() {
            self.levels.clear();
        }
        found.transpose()
    }
}
