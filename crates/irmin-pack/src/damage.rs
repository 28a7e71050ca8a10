//! What is wrong with stored bytes, and where.

use std::io;
use std::path::Path;

use irmin_core::StoreError;

/// One place where stored bytes are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged at byte {offset}: expected {expected}, found {found}")]
pub struct Damage {
    /// Where in the file.
    pub offset: u64,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Damage {
    pub(crate) fn new(offset: u64, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            offset,
            expected: expected.into(),
            found: found.into(),
        }
    }

    pub(crate) fn crc(offset: u64, expected: u32, found: u32) -> Self {
        Self::new(
            offset,
            format!("checksum {expected:08x}"),
            format!("{found:08x}"),
        )
    }

    pub(crate) fn ends(offset: u64, what: &str) -> Self {
        Self::new(offset, what, "the end")
    }

    pub(crate) fn at(self, path: &Path) -> StoreError {
        StoreError::Corrupt {
            path: path.to_owned(),
            offset: self.offset,
            expected: self.expected,
            found: self.found,
        }
    }
}

/// Names the file in an error of the system.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        action,
        path,
        offset: None,
        source,
    }
}

/// Names the file in an error of an operation that may need room on the disk. Not of a sync: after
/// one that failed nobody knows what is durable, whatever the reason.
pub(crate) fn grow(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full {
                action,
                path,
                source,
            }
        }
        _ => io(action, &path)(source),
    }
}

/// Passes over a full disk where what was to be written can be done without.
pub(crate) fn unless_full(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(StoreError::Full { .. }) => Ok(()),
        other => other,
    }
}

/// Names the file in an error on reading; a file that ends too early is damaged.
pub(crate) fn read(path: &Path, offset: u64) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::UnexpectedEof => Damage::ends(offset, "more bytes").at(&path),
        _ => StoreError::Io {
            action: "read",
            path,
            offset: Some(offset),
            source,
        },
    }
}
