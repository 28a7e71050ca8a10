//! The client of Irminsule's network protocol.

#![forbid(unsafe_code)]

mod connection;
mod error;
mod options;
mod store;
mod token;
mod url;
mod waiter;
mod wire;

pub use error::{ClientError, Problem, Result};
pub use options::{Backoff, Chance, ClientOptions};
pub use store::RemoteStore;
pub use token::Token;
pub use url::{DEFAULT_PORT, DEFAULT_REPOSITORY, RemoteUrl, UrlError};
