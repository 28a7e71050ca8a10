//! How deep values nest, so that the recursion of `serde` over foreign data has an end.

use super::TypedError;
use crate::Path;

/// The most directories inside each other that a typed value may take; also the most options and
/// newtypes around one value. What `serde_json` parses (127 levels) always fits.
pub const TYPED_DEPTH_MAX: u8 = 128;

/// A place's depth. All recursion of this module goes through one of the two methods.
#[derive(Clone, Copy, Default)]
pub(super) struct Depth {
    dirs: u8,
    wraps: u8,
}

impl Depth {
    /// Returns the depth of the entries of a directory that is here.
    pub(super) fn below(self) -> Result<Self, TypedError> {
        let dirs = limited(self.dirs)?;
        Ok(Self { dirs, wraps: 0 })
    }

    /// Returns the depth inside an option or newtype, which takes no directory.
    pub(super) fn wrapped(self) -> Result<Self, TypedError> {
        let wraps = limited(self.wraps)?;
        Ok(Self { wraps, ..self })
    }
}

fn limited(depth: u8) -> Result<u8, TypedError> {
    if depth < TYPED_DEPTH_MAX {
        return Ok(depth + 1);
    }
    let path = Path::root();
    Err(TypedError::TooDeep { path })
}
