//! Writing a bundle: the target of a copy is a stream.

use std::collections::HashSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::format;
use crate::codec::put_varint;
use crate::error::Result;
use crate::refs::RefName;
use crate::repo::Repo;
use crate::store::{Key, Object, ObjectStore, StoreId, Stored};
use crate::store_error::StoreError;
use crate::sync::SyncError;
use crate::sync::bases::Near;
use crate::sync::copy::{Copy, CopyOptions, CopyProgress};
use crate::sync::object::{Role, Want};
use crate::{Id, IdPrefix};

/// How many nodes are read at once to learn what the receiver has.
const ROUND_NODES: usize = 256;

/// What a bundle holds.
#[derive(Clone, Debug, Default)]
pub struct BundleOptions {
    /// The names in it, with the commits that they lead to.
    pub refs: Vec<(RefName, Id)>,
    /// Commits that the receiver has, with all that they lead to: none of that is in the bundle.
    pub prerequisites: Vec<Id>,
    /// How much history.
    pub copy: CopyOptions,
}

impl BundleOptions {
    /// Puts all that these names lead to into the bundle.
    #[must_use]
    pub fn new(refs: Vec<(RefName, Id)>) -> Self {
        Self {
            refs,
            ..Self::default()
        }
    }
}

impl Repo {
    /// Writes a bundle. What the prerequisites' trees hold is left out, but not what only older
    /// trees held. Memory, beside that of [`copy`](crate::sync::copy): about 50 bytes for each object
    /// that is written or left out; the prerequisites' trees are read.
    ///
    /// # Errors
    /// [`SyncError::Write`] in [`Error::Sync`](crate::Error::Sync) when `out` fails; as
    /// [`copy`](crate::sync::copy). What was written is no bundle then.
    pub fn write_bundle(
        &self,
        options: &BundleOptions,
        out: &mut (dyn Write + Send),
        progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Result<CopyProgress> {
        let source = self.engine().as_ref();
        let mut stream = Stream {
            out,
            hash: Sha256::new(),
            written: trees_of(source, &options.prerequisites)?,
            objects: 0,
            failure: None,
        };
        stream.write(&format::header(&options.refs, &options.prerequisites))?;
        let sink = BundleSink {
            id: StoreId::fresh(),
            source,
            stream: Mutex::new(stream),
        };
        let is_left_out = |id: Id| {
            for &prerequisite in &options.prerequisites {
                if self.history().is_ancestor(id, prerequisite)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let wants: Vec<Id> = options.refs.iter().map(|(_, id)| *id).collect();
        let copy = Copy::new(source, &sink, Near::Source).without(&is_left_out);
        let copied = copy.run(&wants, &options.copy, progress);
        let mut stream = sink
            .stream
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // What the stream said is more than what it can tell as a store.
        stream.failure.take().map_or(Ok(()), Err)?;
        let copied = copied?;
        stream.end()?;
        Ok(copied)
    }
}

/// Returns the ids of all objects that the trees of some commits consist of.
fn trees_of(source: &dyn ObjectStore, commits: &[Id]) -> Result<HashSet<Id>, SyncError> {
    let (mut ids, mut pending) = (HashSet::new(), Vec::new());
    for &id in commits {
        let missing = SyncError::Missing {
            id,
            what: "a commit",
        };
        let stored = source.get(&id.into())?.ok_or(missing)?;
        let data = crate::CommitData::from_stored(&stored).map_err(|source| SyncError::Decode {
            id,
            what: "a commit",
            source,
        })?;
        let root = Want {
            id: data.tree.id,
            locator: data.tree.locator,
            role: Role::Root,
        };
        if !stored.cut.contents && ids.insert(root.id) {
            pending.push(root);
        }
    }
    while !pending.is_empty() {
        let round = pending.split_off(pending.len().saturating_sub(ROUND_NODES));
        let keys: Vec<Key> = round.iter().map(Want::key).collect();
        let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
        source.get_many(&keys, &mut |position, stored| {
            if let Some(slot) = found.get_mut(position) {
                *slot = stored;
            }
        })?;
        for (want, stored) in round.iter().zip(found) {
            let links = want.check(stored)?.links;
            let new = links.into_iter().filter(|link| ids.insert(link.id));
            pending.extend(new.filter(|link| link.role.has_links()));
        }
    }
    Ok(ids)
}

/// The file on its way.
struct Stream<'a> {
    out: &'a mut (dyn Write + Send),
    hash: Sha256,
    /// What is in the file, or at the receiver.
    written: HashSet<Id>,
    objects: u64,
    failure: Option<SyncError>,
}

impl Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SyncError> {
        self.hash.update(bytes);
        self.out.write_all(bytes).map_err(SyncError::Write)
    }

    fn put(&mut self, object: &Object<'_>) -> Result<(), SyncError> {
        if !self.written.insert(object.id) {
            return Ok(());
        }
        let (generation, cut) = (object.generation, object.cut);
        let len = object.bytes.len();
        let head = format::object_head(&object.id, object.kind, generation, cut, len);
        self.objects += 1;
        self.write(&head)?;
        self.write(object.bytes)
    }

    fn end(&mut self) -> Result<(), SyncError> {
        let mut end = vec![format::END];
        put_varint(&mut end, self.objects);
        self.write(&end)?;
        let checksum: [u8; 32] = self.hash.clone().finalize().into();
        self.write(&checksum)?;
        self.out.flush().map_err(SyncError::Write)
    }
}

/// A stream in the place of a store.
struct BundleSink<'a> {
    id: StoreId,
    /// Where the commits are that the receiver has.
    source: &'a dyn ObjectStore,
    stream: Mutex<Stream<'a>>,
}

impl ObjectStore for BundleSink<'_> {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.source.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        for object in objects {
            if let Err(error) = stream.put(object) {
                let cause = error.to_string();
                stream.failure = Some(error);
                return Err(StoreError::Poisoned { cause });
            }
        }
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        out.extend(ids.iter().map(|id| stream.written.contains(id)));
        Ok(())
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}
