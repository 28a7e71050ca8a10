//! What the server can do, said once: synchronous, without HTTP. All transports call it and nothing
//! else.
//!
//! A [`Server`] holds repositories, [`Access`] says who asks, [`Server::run`] takes a request to a
//! thread that may block, and there a [`Scope`] is the repository *as that caller may see it*: rights
//! are enforced in it and nowhere else. What a caller may not read is absent from every answer: the
//! trees that it sees are pruned.

mod access;
mod audit;
mod error;
mod feed;
mod hop;
mod hub;
mod limits;
mod lock;
mod metrics;
mod pool;
mod repos;
mod requests;
mod scope;
mod server;
mod sessions;
mod stream;
pub(crate) mod toml_text;
mod verb;
mod watch;

pub use access::{
    ANONYMOUS, Access, AccessConfig, Caller, Certificate, Clock, Credentials, Door, Entry,
    Failures, Grants, PRINCIPAL_BYTES_MAX, PathSet, Pattern, Peer, Principal, Right, Rule, Rules,
    Token, Tokens, Transport, entry,
};
pub use audit::{Audit, AuditConfig};
pub use error::{Details, ErrorKind, Result, ServiceError};
pub use hop::Deadline;
pub(crate) use hop::blocking;
pub use limits::Limits;
pub use metrics::{Counter, Histogram, Metrics, Outcomes, VerbMetrics};
pub use repos::{Data, OpenRepo, Repos};
pub use requests::{PRINCIPAL_HEADER, REQUEST_HEADER, REQUEST_KEY_BYTES_MAX, RequestKey};
pub use scope::{
    Around, CommitOptions, Committed, Cursor, Expected, LogPage, LogRequest, MergeAnswer,
    MergeRequest, NewObject, Outgoing, Page, Precondition, Scope, ScopedView, Settlement, Snapshot,
    Transaction, Write,
};
pub use server::{Config, Server};
pub use sessions::{Opened, SessionId, SessionOptions};
pub use stream::{
    BlobHead, ByteReceiver, ByteSender, StreamReader, StreamWriter, byte_stream_in, byte_stream_out,
};
pub use verb::{Needs, Verb};
pub use watch::{NamesWatching, WatchOptions, Watched, Watching};

#[cfg(test)]
mod tests;
