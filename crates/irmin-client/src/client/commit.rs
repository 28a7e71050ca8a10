//! Commits: a list of writes on conditions, in one call.

use bytes::Bytes;
use irmin_core::{Durability, Id, Isolation, Mode, Path};
use irmin_proto::v1;

use super::Client;
use crate::connection::Again;
use crate::error::{ClientError, Result};
use crate::values::{RemoteCommit, RemoteConflicts};
use crate::wire;

/// How many bytes of a value are sent in one message.
const PIECE_BYTES: usize = 256 << 10;

/// What to do at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Put a value there.
    Set {
        /// Its bytes.
        data: Bytes,
        /// Its mode.
        mode: Mode,
    },
    /// Remove what is at and below the path.
    Remove,
    /// Put a tree there that the repository has elsewhere.
    Graft {
        /// Whose tree it is.
        revision: String,
        /// Where in it.
        path: Path,
    },
}

/// What must be so for a commit to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The branch points to this commit; `None`: it does not exist.
    Head(Option<Id>),
    /// There is nothing at the path.
    Absent(Path),
    /// There is something at the path.
    Present(Path),
    /// There is a value or directory with this id at the path.
    Id(Path, Id),
    /// There is a value with these bytes at the path.
    Data(Path, Bytes),
}

impl Precondition {
    fn message(&self) -> v1::Precondition {
        use v1::precondition::content::Is;
        use v1::precondition::{Absent, Content, Head, Present, What};
        let at = |path: &Path, is| {
            What::Content(Content {
                path: wire::to_path(path),
                is: Some(is),
            })
        };
        let what = match self {
            Self::Head(commit) => What::Head(Head {
                commit: commit.as_ref().map(wire::object_id),
            }),
            Self::Absent(path) => at(path, Is::Absent(Absent {})),
            Self::Present(path) => at(path, Is::Present(Present {})),
            Self::Id(path, id) => at(path, Is::Id(wire::object_id(id))),
            Self::Data(path, data) => at(path, Is::Data(data.clone())),
        };
        v1::Precondition { what: Some(what) }
    }
}

/// A commit to be made: writes, in order, and what must be so.
#[derive(Clone, Debug)]
pub struct Changes {
    branch: String,
    message: String,
    writes: Vec<(Path, Write)>,
    preconditions: Vec<Precondition>,
    isolation: Isolation,
    durability: Durability,
    allow_empty: bool,
}

impl Changes {
    /// Returns a commit that changes nothing yet: serializable, synced.
    #[must_use]
    pub fn new(branch: &str, message: &str) -> Self {
        Self {
            branch: branch.to_owned(),
            message: message.to_owned(),
            writes: Vec::new(),
            preconditions: Vec::new(),
            isolation: Isolation::default(),
            durability: Durability::default(),
            allow_empty: false,
        }
    }

    /// Adds a write.
    #[must_use]
    pub fn write(mut self, path: &Path, write: Write) -> Self {
        self.writes.push((path.clone(), write));
        self
    }

    /// Puts a value at a path.
    #[must_use]
    pub fn set(self, path: &Path, data: impl Into<Bytes>) -> Self {
        let (data, mode) = (data.into(), Mode::Normal);
        self.write(path, Write::Set { data, mode })
    }

    /// Removes what is at and below a path.
    #[must_use]
    pub fn remove(self, path: &Path) -> Self {
        self.write(path, Write::Remove)
    }

    /// Adds something that must be so.
    #[must_use]
    pub fn require(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }

    /// Sets the isolation.
    #[must_use]
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets what the commit may still lose.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Makes a commit also if nothing changes.
    #[must_use]
    pub const fn allow_empty(mut self) -> Self {
        self.allow_empty = true;
        self
    }
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each call, and few calls"
)]
pub enum CommitOutcome {
    /// It is done.
    Committed {
        /// The commit; `None`: nothing had to change.
        commit: Option<RemoteCommit>,
        /// How often the server tried; 0: a call before this one had done it, and its answer got lost.
        attempts: u32,
    },
    /// Something was not as it must be; nothing was changed.
    Failed {
        /// Which precondition, counted from 0.
        index: usize,
        /// The id of what there is instead; `None`: nothing.
        found: Option<Id>,
    },
    /// Under snapshot isolation, others wrote something else; nothing was changed.
    Conflicts(RemoteConflicts),
    /// What a session had read has changed; nothing was changed.
    Stale {
        /// What was read.
        path: Path,
        /// The head at which it had changed.
        commit: Id,
    },
}

impl CommitOutcome {
    pub(super) fn read(answer: v1::CommitResponse) -> Result<Self, String> {
        use v1::commit_response::Outcome;
        match answer.outcome.ok_or("a commit without an outcome")? {
            Outcome::Committed(done) => Ok(Self::Committed {
                commit: RemoteCommit::maybe(done.commit)?,
                attempts: done.attempts,
            }),
            Outcome::Failed(failed) => Ok(Self::Failed {
                index: failed.index as usize,
                found: wire::maybe_id(failed.found.as_ref())?,
            }),
            Outcome::Conflicts(conflicts) => RemoteConflicts::read(conflicts).map(Self::Conflicts),
            Outcome::Stale(stale) => Ok(Self::Stale {
                path: wire::path(&stale.path)?,
                commit: wire::must_have_id(stale.commit.as_ref())?,
            }),
        }
    }
}

pub(super) fn write(path: &Path, write: &Write) -> v1::Write {
    use v1::write::What;
    let what = match write {
        Write::Set { data, mode } => What::Set(v1::SetBlob {
            data: data.clone(),
            mode: wire::to_mode(*mode),
        }),
        Write::Remove => What::Remove(v1::Remove {}),
        Write::Graft { revision, path } => What::Graft(v1::SetTree {
            revision: revision.clone(),
            path: wire::to_path(path),
        }),
    };
    v1::Write {
        path: wire::to_path(path),
        what: Some(what),
    }
}

pub(super) fn info(message: &str) -> Option<v1::CommitInfo> {
    Some(v1::CommitInfo {
        message: message.to_owned(),
        ..v1::CommitInfo::default()
    })
}

impl Client {
    /// Commits, all or nothing. One sync on the server, shared with others who commit at that time.
    /// Applied once, however often it had to be sent.
    ///
    /// # Errors
    /// [`ClientError`]; one that says [`is_outcome_unknown`](ClientError::is_outcome_unknown) means
    /// that the commit may be there.
    pub async fn commit(&self, changes: &Changes) -> Result<CommitOutcome> {
        const CALL: &str = "Transactions.Commit";
        let request = v1::CommitRequest {
            repository: self.repository(),
            branch: changes.branch.clone(),
            preconditions: changes
                .preconditions
                .iter()
                .map(Precondition::message)
                .collect(),
            writes: changes
                .writes
                .iter()
                .map(|(path, one)| write(path, one))
                .collect(),
            info: info(&changes.message),
            isolation: wire::isolation(changes.isolation),
            durability: wire::durability(changes.durability),
            allow_empty: changes.allow_empty,
            idempotency_key: self.0.options().chance.key(),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.transactions(), request.clone());
            async move { Ok(client.commit(request).await?.into_inner()) }
        });
        let answer = answer.await.map_err(ClientError::may_have_happened)?;
        self.read(CALL, CommitOutcome::read(answer))
    }

    /// Puts one value at a path, sent in pieces: any size. Otherwise as [`commit`](Self::commit).
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn write_blob(
        &self,
        branch: &str,
        path: &Path,
        data: Bytes,
        message: &str,
    ) -> Result<CommitOutcome> {
        const CALL: &str = "Transactions.WriteBlob";
        let start = v1::WriteBlobRequest {
            start: Some(v1::WriteBlobStart {
                repository: self.repository(),
                branch: branch.to_owned(),
                path: wire::to_path(path),
                info: info(message),
                idempotency_key: self.0.options().chance.key(),
                ..v1::WriteBlobStart::default()
            }),
            data: Bytes::new(),
        };
        let pieces = (0..data.len()).step_by(PIECE_BYTES).map(|begin| {
            let end = data.len().min(begin + PIECE_BYTES);
            v1::WriteBlobRequest {
                start: None,
                data: data.slice(begin..end),
            }
        });
        let messages: Vec<_> = std::iter::once(start).chain(pieces).collect();
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let mut client = self.0.transactions();
            let messages = tokio_stream::iter(messages.clone());
            async move { Ok(client.write_blob(messages).await?.into_inner()) }
        });
        let answer = answer.await.map_err(ClientError::may_have_happened)?;
        self.read(CALL, CommitOutcome::read(answer))
    }
}
