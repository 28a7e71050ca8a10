//! What all calls have in common.

use std::time::Duration;

use irminsule::Id;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::service::{Caller, Deadline, RequestKey, Result, Scope, Server, Transport};

/// The repository that is meant where none is named.
const DEFAULT_REPOSITORY: &str = "main";

/// Who calls, and how much time the answer may take.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) deadline: Deadline,
}

impl Call {
    /// Takes a request apart.
    pub(super) fn open<T>(request: Request<T>) -> Result<(Self, T), Status> {
        let (metadata, extensions, message) = request.into_parts();
        // The front puts it there; without a front, nobody is known.
        let caller = extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Status::unauthenticated("nobody is known here"))?;
        let call = Self {
            caller: Caller {
                via: Transport::Grpc,
                ..caller
            },
            deadline: deadline(&metadata)?,
        };
        Ok((call, message))
    }

    /// Runs a call that is answered with one message.
    pub(super) async fn run<T: Send + 'static>(
        self,
        server: &Server,
        repository: &str,
        body: impl FnOnce(&Scope) -> Result<T> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let repository = named(repository);
        let done = server
            .run(&self.caller, repository, self.deadline, body)
            .await;
        Ok(Response::new(done?))
    }
}

/// Returns the name of the repository that is meant.
pub(super) fn named(repository: &str) -> &str {
    match repository {
        "" => DEFAULT_REPOSITORY,
        name => name,
    }
}

/// Reads the header `grpc-timeout`.
fn deadline(metadata: &MetadataMap) -> Result<Deadline, Status> {
    let Some(value) = metadata.get("grpc-timeout") else {
        return Ok(Deadline::never());
    };
    let time = value.to_str().ok().and_then(parse_timeout);
    let bad = || Status::invalid_argument("the header 'grpc-timeout' is no time, such as 500m");
    time.map(Deadline::after).ok_or_else(bad)
}

/// Reads up to eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Makes the key of a request of what the client calls it and all that it asks for; `None` if it does
/// not call it anything. `method` tells requests of different calls apart.
pub(super) fn request_key(
    method: &str,
    key: &str,
    message: &impl Message,
) -> Result<Option<RequestKey>> {
    if key.is_empty() {
        return Ok(None);
    }
    let body = Id::of_parts(&[method.as_bytes(), b"\n", &message.encode_to_vec()]);
    RequestKey::new(key, body).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_specification_of_grpc_writes_them() {
        assert_eq!(parse_timeout("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse_timeout("2M"), Some(Duration::from_secs(120)));
        assert_eq!(
            parse_timeout("99999999S"),
            Some(Duration::from_secs(99_999_999))
        );
        assert_eq!(parse_timeout("3m"), Some(Duration::from_millis(3)));
        assert_eq!(parse_timeout("4u"), Some(Duration::from_micros(4)));
        assert_eq!(parse_timeout("5n"), Some(Duration::from_nanos(5)));
        for bad in ["", "S", "1", "1s", "-1S", "123456789S", "1.5S", "1 S", "€"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
