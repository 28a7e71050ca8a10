//! The service `Contents`: reading trees and history.

use irmin_proto::v1;
use irmin_proto::v1::contents_server::Contents;
use irminsule::{Entry, Id, Tree};
use prost::Message;
use tonic::{Request, Response, Status};

use super::Handler;
use super::call::Call;
use super::stream::{Answers, Outlet};
use super::wire::{self, Room};
use crate::service::{
    Cursor, LogPage, LogRequest, Result as ServiceResult, Scope, ServiceError, Snapshot,
};

/// About how many bytes one message of a diff has.
const DIFF_BYTES: u64 = 256 * 1024;

#[tonic::async_trait]
impl Contents for Handler {
    async fn get(
        &self,
        request: Request<v1::GetRequest>,
    ) -> Result<Response<v1::GetResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let at = message.at.unwrap_or_default();
        call.run(&self.0, &at.repository, move |scope| {
            let paths = wire::paths(&message.paths)?;
            let Some(snapshot) = wire::snapshot(scope, &at.revision)? else {
                return Ok(v1::GetResponse {
                    commit: None,
                    found: vec![v1::Found::default(); paths.len()],
                });
            };
            let found = scope.get_many(&snapshot, &paths)?;
            Ok(v1::GetResponse {
                commit: Some(wire::commit(&snapshot)?),
                found: all_found(scope, &found, message.data_limit)?,
            })
        })
        .await
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let at = message.at.clone().unwrap_or_default();
        call.run(
            &self.0,
            &at.repository,
            move |scope| match wire::snapshot(scope, &at.revision)? {
                Some(snapshot) => list(scope, &snapshot, &message),
                None => Ok(v1::ListResponse::default()),
            },
        )
        .await
    }

    async fn get_tree(
        &self,
        request: Request<v1::GetTreeRequest>,
    ) -> Result<Response<v1::GetResponse>, Status> {
        let (call, message) = Call::open(request)?;
        call.run(&self.0, &message.repository, move |scope| {
            let paths = wire::paths(&message.paths)?;
            let id = wire::must_id(message.tree.as_ref(), "the id of the tree")?;
            scope.check_count("paths", paths.len(), scope.limits().paths)?;
            let tree = scope.tree(id)?;
            let found = paths.iter().map(|path| Ok(tree.get(path)?));
            let found = found.collect::<ServiceResult<Vec<_>>>()?;
            Ok(v1::GetResponse {
                commit: None,
                found: all_found(scope, &found, message.data_limit)?,
            })
        })
        .await
    }

    type ReadBlobStream = Answers<v1::ReadBlobResponse>;

    async fn read_blob(
        &self,
        request: Request<v1::ReadBlobRequest>,
    ) -> Result<Response<Self::ReadBlobStream>, Status> {
        let (call, message) = Call::open(request)?;
        let at = message.at.clone().unwrap_or_default();
        Ok(call.stream(&self.0, &at.repository, move |scope, outlet| {
            let path = wire::path_of(&message.path)?;
            let blob = scope.blob(&wire::must_snapshot(scope, &at.revision)?, &path)?;
            super::blob::send(scope, &blob, message.offset, message.length, outlet)
        }))
    }

    type DiffStream = Answers<v1::DiffResponse>;

    async fn diff(
        &self,
        request: Request<v1::DiffRequest>,
    ) -> Result<Response<Self::DiffStream>, Status> {
        let (call, message) = Call::open(request)?;
        let repository = message.repository.clone();
        Ok(call.stream(&self.0, &repository, move |scope, outlet| {
            diff(scope, &message, outlet)
        }))
    }

    async fn log(
        &self,
        request: Request<v1::LogRequest>,
    ) -> Result<Response<v1::LogResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let at = message.at.clone().unwrap_or_default();
        call.run(
            &self.0,
            &at.repository,
            move |scope| match wire::snapshot(scope, &at.revision)? {
                Some(head) => log(scope, &head, &message),
                None => Ok(v1::LogResponse::default()),
            },
        )
        .await
    }

    async fn blame(
        &self,
        request: Request<v1::BlameRequest>,
    ) -> Result<Response<v1::BlameResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let at = message.at.unwrap_or_default();
        call.run(&self.0, &at.repository, move |scope| {
            let path = wire::path_of(&message.path)?;
            let head = wire::must_snapshot(scope, &at.revision)?;
            let blamed = scope.blame(&head, &path)?.into_iter();
            let blamed = blamed.map(|(path, commit)| v1::Blamed {
                path: wire::path(&path),
                commit: Some(wire::id(commit)),
            });
            Ok(v1::BlameResponse {
                blamed: blamed.collect(),
            })
        })
        .await
    }
}

/// Returns what was found, with the values that fit.
fn all_found(
    scope: &Scope,
    found: &[Option<Entry>],
    data_limit: u64,
) -> ServiceResult<Vec<v1::Found>> {
    let mut room = Room::new(data_limit);
    let mut told = Vec::with_capacity(found.len());
    for found in found {
        scope.check_time()?;
        told.push(wire::found(found.as_ref(), &mut room)?);
    }
    Ok(told)
}

fn list(
    scope: &Scope,
    snapshot: &Snapshot,
    message: &v1::ListRequest,
) -> ServiceResult<v1::ListResponse> {
    let path = wire::path_of(&message.path)?;
    let after = message.after.as_ref().map(wire::step_of).transpose()?;
    let limit = wire::limit_of(message.limit);
    let page = scope.list(snapshot, &path, &Cursor { after, limit })?;
    let directory = match scope.get(snapshot, &path)? {
        Some(Entry::Tree(tree)) => Some(tree),
        _ => None,
    };
    let mut room = Room::new(message.data_limit);
    let entries = page.items.iter();
    let entries = entries.map(|(step, entry)| wire::list_entry(step, entry, &mut room));
    Ok(v1::ListResponse {
        commit: Some(wire::commit(snapshot)?),
        exists: directory.is_some(),
        total: directory.as_ref().map_or(Ok(0), Tree::len)?,
        entries: entries.collect::<ServiceResult<_>>()?,
        more: page.more,
    })
}

fn diff(
    scope: &Scope,
    message: &v1::DiffRequest,
    outlet: &Outlet<v1::DiffResponse>,
) -> ServiceResult<()> {
    let path = wire::path_of(&message.path)?;
    let from = match message.from.as_str() {
        "" => None,
        from => Some(scope.resolve(from)?),
    };
    let to = wire::must_snapshot(scope, &message.to)?;
    let mut batch = v1::DiffResponse::default();
    let (mut room, mut bytes) = (Room::new(message.data_limit), 0);
    for change in scope.diff_all(from.as_ref(), &to, &path)? {
        scope.check_time()?;
        let change = wire::change(&change, &mut room)?;
        bytes += change.encoded_len() as u64;
        batch.changes.push(change);
        if bytes >= DIFF_BYTES {
            outlet.send(std::mem::take(&mut batch))?;
            (room, bytes) = (Room::new(message.data_limit), 0);
        }
    }
    match batch.changes.is_empty() {
        true => Ok(()),
        false => outlet.send(batch),
    }
}

fn log(scope: &Scope, head: &Snapshot, message: &v1::LogRequest) -> ServiceResult<v1::LogResponse> {
    let exclude = message.exclude.iter();
    let exclude = exclude.map(|revision| Ok(scope.resolve(revision)?.id()));
    let mut request = LogRequest {
        path: wire::path_of(&message.path)?,
        exclude: exclude.collect::<ServiceResult<Vec<Id>>>()?,
        first_parent: message.first_parent,
        start: position(head, &message.page)?,
        limit: wire::limit_of(message.limit),
    };
    let mut page = scope.log(head, &request)?;
    let fit = fitting(&page);
    if fit < page.commits.len() {
        request.limit = fit;
        page = scope.log(head, &request)?;
    }
    let commits = page.commits.iter().map(wire::commit);
    let next = page.next.map(|next| format!("{}:{next}", head.id()));
    Ok(v1::LogResponse {
        commits: commits.collect::<ServiceResult<_>>()?,
        next_page: next.unwrap_or_default(),
    })
}

/// Returns how many commits of a page fit into a message: at least one.
fn fitting(page: &LogPage) -> usize {
    let mut room = Room::new(0);
    let fits = |commit: &&Snapshot| {
        let info = commit.info();
        let extra = info
            .extra
            .iter()
            .map(|(key, value)| key.len() + value.len());
        let bytes = info.message.len() + extra.sum::<usize>() + 40 * commit.parents().len() + 512;
        room.reserve(bytes as u64)
    };
    page.commits.iter().take_while(fits).count().max(1)
}

/// Reads the place of a page, which is good for one head.
fn position(head: &Snapshot, page: &str) -> ServiceResult<u64> {
    if page.is_empty() {
        return Ok(0);
    }
    let place = page
        .split_once(':')
        .filter(|(id, _)| *id == head.id().to_string());
    let place = place.and_then(|(_, position)| position.parse().ok());
    place.ok_or_else(|| {
        ServiceError::invalid(
            "the page is not one of this log: name the commit itself, since a branch may move",
        )
    })
}
