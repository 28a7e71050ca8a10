//! What a request says about the commit that it makes.

use std::num::NonZeroU32;

use bytes::Bytes;
use irminsule::{CommitInfo, Durability, Isolation, Signature, TransactOptions};

use super::{Scope, Snapshot};
use crate::service::error::{Result, ServiceError};
use crate::service::requests::{PRINCIPAL_HEADER, REQUEST_HEADER, RequestKey};

/// What a commit says, and how it is made.
#[derive(Clone, Debug)]
pub struct CommitOptions {
    /// The message.
    pub message: String,
    /// Who wrote the change, and when; `None`: the caller, now.
    pub author: Option<Signature>,
    /// Further headers, but for `principal` and `request`, which are the server's.
    pub headers: Vec<(Bytes, Bytes)>,
    /// What is promised about others who commit at the same time.
    pub isolation: Isolation,
    /// What the commit may still lose when it is acknowledged.
    pub durability: Durability,
    /// How often a transaction may run.
    pub attempts_max: NonZeroU32,
    /// Whether to make a commit even if nothing changed.
    pub allow_empty: bool,
    /// The client's name for the request, so that sending it twice does it once.
    pub request: Option<RequestKey>,
}

impl CommitOptions {
    /// Returns the defaults: serializable, synced, by the caller, now, without a key.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            author: None,
            headers: Vec::new(),
            isolation: Isolation::default(),
            durability: Durability::default(),
            attempts_max: TransactOptions::ATTEMPTS_MAX,
            allow_empty: false,
            request: None,
        }
    }

    /// Sets the isolation.
    #[must_use]
    pub fn isolation(self, isolation: Isolation) -> Self {
        Self { isolation, ..self }
    }

    /// Sets the key of the request.
    #[must_use]
    pub fn request(self, request: Option<RequestKey>) -> Self {
        Self { request, ..self }
    }
}

/// What came of a request that commits.
#[derive(Clone, Debug)]
pub struct Committed<T> {
    /// What the closure returned; `None` if the request was [repeated](Self::is_repeated).
    pub value: Option<T>,
    /// The commit, as the caller may see it; `None` if nothing changed.
    pub commit: Option<Snapshot>,
    /// How often the closure ran.
    pub attempts: u32,
    /// The request had been done before under its key; this is the first answer.
    pub is_repeated: bool,
}

impl Scope {
    /// Returns what a commit by this caller says. The committer is the principal, and the header
    /// `principal` says so: no client chooses either.
    pub(crate) fn info(&self, options: &CommitOptions) -> Result<CommitInfo> {
        let mut info = self.repo().info(&options.message)?;
        let own = [PRINCIPAL_HEADER, REQUEST_HEADER].map(str::as_bytes);
        if let Some((key, _)) = options
            .headers
            .iter()
            .find(|(key, _)| own.contains(&&key[..]))
        {
            let key = String::from_utf8_lossy(key);
            return Err(ServiceError::invalid(format!(
                "the header '{key}' is the server's to set"
            )));
        }
        info.extra.extend(options.headers.iter().cloned());
        if let Some(principal) = &self.caller().principal {
            let name = principal.as_str().to_owned();
            info.committer = Signature::new(name.clone(), "", info.committer.time())
                .map_err(irminsule::Error::from)?;
            info.author = info.committer.clone();
            info.extra
                .push((Bytes::from_static(PRINCIPAL_HEADER.as_bytes()), name.into()));
        }
        if let Some(author) = &options.author {
            info.author = author.clone();
        }
        info.extra
            .extend(options.request.iter().map(RequestKey::header));
        Ok(info)
    }

    pub(crate) fn transact_options(&self, options: &CommitOptions) -> Result<TransactOptions> {
        Ok(TransactOptions {
            message: options.message.clone(),
            info: Some(self.info(options)?),
            isolation: options.isolation,
            durability: options.durability,
            attempts_max: options.attempts_max,
            allow_empty: options.allow_empty,
        })
    }
}
