//! Bundles as files.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use irmin_core::sync::{BundleBytes, BundleOptions, BundleStore, CopyProgress, SyncError};
use irmin_core::{Error, Repo, StoreError};

/// How much is written at once.
const BUFFER_BYTES: usize = 1 << 20;

struct BundleFile(File);

impl BundleBytes for BundleFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

/// Opens a bundle file as an engine that only reads. Reads all of it once, and checks every byte.
///
/// # Errors
/// As [`BundleStore::open`]; [`StoreError::NotFound`].
pub fn open_bundle(path: &Path) -> Result<BundleStore, StoreError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { path: path.into() },
        _ => StoreError::Io {
            action: "open",
            path: path.into(),
            offset: None,
            source,
        },
    })?;
    BundleStore::open(path.into(), Box::new(BundleFile(file)))
}

/// Writes a bundle file, all or nothing: under another name first, synced, renamed. Two syncs.
///
/// ```
/// use std::ops::ControlFlow;
/// use irminsule::sync::BundleOptions;
/// use irminsule::{Path, create, open, write_bundle};
///
/// let dir = tempfile::tempdir()?;
/// let repo = create("mem:")?;
/// let main = repo.branch("main")?;
/// let head = main.set(&Path::parse("greeting")?, "hello", "say hello")?.unwrap();
/// let file = dir.path().join("hello.bundle");
/// let options = BundleOptions::new(vec![(main.name().full(), head.id())]);
/// write_bundle(&repo, &options, &file, &mut |_| ControlFlow::Continue(()))?;
///
/// let bundle = open(&format!("bundle:{}", file.display()))?;
/// assert_eq!(bundle.branch("main")?.get(&Path::parse("greeting")?)?.unwrap(), "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Repo::write_bundle`]. There is no file then, or the one that was there.
pub fn write_bundle(
    repo: &Repo,
    options: &BundleOptions,
    path: &Path,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyProgress, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let written = write_file(repo, options, &temporary, progress).and_then(|copied| {
        fs::rename(&temporary, path)
            .and_then(|()| sync_dir(path))
            .map_err(SyncError::Write)?;
        Ok(copied)
    });
    if written.is_err() {
        // It may not even exist; the first failure is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_file(
    repo: &Repo,
    options: &BundleOptions,
    path: &Path,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyProgress, Error> {
    let file = File::create(path).map_err(SyncError::Write)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let copied = repo.write_bundle(options, &mut out, progress)?;
    out.get_ref().sync_all().map_err(SyncError::Write)?;
    Ok(copied)
}

/// Makes the names in a file's directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}
