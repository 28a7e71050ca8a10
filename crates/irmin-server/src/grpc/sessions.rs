//! Sessions: the calls of `Transactions` that work on a view on the server.

use std::time::Duration;

use bytes::Bytes;
use irmin_proto::v1;

use super::call::request_key;
use super::outcome;
use super::wire::{self, Room};
use crate::service::{Result, Scope, ScopedView, SessionId, SessionOptions};

pub(super) fn id(bytes: &Bytes) -> Result<SessionId> {
    SessionId::from_bytes(bytes)
}

pub(super) fn begin(scope: &Scope, message: &v1::BeginRequest) -> Result<v1::BeginResponse> {
    let seconds = u64::from(message.ttl_seconds);
    let options = SessionOptions {
        isolation: wire::isolation_of(message.isolation)?,
        time: (seconds > 0).then(|| Duration::from_secs(seconds)),
    };
    let opened = scope.begin_session(&message.branch, options)?;
    Ok(v1::BeginResponse {
        session: Bytes::copy_from_slice(opened.id.as_bytes()),
        head: opened.head.map(wire::id),
        ttl_seconds: u32::try_from(opened.time.as_secs()).unwrap_or(u32::MAX),
    })
}

pub(super) fn read(
    scope: &Scope,
    message: &v1::SessionReadRequest,
) -> Result<v1::SessionReadResponse> {
    let paths = wire::paths(&message.paths)?;
    scope.check_count("paths", paths.len(), scope.limits().paths)?;
    let mut room = Room::new(message.data_limit);
    scope.in_session(&id(&message.session)?, |view| {
        let found = paths
            .iter()
            .map(|path| wire::found(view.find(path)?.as_ref(), &mut room));
        let found = found.collect::<Result<Vec<_>>>()?;
        let mut response = v1::SessionReadResponse {
            found,
            ..v1::SessionReadResponse::default()
        };
        if let Some(list) = &message.list {
            list_in(scope, view, list, &mut response)?;
        }
        Ok(response)
    })
}

fn list_in(
    scope: &Scope,
    view: &ScopedView<'_>,
    list: &v1::SessionList,
    response: &mut v1::SessionReadResponse,
) -> Result<()> {
    let path = wire::path_of(&list.path)?;
    let after = list.after.as_ref().map(wire::step_of).transpose()?;
    let page = scope.limits().page;
    let count = match wire::limit_of(list.limit) {
        0 => page,
        limit => limit.min(page),
    };
    let listed = view.list(&path, after.as_ref(), count + 1)?;
    response.more = listed.len() > count;
    // Only names and kinds were read, and only those does the commit depend on.
    let entries = listed.into_iter().take(count);
    response
        .entries
        .extend(entries.map(|(step, kind)| wire::listed(&step, kind)));
    Ok(())
}

pub(super) fn write(
    scope: &Scope,
    message: v1::SessionWriteRequest,
) -> Result<v1::SessionWriteResponse> {
    let writes = message.writes.into_iter().map(wire::write_of);
    let writes = writes.collect::<Result<Vec<_>>>()?;
    scope.write_in_session(&id(&message.session)?, &writes)?;
    Ok(v1::SessionWriteResponse {})
}

pub(super) fn commit(
    scope: &Scope,
    message: v1::CommitSessionRequest,
) -> Result<v1::CommitResponse> {
    let key = request_key("CommitSession", &message.idempotency_key, &message)?;
    let mut options = wire::commit_options(scope, message.info, message.durability, key)?;
    options.allow_empty = message.allow_empty;
    outcome::committed(
        scope,
        scope.commit_session(&id(&message.session)?, &options),
    )
}
