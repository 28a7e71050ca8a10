//! The client of Irminsule's network protocol: async ([`Client`]), blocking ([`blocking::Client`]), and
//! as an engine ([`RemoteStore`]), by which every function of the library works on a repository on a
//! server.
//!
//! | to | use | because |
//! |---|---|---|
//! | read or change a few values | [`Client`] | one round trip each, and the server needs to allow only these paths |
//! | use trees, views, merges with rules of your own, sync | [`RemoteStore`] in a [`Repo`](irmin_core::Repo), which `irminsule::open("irmin://…")` makes | all of the library; reads come in batches and are kept |
//! | work while away | a clone | nothing is as near as the own disk |
//!
//! A place is a [`RemoteUrl`], such as `irmin://db.example/fleet` or `irmin+unix:///run/irmin.sock`.
//! Who the caller is says a [`Token`] or a client certificate, in [`ClientOptions`].

#![forbid(unsafe_code)]

pub mod blocking;
mod client;
mod connection;
mod error;
mod options;
mod store;
mod token;
mod url;
mod values;
mod waiter;
mod wire;

pub use client::{
    Changes, Client, CommitOutcome, LogQuery, MergeOutcome, MergeRequest, Precondition,
    RemoteEvent, Session, Settle, WatchOptions, WatchStream, Write,
};
pub use error::{ClientError, Problem, Result};
pub use options::{Backoff, Chance, ClientOptions};
pub use store::RemoteStore;
pub use token::Token;
pub use url::{DEFAULT_PORT, DEFAULT_REPOSITORY, RemoteUrl, UrlError};
pub use values::{
    LogPage, Lookup, Page, RemoteChange, RemoteCommit, RemoteConflict, RemoteConflicts, RemoteEntry,
};
