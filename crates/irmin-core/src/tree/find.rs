//! Finding one value by a path in text: nothing is allocated, copied or counted.

use std::sync::Arc;

use super::blob::{BlobCell, Data};
use super::bucket::Sub;
use super::link::{Link, Store};
use super::rows::Slot;
use super::{Blob, Mode, Tree, dir};
use crate::error::Result;
use crate::path::Steps;

/// A value where it lies in its tree.
///
/// Cheaper than a [`Blob`], which counts references: threads that find values at once do not get
/// in each other's way.
///
/// ```
/// use irmin_core::{Path, Tree};
/// let mut tree = Tree::empty();
/// tree.set(&Path::parse("etc/hostname")?, "box")?;
/// let found = tree.find("etc/hostname")?.expect("it was just set");
/// assert_eq!(found.inline(), Some(&b"box"[..]));
/// # Ok::<(), irmin_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct BlobRef<'a> {
    slot: Slot<'a>,
    /// Of a value that is an object of its own.
    large: Option<&'a Arc<BlobCell>>,
    store: &'a Store,
}

impl<'a> BlobRef<'a> {
    /// Sees the value in an entry, unless that is a directory.
    fn new(slot: Slot<'a>, store: &'a Store) -> Option<Self> {
        let large = match slot.sub() {
            None => None,
            Some(Sub::Blob(cell)) => Some(cell),
            Some(Sub::Dir(_)) => return None,
        };
        Some(Self { slot, large, store })
    }

    /// Returns the mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.slot.mode
    }

    /// Returns the bytes of a value of up to [`INLINE_BYTES_MAX`](crate::INLINE_BYTES_MAX) bytes.
    /// `None` if it is larger; then [`to_blob`](Self::to_blob) can read it.
    #[must_use]
    pub fn inline(&self) -> Option<&'a [u8]> {
        self.large.is_none().then(|| self.slot.raw())
    }

    /// Returns the value by itself, which may outlive the tree. Copies no bytes.
    #[must_use]
    pub fn to_blob(&self) -> Blob {
        let data = match self.large {
            None => Data::Inline(self.slot.inline()),
            Some(cell) => Data::Object(Arc::clone(cell), self.store.clone()),
        };
        Blob::from_data(self.slot.mode, data)
    }
}

impl Tree {
    /// Finds the blob at a path that is written with `/`, as [`Path::parse`](crate::Path::parse)
    /// takes it; `None` if there is nothing, or a directory. The fastest way to read: makes no
    /// path, copies no value and counts no reference.
    ///
    /// # Errors
    /// [`Error::Path`](crate::Error::Path) when the text is no path; else as [`get`](Self::get).
    pub fn find(&self, path: impl AsRef<[u8]>) -> Result<Option<BlobRef<'_>>> {
        let mut steps = Steps::new(path.as_ref());
        let Some(mut step) = steps.next().transpose()? else {
            return Ok(None);
        };
        let mut link: &Link = &self.root;
        loop {
            let slot = dir::find(link, &self.store, step)?;
            let Some(next) = steps.next().transpose()? else {
                return Ok(slot.and_then(|slot| BlobRef::new(slot, &self.store)));
            };
            let Some(Sub::Dir(below)) = slot.and_then(|slot| slot.sub()) else {
                // What is no path is told, wherever the tree ends.
                steps.try_for_each(|step| step.map(drop))?;
                return Ok(None);
            };
            (link, step) = (below, next);
        }
    }
}
