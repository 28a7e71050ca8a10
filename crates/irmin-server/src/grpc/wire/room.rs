//! How much fits into one message.

use bytes::Bytes;
use irminsule::Blob;

use crate::service::Result;

/// About how many bytes of values or objects the server puts into one message: with what comes beside
/// them it is below 4 MiB, which is what clients take unless they are told otherwise.
pub(crate) const MESSAGE_BYTES: u64 = 3 << 20;

/// Room for values in one message.
pub(crate) struct Room {
    each: u64,
    left: u64,
}

impl Room {
    /// Returns the room of a new message, for values of at most so many bytes each; 0 for none.
    pub(crate) const fn new(each: u64) -> Self {
        Self {
            each,
            left: MESSAGE_BYTES,
        }
    }

    /// Returns the value, if it is small enough and there is room for it.
    pub(crate) fn take(&mut self, blob: &Blob) -> Result<Option<Bytes>> {
        let size = blob.size();
        if self.each == 0 || size > self.each || !self.reserve(size) {
            return Ok(None);
        }
        Ok(Some(blob.bytes()?))
    }

    /// Takes room for so many bytes; `false` if there is none.
    pub(crate) const fn reserve(&mut self, bytes: u64) -> bool {
        let Some(left) = self.left.checked_sub(bytes) else {
            return false;
        };
        self.left = left;
        true
    }
}
