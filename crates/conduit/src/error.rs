//! What can go wrong, with each attempt.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::{Endpoint, ParseEndpointError};

/// What can go wrong with an endpoint.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text is no endpoint.
    #[error(transparent)]
    Parse(#[from] ParseEndpointError),
    /// A URI leads to no address.
    #[error("{uri} leads to no address: {}", list(attempts))]
    Resolve {
        /// What was asked for.
        uri: String,
        /// What was tried, in order.
        attempts: Vec<Attempt>,
    },
    /// Nobody answers.
    #[error("cannot connect to {endpoint}: {}", list(attempts))]
    Connect {
        /// What was asked for.
        endpoint: Endpoint,
        /// What was tried, in the order in which it failed.
        attempts: Vec<Attempt>,
    },
    /// Somebody answers, but TLS or WebSocket does not come about.
    #[error("cannot agree with {endpoint} on {layer}: {problem}")]
    Handshake {
        /// What was asked for.
        endpoint: Endpoint,
        /// `TLS` or `WebSocket`.
        layer: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// It took too long.
    #[error("{endpoint} did not answer within {after:?}")]
    Timeout {
        /// What was asked for.
        endpoint: Endpoint,
        /// How long was waited.
        after: Duration,
    },
    /// It is not possible to listen there.
    #[error("cannot listen at {endpoint}: {}", list(attempts))]
    Listen {
        /// What was asked for.
        endpoint: Endpoint,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// The endpoint makes no sense here, or this build cannot do it.
    #[error("{endpoint}: {problem}")]
    Unsupported {
        /// What was asked for.
        endpoint: Endpoint,
        /// Why not, and what would help.
        problem: String,
    },
    /// Certificates or keys cannot be used.
    #[error("TLS cannot be set up: {problem}")]
    TlsSetup {
        /// What is wrong with which of them.
        problem: String,
    },
}

impl Error {
    /// Returns what kind of I/O error comes closest: that of the last attempt, if there was one.
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Parse(_) | Self::TlsSetup { .. } => io::ErrorKind::InvalidInput,
            Self::Unsupported { .. } => io::ErrorKind::Unsupported,
            Self::Timeout { .. } => io::ErrorKind::TimedOut,
            Self::Handshake { .. } => io::ErrorKind::InvalidData,
            Self::Resolve { attempts, .. }
            | Self::Connect { attempts, .. }
            | Self::Listen { attempts, .. } => {
                let last = attempts.last();
                last.map_or(io::ErrorKind::NotFound, |attempt| attempt.kind)
            }
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.io_kind(), error)
    }
}

/// One thing that was tried, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried: a table that was asked, or an address.
    pub target: String,
    /// What kind of error it was.
    pub kind: io::ErrorKind,
    /// What happened.
    pub problem: String,
}

impl Attempt {
    /// Returns the attempt that ended with an I/O error.
    pub(crate) fn failed(target: impl fmt::Display, error: &io::Error) -> Self {
        Self {
            target: target.to_string(),
            kind: error.kind(),
            problem: error.to_string(),
        }
    }

    /// Returns the attempt that found nothing.
    pub(crate) fn missing(target: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self {
            target: target.to_string(),
            kind: io::ErrorKind::NotFound,
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.target, self.problem)
    }
}

fn list(attempts: &[Attempt]) -> String {
    if attempts.is_empty() {
        return "nothing to try".to_owned();
    }
    let attempts: Vec<_> = attempts.iter().map(Attempt::to_string).collect();
    attempts.join("; ")
}
