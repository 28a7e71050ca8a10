//! Moving objects and names between two repositories, whatever their engines.
//!
//! All of it is one loop, [`copy`]: it asks the target what it has, reads the rest from the source,
//! believes nothing, and stores children before parents. Names move last, by compare-and-swap, so
//! that a transfer that fails shows nothing. A bundle file is a target when it is written and an
//! engine when it is read.

mod bases;
mod bundle;
mod commits;
mod copy;
mod error;
mod fetch;
mod object;
mod offer;
mod order;
mod pull;
mod push;
mod received;
mod sink;

#[cfg(test)]
mod tests;

pub use bundle::{BUNDLE_VERSION, BundleBytes, BundleOptions, BundleStore};
pub use copy::{CopyOptions, CopyProgress, copy};
pub use error::SyncError;
pub use fetch::{FetchOptions, Fetched, RefMove};
pub use offer::{Taker, give};
pub use pull::Pulled;
pub use push::{PushMode, PushOutcome, PushRef, Refusal};
pub use received::{Received, check_received};
