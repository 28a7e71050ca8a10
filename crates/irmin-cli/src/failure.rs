//! How a command ends: done, "no", or an error with a way out.

use std::io;

use irminsule::{
    CloneError, Error, HistoryError, OpenError, PathError, RefNameError, RemotesError,
    RevisionError, SignatureError, StoreError, TimeError,
};

use crate::hints;

/// What a command that worked has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Exit code 0.
    Done,
    /// Exit code 1: absent, in conflict, different.
    No,
}

/// The end of a command.
pub(crate) type Outcome = Result<Verdict, Failure>;

/// Why a command did not work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads what is written any more: a quiet success.
    BrokenPipe,
    /// One line for people and ways out. Exit code 2.
    Error {
        /// What went wrong, with the thing and the place.
        message: String,
        /// What to do about it.
        hints: Vec<String>,
    },
}

impl Failure {
    /// Makes an error of one line.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Error {
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Returns the line for people.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::BrokenPipe => "nobody reads the output",
            Self::Error { message, .. } => message,
        }
    }

    /// Adds a way out.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Error { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// Puts the place in front of the message, as in `line 3: …`.
    pub(crate) fn at(self, place: impl std::fmt::Display) -> Self {
        match self {
            Self::Error { message, hints } => Self::Error {
                message: format!("{place}: {message}"),
                hints,
            },
            Self::BrokenPipe => self,
        }
    }

    /// Makes the error of an operation on a file outside the repository.
    pub(crate) fn file(action: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let path = crate::quote::quote(path.as_os_str().as_encoded_bytes());
        let failure = Self::new(format!("cannot {action} '{path}': {}", plain(error)));
        match hints::of_io(error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Writes an error of the system without the number at its end.
fn plain(error: &io::Error) -> String {
    without_number(&error.to_string()).to_lowercase()
}

fn without_number(text: &str) -> &str {
    text.split_once(" (os error")
        .map_or(text, |(before, _)| before)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Write(source) = &error
            && source.kind() == io::ErrorKind::BrokenPipe
        {
            return Self::BrokenPipe;
        }
        if let Error::Read(source) = &error {
            return Self::file("read", std::path::Path::new("stdin"), source);
        }
        let failure = Self::new(without_number(&error.to_string()));
        match hints::of(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// For writing to stdout; files have [`Failure::file`].
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::new(format!("cannot write the output: {}", plain(&error))),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => error.into(),
            // They say the way out themselves.
            OpenError::Remote(_) | OpenError::Client(_) => Self::new(error.to_string()),
            _ => Self::new(error.to_string())
                .hint("a directory whose name has a ':' is written pack:DIR; '.' is here"),
        }
    }
}

impl From<CloneError> for Failure {
    fn from(error: CloneError) -> Self {
        match error {
            CloneError::Open(error) => error.into(),
            CloneError::Transfer(error) => error.into(),
            CloneError::Remotes(error) => error.into(),
            _ => {
                Self::new(error.to_string()).hint("clone to another directory, or remove that one")
            }
        }
    }
}

impl From<RemotesError> for Failure {
    fn from(error: RemotesError) -> Self {
        match error {
            RemotesError::Name(error) => error.into(),
            RemotesError::Io {
                action,
                path,
                source,
            } => Self::file(action, &path, &source),
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Error::from(error).into()
    }
}

impl From<RefNameError> for Failure {
    fn from(error: RefNameError) -> Self {
        Error::from(error).into()
    }
}

impl From<RevisionError> for Failure {
    fn from(error: RevisionError) -> Self {
        Error::from(error).into()
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Error::from(error).into()
    }
}

impl From<SignatureError> for Failure {
    fn from(error: SignatureError) -> Self {
        Error::from(error).into()
    }
}

impl From<TimeError> for Failure {
    fn from(error: TimeError) -> Self {
        Error::from(error).into()
    }
}
