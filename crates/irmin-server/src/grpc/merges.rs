//! The service `Merges`: three-way merges on the server.

use irmin_proto::v1;
use irmin_proto::v1::merges_server::Merges;
use irmin_proto::v1::settled::{Side, With};
use irminsule::{Blob, Resolution};
use tonic::{Request, Response, Status};

use super::Handler;
use super::call::{Call, request_key};
use super::{outcome, wire};
use crate::service::{MergeRequest, Result as ServiceResult, Scope, ServiceError, Settlement};

#[tonic::async_trait]
impl Merges for Handler {
    async fn merge(
        &self,
        request: Request<v1::MergeRequest>,
    ) -> Result<Response<v1::MergeResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| merge(scope, message))
            .await
    }

    async fn revert(
        &self,
        request: Request<v1::RevertRequest>,
    ) -> Result<Response<v1::MergeResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| revert(scope, message))
            .await
    }

    async fn common_ancestors(
        &self,
        request: Request<v1::CommonAncestorsRequest>,
    ) -> Result<Response<v1::CommonAncestorsResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, move |scope| {
            let ours = wire::must_snapshot(scope, &message.ours)?;
            let theirs = wire::must_snapshot(scope, &message.theirs)?;
            let found = scope.common_ancestors(&ours, &theirs)?;
            let commits = found.iter().map(wire::commit);
            Ok(v1::CommonAncestorsResponse {
                commits: commits.collect::<ServiceResult<_>>()?,
            })
        })
        .await
    }
}

fn merge(scope: &Scope, message: v1::MergeRequest) -> ServiceResult<v1::MergeResponse> {
    let key = request_key("Merge", &message.idempotency_key, &message)?;
    let options = wire::commit_options(scope, message.info, message.durability, key)?;
    let request = MergeRequest {
        settled: settlements(message.settled)?,
        expected_head: wire::maybe_id(message.expected_head.as_ref())?,
        expected_theirs: wire::maybe_id(message.expected_theirs.as_ref())?,
        always_commit: message.always_commit,
        dry_run: message.dry_run,
        ..MergeRequest::new(message.revision, options)
    };
    outcome::merged(scope, scope.merge(&message.branch, &request)?)
}

fn revert(scope: &Scope, message: v1::RevertRequest) -> ServiceResult<v1::MergeResponse> {
    let key = request_key("Revert", &message.idempotency_key, &message)?;
    let sync = v1::Durability::Sync.into();
    let options = wire::commit_options(scope, message.info, sync, key)?;
    let settled = settlements(message.settled)?;
    let answer = scope.revert(&message.branch, &message.revision, &settled, &options)?;
    outcome::merged(scope, answer)
}

fn settlements(settled: Vec<v1::Settled>) -> ServiceResult<Vec<Settlement>> {
    settled.into_iter().map(settlement).collect()
}

fn settlement(settled: v1::Settled) -> ServiceResult<Settlement> {
    let path = wire::path_of(&settled.path)?;
    let how = match settled.with {
        Some(With::Side(side)) => match Side::try_from(side) {
            Ok(Side::Ours) => Resolution::Ours,
            Ok(Side::Theirs) => Resolution::Theirs,
            Ok(Side::Base) => Resolution::Base,
            Ok(Side::Unspecified) | Err(_) => return Err(unsettled(&path)),
        },
        Some(With::Data(data)) => Resolution::Entry(Some(Blob::new(data).into())),
        Some(With::Removed(_)) => Resolution::Entry(None),
        None => return Err(unsettled(&path)),
    };
    let is_all = path.is_root() && !matches!(how, Resolution::Entry(_));
    Ok(Settlement {
        path: (!is_all).then_some(path),
        how,
    })
}

fn unsettled(path: &irminsule::Path) -> ServiceError {
    ServiceError::invalid(format!("it is not said what shall be at '{path}'"))
}
