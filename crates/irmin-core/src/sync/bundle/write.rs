//! Writing a bundle: the target of a copy is a stream.

use std::io::Write;
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::format;
use crate::Id;
use crate::codec::put_varint;
use crate::error::Result;
use crate::refs::RefName;
use crate::repo::Repo;
use crate::store::Object;
use crate::sync::offer::{Taker, give};
use crate::sync::{CopyOptions, CopyProgress, SyncError};

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
    /// trees held. Memory as that of [`give`](crate::sync::give).
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
        let mut stream = Stream {
            out,
            hash: Sha256::new(),
            objects: 0,
        };
        stream.write(&format::header(&options.refs, &options.prerequisites))?;
        let wants: Vec<Id> = options.refs.iter().map(|(_, id)| *id).collect();
        let haves = &options.prerequisites;
        let put: Taker<'_> = &mut |object| stream.put(object);
        let copied = give(self, &wants, haves, &options.copy, put, progress)?;
        stream.end()?;
        Ok(copied)
    }
}

/// The file on its way.
struct Stream<'a> {
    out: &'a mut (dyn Write + Send),
    hash: Sha256,
    objects: u64,
}

impl Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SyncError> {
        self.hash.update(bytes);
        self.out.write_all(bytes).map_err(SyncError::Write)
    }

    fn put(&mut self, object: &Object<'_>) -> Result<(), SyncError> {
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
