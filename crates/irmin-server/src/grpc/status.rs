//! Errors of the service as statuses of gRPC.

use irmin_proto::Failure;
use tonic::{Code, Status};

use crate::service::{Details, ServiceError};

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        let code = Code::from_i32(error.kind.grpc_code());
        failure(&error).to_status(code, &error.message)
    }
}

/// Returns what the error says to programs.
fn failure(error: &ServiceError) -> Failure {
    let mut failure = Failure {
        retry_after: error.retry_after(),
        ..Failure::new(error.kind.name())
    };
    if let Some(id) = &error.missing {
        failure = failure.fact("missing", id.to_string());
    }
    match &error.details {
        Details::Conflicts(conflicts) => failure.fact("conflicts", conflicts.len().to_string()),
        Details::Precondition { index, found } => {
            let failure = failure.fact("precondition", index.to_string());
            with_id(failure, "found", *found)
        }
        Details::Moved { name, current } => {
            with_id(failure.fact("name", name.clone()), "current", *current)
        }
        Details::Stale { path, commit } => with_id(
            failure.fact("path", path.to_string()),
            "commit",
            Some(*commit),
        ),
        Details::Path(path) => failure.fact("path", path.to_string()),
        _ => failure,
    }
}

fn with_id(failure: Failure, name: &str, id: Option<irminsule::Id>) -> Failure {
    match id {
        Some(id) => failure.fact(name, id.to_string()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::service::ErrorKind;

    #[test]
    fn an_error_of_each_kind_is_a_status_with_its_code_and_reason() {
        for (kind, name, code, _) in ErrorKind::TABLE {
            let status = Status::from(ServiceError::new(kind, "why"));
            assert_eq!((status.code() as i32, status.message()), (code, "why"));
            assert_eq!(
                Failure::of(&status).map(|failure| failure.reason),
                Some(name.to_owned())
            );
        }
    }

    #[test]
    fn details_are_facts() {
        let moved = Details::Moved {
            name: "heads/main".to_owned(),
            current: None,
        };
        let status = Status::from(ServiceError::new(ErrorKind::Conflict, "moved").with(moved));
        let failure = Failure::of(&status).expect("it has one");
        assert_eq!(failure.facts["name"], "heads/main");
        let later = Details::RetryAfter(Duration::from_secs(2));
        let status = Status::from(ServiceError::new(ErrorKind::Unavailable, "full").with(later));
        let failure = Failure::of(&status).expect("it has one");
        assert_eq!(failure.retry_after, Some(Duration::from_secs(2)));
    }
}
