//! The model of Irminsule: a branchable, mergeable, content-addressed database.
//!
//! This crate holds meaning and no machinery: it opens no file and no socket, starts no thread and
//! reads no clock. Bytes live in an engine behind [`ObjectStore`] and [`RefStore`]; time and
//! authors come in as arguments.

mod codec;
mod error;
mod id;
mod memory;
mod path;
mod store;
mod tree;

pub use error::{DecodeError, Error, ErrorKind, Result};
pub use id::{Id, IdPrefix};
pub use memory::MemoryStore;
pub use path::{PATH_STEPS_MAX, Path, PathError, STEP_BYTES_MAX, Step};
pub use store::{
    Durability, Engine, Key, Kind, Locator, Object, ObjectStore, RefEdit, RefOutcome, RefStore,
    StoreError, Stored,
};
pub use tree::{
    Blob, Change, Difference, Entry, EntryKind, INLINE_BYTES_MAX, Listing, Mode, Order, Tree,
    TreeStats, Walk, WalkOptions,
};
