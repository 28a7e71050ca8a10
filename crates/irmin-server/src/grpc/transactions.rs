//! The service `Transactions`: writing, atomically.

use irmin_proto::v1;
use irmin_proto::v1::transactions_server::Transactions;
use tonic::{Request, Response, Status, Streaming};

use super::Handler;
use super::call::{Call, request_key};
use super::{outcome, sessions, upload, wire};
use crate::service::{Result as ServiceResult, Scope, Transaction};

#[tonic::async_trait]
impl Transactions for Handler {
    async fn commit(
        &self,
        request: Request<v1::CommitRequest>,
    ) -> Result<Response<v1::CommitResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| commit(scope, message))
            .await
    }

    async fn write_blob(
        &self,
        request: Request<Streaming<v1::WriteBlobRequest>>,
    ) -> Result<Response<v1::CommitResponse>, Status> {
        let (call, pieces) = Call::open(request)?;
        upload::write_blob(&self.0, call, pieces).await
    }

    async fn begin(
        &self,
        request: Request<v1::BeginRequest>,
    ) -> Result<Response<v1::BeginResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| {
            sessions::begin(scope, &message)
        })
        .await
    }

    async fn read(
        &self,
        request: Request<v1::SessionReadRequest>,
    ) -> Result<Response<v1::SessionReadResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| {
            sessions::read(scope, &message)
        })
        .await
    }

    async fn write(
        &self,
        request: Request<v1::SessionWriteRequest>,
    ) -> Result<Response<v1::SessionWriteResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| {
            sessions::write(scope, message)
        })
        .await
    }

    async fn commit_session(
        &self,
        request: Request<v1::CommitSessionRequest>,
    ) -> Result<Response<v1::CommitResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| {
            sessions::commit(scope, message)
        })
        .await
    }

    async fn abort(
        &self,
        request: Request<v1::AbortRequest>,
    ) -> Result<Response<v1::AbortResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| {
            scope.abort_session(&sessions::id(&message.session)?)?;
            Ok(v1::AbortResponse {})
        })
        .await
    }
}

fn commit(scope: &Scope, message: v1::CommitRequest) -> ServiceResult<v1::CommitResponse> {
    let key = request_key("Commit", &message.idempotency_key, &message)?;
    let preconditions = message.preconditions.into_iter().map(wire::precondition_of);
    let writes = message.writes.into_iter().map(wire::write_of);
    let transaction = Transaction {
        preconditions: preconditions.collect::<ServiceResult<_>>()?,
        writes: writes.collect::<ServiceResult<_>>()?,
    };
    let mut options = wire::commit_options(scope, message.info, message.durability, key)?;
    options.isolation = wire::isolation_of(message.isolation)?;
    options.allow_empty = message.allow_empty;
    outcome::committed(scope, scope.apply(&message.branch, &transaction, &options))
}
