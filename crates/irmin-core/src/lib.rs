//! The model of Irminsule: a branchable, mergeable, content-addressed database.
//!
//! This crate holds meaning and no machinery: it opens no file and no socket, starts no thread and
//! reads no clock. Bytes live in an engine behind [`ObjectStore`] and [`RefStore`]; time and
//! authors come in as arguments.

mod error;
mod id;
mod path;
pub mod rules;
mod store;

pub use error::{DecodeError, Error, ErrorKind, Result};
pub use id::{Id, IdPrefix};
pub use path::{PATH_STEPS_MAX, Path, PathError, STEP_BYTES_MAX, Step};
pub use store::{
    Durability, Engine, Key, Kind, Locator, Object, ObjectStore, RefEdit, RefOutcome, RefStore,
    StoreError, Stored,
};
