//! The model of Irminsule: a branchable, mergeable, content-addressed database.
//!
//! This crate holds meaning and no machinery: it opens no file and no socket, starts no thread and
//! reads no clock. Bytes live in an engine behind [`ObjectStore`] and [`RefStore`]; time and
//! authors come in as arguments.

#![forbid(unsafe_code)]

mod branch;
mod check;
mod codec;
mod collect;
mod commit;
mod error;
mod graph;
mod history;
mod id;
mod links;
mod loader;
mod lock;
mod memory;
mod merge;
mod names;
mod path;
mod path_history;
mod proof;
mod queue;
mod refs;
mod repo;
mod retention;
mod revision;
pub mod rules;
mod short;
mod signal;
mod store;
mod store_error;
mod store_report;
pub mod sync;
mod transaction;
mod tree;
mod turns;
mod typed;
mod view;
mod watch;

pub use branch::{Branch, Moved};
pub use check::{CheckProblem, CheckProgress, CheckReport};
pub use collect::{Collect, CollectOptions, CollectProgress, CollectReport, CutFn};
pub use commit::{
    CommitData, CommitError, CommitInfo, EncodedCommit, HEADER_KEY_BYTES_MAX, HEADERS_MAX,
    MESSAGE_BYTES_MAX, PARENTS_MAX, SIGNATURE_BYTES_MAX, Signature, SignatureError, Time,
    TimeError,
};
pub use error::{DecodeError, Error, ErrorKind, Result};
pub use graph::{CommitGraph, GRAPH_COMMITS_MAX};
pub use history::{
    FastForward, History, HistoryError, Log, LogEntry, LogOptions, VISITED_COMMITS_MAX,
};
pub use id::{Id, IdPrefix};
pub use links::links_of;
pub use memory::MemoryStore;
pub use merge::{
    Conflict, ConflictKind, MergeOptions, MergeOutcome, Merged, Resolution, merge_trees,
};
pub use path::{PATH_STEPS_MAX, Path, PathError, STEP_BYTES_MAX, Step};
pub use path_history::PathLog;
pub use proof::{Claim, Found, Proof, ProofError};
pub use queue::{Queue, QueueTurn};
pub use refs::{BranchName, REF_NAME_BYTES_MAX, RefName, RefNameError};
pub use repo::{Commit, Env, Repo};
pub use retention::{RetentionError, RetentionRule};
pub use revision::{CANDIDATES_MAX, HINT_NAMES_MAX, REVISION_BYTES_MAX, Revision, RevisionError};
pub use signal::{Hold, Holds, Signal};
pub use store::{
    Base, Cut, Durability, Engine, Key, Kind, Locator, Object, ObjectStore, RefEdit, RefOutcome,
    RefStore, StoreId, Stored,
};
pub use store_error::StoreError;
pub use store_report::{KindStats, StoreStats, VerifyProgress, VerifyReport};
pub use transaction::{Check, Isolation, TransactOptions, Transacted, TransactionError};
pub use tree::{
    Blob, BlobRef, Change, Difference, Entry, EntryKind, INLINE_BYTES_MAX, Listing, Mode, Order,
    Tree, TreeBuilder, TreeStats, Walk, WalkOptions,
};
pub use typed::{
    Loaded, TYPED_DEPTH_MAX, TypedError, entry_to_json, from_entry, json_to_entry, to_entry,
};
pub use view::{Read, View};
pub use watch::{NameChange, NamesWatch, Since, Watch, WatchError, WatchEvent, WatchKind};
