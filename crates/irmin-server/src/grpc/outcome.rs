//! What came of requests that commit: values where the service has errors that carry them.

use irmin_proto::v1::commit_response::Outcome;
use irmin_proto::v1::{self, merge_response};

use super::wire;
use crate::service::{Committed, Details, MergeAnswer, Result, Scope, ServiceError};

/// Returns the answer to a commit. That somebody else was faster is an answer, too.
pub(super) fn committed<T>(
    scope: &Scope,
    done: Result<Committed<T>>,
) -> Result<v1::CommitResponse> {
    let outcome = match done {
        Ok(done) => Outcome::Committed(v1::Committed {
            commit: done.commit.as_ref().map(wire::commit).transpose()?,
            attempts: done.attempts,
        }),
        Err(error) => failed(scope, error)?,
    };
    Ok(v1::CommitResponse {
        outcome: Some(outcome),
    })
}

fn failed(scope: &Scope, error: ServiceError) -> Result<Outcome> {
    Ok(match &error.details {
        Details::Precondition { index, found } => Outcome::Failed(v1::PreconditionFailed {
            index: u32::try_from(*index).unwrap_or(u32::MAX),
            found: found.map(wire::id),
        }),
        Details::Conflicts(conflicts) => {
            Outcome::Conflicts(wire::conflicts(conflicts, scope.limits().page)?)
        }
        Details::Stale { path, commit } => Outcome::Stale(v1::Stale {
            path: wire::path(path),
            commit: Some(wire::id(*commit)),
        }),
        _ => return Err(error),
    })
}

/// Returns the answer to a merge.
pub(super) fn merged(scope: &Scope, answer: MergeAnswer) -> Result<v1::MergeResponse> {
    use merge_response::Outcome;
    let mut response = v1::MergeResponse::default();
    response.outcome = Some(match answer {
        MergeAnswer::Merged(commit) => Outcome::Merged(wire::commit(&commit)?),
        MergeAnswer::Forwarded(commit) => Outcome::Forwarded(wire::commit(&commit)?),
        MergeAnswer::UpToDate(commit) => Outcome::UpToDate(wire::commit(&commit)?),
        MergeAnswer::Clean(tree) => Outcome::Clean(wire::id(tree.id()?)),
        MergeAnswer::Moved { head, theirs } => Outcome::Moved(v1::HeadMoved {
            head: head.map(wire::id),
            theirs: Some(wire::id(theirs)),
        }),
        MergeAnswer::Conflicts {
            ours,
            theirs,
            conflicts,
        } => {
            response.ours = Some(wire::id(ours.id()));
            response.theirs = Some(wire::id(theirs.id()));
            Outcome::Conflicts(wire::conflicts(&conflicts, scope.limits().page)?)
        }
    });
    Ok(response)
}
