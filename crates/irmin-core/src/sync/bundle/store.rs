//! A bundle that is read as an engine.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::scan::{Contents, Place, scan};
use crate::collect::{Collect, CollectProgress, CollectReport};
use crate::signal::{Hold, Holds, Signal};
use crate::store::{
    Durability, Engine, Key, Kind, Object, ObjectStore, RefEdit, RefOutcome, RefStore, StoreId,
    Stored,
};
use crate::store_error::StoreError;
use crate::{Id, IdPrefix, StoreStats, VerifyProgress, VerifyReport};

/// The bytes of a bundle, wherever they are.
pub trait BundleBytes: Send + Sync {
    /// Returns how many bytes there are.
    ///
    /// # Errors
    /// Whatever the place says.
    fn len(&self) -> io::Result<u64>;

    /// Tells whether there are none.
    ///
    /// # Errors
    /// As [`len`](Self::len).
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when there are not so many; whatever the place says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl BundleBytes for Bytes {
    fn len(&self) -> io::Result<u64> {
        Ok(self.as_ref().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let offset = usize::try_from(offset).map_err(|_| end())?;
        let from = self.get(offset..).unwrap_or_default();
        buffer.copy_from_slice(from.get(..buffer.len()).ok_or_else(end)?);
        Ok(())
    }
}

/// A bundle, as an engine that only reads. Fetch from it, clone it, or look at it in place.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
/// use irmin_core::sync::{BundleOptions, BundleStore};
/// use irmin_core::{Env, MemoryStore, Path, Repo};
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let main = repo.branch("main")?;
/// let head = main.set(&Path::parse("a")?, "1", "Begin")?.unwrap();
/// let mut bytes = Vec::new();
/// let options = BundleOptions::new(vec![(main.name().full(), head.id())]);
/// repo.write_bundle(&options, &mut bytes, &mut |_| ControlFlow::Continue(()))?;
///
/// let bundle = BundleStore::open("my.bundle".into(), Box::new(bytes::Bytes::from(bytes)))?;
/// let repo = Repo::new(Arc::new(bundle), Env::fixed(0));
/// assert_eq!(repo.branch("main")?.get(&Path::parse("a")?)?.unwrap(), "1");
/// # Ok::<(), irmin_core::Error>(())
/// ```
pub struct BundleStore {
    id: StoreId,
    path: PathBuf,
    bytes: Box<dyn BundleBytes>,
    contents: Contents,
    changes: Signal,
    holds: Holds,
}

impl BundleStore {
    /// Opens a bundle: reads all of it once, and checks every byte. Memory: 56 bytes an object.
    /// `path` is what errors call it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the offset where it is damaged or cut off,
    /// [`StoreError::UnsupportedFormat`], [`StoreError::Io`].
    pub fn open(path: PathBuf, bytes: Box<dyn BundleBytes>) -> Result<Self, StoreError> {
        let contents = scan(bytes.as_ref(), &path, &mut |_| ())?;
        Ok(Self {
            id: StoreId::fresh(),
            path,
            bytes,
            contents,
            changes: Signal::default(),
            holds: Holds::default(),
        })
    }

    /// Returns how many different objects are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.contents.objects.len()
    }

    /// Tells whether there are no objects in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.contents.objects.is_empty()
    }

    fn place(&self, id: &Id) -> Option<&Place> {
        let objects = &self.contents.objects;
        let found = objects.binary_search_by_key(id, |place| place.id).ok()?;
        objects.get(found)
    }

    fn read(&self, place: &Place) -> Result<Stored, StoreError> {
        let mut bytes = vec![0; place.len as usize];
        self.bytes
            .read_at(place.offset, &mut bytes)
            .map_err(|source| StoreError::Io {
                offset: Some(place.offset),
                action: "read",
                path: self.path.clone(),
                source,
            })?;
        let found = Id::of(&bytes);
        if found != place.id {
            return Err(StoreError::Corrupt {
                path: self.path.clone(),
                offset: place.offset,
                expected: format!("object {}", place.id),
                found: format!("object {found}; the file was changed"),
            });
        }
        Ok(Stored {
            region: None,
            bytes: bytes.into(),
            links: Vec::new(),
            generation: place.generation,
            cut: place.cut,
        })
    }

    fn read_only(&self) -> StoreError {
        let path = self.path.clone();
        StoreError::ReadOnly { path }
    }
}

impl ObjectStore for BundleStore {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        for (position, key) in keys.iter().enumerate() {
            let found = self.place(&key.id).map(|place| self.read(place));
            out(position, found.transpose()?);
        }
        Ok(())
    }

    fn put_many(&self, _: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        Err(self.read_only())
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        out.extend(ids.iter().map(|id| self.place(id).is_some()));
        Ok(())
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        let (first, _) = prefix.range();
        let objects = &self.contents.objects;
        let from = objects.partition_point(|place| place.id < first);
        let found = objects.iter().skip(from);
        let found = found.take_while(|place| prefix.matches(&place.id));
        let commits = found.filter(|place| place.kind == Kind::Commit);
        Ok(commits.take(limit).map(|place| place.id).collect())
    }
}

impl RefStore for BundleStore {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        Ok(self.contents.refs.get(name).copied())
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        let refs = self.contents.refs.iter();
        let found = refs.filter(|(name, _)| name.starts_with(prefix));
        Ok(found.map(|(name, id)| (name.clone(), *id)).collect())
    }

    fn compare_and_swap(&self, _: &[RefEdit], _: Durability) -> Result<RefOutcome, StoreError> {
        Err(self.read_only())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn changes(&self) -> u64 {
        self.changes.get()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        Ok(self.changes.wait(seen, timeout))
    }
}

impl Engine for BundleStore {
    fn url(&self) -> String {
        format!("bundle:{}", self.path.display())
    }

    fn prerequisites(&self) -> Vec<Id> {
        self.contents.prerequisites.clone()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        let mut report = VerifyReport::default();
        match scan(self.bytes.as_ref(), &self.path, progress) {
            Ok(contents) => {
                let places = &contents.objects;
                let commits = places.iter().filter(|place| place.kind == Kind::Commit);
                report.commits = commits.count() as u64;
                report.objects = places.len() as u64;
                report.bytes = places.iter().map(|place| u64::from(place.len)).sum();
                report.refs = contents.refs.len() as u64;
            }
            Err(damage @ StoreError::Corrupt { .. }) => report.problems.push(damage),
            Err(error) => return Err(error),
        }
        Ok(report)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = StoreStats::default();
        for place in &self.contents.objects {
            stats.count(place.kind, u64::from(place.len));
        }
        stats.refs = self.contents.refs.len() as u64;
        Ok(stats)
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        Ok(self.holds.hold(commit))
    }

    fn collect(
        &self,
        _: &Collect<'_>,
        _: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        Err(self.read_only())
    }
}

impl std::fmt::Debug for BundleStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleStore")
            .field("path", &self.path)
            .field("objects", &self.len())
            .finish_non_exhaustive()
    }
}
