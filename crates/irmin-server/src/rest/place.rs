//! What an address is about: `/api/v1/repositories/<repository>/<resource>/<name>/<path>`.
//!
//! A revision or the name of a branch is one segment, with its slashes escaped; a path may have its
//! slashes either way. Any bytes can be escaped.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use irminsule::Path;

use super::BASE;
use super::problem::{Problem, Result};
use crate::service::{Caller, Deadline, ErrorKind, Scope, Server, ServiceError, blocking};

/// A request, but for its body: who asks whom about what.
pub(super) struct Call {
    pub(super) server: Server,
    pub(super) caller: Caller,
    pub(super) place: Place,
}

/// What an address is about; what it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The repository.
    pub(super) repo: String,
    /// The revision, the branch, the tag.
    pub(super) name: String,
    /// The path.
    pub(super) path: Path,
}

impl Place {
    fn parse(uri: &Uri) -> Result<Self> {
        let rest = uri.path().strip_prefix(BASE).unwrap_or_default();
        // Empty, "repositories", the repository, the resource, the name, the path.
        let mut segments = rest.split('/').skip(2);
        let repo = text(segments.next())?;
        let name = text(segments.nth(1))?;
        let path: Vec<&str> = segments.collect();
        let path = unescape(path.join("/").as_bytes());
        Ok(Self {
            repo,
            name,
            path: Path::parse(path)?,
        })
    }
}

fn text(segment: Option<&str>) -> Result<String> {
    let bytes = unescape(segment.unwrap_or_default().as_bytes());
    String::from_utf8(bytes)
        .map_err(|_| Problem::new(ErrorKind::NotFound, "names and revisions are text in UTF-8"))
}

/// Reads what is escaped with '%'; what is no escape stands for itself.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let byte = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        rest = match byte {
            Some((high, low)) => {
                out.push(high << 4 | low);
                after.get(2..).unwrap_or_default()
            }
            None => {
                out.push(first);
                after
            }
        };
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Escapes all but letters, digits and `-._~`: for a segment, or a value behind the question mark.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl FromRequestParts<Server> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self> {
        let missing = || Problem::new(ErrorKind::Internal, "nobody said who asks");
        Ok(Self {
            server: server.clone(),
            caller: parts
                .extensions
                .get::<Caller>()
                .cloned()
                .ok_or_else(missing)?,
            place: Place::parse(&parts.uri)?,
        })
    }
}

impl Call {
    /// Runs an operation where it may block, on the repository as the caller may see it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Scope, &Place) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T> {
        let place = self.place.clone();
        let run = self.server.run(
            &self.caller,
            &self.place.repo,
            Deadline::never(),
            move |scope| body(scope, &place),
        );
        Ok(run.await?)
    }

    /// As [`run`](Self::run), for what takes long.
    pub(super) async fn run_long<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Scope, &Place) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T> {
        let place = self.place.clone();
        let run = self.server.run_long(
            &self.caller,
            &self.place.repo,
            Deadline::never(),
            move |scope| body(scope, &place),
        );
        Ok(run.await?)
    }

    /// Runs what is about the server, and no repository, where it may block.
    pub(super) async fn run_server<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Server, &Caller) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T> {
        if self.server.is_stopping() {
            return Err(Problem::new(ErrorKind::Unavailable, "the server stops"));
        }
        let (server, caller) = (self.server.clone(), self.caller.clone());
        Ok(blocking(move || body(&server, &caller)).await?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_escaped_is_unescaped(bytes: Vec<u8>) {
            prop_assert_eq!(unescape(escape(&bytes).as_bytes()), bytes);
        }
    }

    #[test]
    fn an_address_is_read_with_slashes_escaped_or_not() {
        let place = |uri: &str| Place::parse(&uri.parse().unwrap());
        let plain = place("/api/v1/repositories/r/contents/feature%2Fx/a/b").unwrap();
        assert_eq!(
            (plain.repo.as_str(), plain.name.as_str()),
            ("r", "feature/x")
        );
        let escaped = place("/api/v1/repositories/r/contents/feature%2Fx/a%2Fb").unwrap();
        assert_eq!(plain, escaped);
        assert!(place("/api/v1/repositories/r/contents/main/..").is_err());
        assert!(place("/api/v1/repositories/%ff/contents/main/a").is_err());
    }
}
