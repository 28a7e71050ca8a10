//! Reading what users hand over: files and stdin.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use irminsule::{Blob, Mode, ObjectStore};

use crate::failure::Failure;

/// Stores a file as a value, chunk by chunk, with its mode. Links are followed.
pub(crate) fn file_blob(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<Blob, Failure> {
    let failed = |error: io::Error| Failure::file("read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let blob = Blob::write(store, &mut file).map_err(|error| match error {
        irminsule::Error::Read(error) => failed(error),
        error => error.into(),
    })?;
    Ok(blob.with_mode(mode(&metadata)))
}

/// Reads all of a file, or of stdin if it is `-` or not named.
pub(crate) fn read_all(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match path.filter(|&path| path != Path::new("-")) {
        Some(path) => fs::read(path).map_err(|error| Failure::file("read", path, &error)),
        None => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Failure::file("read", Path::new("stdin"), &error))?;
            Ok(bytes)
        }
    }
}

/// Returns all of stdin, which has come to its end: kept in a nameless file, whatever its size.
pub(crate) fn piped() -> Result<File, Failure> {
    let failed = |error: io::Error| Failure::file("read", Path::new("stdin"), &error);
    let mut spool = tempfile::tempfile().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), &mut spool).map_err(failed)?;
    spool.rewind().map_err(failed)?;
    Ok(spool)
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> Mode {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o100 == 0 {
        Mode::Normal
    } else {
        Mode::Executable
    }
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> Mode {
    Mode::Normal
}
