//! Reading trees and history.

use bytes::{Bytes, BytesMut};
use irmin_core::{Id, Path, Step};
use irmin_proto::v1;

use super::Client;
use crate::connection::Again;
use crate::error::Result;
use crate::values::{LogPage, Lookup, Page, RemoteChange, RemoteCommit, RemoteEntry};
use crate::wire;

/// Values up to this size come with the entry that says where they are.
const DATA_BYTES: u64 = 256 << 10;

/// Which commits of a history to list.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only those that changed something at or below this path; the root: all.
    pub path: Path,
    /// How many a page has at most; 0: as many as the server thinks fit.
    pub limit: u32,
    /// What the page before said to go on with.
    pub page: Option<String>,
    /// Only first parents are followed.
    pub first_parent: bool,
    /// Revisions whose history is left out.
    pub exclude: Vec<String>,
}

impl Client {
    /// Looks up many paths of one revision, with the bytes of values of at most `data_limit` bytes.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError), also when the revision means nothing.
    pub async fn get(&self, revision: &str, paths: &[Path], data_limit: u64) -> Result<Lookup> {
        const CALL: &str = "Contents.Get";
        let request = v1::GetRequest {
            at: self.at(revision),
            paths: paths.iter().map(wire::to_path).collect(),
            data_limit,
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move { Ok(client.get(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        self.read(CALL, lookup(answer, paths.len()))
    }

    /// Looks up paths in a tree that is named by its id.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError).
    pub async fn get_tree(&self, tree: Id, paths: &[Path], data_limit: u64) -> Result<Lookup> {
        const CALL: &str = "Contents.GetTree";
        let request = v1::GetTreeRequest {
            repository: self.repository(),
            tree: Some(wire::object_id(&tree)),
            paths: paths.iter().map(wire::to_path).collect(),
            data_limit,
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move { Ok(client.get_tree(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        self.read(CALL, lookup(answer, paths.len().max(1)))
    }

    /// Returns the bytes of a value; `None` if there is no value. One round trip, or two if it is
    /// larger than 256 KiB.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError).
    pub async fn value(&self, revision: &str, path: &Path) -> Result<Option<Bytes>> {
        let lookup = self
            .get(revision, std::slice::from_ref(path), DATA_BYTES)
            .await?;
        match lookup.found.into_iter().next().flatten() {
            None | Some(RemoteEntry::Directory { .. }) => Ok(None),
            Some(RemoteEntry::Blob {
                data: Some(data), ..
            }) => Ok(Some(data)),
            Some(RemoteEntry::Blob { data: None, .. }) => {
                // Of the same commit: the branch may have moved on.
                let at = lookup.commit.map(|commit| commit.id.to_string());
                let at = at.as_deref().unwrap_or(revision);
                self.read_blob(at, path, 0, None).await.map(Some)
            }
        }
    }

    /// Reads a value or a range of it, which comes in pieces.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError), also when there is no value.
    pub async fn read_blob(
        &self,
        revision: &str,
        path: &Path,
        offset: u64,
        length: Option<u64>,
    ) -> Result<Bytes> {
        let request = v1::ReadBlobRequest {
            at: self.at(revision),
            path: wire::to_path(path),
            offset,
            length,
        };
        let bytes = self.0.call("Contents.ReadBlob", Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move {
                let mut answers = client.read_blob(request).await?.into_inner();
                let mut bytes = BytesMut::new();
                while let Some(answer) = answers.message().await? {
                    bytes.extend_from_slice(&answer.data);
                }
                Ok(bytes.freeze())
            }
        });
        bytes.await
    }

    /// Lists a part of a directory: the entries behind the step `after`, at most `limit`; 0: as many as
    /// the server thinks fit.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError).
    pub async fn list(
        &self,
        revision: &str,
        path: &Path,
        after: Option<&Step>,
        limit: u32,
    ) -> Result<Page> {
        const CALL: &str = "Contents.List";
        let request = v1::ListRequest {
            at: self.at(revision),
            path: wire::to_path(path),
            after: after.map(|step| Bytes::copy_from_slice(step.as_bytes())),
            limit,
            data_limit: 0,
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move { Ok(client.list(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        let page = || {
            Ok(Page {
                commit: RemoteCommit::maybe(answer.commit)?,
                exists: answer.exists,
                total: answer.total,
                entries: entries(answer.entries)?,
                more: answer.more,
            })
        };
        self.read(CALL, page())
    }

    /// Lists the values that differ between two revisions, at and below a path, in order. An empty
    /// `from` is the empty tree.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError).
    pub async fn diff(&self, from: &str, to: &str, path: &Path) -> Result<Vec<RemoteChange>> {
        const CALL: &str = "Contents.Diff";
        let request = v1::DiffRequest {
            repository: self.repository(),
            from: from.to_owned(),
            to: to.to_owned(),
            path: wire::to_path(path),
            data_limit: 0,
        };
        let changes = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move {
                let mut answers = client.diff(request).await?.into_inner();
                let mut changes = Vec::new();
                while let Some(answer) = answers.message().await? {
                    changes.extend(answer.changes);
                }
                Ok(changes)
            }
        });
        let changes = changes.await?;
        self.read(CALL, RemoteChange::read_all(changes))
    }

    /// Lists commits, newest first, by pages.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError).
    pub async fn log(&self, revision: &str, query: &LogQuery) -> Result<LogPage> {
        const CALL: &str = "Contents.Log";
        let request = v1::LogRequest {
            at: self.at(revision),
            path: wire::to_path(&query.path),
            limit: query.limit,
            page: query.page.clone().unwrap_or_default(),
            first_parent: query.first_parent,
            exclude: query.exclude.clone(),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move { Ok(client.log(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        let commits: Result<_, _> = answer.commits.into_iter().map(RemoteCommit::read).collect();
        Ok(LogPage {
            commits: self.read(CALL, commits)?,
            next: (!answer.next_page.is_empty()).then_some(answer.next_page),
        })
    }

    /// Tells the commit that last changed each value at and below a path.
    ///
    /// # Errors
    /// [`ClientError`](crate::ClientError).
    pub async fn blame(&self, revision: &str, path: &Path) -> Result<Vec<(Path, Id)>> {
        const CALL: &str = "Contents.Blame";
        let request = v1::BlameRequest {
            at: self.at(revision),
            path: wire::to_path(path),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.contents(), request.clone());
            async move { Ok(client.blame(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        let blamed = answer.blamed.into_iter().map(|one| {
            let commit = wire::must_have_id(one.commit.as_ref())?;
            Ok((wire::path(&one.path)?, commit))
        });
        self.read(CALL, blamed.collect())
    }
}

fn lookup(answer: v1::GetResponse, asked: usize) -> Result<Lookup, String> {
    if answer.found.len() != asked {
        return Err(format!("{} answers to {asked} paths", answer.found.len()));
    }
    let found = answer
        .found
        .into_iter()
        .map(|found| RemoteEntry::maybe(found.entry));
    Ok(Lookup {
        commit: RemoteCommit::maybe(answer.commit)?,
        found: found.collect::<Result<_, _>>()?,
    })
}

fn entries(entries: Vec<v1::ListEntry>) -> Result<Vec<(Step, RemoteEntry)>, String> {
    let entry = |one: v1::ListEntry| {
        let step = Step::new(&one.step).map_err(|error| error.to_string())?;
        let entry = one.entry.ok_or("an entry is missing")?;
        Ok((step, RemoteEntry::read(entry)?))
    };
    entries.into_iter().map(entry).collect()
}
