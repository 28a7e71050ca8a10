//! Bundles: what a push would send, in a file. To the byte in `FORMAT.md`.

mod format;
mod scan;
mod store;
mod write;

pub use format::BUNDLE_VERSION;
pub use store::{BundleBytes, BundleStore};
pub use write::BundleOptions;
