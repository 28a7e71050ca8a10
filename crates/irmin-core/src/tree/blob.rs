//! Values: bytes with a mode, in memory or in a store.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::chunks::{self, CHUNKED_BYTES_MIN};
use super::link::Place;
use crate::codec::header;
use crate::error::{DecodeError, Error, Result};
use crate::store::StoreId;
use crate::{Id, Key, Kind, ObjectStore};

/// The largest value that lies inside its directory's node, in bytes.
pub const INLINE_BYTES_MAX: usize = 128;

/// What a value is to a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// A file.
    #[default]
    Normal,
    /// A file that can be executed.
    Executable,
    /// A symbolic link; the bytes are its target.
    Link,
}

impl Mode {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Executable => 1,
            Self::Link => 2,
        }
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Normal),
            1 => Some(Self::Executable),
            2 => Some(Self::Link),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Executable => "executable",
            Self::Link => "link",
        })
    }
}

/// An immutable value. Cloning copies no bytes.
///
/// Values of up to 128 bytes live in the node of their directory. Larger ones are objects of
/// their own, read when asked for; those of over 1 MiB are cut into chunks by content.
///
/// ```
/// use irmin_core::{Blob, Mode};
/// let blob = Blob::new("hello").with_mode(Mode::Executable);
/// assert_eq!(blob.bytes()?, "hello");
/// assert_eq!(blob.size(), 5);
/// # Ok::<(), irmin_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Blob {
    mode: Mode,
    data: Data,
}

#[derive(Clone)]
pub(super) enum Data {
    Inline(Bytes),
    Object(Arc<BlobCell>, Option<Arc<dyn ObjectStore>>),
}

/// A value that is an object of its own.
#[derive(Debug)]
pub(crate) struct BlobCell {
    pub(super) id: Id,
    pub(super) size: u64,
    pub(super) chunked: bool,
    /// Set as soon as a store has it: the first store to have it.
    pub(super) stored: OnceLock<Place>,
    /// The content, of a value that was made in memory.
    pub(super) bytes: Option<Bytes>,
}

impl BlobCell {
    pub(super) fn stored(id: Id, size: u64, chunked: bool, place: Place) -> Self {
        Self {
            id,
            size,
            chunked,
            stored: OnceLock::from(place),
            bytes: None,
        }
    }

    /// Returns the key, if the given store is known to have the value.
    pub(super) fn key_in(&self, store: StoreId) -> Option<Key> {
        let place = self.stored.get().filter(|place| place.store == store)?;
        Some(Key {
            id: self.id,
            locator: place.locator,
        })
    }

    /// Reads the content, which must have the size that the directory says.
    fn read(&self, store: &dyn ObjectStore) -> Result<Bytes> {
        let key = self.key(store);
        let bytes = if self.chunked {
            chunks::read(store, &key)?
        } else {
            content(store, &key)?
        };
        if bytes.len() as u64 != self.size {
            let source = DecodeError::new("blob", 0, "another size than its directory says");
            let id = self.id;
            return Err(Error::Decode { id, source });
        }
        Ok(bytes)
    }

    /// Returns the key to ask a store for.
    fn key(&self, store: &dyn ObjectStore) -> Key {
        self.key_in(store.store_id())
            .unwrap_or_else(|| self.id.into())
    }
}

impl Blob {
    /// Makes a value of bytes. Hashes them once if they are more than 128.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let data = if bytes.len() <= INLINE_BYTES_MAX {
            Data::Inline(bytes)
        } else {
            let size = bytes.len() as u64;
            let chunked = bytes.len() >= CHUNKED_BYTES_MIN;
            let id = if chunked {
                chunks::id_of(&bytes)
            } else {
                blob_id(&bytes)
            };
            let stored = OnceLock::new();
            Data::Object(
                Arc::new(BlobCell {
                    id,
                    size,
                    chunked,
                    stored,
                    bytes: Some(bytes),
                }),
                None,
            )
        };
        Self {
            mode: Mode::Normal,
            data,
        }
    }

    /// Stores what `reader` yields, as it comes, and returns the value. Memory is bounded by
    /// 2 MiB whatever the size; one object a chunk and one for their list.
    ///
    /// # Errors
    /// [`Error::Read`] when the reader fails, [`Error::Store`] when the store does.
    pub fn write(store: &Arc<dyn ObjectStore>, reader: &mut dyn io::Read) -> Result<Self> {
        chunks::write(store, reader)
    }

    pub(super) const fn from_data(mode: Mode, data: Data) -> Self {
        Self { mode, data }
    }

    pub(super) const fn data(&self) -> &Data {
        &self.data
    }

    /// Returns the value with another mode.
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Returns the mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Tells whether the value lies in its directory's node.
    pub(crate) const fn is_inline(&self) -> bool {
        matches!(self.data, Data::Inline(_))
    }

    /// Returns the number of bytes. Reads nothing.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.data {
            Data::Inline(bytes) => bytes.len() as u64,
            Data::Object(cell, _) => cell.size,
        }
    }

    /// Returns the id of the content; the mode is no part of it. Hashes values of up to 128 bytes.
    #[must_use]
    pub fn id(&self) -> Id {
        match &self.data {
            Data::Inline(bytes) => blob_id(bytes),
            Data::Object(cell, _) => cell.id,
        }
    }

    /// Returns the content. One read for a value of its own object, one more for a large one's
    /// chunks together.
    ///
    /// # Errors
    /// [`Error::Missing`] when the store lacks the object, [`Error::Decode`] when it is another one
    /// than it should be, [`Error::Store`] when it fails.
    pub fn bytes(&self) -> Result<Bytes> {
        match &self.data {
            Data::Inline(bytes) => Ok(bytes.clone()),
            Data::Object(cell, store) => match (&cell.bytes, store) {
                (Some(bytes), _) => Ok(bytes.clone()),
                (None, Some(store)) => cell.read(store.as_ref()),
                (None, None) => Err(Error::Missing { id: cell.id }),
            },
        }
    }

    /// Writes the content to `out` chunk by chunk, with memory bounded by a chunk (1 MiB).
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and [`Error::Write`] when `out` fails.
    pub fn copy_to(&self, out: &mut dyn io::Write) -> Result<()> {
        match &self.data {
            Data::Object(cell, Some(store)) if cell.chunked && cell.bytes.is_none() => {
                chunks::copy(store.as_ref(), &cell.key(store.as_ref()), out)
            }
            _ => out.write_all(&self.bytes()?).map_err(Error::Write),
        }
    }
}

impl PartialEq for Blob {
    /// Tells whether mode and content are the same, without reading.
    fn eq(&self, other: &Self) -> bool {
        self.mode == other.mode
            && match (&self.data, &other.data) {
                (Data::Inline(left), Data::Inline(right)) => left == right,
                (Data::Object(left, _), Data::Object(right, _)) => left.id == right.id,
                _ => false,
            }
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.data {
            Data::Inline(bytes) => write!(f, "Blob({}, {bytes:?})", self.mode),
            Data::Object(cell, _) => write!(f, "Blob({}, {:?})", self.mode, cell.id),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self::new(bytes)
    }
}

/// Returns the encoding of a blob object.
pub(super) fn encode_blob(bytes: &[u8]) -> Vec<u8> {
    [&header(Kind::Blob)[..], bytes].concat()
}

/// Returns the id of a value that is one object.
pub(super) fn blob_id(bytes: &[u8]) -> Id {
    Id::of_parts(&[&header(Kind::Blob), bytes])
}

/// Reads the content of a blob object.
pub(super) fn content(store: &dyn ObjectStore, key: &Key) -> Result<Bytes> {
    let stored = store.get(key)?.ok_or(Error::Missing { id: key.id })?;
    strip(key.id, &stored.bytes)
}

/// Returns the content of an encoded blob.
pub(super) fn strip(id: Id, bytes: &Bytes) -> Result<Bytes> {
    let mut reader = crate::codec::Reader::new("blob", bytes);
    reader
        .header(Kind::Blob)
        .map_err(|source| Error::Decode { id, source })?;
    Ok(bytes.slice(reader.offset()..))
}
