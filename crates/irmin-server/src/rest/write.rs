//! What all operations that commit have in common.

use axum::http::HeaderMap;
use irminsule::{Id, Isolation, Signature, Time};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::{Problem, Result};
use super::shapes::CommittedShape;
use crate::service::{CommitOptions, Committed, RequestKey, Server, ServiceError};

/// The header with the client's name for a request.
pub(super) const KEY_HEADER: &str = "idempotency-key";

/// What a request says about its commit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CommitParams {
    /// The message of the commit; one is made up without it.
    pub(super) message: Option<String>,
    /// Who wrote the change, as `Name <address>`; without it: who asks.
    pub(super) author: Option<String>,
}

impl CommitParams {
    /// Returns the options of the commit.
    pub(super) fn options(
        &self,
        server: &Server,
        message: String,
        isolation: Isolation,
    ) -> Result<CommitOptions> {
        let message = self.message.clone().unwrap_or(message);
        let author = self.author.as_deref().map(|text| author(server, text));
        Ok(CommitOptions {
            author: author.transpose()?,
            ..CommitOptions::new(message).isolation(isolation)
        })
    }

    /// Returns what of them the digest of a request has to cover.
    pub(super) fn digest(&self) -> String {
        format!("{:?} {:?}", self.message, self.author)
    }
}

/// Reads an author; the time is now.
fn author(server: &Server, text: &str) -> Result<Signature> {
    let parts = text.strip_suffix('>').and_then(|text| {
        text.split_once(" <")
            .or_else(|| Some(("", text.strip_prefix('<')?)))
    });
    let (name, email) = parts.ok_or_else(|| Problem::invalid("an author is 'Name <address>'"))?;
    let seconds = i64::try_from(server.now() / 1000).unwrap_or_default();
    Signature::new(name.to_owned(), email.to_owned(), Time::utc(seconds))
        .map_err(|error| Problem::invalid(error.to_string()))
}

/// Returns the client's name for a request, if its header has one.
pub(super) fn key_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(KEY_HEADER)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns the key of a request; `parts` are all that it asks for.
pub(super) fn request_key(
    key: Option<&str>,
    parts: &[&[u8]],
) -> Result<Option<RequestKey>, ServiceError> {
    let Some(key) = key else {
        return Ok(None);
    };
    // Each part is hashed, so that none can take bytes of its neighbour's.
    let ids: Vec<Id> = parts.iter().map(|part| Id::of(part)).collect();
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
    Ok(Some(RequestKey::new(key, Id::of_parts(&ids))?))
}

/// Says what came of a request that commits.
pub(super) fn committed<T>(branch: &str, done: &Committed<T>) -> CommittedShape {
    CommittedShape {
        branch: branch.to_owned(),
        commit: done.commit.as_ref().map(|commit| commit.id().to_string()),
    }
}
