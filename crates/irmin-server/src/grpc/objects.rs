//! The service `Objects`: the repository as a store of objects.

use std::num::NonZeroU32;
use std::ops::ControlFlow;

use irmin_proto::v1;
use irmin_proto::v1::objects_server::Objects;
use irminsule::{IdPrefix, Stored};
use tonic::{Request, Response, Status, Streaming};

use super::Handler;
use super::call::{Call, request_key};
use super::repositories::refs_updated;
use super::stream::{Answers, Outlet};
use super::{hold, wire};
use crate::service::{Around, NewObject, Result as ServiceResult, Scope, ServiceError};

/// From how many bytes of objects on a message is sent.
const BATCH_BYTES: usize = 1 << 20;

/// How many commits of one prefix are told unless another number is asked for.
const PREFIX_LIMIT: usize = 16;

#[tonic::async_trait]
impl Objects for Handler {
    type GetStream = Answers<v1::GetObjectsResponse>;

    async fn get(
        &self,
        request: Request<v1::GetObjectsRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        Ok(call.stream(&self.0, &repository, move |scope, outlet| {
            get(scope, &message, outlet)
        }))
    }

    async fn contains(
        &self,
        request: Request<v1::ContainsRequest>,
    ) -> Result<Response<v1::ContainsResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, move |scope| {
            let found = scope.contains(&wire::ids(&message.ids)?)?;
            let present: Vec<u8> = found.into_iter().map(u8::from).collect();
            Ok(v1::ContainsResponse {
                present: present.into(),
            })
        })
        .await
    }

    async fn put(
        &self,
        request: Request<Streaming<v1::PutRequest>>,
    ) -> Result<Response<v1::PutResponse>, Status> {
        let (call, mut messages) = Call::open(request)?;
        let (mut repository, mut objects) = (None, 0);
        // One message at a time is in memory; the next one waits in the connection.
        while let Some(message) = messages.message().await? {
            let repository = repository.get_or_insert(message.repository);
            let batch = new_objects(message.objects);
            objects += batch.len() as u64;
            let put = move |scope: &Scope| scope.put_objects(&batch);
            self.0
                .run(
                    &call.caller,
                    super::call::named(repository),
                    call.deadline,
                    put,
                )
                .await?;
        }
        Ok(Response::new(v1::PutResponse { objects }))
    }

    async fn put_and_update(
        &self,
        request: Request<v1::PutAndUpdateRequest>,
    ) -> Result<Response<v1::UpdateRefsResponse>, Status> {
        let (call, mut message) = Call::open(request)?;
        let is_retry = std::mem::take(&mut message.is_retry);
        let key = request_key("PutAndUpdate", &message.idempotency_key, &message)?;
        let repository = message.repository.clone();
        call.run(&self.0, &repository, move |scope| {
            let edits = wire::ref_edits(message.edits)?;
            let durability = wire::durability_of(message.durability)?;
            scope.put_objects(&new_objects(message.objects))?;
            let outcome = scope.update_refs(&edits, durability, key.as_ref(), is_retry)?;
            Ok(refs_updated(outcome))
        })
        .await
    }

    async fn commits_with_prefix(
        &self,
        request: Request<v1::CommitsWithPrefixRequest>,
    ) -> Result<Response<v1::CommitsWithPrefixResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, move |scope| {
            let prefix = message.prefix.parse::<IdPrefix>();
            let prefix = prefix.map_err(|error| ServiceError::invalid(error.to_string()))?;
            let limit = match wire::limit_of(message.limit) {
                0 => PREFIX_LIMIT,
                limit => limit,
            };
            let found = scope.commits_with_prefix(&prefix, limit)?;
            Ok(v1::CommitsWithPrefixResponse {
                commits: found.into_iter().map(wire::id).collect(),
            })
        })
        .await
    }

    type FetchStream = Answers<v1::GetObjectsResponse>;

    async fn fetch(
        &self,
        request: Request<v1::FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        Ok(call.stream(&self.0, &repository, move |scope, outlet| {
            fetch(scope, &message, outlet)
        }))
    }

    type HoldStream = Answers<v1::HoldResponse>;

    async fn hold(
        &self,
        request: Request<Streaming<v1::HoldRequest>>,
    ) -> Result<Response<Self::HoldStream>, Status> {
        let (call, messages) = Call::open(request)?;
        hold::open(&self.0, call, messages).await
    }
}

fn new_objects(objects: Vec<v1::StoredObject>) -> Vec<NewObject> {
    let objects = objects.into_iter().map(|object| NewObject {
        bytes: object.encoding,
        cut: wire::cut_of(object.cut),
        generation: object.generation,
    });
    objects.collect()
}

fn stored(stored: Stored) -> v1::StoredObject {
    v1::StoredObject {
        encoding: stored.bytes,
        generation: stored.generation,
        cut: wire::cut(stored.cut),
    }
}

fn get(
    scope: &Scope,
    message: &v1::GetObjectsRequest,
    outlet: &Outlet<v1::GetObjectsResponse>,
) -> ServiceResult<()> {
    let ids = wire::ids(&message.ids)?;
    let around = Around {
        depth: message.depth,
        generations: message.generations,
    };
    let mut batch = Batch::new(outlet);
    scope.objects_around(&ids, around, &mut |id, found| {
        match found {
            Some(found) => batch.push(stored(found))?,
            None => batch.message.absent.push(wire::id(id)),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    batch.finish()
}

fn fetch(
    scope: &Scope,
    message: &v1::FetchRequest,
    outlet: &Outlet<v1::GetObjectsResponse>,
) -> ServiceResult<()> {
    let (wants, haves) = (wire::ids(&message.want)?, wire::ids(&message.have)?);
    let mut batch = Batch::new(outlet);
    scope.give(
        &wants,
        &haves,
        NonZeroU32::new(message.depth),
        &mut |objects| {
            let mut objects = objects.into_iter();
            objects.try_for_each(|(_, object)| batch.push(stored(object)))
        },
    )?;
    batch.finish()
}

/// Objects on their way into a message.
struct Batch<'a> {
    message: v1::GetObjectsResponse,
    bytes: usize,
    outlet: &'a Outlet<v1::GetObjectsResponse>,
}

impl<'a> Batch<'a> {
    fn new(outlet: &'a Outlet<v1::GetObjectsResponse>) -> Self {
        Self {
            message: v1::GetObjectsResponse::default(),
            bytes: 0,
            outlet,
        }
    }

    fn push(&mut self, object: v1::StoredObject) -> Result<(), ServiceError> {
        let bytes = object.encoding.len();
        // A large object is sent by itself, so that no message is much larger than it.
        if self.bytes > 0 && self.bytes + bytes > 2 * BATCH_BYTES {
            self.send()?;
        }
        self.bytes += bytes;
        self.message.objects.push(object);
        match self.bytes >= BATCH_BYTES {
            true => self.send(),
            false => Ok(()),
        }
    }

    fn send(&mut self) -> ServiceResult<()> {
        self.bytes = 0;
        self.outlet.send(std::mem::take(&mut self.message))
    }

    fn finish(mut self) -> ServiceResult<()> {
        match self.message == v1::GetObjectsResponse::default() {
            true => Ok(()),
            false => self.send(),
        }
    }
}
