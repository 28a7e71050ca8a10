//! A data directory has one server.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use crate::service::{ErrorKind, Result, ServiceError};

/// The file that is locked. No repository's name begins with a dot.
const FILE: &str = ".serve.lock";

/// The right to serve a data directory, as long as it lives; the system ends it with the process.
#[derive(Debug)]
pub(super) struct DataLock(#[expect(dead_code, reason = "it is kept open")] File);

impl DataLock {
    /// Takes it, and makes the directory if it is not there: for its owner only.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let failed = |error: io::Error| unusable(dir, &error);
        make(dir).map_err(failed)?;
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(dir.join(FILE)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(dir, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let id = std::process::id();
        let written = file.set_len(0).and_then(|()| writeln!(file, "{id}"));
        written.map_err(failed)?;
        Ok(Self(file))
    }
}

pub(super) fn unusable(dir: &Path, error: &io::Error) -> ServiceError {
    let message = format!("cannot use the data directory '{}': {error}", dir.display());
    ServiceError::new(ErrorKind::Unavailable, message)
}

/// Makes a data directory, for its owner only, unless it is there.
pub(super) fn make(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn taken(dir: &Path, file: &mut File) -> ServiceError {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let who = match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(id)) => format!("process {id}"),
        _ => "another process".to_owned(),
    };
    let message = format!(
        "{who} serves '{}' already; use that server, stop it, or name another directory with --data",
        dir.display()
    );
    ServiceError::new(ErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_served_once_at_a_time_and_who_comes_second_hears_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/b");
        let lock = DataLock::take(&data).unwrap();
        let error = DataLock::take(&data).unwrap_err();
        assert!(
            error.message.contains(&std::process::id().to_string()),
            "{error}"
        );
        assert!(error.message.contains("--data"), "{error}");
        drop(lock);
        DataLock::take(&data).unwrap();
    }
}
