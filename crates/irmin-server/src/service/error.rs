//! What goes wrong, in the few kinds that a client can act on, and what they are called elsewhere.

use std::fmt;
use std::time::Duration;

use irminsule::{
    Conflict, Error, ErrorKind as CoreKind, Id, Path, RefNameError, RevisionError, StoreError,
    TransactionError, WatchError,
};

/// The result of what the service does.
pub type Result<T, E = ServiceError> = std::result::Result<T, E>;

/// What a client can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such repository, branch, revision or session, or the caller may not know of it.
    NotFound,
    /// Somebody was faster: a precondition or an expectation failed, or a merge has conflicts. Look
    /// again, and try again or settle it.
    Conflict,
    /// The request makes no sense: correct it.
    Invalid,
    /// The caller may not do this.
    PermissionDenied,
    /// The caller did not say who it is, or nobody believes it.
    Unauthenticated,
    /// The request, or its answer, is beyond a limit.
    TooLarge,
    /// Too many requests, or failures to authenticate: wait.
    RateLimited,
    /// The server has too much to do, or is about to stop: try again later or elsewhere.
    Unavailable,
    /// The time that the request had is over. What it wrote may have been committed.
    DeadlineExceeded,
    /// Stored bytes are damaged: tell the administrator.
    Corrupt,
    /// A broken promise inside the server: report it.
    Internal,
    /// What the client goes on from is not kept any more: begin anew.
    Gone,
}

impl ErrorKind {
    /// All kinds, with their names for machines, the codes of gRPC and the statuses of HTTP: the one
    /// table that all transports use.
    pub const TABLE: [(Self, &'static str, i32, u16); 12] = [
        (Self::NotFound, "not_found", 5, 404),
        (Self::Conflict, "conflict", 10, 409),
        (Self::Invalid, "invalid", 3, 400),
        (Self::PermissionDenied, "permission_denied", 7, 403),
        (Self::Unauthenticated, "unauthenticated", 16, 401),
        (Self::TooLarge, "too_large", 11, 413),
        (Self::RateLimited, "rate_limited", 8, 429),
        (Self::Unavailable, "unavailable", 14, 503),
        (Self::DeadlineExceeded, "deadline_exceeded", 4, 504),
        (Self::Corrupt, "corrupt", 15, 500),
        (Self::Internal, "internal", 13, 500),
        (Self::Gone, "gone", 9, 410),
    ];

    fn row(self) -> (Self, &'static str, i32, u16) {
        let row = Self::TABLE.iter().find(|row| row.0 == self);
        *row.unwrap_or(&(self, "internal", 13, 500))
    }

    /// Returns the name for machines, such as `not_found`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the code of gRPC.
    #[must_use]
    pub fn grpc_code(self) -> i32 {
        self.row().2
    }

    /// Returns the status of HTTP. What fails because of `If-Match` is 412 instead of 409, which
    /// only the transport knows.
    #[must_use]
    pub fn http_status(self) -> u16 {
        self.row().3
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an error says beside its message, for programs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Details {
    /// Nothing.
    #[default]
    None,
    /// When it is worth to try again.
    RetryAfter(Duration),
    /// What a merge, or a transaction under snapshot isolation, could not merge.
    Conflicts(Vec<Conflict>),
    /// A precondition of a transaction failed: which one, counted from 0, and what there is instead:
    /// the id of the entry or of the head.
    Precondition {
        /// Which one, counted from 0.
        index: usize,
        /// The id of what was found: of a blob, a directory, or the head. `None`: nothing.
        found: Option<Id>,
    },
    /// A name was moved by somebody else; this is where it points.
    Moved {
        /// The full name, such as `heads/main`.
        name: String,
        /// Where it points now.
        current: Option<Id>,
    },
    /// What was read had changed when it was to be committed.
    Stale {
        /// What was read.
        path: Path,
        /// The head at which it had changed.
        commit: Id,
    },
    /// The path that it is about.
    Path(Path),
}

/// An error of the service.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// What a client can do about it.
    pub kind: ErrorKind,
    /// The thing, the place, and the way out, for people.
    pub message: String,
    /// More, for programs.
    pub details: Details,
    /// An object that was not there: perhaps it was collected while it was looked for.
    pub(crate) missing: Option<Box<Id>>,
}

impl ServiceError {
    /// Makes an error without details.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: Details::None,
            missing: None,
        }
    }

    /// Adds details.
    #[must_use]
    pub fn with(self, details: Details) -> Self {
        Self { details, ..self }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::PermissionDenied, message)
    }

    pub(crate) fn unavailable(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(ErrorKind::Unavailable, message).with(Details::RetryAfter(retry_after))
    }

    /// Returns when it is worth to try again, if the server knows.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.details {
            Details::RetryAfter(after) => Some(after),
            _ => None,
        }
    }
}

/// How long a client had better wait when a store has no room or too many writers.
const RETRY_STORE: Duration = Duration::from_secs(1);

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Store(error) => error.into(),
            Error::Revision(error) => error.into(),
            Error::Transaction(error) => error.into(),
            Error::Watch(WatchError::Gone { .. }) => Self::new(ErrorKind::Gone, message),
            Error::NoBranch { .. } => Self::not_found(message),
            Error::NameTaken { .. } | Error::Unsettled { .. } => {
                Self::new(ErrorKind::Conflict, message)
            }
            Error::Missing { id } => Self {
                missing: Some(Box::new(id)),
                ..Self::new(ErrorKind::Corrupt, message)
            },
            error => Self::new(kind_of(error.kind()), message),
        }
    }
}

impl From<TransactionError> for ServiceError {
    fn from(error: TransactionError) -> Self {
        let plain = Self::new(ErrorKind::Conflict, error.to_string());
        match error {
            TransactionError::TooManyAttempts { path, commit, .. } => {
                plain.with(Details::Stale { path, commit })
            }
            TransactionError::Conflicts { conflicts } => plain.with(Details::Conflicts(conflicts)),
            // No transaction of the service is started inside another one.
            _ => Self {
                kind: ErrorKind::Internal,
                ..plain
            },
        }
    }
}

impl From<RevisionError> for ServiceError {
    fn from(error: RevisionError) -> Self {
        let kind = match &error {
            RevisionError::Unknown { .. }
            | RevisionError::Unborn { .. }
            | RevisionError::PastRoot { .. }
            | RevisionError::NoSuchParent { .. }
            | RevisionError::TooEarly { .. } => ErrorKind::NotFound,
            error => kind_of(error.kind()),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<RefNameError> for ServiceError {
    fn from(error: RefNameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<irminsule::PathError> for ServiceError {
    fn from(error: irminsule::PathError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<irminsule::HistoryError> for ServiceError {
    fn from(error: irminsule::HistoryError) -> Self {
        Error::from(error).into()
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Full { .. }
            | StoreError::TooManyWriters { .. }
            | StoreError::Collecting { .. } => Self::unavailable(message, RETRY_STORE),
            StoreError::Dangling { id } => Self {
                missing: Some(Box::new(id)),
                ..Self::invalid(message)
            },
            StoreError::Cut { .. } => Self::new(ErrorKind::Gone, message),
            StoreError::Limit { .. } => Self::new(ErrorKind::TooLarge, message),
            error => Self::new(kind_of(error.kind()), message),
        }
    }
}

impl From<irminsule::OpenError> for ServiceError {
    fn from(error: irminsule::OpenError) -> Self {
        match error {
            irminsule::OpenError::Store(error) => error.into(),
            error => Self::invalid(error.to_string()),
        }
    }
}

const fn kind_of(kind: CoreKind) -> ErrorKind {
    match kind {
        CoreKind::Conflict => ErrorKind::Conflict,
        CoreKind::Closed | CoreKind::Unavailable => ErrorKind::Unavailable,
        CoreKind::Invalid => ErrorKind::Invalid,
        CoreKind::Corrupt => ErrorKind::Corrupt,
        _ => ErrorKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_and_code_of_grpc() {
        let mut names: Vec<_> = ErrorKind::TABLE.iter().map(|row| row.1).collect();
        let mut codes: Vec<_> = ErrorKind::TABLE.iter().map(|row| row.2).collect();
        names.sort_unstable();
        names.dedup();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((names.len(), codes.len()), (12, 12));
    }

    #[test]
    fn a_full_disk_says_when_to_come_back_and_a_collected_commit_says_that_it_is_gone() {
        let full = StoreError::TooManyWriters { waiting: 9 };
        let error = ServiceError::from(Error::from(full));
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.retry_after().is_some());
        let commit = Id::of(b"x");
        let gone = ServiceError::from(Error::from(WatchError::Gone { commit }));
        assert_eq!(gone.kind, ErrorKind::Gone);
    }
}
