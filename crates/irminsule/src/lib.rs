//! Irminsule: a branchable, mergeable, content-addressed database.
//!
//! It has Git's model (immutable trees, commits, branches, three-way merge) as a library, at the
//! speed of a key-value store. Add this crate; [`open`] anything; the rest of the API is
//! [`irmin_core`], re-exported here.
//!
//! ```
//! use irminsule::{Path, TransactOptions, create};
//!
//! let dir = tempfile::tempdir()?;
//! let repo = create(&format!("pack:{}", dir.path().join("store").display()))?;
//! let main = repo.branch("main")?;
//! let greeting = Path::parse("greetings/en")?;
//! main.transact(&TransactOptions::new("say hello"), |view| view.set(&greeting, "hello"))?;
//!
//! let draft = repo.branch("draft")?;
//! draft.reset(&main.head()?.unwrap())?;
//! draft.set(&greeting, "good day", "be polite")?;
//! assert_eq!(main.get(&greeting)?.unwrap(), "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod bundle;
mod clone;
mod env;
mod remotes;
mod url;
mod watcher;

pub use bundle::{open_bundle, write_bundle};
pub use clone::{CloneError, CloneOptions, Cloned, ORIGIN, clone, unfinished_clone};
pub use env::system_env;
/// The client of Irminsule's network protocol, for more than [`open`] does.
#[cfg(feature = "client")]
pub use irmin_client as client;
pub use irmin_core::*;
pub use irmin_pack as pack;
pub use remotes::{Remotes, RemotesError};
pub use url::{OpenError, Url};
pub use watcher::{End, Watcher};

use std::sync::Arc;

/// The program in the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Opens an existing repository: `pack:DIR`, or a directory alone; `bundle:FILE` for reading only;
/// `mem:` is a new empty one. With the feature `client` also `irmin://host[:port][/repository]` and
/// its like, which is connected to with the first call.
///
/// # Errors
/// [`OpenError::Url`] when the URL names no engine, [`OpenError::Store`] when the engine cannot be
/// opened: no store there, in use by another process, damaged.
pub fn open(url: &str) -> Result<Repo, OpenError> {
    let engine = url.parse::<Url>()?.open()?;
    Ok(Repo::new(engine, system_env()))
}

/// Opens an existing repository for reading only, also while another process writes to it: heads
/// are those that it has written by then, and
/// [`wait_for_changes`](RefStore::wait_for_changes) of the engine tells when they move. Writing
/// fails with [`StoreError::ReadOnly`].
///
/// ```
/// use irminsule::{Path, create, open_reader};
///
/// let dir = tempfile::tempdir()?;
/// let url = format!("pack:{}", dir.path().display());
/// let writer = create(&url)?.branch("main")?;
/// let reader = open_reader(&url)?.branch("main")?;
/// let greeting = Path::parse("greeting")?;
/// writer.set(&greeting, "hello", "say hello")?;
/// assert_eq!(reader.get(&greeting)?.unwrap(), "hello");
/// let refused = reader.set(&greeting, "goodbye", "leave").unwrap_err();
/// assert!(refused.to_string().ends_with("is open for reading only"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`open`]; [`OpenError::NoReader`] for `mem:`.
pub fn open_reader(url: &str) -> Result<Repo, OpenError> {
    let engine = url.parse::<Url>()?.open_reader()?;
    Ok(Repo::new(engine, system_env()))
}

/// Makes a new repository, and the directory where it lives.
///
/// # Errors
/// As [`open`], and [`OpenError::Store`] when there is a repository already.
pub fn create(url: &str) -> Result<Repo, OpenError> {
    let engine: Arc<dyn Engine> = url.parse::<Url>()?.create()?;
    Ok(Repo::new(engine, system_env()))
}
