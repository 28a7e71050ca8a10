//! Ways out of errors, in terms of what a user can type.

use std::io;

use irminsule::sync::SyncError;
use irminsule::{Error, HistoryError, RevisionError, StoreError, TransactionError, TypedError};

/// Returns what to do about an error of the library.
pub(crate) fn of(error: &Error) -> Option<String> {
    match error {
        Error::Store(error) => of_store(error),
        Error::Revision(error) => of_revision(error),
        Error::Path(_) => some("a path is steps between slashes, such as config/network/mtu"),
        Error::RefName(_) => some("names follow Git's rules: such as main, topic/one, v1.2"),
        Error::NotABlob { path } => Some(format!("'irmin ls {path}' lists what is in it")),
        Error::NotATree { path } => Some(format!("'irmin get {path}' prints it")),
        Error::NoBranch { .. } => some("'irmin branch' lists the branches"),
        Error::NoConflict { .. } => some("'irmin merge REV' alone lists the conflicts"),
        Error::Rules(_) => some("'irmin set .irmin/rules --file FILE' replaces the rules"),
        Error::RootNeedsTree => some("only 'irmin load' and 'irmin import' write at the root"),
        Error::Signature(_) => some("write it as --author 'Name <address>'"),
        Error::Time(_) => some("write it as 2026-11-01T10:00:00+01:00"),
        Error::Transaction(TransactionError::TooManyAttempts { .. }) => {
            some("others keep changing what this reads; try again")
        }
        Error::Typed(TypedError::Key { .. }) => {
            some("a key becomes a step of a path: give it another name")
        }
        Error::Typed(TypedError::NotJson { .. }) => {
            some("'irmin get PATH' prints a value as it is, 'irmin export' writes a directory")
        }
        Error::Sync(error) => of_sync(error),
        Error::History(HistoryError::Cut { .. }) => {
            some("a clone of all has it; 'irmin diff' shows what the two differ in")
        }
        Error::Decode { .. } | Error::Missing { .. } | Error::History(_) => damaged(),
        _ => None,
    }
}

fn of_store(error: &StoreError) -> Option<String> {
    match error {
        StoreError::NotFound { .. } => some("'irmin init' makes a repository"),
        StoreError::AlreadyExists { .. } => some("it is ready to be used"),
        StoreError::Locked { .. } => {
            some("one process at a time can write to it; wait for that one, or end it")
        }
        StoreError::UnsupportedFormat { .. } => {
            some("it may be of another version of irmin, or no repository at all")
        }
        StoreError::Corrupt { .. } => damaged(),
        StoreError::Cut { .. } => some("'irmin log' tells which commits are kept without contents"),
        StoreError::Io { source, .. } => of_io(source),
        _ => None,
    }
}

fn of_sync(error: &SyncError) -> Option<String> {
    match error {
        SyncError::Store(error) => of_store(error),
        SyncError::Missing { .. }
        | SyncError::WrongId { .. }
        | SyncError::Decode { .. }
        | SyncError::Rule { .. } => {
            some("nothing became visible here; 'irmin verify' checks the other repository")
        }
        SyncError::Prerequisites { .. } => {
            some("fetch from where the bundle was made, or ask for one of all")
        }
        SyncError::NameTaken { .. } => some("--prune removes names that the remote no longer has"),
        SyncError::Moved { .. } => some("try again"),
        SyncError::Write(source) => of_io(source),
        SyncError::Cancelled => some("the same command goes on where it was"),
        _ => None,
    }
}

fn of_revision(error: &RevisionError) -> Option<String> {
    match error {
        RevisionError::Unknown { .. } => {
            some("'irmin log' lists commits, 'irmin branch' and 'irmin tag' list names")
        }
        RevisionError::Ambiguous { .. } => some("write more digits of the id"),
        RevisionError::Syntax { .. } | RevisionError::Time { .. } => {
            some("revisions look like main, v1.2, main~3, main^2, main@2026-11-01T10:00Z, 5268c7d5")
        }
        RevisionError::Unborn { .. } => {
            some("'irmin set PATH VALUE' makes the first commit; 'irmin branch' lists branches")
        }
        RevisionError::PastRoot { .. }
        | RevisionError::NoSuchParent { .. }
        | RevisionError::TooEarly { .. } => {
            some("'irmin log --graph' shows the history, and where it is cut off")
        }
        RevisionError::Store(error) => of_store(error),
        RevisionError::History(_) => damaged(),
        _ => None,
    }
}

/// Returns what to do about a refusal of the operating system.
pub(crate) fn of_io(error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::NotFound => some("check the spelling; the name is taken from here"),
        io::ErrorKind::PermissionDenied => some("check the permissions with 'ls -l'"),
        io::ErrorKind::StorageFull => some("make room and try again; nothing was lost"),
        io::ErrorKind::IsADirectory => some("'irmin import DIR PATH' takes a whole directory"),
        io::ErrorKind::AlreadyExists => some("it is in the way; choose another name"),
        io::ErrorKind::NotADirectory => some("a part of the path is a file"),
        _ => None,
    }
}

fn damaged() -> Option<String> {
    some("'irmin verify' checks the whole repository")
}

fn some(hint: &str) -> Option<String> {
    Some(hint.to_owned())
}
