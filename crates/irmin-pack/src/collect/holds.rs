//! The commits that reader processes hold.

use std::io;
use std::path::{Path, PathBuf};

use irmin_core::{Id, StoreError};

use crate::damage;
use crate::files::{File, Files};

/// Returns the ids in the files that somebody locks. A file that nobody locks was left by a process
/// that is gone; with `may_remove` it is removed.
pub(crate) fn held(files: &dyn Files, dir: &Path, may_remove: bool) -> Result<Vec<Id>, StoreError> {
    let names = match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(damage::io("list", dir))?,
    };
    let mut ids = Vec::new();
    for path in names.iter().map(|name| dir.join(name)) {
        match files.open_read(&path) {
            // Its holder let go meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => {
                let file = opened.map_err(damage::io("open", &path))?;
                read(files, &*file, path, may_remove, &mut ids)?;
            }
        }
    }
    Ok(ids)
}

fn read(
    files: &dyn Files,
    file: &dyn File,
    path: PathBuf,
    may_remove: bool,
    ids: &mut Vec<Id>,
) -> Result<(), StoreError> {
    if file.try_lock().map_err(damage::io("lock", &path))? {
        // Whoever makes a hold looks, when it has the lock, whether the file still has its name.
        let removed = match may_remove {
            true => files.remove(&path),
            false => Ok(()),
        };
        file.unlock().map_err(damage::io("unlock", &path))?;
        return match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(damage::io("remove", &path)),
        };
    }
    let length = file.length().map_err(damage::io("measure", &path))?;
    let mut bytes = vec![0; usize::try_from(length.min(HOLD_BYTES_MAX)).unwrap_or_default()];
    file.read_at(&mut bytes, 0)
        .map_err(damage::read(&path, 0))?;
    let text = String::from_utf8_lossy(&bytes);
    // What is no id is just being written: its hold is not promised yet.
    ids.extend(text.lines().filter_map(|line| line.parse::<Id>().ok()));
    Ok(())
}

/// How much of a file is read: a quarter of a million ids.
const HOLD_BYTES_MAX: u64 = 16 << 20;
