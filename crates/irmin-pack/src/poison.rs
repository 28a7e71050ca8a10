//! The memory of a failed write.

use std::sync::OnceLock;

use irmin_core::StoreError;

/// Set by the first write or sync that fails: nobody knows then what the disk holds, so the handle
/// refuses to add to it. Reads go on. A disk that is full is no such failure: what was half written
/// is taken back.
#[derive(Debug, Default)]
pub(crate) struct Poison(OnceLock<String>);

impl Poison {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            None => Ok(()),
            Some(cause) => Err(StoreError::Poisoned {
                cause: cause.clone(),
            }),
        }
    }

    /// Remembers the error of a write, if it is one.
    pub(crate) fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && !matches!(error, StoreError::Full { .. })
        {
            self.0.get_or_init(|| error.to_string());
        }
        result
    }
}
