//! How a process that does not write keeps a commit from being collected: a locked file with its id.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use irmin_core::{Id, StoreError};

use crate::damage;
use crate::files::{File, Files};
use crate::layout::Layout;

/// A file that says to collectors which commit is held, as long as it is locked: until this is
/// dropped or the process ends.
#[derive(Debug)]
pub(crate) struct HoldFile {
    files: Arc<dyn Files>,
    path: PathBuf,
    file: Arc<dyn File>,
}

impl HoldFile {
    /// Makes the file. When this returns, whoever looks for holds finds it.
    pub(crate) fn new(
        files: &Arc<dyn Files>,
        layout: &Layout,
        commit: Id,
    ) -> Result<Self, StoreError> {
        let dir = &layout.holds;
        files
            .create_dirs(dir)
            .map_err(damage::grow("create", dir))?;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = dir.join(format!("{}-{number}", std::process::id()));
            if let Some(file) = locked(&**files, &path)? {
                let hold = Self {
                    files: Arc::clone(files),
                    path,
                    file,
                };
                hold.write(commit)?;
                return Ok(hold);
            }
        }
    }

    fn write(&self, commit: Id) -> Result<(), StoreError> {
        let line = format!("{commit}\n");
        self.file
            .write_at(line.as_bytes(), 0)
            .map_err(damage::grow("write", &self.path))?;
        // One that was left by a process with the same number may be longer.
        self.file
            .truncate(line.len() as u64)
            .map_err(damage::grow("truncate", &self.path))
    }
}

impl Drop for HoldFile {
    fn drop(&mut self) {
        // What is left behind is removed by a collector, as nobody locks it.
        let _ = self.files.remove(&self.path);
        let _ = self.file.unlock();
    }
}

/// Makes a file and locks it; `None` when somebody else has it: a process with the same number on
/// another machine, or a collector that is about to remove what was left behind.
fn locked(files: &dyn Files, path: &Path) -> Result<Option<Arc<dyn File>>, StoreError> {
    let file = files
        .open_or_create(path)
        .map_err(damage::grow("create", path))?;
    if !file.try_lock().map_err(damage::io("lock", path))? {
        return Ok(None);
    }
    // Between the two a collector may have removed it.
    let is_named = file.is_named(path).map_err(damage::io("find", path))?;
    Ok(is_named.then_some(file))
}

static NEXT: AtomicU64 = AtomicU64::new(0);
