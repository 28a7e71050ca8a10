//! Ids, and what the oneofs of the protocol are made of.

use bytes::Bytes;

use crate::v1::{Blob, Directory, Entry, ObjectId, entry};

/// The length of an id, in bytes.
pub const ID_BYTES: usize = 32;

impl From<[u8; ID_BYTES]> for ObjectId {
    fn from(bytes: [u8; ID_BYTES]) -> Self {
        Self {
            sha256: Bytes::copy_from_slice(&bytes),
        }
    }
}

impl ObjectId {
    /// Returns the 32 bytes; `None` when they are not 32.
    ///
    /// ```
    /// use irmin_proto::v1::ObjectId;
    /// assert_eq!(ObjectId::from([7; 32]).to_array(), Some([7; 32]));
    /// assert_eq!(ObjectId::default().to_array(), None);
    /// ```
    #[must_use]
    pub fn to_array(&self) -> Option<[u8; ID_BYTES]> {
        self.sha256.as_ref().try_into().ok()
    }
}

impl From<Blob> for Entry {
    fn from(blob: Blob) -> Self {
        Self {
            is: Some(entry::Is::Blob(blob)),
        }
    }
}

impl From<Directory> for Entry {
    fn from(directory: Directory) -> Self {
        Self {
            is: Some(entry::Is::Directory(directory)),
        }
    }
}
