//! The service `Repositories`: repositories, and the names in them.

use irmin_proto::v1;
use irmin_proto::v1::repositories_server::Repositories;
use irmin_proto::v1::update_refs_response::{Applied, Outcome};
use irminsule::RefOutcome;
use tonic::{Request, Response, Status};

use super::Handler;
use super::call::{Call, request_key};
use super::wire;
use crate::service::{Cursor, blocking};

#[tonic::async_trait]
impl Repositories for Handler {
    async fn list(
        &self,
        request: Request<v1::ListRepositoriesRequest>,
    ) -> Result<Response<v1::ListRepositoriesResponse>, Status> {
        let (call, _) = Call::open(request)?;
        let names = self.0.list_repos(&call.caller).into_iter();
        let repositories = names.map(|name| v1::Repository { name }).collect();
        Ok(Response::new(v1::ListRepositoriesResponse { repositories }))
    }

    async fn create(
        &self,
        request: Request<v1::CreateRepositoryRequest>,
    ) -> Result<Response<v1::Repository>, Status> {
        let (call, message) = Call::open(request)?;
        let (server, name) = (self.0.clone(), message.name.clone());
        blocking(move || server.create_repo(&call.caller, &name)).await?;
        Ok(Response::new(v1::Repository { name: message.name }))
    }

    async fn drop(
        &self,
        request: Request<v1::DropRepositoryRequest>,
    ) -> Result<Response<v1::DropRepositoryResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let server = self.0.clone();
        blocking(move || server.drop_repo(&call.caller, &message.name)).await?;
        Ok(Response::new(v1::DropRepositoryResponse {}))
    }

    async fn list_refs(
        &self,
        request: Request<v1::ListRefsRequest>,
    ) -> Result<Response<v1::ListRefsResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, move |scope| {
            let after = (!message.after.is_empty()).then_some(message.after);
            let limit = wire::limit_of(message.limit);
            let page = scope.refs(&message.prefix, &Cursor { after, limit })?;
            let refs = page.items.into_iter().map(|(name, id)| v1::Ref {
                name,
                commit: Some(wire::id(id)),
            });
            Ok(v1::ListRefsResponse {
                refs: refs.collect(),
                more: page.more,
            })
        })
        .await
    }

    async fn get_ref(
        &self,
        request: Request<v1::GetRefRequest>,
    ) -> Result<Response<v1::GetRefResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, move |scope| {
            let commit = scope.get_ref(&message.name)?.map(wire::id);
            Ok(v1::GetRefResponse { commit })
        })
        .await
    }

    async fn update_refs(
        &self,
        request: Request<v1::UpdateRefsRequest>,
    ) -> Result<Response<v1::UpdateRefsResponse>, Status> {
        let (call, mut message) = Call::open(request)?;
        let is_retry = std::mem::take(&mut message.is_retry);
        let key = request_key("UpdateRefs", &message.idempotency_key, &message)?;
        call.run(&self.0, &message.repository, move |scope| {
            let edits = wire::ref_edits(message.edits)?;
            let durability = wire::durability_of(message.durability)?;
            let outcome = scope.update_refs(&edits, durability, key.as_ref(), is_retry)?;
            Ok(refs_updated(outcome))
        })
        .await
    }

    async fn resolve(
        &self,
        request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::Commit>, Status> {
        let (call, message) = Call::open(request)?;
        let at = message.at.unwrap_or_default();
        call.run(&self.0, &at.repository, move |scope| {
            wire::commit(&wire::must_snapshot(scope, &at.revision)?)
        })
        .await
    }
}

/// Returns the answer to edits of names.
pub(super) fn refs_updated(outcome: RefOutcome) -> v1::UpdateRefsResponse {
    let outcome = match outcome {
        RefOutcome::Applied => Outcome::Applied(Applied {}),
        RefOutcome::Lost { name, current } => Outcome::Lost(v1::LostRace {
            name,
            current: current.map(wire::id),
        }),
    };
    v1::UpdateRefsResponse {
        outcome: Some(outcome),
    }
}
