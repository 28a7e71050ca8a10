//! Sessions: a view on the server that several calls read and write.

use std::time::Duration;

use bytes::Bytes;
use irmin_core::{EntryKind, Id, Isolation, Path, Step};
use irmin_proto::v1;

use super::Client;
use super::commit::{CommitOutcome, Write, info, write};
use crate::connection::Again;
use crate::error::{ClientError, Result};
use crate::values::RemoteEntry;
use crate::wire;

/// A view of a branch on the server: it sees its own writes, and nobody else does. Lives until it is
/// committed, aborted, or was not used for its time.
#[derive(Debug)]
pub struct Session {
    client: Client,
    secret: Bytes,
    head: Option<Id>,
    lifetime: Duration,
}

impl Client {
    /// Opens a view of a branch on the server. `lifetime` is how long it may lie unused, in seconds;
    /// 0: as long as the server thinks fit.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn begin(
        &self,
        branch: &str,
        isolation: Isolation,
        lifetime: u32,
    ) -> Result<Session> {
        const CALL: &str = "Transactions.Begin";
        let request = v1::BeginRequest {
            repository: self.repository(),
            branch: branch.to_owned(),
            isolation: wire::isolation(isolation),
            ttl_seconds: lifetime,
        };
        // One whose answer got lost ends by itself.
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.transactions(), request.clone());
            async move { Ok(client.begin(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        Ok(Session {
            client: self.clone(),
            secret: answer.session,
            head: self.read(CALL, wire::maybe_id(answer.head.as_ref()))?,
            lifetime: Duration::from_secs(answer.ttl_seconds.into()),
        })
    }
}

impl Session {
    /// Returns the head that the view was opened on; `None`: the branch did not exist.
    #[must_use]
    pub const fn head(&self) -> Option<Id> {
        self.head
    }

    /// Returns how long the view may lie unused.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Looks up paths in the view, with the bytes of values of at most `data_limit` bytes.
    ///
    /// # Errors
    /// [`ClientError`], also when the session has ended.
    pub async fn get(&self, paths: &[Path], data_limit: u64) -> Result<Vec<Option<RemoteEntry>>> {
        let paths = paths.iter().map(wire::to_path).collect();
        let answer = self.ask(paths, None, data_limit).await?;
        let found = answer
            .found
            .into_iter()
            .map(|found| RemoteEntry::maybe(found.entry));
        self.client.read(READ, found.collect())
    }

    /// Lists a part of a directory of the view: entries behind the step `after`, at most `limit`, and
    /// whether there are more. Only names and kinds: the commit depends on no more than that.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn list(
        &self,
        path: &Path,
        after: Option<&Step>,
        limit: u32,
    ) -> Result<(Vec<(Step, EntryKind)>, bool)> {
        let list = v1::SessionList {
            path: wire::to_path(path),
            after: after.map(|step| Bytes::copy_from_slice(step.as_bytes())),
            limit,
        };
        let answer = self.ask(Vec::new(), Some(list), 0).await?;
        let more = answer.more;
        Ok((self.client.read(READ, kinds(answer.entries))?, more))
    }

    async fn ask(
        &self,
        paths: Vec<Bytes>,
        list: Option<v1::SessionList>,
        data_limit: u64,
    ) -> Result<v1::SessionReadResponse> {
        let request = v1::SessionReadRequest {
            session: self.secret.clone(),
            repository: self.client.repository(),
            paths,
            list,
            data_limit,
        };
        let connection = &self.client.0;
        let answer = connection.call(READ, Again::Safe, |_| {
            let (mut client, request) = (connection.transactions(), request.clone());
            async move { Ok(client.read(request).await?.into_inner()) }
        });
        answer.await
    }

    /// Writes to the view. Writing the same again changes nothing, so it is tried again when no answer
    /// came.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn write(&self, writes: &[(Path, Write)]) -> Result<()> {
        let request = v1::SessionWriteRequest {
            session: self.secret.clone(),
            repository: self.client.repository(),
            writes: writes.iter().map(|(path, one)| write(path, one)).collect(),
        };
        let connection = &self.client.0;
        let done = connection.call("Transactions.Write", Again::Safe, |_| {
            let (mut client, request) = (connection.transactions(), request.clone());
            async move { client.write(request).await.map(drop) }
        });
        done.await
    }

    /// Commits the view under its isolation. Applied once, however often it had to be sent.
    ///
    /// # Errors
    /// [`ClientError`]; the session goes on then.
    pub async fn commit(&self, message: &str) -> Result<CommitOutcome> {
        const CALL: &str = "Transactions.CommitSession";
        let connection = &self.client.0;
        let request = v1::CommitSessionRequest {
            session: self.secret.clone(),
            repository: self.client.repository(),
            info: info(message),
            idempotency_key: connection.options().chance.key(),
            ..v1::CommitSessionRequest::default()
        };
        let answer = connection.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (connection.transactions(), request.clone());
            async move { Ok(client.commit_session(request).await?.into_inner()) }
        });
        let answer = answer.await.map_err(ClientError::may_have_happened)?;
        self.client.read(CALL, CommitOutcome::read(answer))
    }

    /// Ends the session without a commit.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn abort(self) -> Result<()> {
        let request = v1::AbortRequest {
            session: self.secret.clone(),
            repository: self.client.repository(),
        };
        let connection = &self.client.0;
        let done = connection.call("Transactions.Abort", Again::Safe, |_| {
            let (mut client, request) = (connection.transactions(), request.clone());
            async move { client.abort(request).await.map(drop) }
        });
        done.await
    }
}

const READ: &str = "Transactions.Read";

fn kinds(entries: Vec<v1::ListEntry>) -> Result<Vec<(Step, EntryKind)>, String> {
    let entry = |one: v1::ListEntry| {
        let step = Step::new(&one.step).map_err(|error| error.to_string())?;
        match one.entry.and_then(|entry| entry.is) {
            Some(v1::entry::Is::Blob(blob)) => Ok((step, EntryKind::Blob(wire::mode(blob.mode())))),
            Some(v1::entry::Is::Directory(_)) => Ok((step, EntryKind::Tree)),
            None => Err("an entry that is nothing".to_owned()),
        }
    };
    entries.into_iter().map(entry).collect()
}
