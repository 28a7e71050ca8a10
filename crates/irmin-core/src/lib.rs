//! The model of Irminsule: a branchable, mergeable, content-addressed database.
//!
//! This crate holds meaning and no machinery: it opens no file and no socket, starts no thread and
//! reads no clock. Bytes live in an engine behind [`ObjectStore`] and [`RefStore`]; time and
//! authors come in as arguments.

mod codec;
mod commit;
mod error;
mod id;
mod memory;
mod path;
mod refs;
mod store;
mod tree;
mod typed;

pub use commit::{
    CommitData, CommitError, CommitInfo, EncodedCommit, HEADER_KEY_BYTES_MAX, HEADERS_MAX,
    MESSAGE_BYTES_MAX, PARENTS_MAX, SIGNATURE_BYTES_MAX, Signature, SignatureError, Time,
    TimeError,
};
pub use error::{DecodeError, Error, ErrorKind, Result};
pub use id::{Id, IdPrefix};
pub use memory::MemoryStore;
pub use path::{PATH_STEPS_MAX, Path, PathError, STEP_BYTES_MAX, Step};
pub use refs::{BranchName, REF_NAME_BYTES_MAX, RefName, RefNameError};
pub use store::{
    Durability, Engine, Key, Kind, Locator, Object, ObjectStore, RefEdit, RefOutcome, RefStore,
    StoreError, Stored,
};
pub use tree::{
    Blob, Change, Difference, Entry, EntryKind, INLINE_BYTES_MAX, Listing, Mode, Order, Tree,
    TreeStats, Walk, WalkOptions,
};
pub use typed::{
    Loaded, TYPED_DEPTH_MAX, TypedError, entry_to_json, from_entry, json_to_entry, to_entry,
};
