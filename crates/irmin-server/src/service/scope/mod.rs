//! A repository as one caller may see it.

mod admin;
mod fetch;
mod give;
mod history;
mod merge;
mod names;
mod objects;
mod options;
mod prune;
mod read;
mod receive;
mod resolve;
mod snapshot;
mod transaction;
mod veil;
mod view;
mod visible;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use irminsule::{Branch, BranchName, Repo};

use super::access::{Caller, Grants, PathSet, Right};
use super::error::{ErrorKind, Result, ServiceError};
use super::hop::Deadline;
use super::limits::Limits;
use super::repos::{OpenRepo, no_repo};
use super::server::Server;
use super::verb::{Needs, Verb};

pub use give::{Around, Outgoing};
pub use history::{LogPage, LogRequest};
pub use merge::{MergeAnswer, MergeRequest, Settlement};
pub use names::Expected;
pub use options::{CommitOptions, Committed};
pub(super) use prune::{differ, pruned};
pub use read::{Cursor, Page};
pub use receive::NewObject;
pub use snapshot::Snapshot;
pub(super) use transaction::write_one;
pub use transaction::{Precondition, Transaction, Write};
pub use view::ScopedView;
pub(super) use view::check_outside;
pub(super) use write::{hidden, pass_on};

/// What a request asks for, for metrics and the audit log, and of which branch.
type Asked = (Verb, Option<String>);

/// A repository as one caller may see it: rights are enforced here and nowhere else.
///
/// What the caller may not read is absent: trees are pruned to what it may, branches of which it may
/// read nothing are not there, and commits that change nothing that it may read are passed over.
/// What it may not write is refused before anything is looked up. Methods block; get one on a thread
/// that may from [`Server::run`](super::Server::run). Cheap to clone; clones are of one request.
#[derive(Clone)]
pub struct Scope {
    server: Server,
    repo: Arc<OpenRepo>,
    caller: Caller,
    grants: Grants,
    deadline: Deadline,
    noted: Arc<Mutex<Option<Asked>>>,
}

impl Scope {
    pub(super) fn open(
        server: &Server,
        caller: &Caller,
        repo: &str,
        deadline: Deadline,
    ) -> Result<Self> {
        let grants = server.access().grants(caller, repo);
        if grants.is_empty() {
            // Whether it exists is nothing that the caller may know.
            return Err(no_repo(repo));
        }
        Ok(Self {
            repo: server.repos().get(repo)?,
            server: server.clone(),
            caller: caller.clone(),
            grants,
            deadline,
            noted: Arc::default(),
        })
    }

    /// Returns who asks.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the name of the repository.
    #[must_use]
    pub fn repo_name(&self) -> &str {
        self.repo.name()
    }

    /// Returns the server's limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.server.limits()
    }

    /// Fails when the request's time is over: to be asked in long loops.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `DeadlineExceeded`.
    pub fn check_time(&self) -> Result<()> {
        self.deadline.check()
    }

    /// Tells whether the caller has a right on all of a branch; on another name, by its full one.
    #[must_use]
    pub fn may(&self, branch: &str, right: Right) -> bool {
        self.grants.on(branch, right).is_all()
    }

    /// Returns the paths on which the caller has a right on a branch.
    #[must_use]
    pub fn paths(&self, branch: &str, right: Right) -> PathSet {
        self.grants.on(branch, right)
    }

    /// Tells whether the caller has a right on all of the repository.
    #[must_use]
    pub fn may_in_repo(&self, right: Right) -> bool {
        self.grants.on_repo(right)
    }

    pub(in crate::service) fn repo(&self) -> &Repo {
        self.repo.repo()
    }

    pub(in crate::service) const fn open_repo(&self) -> &Arc<OpenRepo> {
        &self.repo
    }

    pub(in crate::service) const fn server(&self) -> &Server {
        &self.server
    }

    pub(in crate::service) const fn grants(&self) -> &Grants {
        &self.grants
    }

    pub(crate) const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Returns what was asked, for metrics and the audit log: the first verb, or the first one that
    /// writes.
    pub(super) fn noted(&self) -> Asked {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.clone().unwrap_or((Verb::Resolve, None))
    }

    /// Every method begins so: notes what is asked, and refuses what the caller may not, before
    /// anything is looked up.
    pub(in crate::service) fn begin(&self, verb: Verb, name: Option<&str>) -> Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = match &*noted {
            None => true,
            Some((before, _)) => verb.is_write() && !before.is_write(),
        };
        if is_first {
            *noted = Some((verb, name.map(str::to_owned)));
        }
        drop(noted);
        self.deadline.check()?;
        if self.repo.is_dropped() {
            return Err(no_repo(self.repo.name()));
        }
        self.check(verb, name)
    }

    fn check(&self, verb: Verb, name: Option<&str>) -> Result<()> {
        match (verb.needs(), name) {
            (Needs::Nothing | Needs::Some(Right::Read), None) => Ok(()),
            (Needs::Nothing, Some(_)) => Ok(()),
            (Needs::Some(Right::Read), Some(name)) => {
                match self.grants.on(name, Right::Read).is_empty() {
                    // As if it did not exist.
                    true => Err(no_branch(name)),
                    false => Ok(()),
                }
            }
            (Needs::Some(right), Some(name)) if !self.grants.on(name, right).is_empty() => Ok(()),
            (Needs::Branch(right), Some(name)) if self.may(name, right) => Ok(()),
            (Needs::Some(right), Some(name)) => {
                Err(self.denied(format!("you may not {} '{name}'", what(right))))
            }
            (Needs::Branch(right), Some(name)) => {
                Err(self.denied(format!("you may not {} all of '{name}'", what(right))))
            }
            (Needs::Some(right) | Needs::Branch(right) | Needs::Repo(right), _)
                if self.grants.on_repo(right) =>
            {
                Ok(())
            }
            (Needs::Some(right) | Needs::Branch(right) | Needs::Repo(right), _) => {
                let repo = self.repo.name();
                let what = what(right);
                Err(self.denied(format!("you may not {what} all of repository '{repo}'")))
            }
            (Needs::Push, name) if self.may_push(name) => Ok(()),
            (Needs::Push, _) => Err(self.denied(
                "bringing objects takes the right to write a whole branch, and to read all of the \
                 repository"
                    .to_owned(),
            )),
            (Needs::Server, _) if self.server.access().is_server_admin(&self.caller) => Ok(()),
            (Needs::Server, _) => Err(self.denied("you do not administer this server".to_owned())),
        }
    }

    fn may_push(&self, name: Option<&str>) -> bool {
        let writes = match name {
            Some(name) => self.may(name, Right::Write),
            None => self.grants.on_some_branch(Right::Write),
        };
        writes && self.grants.on_repo(Right::Read)
    }

    /// A refusal; who did not say who it is may do so.
    pub(in crate::service) fn denied(&self, message: String) -> ServiceError {
        match &self.caller.principal {
            Some(_) => ServiceError::denied(message),
            None => ServiceError::new(
                ErrorKind::PermissionDenied,
                format!("{message}; say who you are, if you are somebody"),
            ),
        }
    }

    /// Returns the branch with a name; it need not exist.
    pub(in crate::service) fn branch(&self, name: &str) -> Result<Branch> {
        Ok(self.repo().branch(name)?)
    }
}

fn what(right: Right) -> &'static str {
    match right {
        Right::Read => "read",
        Right::Write => "write",
        Right::Admin => "administer",
    }
}

/// Says that there is no such branch, which is also what is said of one that is hidden.
pub(super) fn no_branch(name: &str) -> ServiceError {
    match BranchName::new(name) {
        Ok(name) => irminsule::Error::NoBranch { name }.into(),
        Err(_) => ServiceError::not_found(format!("there is no branch '{}'", name.escape_debug())),
    }
}
