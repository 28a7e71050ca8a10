//! A transaction in one request: what must be so, and what to write.

use irminsule::{Blob, Entry, Id, Mode, Path};

use super::view::ScopedView;
use super::{CommitOptions, Committed, Scope, Snapshot};
use crate::service::error::{Details, ErrorKind, Result, ServiceError};
use crate::service::requests::RequestKey;
use crate::service::verb::Verb;

/// Something that must be so for a transaction to do anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The branch points to this commit; `None`: it does not exist. It still must when the commit is
    /// made.
    Head(Option<Id>),
    /// There is nothing at the path.
    Absent(Path),
    /// There is something at the path.
    Present(Path),
    /// A value or a directory with this id is at the path.
    Id(Path, Id),
    /// A value with these bytes is at the path.
    Bytes(Path, Vec<u8>),
}

/// Something to write.
#[derive(Clone, Debug)]
pub enum Write {
    /// Put a value at the path.
    Set {
        /// Where.
        path: Path,
        /// What.
        bytes: bytes::Bytes,
        /// What kind of value.
        mode: Mode,
    },
    /// Put a value that was stored in the same request at the path.
    Put {
        /// Where.
        path: Path,
        /// What: of [`Scope::write_blob`].
        blob: Blob,
    },
    /// Put a value or a directory that the repository has at the path.
    Graft {
        /// Where.
        path: Path,
        /// A revision that has it.
        revision: String,
        /// Where in that.
        from: Path,
    },
    /// Remove what is at the path and below; nothing there is fine.
    Remove(Path),
}

/// A transaction in one request.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// What must be so.
    pub preconditions: Vec<Precondition>,
    /// What is written, in order.
    pub writes: Vec<Write>,
}

impl Transaction {
    /// Returns a hash of all that is asked for: what a [`RequestKey`] takes.
    #[must_use]
    pub fn digest(&self, branch: &str, message: &str) -> Id {
        // The derived text of a value says all of it, and quotes what is the client's.
        let text = format!("{branch:?} {message:?} {self:?}");
        Id::of(text.as_bytes())
    }

    /// Makes the key of the request of this transaction.
    ///
    /// # Errors
    /// As [`RequestKey::new`].
    pub fn key(&self, key: &str, branch: &str, message: &str) -> Result<RequestKey> {
        RequestKey::new(key, self.digest(branch, message))
    }
}

impl Scope {
    /// Commits writes to a branch if preconditions hold, all or nothing. One look at each path, and
    /// one commit.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Conflict` with [`Details::Precondition`] when one does not hold;
    /// `TooLarge` for more of either than [`Limits::paths`]; as [`transact`](Self::transact).
    ///
    /// [`Limits::paths`]: crate::service::Limits::paths
    pub fn apply(
        &self,
        branch: &str,
        transaction: &Transaction,
        options: &CommitOptions,
    ) -> Result<Committed<()>> {
        self.begin(Verb::Commit, Some(branch))?;
        let count = transaction.writes.len() + transaction.preconditions.len();
        self.check_count("writes and preconditions", count, self.limits().paths)?;
        let mut grafts = None;
        let heads = || {
            for (index, precondition) in transaction.preconditions.iter().enumerate() {
                self.hold_head(branch, index, precondition)?;
            }
            Ok(())
        };
        self.transact_if(branch, options, &heads, |view| {
            for (index, precondition) in transaction.preconditions.iter().enumerate() {
                self.hold_to(branch, view, index, precondition)?;
            }
            // Not before: a request that was done is answered again, though a revision may be gone.
            let grafts = match &grafts {
                Some(grafts) => grafts,
                None => grafts.insert(self.grafts(&transaction.writes)?),
            };
            let mut grafts = grafts.iter();
            for write in &transaction.writes {
                write_one(view, write, &mut grafts)?;
            }
            Ok(())
        })
    }

    /// Finds what is grafted, in order.
    pub(crate) fn grafts(&self, writes: &[Write]) -> Result<Vec<Option<Entry>>> {
        let mut found = Vec::new();
        for write in writes {
            if let Write::Graft { revision, from, .. } = write {
                let source: Snapshot = self.resolve_for(revision)?;
                found.push(source.tree()?.get(from)?);
            }
        }
        Ok(found)
    }

    fn hold_to(
        &self,
        branch: &str,
        view: &ScopedView<'_>,
        index: usize,
        precondition: &Precondition,
    ) -> Result<()> {
        let (holds, found) = match precondition {
            Precondition::Head(_) => return self.hold_head(branch, index, precondition),
            Precondition::Absent(path) => match view.kind(path)? {
                None => (true, None),
                Some(_) => (false, id_at(view, path)?),
            },
            Precondition::Present(path) => (view.kind(path)?.is_some(), None),
            Precondition::Id(path, expected) => {
                let found = id_at(view, path)?;
                (found == Some(*expected), found)
            }
            Precondition::Bytes(path, expected) => {
                let blob = view.get_blob(path)?;
                let bytes = blob.as_ref().map(Blob::bytes).transpose()?;
                let holds = bytes.is_some_and(|bytes| bytes == expected[..]);
                (holds, blob.map(|blob| blob.id()))
            }
        };
        match holds {
            true => Ok(()),
            false => Err(failed(index, precondition, found)),
        }
    }
}

impl Scope {
    /// Looks where the branch points, if that matters: also just before the commit is made.
    fn hold_head(&self, branch: &str, index: usize, precondition: &Precondition) -> Result<()> {
        let Precondition::Head(expected) = precondition else {
            return Ok(());
        };
        let head = self.branch(branch)?.head_id()?;
        match head == *expected {
            true => Ok(()),
            false => Err(failed(index, precondition, head)),
        }
    }
}

fn id_at(view: &ScopedView<'_>, path: &Path) -> Result<Option<Id>> {
    Ok(view.find(path)?.map(|entry| entry.id()).transpose()?)
}

fn failed(index: usize, precondition: &Precondition, found: Option<Id>) -> ServiceError {
    let what = match precondition {
        Precondition::Head(None) => "the branch exists".to_owned(),
        Precondition::Head(Some(id)) => format!("the branch is not at commit {}", id.short()),
        Precondition::Absent(path) => format!("there is something at '{path}'"),
        Precondition::Present(path) => format!("there is nothing at '{path}'"),
        Precondition::Id(path, _) | Precondition::Bytes(path, _) => {
            format!("something else is at '{path}'")
        }
    };
    let message = format!("precondition {index} does not hold: {what}; nothing was changed");
    ServiceError::new(ErrorKind::Conflict, message).with(Details::Precondition { index, found })
}

/// Does one write; `grafts` yields what those of this kind put, in order.
pub(crate) fn write_one<'a>(
    view: &mut ScopedView<'_>,
    write: &Write,
    grafts: &mut impl Iterator<Item = &'a Option<Entry>>,
) -> Result<()> {
    match write {
        Write::Set { path, bytes, mode } => {
            view.set(path, Blob::new(bytes.clone()).with_mode(*mode))?;
        }
        Write::Put { path, blob } => {
            view.set(path, blob.clone())?;
        }
        Write::Graft { path, from, .. } => match grafts.next().cloned().flatten() {
            Some(entry) => {
                view.set(path, entry)?;
            }
            None => {
                let message = format!("there is nothing at '{from}' to put at '{path}'");
                return Err(ServiceError::not_found(message));
            }
        },
        Write::Remove(path) => {
            view.remove(path)?;
        }
    }
    Ok(())
}
