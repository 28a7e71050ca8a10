//! Committing.

use irminsule::{Blob, Durability, Id, Mode, Path, View};

use super::view::{ScopedView, check_outside};
use super::{CommitOptions, Committed, Scope, Snapshot};
use crate::service::access::{PathSet, Right};
use crate::service::error::{Details, Result, ServiceError};
use crate::service::requests::{Answer, Begun, Running};
use crate::service::verb::Verb;

impl Scope {
    /// Runs `body` on a view of a branch, as the caller may see and write it, and commits what it
    /// wrote, atomically, under the isolation of the options; see [`irminsule::Branch::transact`].
    /// `body` may run again. A caller who may not write the whole branch pays for a look at what
    /// differs before the commit is made.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `PermissionDenied`; `Conflict` when others kept getting in the way;
    /// what `body` returns; `Unavailable` when the store takes nothing.
    pub fn transact<T>(
        &self,
        branch: &str,
        options: &CommitOptions,
        body: impl FnMut(&mut ScopedView<'_>) -> Result<T>,
    ) -> Result<Committed<T>> {
        self.begin(Verb::Commit, Some(branch))?;
        self.transact_for(branch, options, body)
    }

    /// As [`transact`](Self::transact), if `holds` takes the branch's head (`None`: there is no
    /// branch). It is asked before anything else is done, and again just before the commit is made.
    ///
    /// # Errors
    /// Those of `holds`, and of [`transact`](Self::transact).
    pub fn transact_at<T>(
        &self,
        branch: &str,
        options: &CommitOptions,
        holds: impl Fn(Option<Id>) -> Result<()>,
        mut body: impl FnMut(&mut ScopedView<'_>) -> Result<T>,
    ) -> Result<Committed<T>> {
        self.begin(Verb::Commit, Some(branch))?;
        let look = || holds(self.branch(branch)?.head_id()?);
        self.transact_if(branch, options, &look, |view| {
            look()?;
            body(view)
        })
    }

    /// As [`transact`](Self::transact), as a part of something else.
    pub(in crate::service) fn transact_for<T>(
        &self,
        branch: &str,
        options: &CommitOptions,
        body: impl FnMut(&mut ScopedView<'_>) -> Result<T>,
    ) -> Result<Committed<T>> {
        self.transact_if(branch, options, &|| Ok(()), body)
    }

    /// As [`transact`](Self::transact), and asks `holds` again just before the commit is made: when
    /// the branch moves after that, it is asked once more.
    pub(crate) fn transact_if<T>(
        &self,
        branch: &str,
        options: &CommitOptions,
        holds: &dyn Fn() -> Result<()>,
        mut body: impl FnMut(&mut ScopedView<'_>) -> Result<T>,
    ) -> Result<Committed<T>> {
        let running = match self.begin_request(branch, options)? {
            Ok(running) => running,
            Err(known) => return self.repeated(branch, known),
        };
        let (read, write) = self.rights_on(branch);
        // The core knows its own errors only; ours wait here while it passes on that there is one.
        let mut failed = None;
        let mut refused = None;
        let mut check = |old: &_, new: &_| {
            let checked = check_outside(old, new, &write).and_then(|()| holds());
            checked.map_err(|error| pass_on(&mut refused, error))
        };
        let done = self.branch(branch)?.transact_checked(
            &self.transact_options(options)?,
            &mut check,
            |view: &mut View| {
                self.check_time()
                    .map_err(|error| pass_on(&mut failed, error))?;
                let mut view = ScopedView::new(view, &read, &write);
                body(&mut view).map_err(|error| pass_on(&mut failed, error))
            },
        );
        let done = match done {
            Ok(done) => done,
            Err(error) => return Err(refused.or(failed).unwrap_or_else(|| hidden(error, &read))),
        };
        self.committed(
            branch,
            running,
            done.commit.map(|commit| (commit, done.attempts)),
            Some(done.value),
        )
    }

    /// Keeps the answer to a request and returns it.
    pub(in crate::service) fn committed<T>(
        &self,
        branch: &str,
        running: Option<Running<'_>>,
        made: Option<(irminsule::Commit, u32)>,
        value: Option<T>,
    ) -> Result<Committed<T>> {
        let answer = match &made {
            Some((commit, _)) => Answer::Commit(commit.id()),
            None => Answer::Nothing,
        };
        if let Some(running) = running {
            running.end(answer);
        }
        if made.is_some() {
            self.server().metrics().commits.add(1);
        }
        Ok(Committed {
            value,
            attempts: made.as_ref().map_or(1, |(_, attempts)| *attempts),
            commit: made.map(|(commit, _)| self.snapshot_on(branch, commit)),
            is_repeated: false,
        })
    }

    /// Looks whether the request of these options was done before; the inner error is its answer.
    pub(in crate::service) fn begin_request(
        &self,
        branch: &str,
        options: &CommitOptions,
    ) -> Result<Result<Option<Running<'_>>, Answer>> {
        let Some(key) = &options.request else {
            return Ok(Ok(None));
        };
        let principal = self.caller().principal.as_ref();
        let requests = &self.open_repo().requests;
        match requests.begin(self.repo(), branch, principal, key, self.deadline().at())? {
            Begun::New(running) => Ok(Ok(Some(running))),
            Begun::Known(answer) => Ok(Err(answer)),
        }
    }

    /// Gives the first answer to a request again, once it is as durable as was asked for.
    pub(in crate::service) fn repeated<T>(
        &self,
        branch: &str,
        answer: Answer,
    ) -> Result<Committed<T>> {
        self.server().metrics().repeated.add(1);
        // The first may have been answered before its sync was over.
        self.repo().engine().sync()?;
        let commit = match answer {
            Answer::Nothing | Answer::Lost => None,
            Answer::Commit(id) => Some(self.snapshot_on(branch, self.repo().must_load(id)?)),
        };
        Ok(Committed {
            value: None,
            commit,
            attempts: 0,
            is_repeated: true,
        })
    }

    /// Stores what a reader yields as a value and puts it at a path, in one commit. Memory is bounded
    /// by 2 MiB, whatever its size. For a client's upload take a
    /// [`StreamReader`](crate::service::StreamReader) and
    /// [`run_long`](crate::service::Server::run_long).
    ///
    /// # Errors
    /// As [`transact`](Self::transact); `TooLarge` beyond [`Limits::blob_bytes`]; what the reader
    /// says.
    ///
    /// [`Limits::blob_bytes`]: crate::service::Limits::blob_bytes
    pub fn put_blob(
        &self,
        branch: &str,
        path: &Path,
        mode: Mode,
        reader: &mut dyn std::io::Read,
        options: &CommitOptions,
    ) -> Result<Committed<()>> {
        let blob = self.write_blob(branch, path, mode, reader)?;
        self.transact_for(branch, options, |view| {
            view.set(path, blob.clone()).map(|_| ())
        })
    }

    /// Stores what a reader yields, on its way to a path of a branch: to be put there by a
    /// [`transact`](Self::transact) in the same request. The right is looked at before anything is
    /// read.
    ///
    /// # Errors
    /// As [`put_blob`](Self::put_blob).
    pub fn write_blob(
        &self,
        branch: &str,
        path: &Path,
        mode: Mode,
        reader: &mut dyn std::io::Read,
    ) -> Result<Blob> {
        self.begin(Verb::WriteBlob, Some(branch))?;
        if !self.grants().on(branch, Right::Write).covers(path) {
            return Err(super::view::may_not_write(path));
        }
        let mut limited = Limited {
            reader,
            left: self.limits().blob_bytes,
            is_over: false,
        };
        let blob = Blob::write(&self.repo().objects(), &mut limited);
        if limited.is_over {
            let limit = self.limits().blob_bytes;
            let message = format!("a value has at most {limit} bytes here");
            return Err(ServiceError::new(
                crate::service::ErrorKind::TooLarge,
                message,
            ));
        }
        let blob = blob?;
        self.server().metrics().bytes_in.add(blob.size());
        Ok(blob.with_mode(mode))
    }

    /// Makes all that was committed before durable. One sync, shared with others that wait for one.
    ///
    /// # Errors
    /// [`ServiceError`] when syncing failed.
    pub fn sync(&self) -> Result<()> {
        self.begin(Verb::Sync, None)?;
        Ok(self.repo().engine().sync()?)
    }

    pub(in crate::service) fn rights_on(&self, branch: &str) -> (PathSet, PathSet) {
        (
            self.grants().on(branch, Right::Read),
            self.grants().on(branch, Right::Write),
        )
    }

    pub(in crate::service) fn snapshot_on(
        &self,
        branch: &str,
        commit: irminsule::Commit,
    ) -> Snapshot {
        let paths = self.grants().on(branch, Right::Read);
        Snapshot::new(self.repo(), commit, paths.into())
    }
}

/// Keeps an error of ours and returns one of the core's that ends a transaction; the one that the core
/// tries again by itself stays what it is.
pub(in crate::service) fn pass_on(
    kept: &mut Option<ServiceError>,
    error: ServiceError,
) -> irminsule::Error {
    let passed = match &error.missing {
        Some(id) => irminsule::Error::Missing { id: **id },
        None => irminsule::Error::NestedOutdated,
    };
    *kept = Some(error);
    passed
}

/// Returns an error as somebody may hear of it who may read some paths: without conflicts elsewhere.
pub(in crate::service) fn hidden(error: irminsule::Error, read: &PathSet) -> ServiceError {
    let mut error = ServiceError::from(error);
    if let Details::Conflicts(conflicts) = &mut error.details {
        let all = conflicts.len();
        conflicts.retain(|conflict| read.covers(&conflict.path));
        if conflicts.len() < all {
            error.message = "conflicts with commits made meanwhile".to_owned();
        }
    }
    error
}

/// What may be lost by a change of a name that the caller did not ask more for.
pub(super) const NAMES: Durability = Durability::Sync;

/// A reader that stops at a limit, and says so.
struct Limited<'a> {
    reader: &'a mut dyn std::io::Read,
    left: u64,
    is_over: bool,
}

impl std::io::Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_over = true;
                return Err(std::io::Error::other("too large"));
            }
        }
        Ok(count)
    }
}
