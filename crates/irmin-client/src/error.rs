//! What can go wrong between a client and a server.

use std::error::Error;
use std::time::Duration;

use irmin_core::{ErrorKind, Id, StoreError};
use irmin_proto::Failure;
use tonic::{Code, Status};

/// The result of calls.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a call did not do what it was for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct ClientError {
    place: String,
    call: &'static str,
    problem: Box<Problem>,
    attempts: u32,
    is_outcome_unknown: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A setting of the client makes no sense.
    Setting(String),
    /// The server cannot be reached, or the connection broke.
    Unreachable(String),
    /// The call took longer than it may.
    Deadline(Duration),
    /// The server refused.
    Refused {
        /// The code that gRPC has for it.
        code: Code,
        /// What the server says.
        message: String,
        /// The server's name for the reason, if it said one.
        reason: String,
        /// An object that is not there, if it is about one.
        missing: Option<Id>,
        /// A commit whose contents are not kept, if it is about one.
        cut: Option<Id>,
        /// Whether the repository is being collected already.
        is_collecting: bool,
        /// When it is worth to try again, if the server said so.
        retry_after: Option<Duration>,
    },
    /// The answer breaks the protocol.
    Answer(String),
}

impl ClientError {
    pub(crate) fn setting(problem: impl Into<String>) -> Self {
        Self::new("", "", Problem::Setting(problem.into()))
    }

    pub(crate) fn new(place: &str, call: &'static str, problem: Problem) -> Self {
        Self {
            place: place.to_owned(),
            call,
            problem: Box::new(problem),
            attempts: 1,
            is_outcome_unknown: false,
        }
    }

    pub(crate) const fn after(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Notes that the call may have done what it was for.
    pub(crate) fn may_have_happened(mut self) -> Self {
        self.is_outcome_unknown = self.is_transient();
        self
    }

    /// Returns what happened.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns the call's name, such as `Transactions.Commit`.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        self.call
    }

    /// Tells whether something that was to be changed may have changed all the same: no answer came
    /// after it was sent.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        self.is_outcome_unknown
    }

    /// Tells whether the same call may succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match &*self.problem {
            Problem::Unreachable(_) | Problem::Deadline(_) => true,
            Problem::Refused { code, .. } => {
                matches!(code, Code::Unavailable | Code::ResourceExhausted)
            }
            Problem::Setting(_) | Problem::Answer(_) => false,
        }
    }

    /// Returns when the server wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match &*self.problem {
            Problem::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &*self.problem {
            Problem::Setting(_) => ErrorKind::Invalid,
            Problem::Unreachable(_) | Problem::Deadline(_) => ErrorKind::Unavailable,
            Problem::Answer(_) => ErrorKind::Internal,
            Problem::Refused { code, .. } => match code {
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => {
                    ErrorKind::Unavailable
                }
                Code::Aborted | Code::FailedPrecondition => ErrorKind::Conflict,
                Code::DataLoss => ErrorKind::Corrupt,
                Code::Internal | Code::Unknown => ErrorKind::Internal,
                _ => ErrorKind::Invalid,
            },
        }
    }

    fn text(&self) -> String {
        let Self { place, call, .. } = self;
        let tries = match self.attempts {
            0 | 1 => String::new(),
            attempts => format!(" (tried {attempts} times)"),
        };
        let doubt = match self.is_outcome_unknown {
            true => "; it may have happened all the same: look before doing it again",
            false => "",
        };
        let way = self.way_out();
        match &*self.problem {
            Problem::Setting(problem) => problem.clone(),
            Problem::Unreachable(problem) => {
                format!(
                    "{call} at {place}: cannot reach the server{tries}: {problem}{doubt}; {way}"
                )
            }
            Problem::Deadline(after) => {
                format!("{call} at {place}: no answer within {after:?}{tries}{doubt}; {way}")
            }
            Problem::Refused { message, .. } if way.is_empty() => {
                format!("{call} at {place}: {message}{tries}{doubt}")
            }
            Problem::Refused { message, .. } => {
                format!("{call} at {place}: {message}{tries}{doubt}; {way}")
            }
            Problem::Answer(problem) => {
                format!("{call} at {place}: the answer breaks the protocol: {problem}; {way}")
            }
        }
    }

    fn way_out(&self) -> &'static str {
        match &*self.problem {
            Problem::Setting(_) => "",
            Problem::Unreachable(_) => "see whether 'irmin serve' runs there and can be reached",
            Problem::Deadline(_) => "try again, or allow more time",
            Problem::Answer(_) => "see whether an Irmin server of this version listens there",
            Problem::Refused { code, .. } => match code {
                Code::Unauthenticated => "give a token by IRMIN_TOKEN or IRMIN_TOKEN_FILE",
                Code::PermissionDenied => "ask the server's administrator for the right",
                Code::Unimplemented => "the server is too old for this, or no Irmin server",
                Code::Unavailable | Code::ResourceExhausted => "try again later",
                _ => "",
            },
        }
    }
}

/// Says what a failed call means.
pub(crate) fn problem_of(status: &Status) -> Problem {
    // What the server itself said has no source in this process.
    if let Some(source) = status.source() {
        return Problem::Unreachable(chain(source));
    }
    let failure = Failure::of(status).unwrap_or_default();
    let id = |name: &str| failure.facts.get(name).and_then(|id| id.parse().ok());
    Problem::Refused {
        code: status.code(),
        message: status.message().to_owned(),
        missing: id("missing"),
        cut: id("cut"),
        is_collecting: failure.reason == "collecting",
        reason: failure.reason,
        retry_after: failure.retry_after,
    }
}

/// Puts the causes of an error in a row, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

impl From<ClientError> for StoreError {
    fn from(error: ClientError) -> Self {
        match *error.problem {
            Problem::Refused {
                missing: Some(id), ..
            } => return Self::Dangling { id },
            Problem::Refused {
                cut: Some(commit), ..
            } => return Self::Cut { commit },
            Problem::Refused {
                is_collecting: true,
                ..
            } => {
                let path = error.place.into();
                return Self::Collecting { path };
            }
            _ => {}
        }
        Self::Remote {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}
