//! Where a repository lives, as text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::bundle::open_bundle;
#[cfg(feature = "client")]
use irmin_client::{ClientError, ClientOptions, RemoteStore, RemoteUrl, UrlError};
use irmin_core::{Engine, MemoryStore, StoreError};
use irmin_pack::{Options, PackReader, PackStore};

/// The place of a repository.
///
/// ```
/// use irminsule::Url;
/// assert_eq!("pack:/srv/data".parse::<Url>()?, Url::Pack("/srv/data".into()));
/// assert_eq!("data".parse::<Url>()?.to_string(), "pack:data");
/// assert!("ftp:data".parse::<Url>().is_err());
/// # Ok::<(), irminsule::OpenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Url {
    /// A directory with the embedded engine's files.
    Pack(PathBuf),
    /// The memory of this process.
    Memory,
    /// A bundle file, for reading only.
    Bundle(PathBuf),
    /// A repository on a server. Tokens and certificates come from the environment:
    /// [`ClientOptions::from_env`](irmin_client::ClientOptions::from_env).
    #[cfg(feature = "client")]
    Remote(RemoteUrl),
}

impl Url {
    /// Opens the store that is there.
    ///
    /// # Errors
    /// [`OpenError::Store`].
    pub fn open(&self) -> Result<Arc<dyn Engine>, OpenError> {
        match self {
            Self::Pack(dir) => Ok(Arc::new(PackStore::open(dir, Options::default())?)),
            Self::Memory => Ok(Arc::new(MemoryStore::new())),
            Self::Bundle(path) => Ok(Arc::new(open_bundle(path)?)),
            #[cfg(feature = "client")]
            Self::Remote(url) => Ok(Arc::new(RemoteStore::open(
                url,
                ClientOptions::from_env()?,
            )?)),
        }
    }

    /// Opens the store that is there for reading only: beside the process that writes to it, if
    /// there is one, following what it writes, and without leave to write.
    ///
    /// # Errors
    /// [`OpenError::Store`]; [`OpenError::NoReader`] for memory, which nobody else writes to.
    pub fn open_reader(&self) -> Result<Arc<dyn Engine>, OpenError> {
        match self {
            Self::Pack(dir) => Ok(Arc::new(PackReader::open(dir, Options::default())?)),
            Self::Bundle(path) => Ok(Arc::new(open_bundle(path)?)),
            Self::Memory => Err(OpenError::NoReader {
                url: self.to_string(),
            }),
            // Who may write there is for the server to say.
            #[cfg(feature = "client")]
            Self::Remote(_) => self.open(),
        }
    }

    /// Makes a new store.
    ///
    /// # Errors
    /// [`OpenError::Store`].
    pub fn create(&self) -> Result<Arc<dyn Engine>, OpenError> {
        match self {
            Self::Pack(dir) => Ok(Arc::new(PackStore::create(dir, Options::default())?)),
            Self::Memory => Ok(Arc::new(MemoryStore::new())),
            Self::Bundle(path) => {
                let path = path.clone();
                Err(StoreError::ReadOnly { path }.into())
            }
            #[cfg(feature = "client")]
            Self::Remote(url) => Ok(Arc::new(RemoteStore::create(
                url,
                ClientOptions::from_env()?,
            )?)),
        }
    }

    /// Returns the directory, of an engine that lives in one.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Self::Pack(dir) => Some(dir),
            Self::Memory | Self::Bundle(_) => None,
            #[cfg(feature = "client")]
            Self::Remote(_) => None,
        }
    }
}

impl FromStr for Url {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        #[cfg(feature = "client")]
        if RemoteUrl::is_meant(text) {
            return Ok(Self::Remote(text.parse()?));
        }
        match text.split_once(':') {
            Some(("pack", dir)) if !dir.is_empty() => Ok(Self::Pack(dir.into())),
            Some(("bundle", path)) if !path.is_empty() => Ok(Self::Bundle(path.into())),
            Some(("mem", "")) => Ok(Self::Memory),
            // A colon behind a slash belongs to a directory's name.
            Some((scheme, _)) if !scheme.contains('/') => Err(OpenError::Url {
                url: text.to_owned(),
            }),
            _ if text.is_empty() => Err(OpenError::Url {
                url: text.to_owned(),
            }),
            _ => Ok(Self::Pack(text.into())),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pack(dir) => write!(f, "pack:{}", dir.display()),
            Self::Memory => f.write_str("mem:"),
            Self::Bundle(path) => write!(f, "bundle:{}", path.display()),
            #[cfg(feature = "client")]
            Self::Remote(url) => url.fmt(f),
        }
    }
}

/// Why a repository cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The text names no engine.
    #[error("'{url}' names no kind of store; use pack:DIR, a directory, bundle:FILE, or mem:")]
    Url {
        /// The text.
        url: String,
    },
    /// What only this process has cannot be followed.
    #[error("'{url}' belongs to one process, so there is nothing to read in it; use pack:DIR")]
    NoReader {
        /// The place.
        url: String,
    },
    /// The engine cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text has a scheme of servers, but names no repository on one.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Remote(#[from] UrlError),
    /// The client's settings make no sense, or the server refuses.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Client(#[from] ClientError),
}
