//! Repositories, names, and copies for administrators.

use irmin_core::{Durability, Id, RefEdit, RefOutcome};
use irmin_proto::v1;

use super::Client;
use crate::connection::Again;
use crate::error::{ClientError, Result};
use crate::values::RemoteCommit;
use crate::wire;

impl Client {
    /// Lists the repositories of the server of which the caller may read something.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn repositories(&self) -> Result<Vec<String>> {
        let answer = self.0.call("Repositories.List", Again::Safe, |_| {
            let mut client = self.0.repositories();
            async move {
                Ok(client
                    .list(v1::ListRepositoriesRequest {})
                    .await?
                    .into_inner())
            }
        });
        let repositories = answer.await?.repositories.into_iter();
        Ok(repositories.map(|one| one.name).collect())
    }

    /// Makes an empty repository on the server. Not tried again: the second time it is there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_repository(&self, name: &str) -> Result<()> {
        let request = v1::CreateRepositoryRequest {
            name: name.to_owned(),
        };
        let done = self.0.call("Repositories.Create", Again::Never, |_| {
            let (mut client, request) = (self.0.repositories(), request.clone());
            async move { client.create(request).await.map(drop) }
        });
        done.await.map_err(ClientError::may_have_happened)
    }

    /// Removes a repository of the server with all that is in it. Not tried again: somebody may have
    /// made a new one of that name.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn drop_repository(&self, name: &str) -> Result<()> {
        let request = v1::DropRepositoryRequest {
            name: name.to_owned(),
        };
        let done = self.0.call("Repositories.Drop", Again::Never, |_| {
            let (mut client, request) = (self.0.repositories(), request.clone());
            async move { client.drop(request).await.map(drop) }
        });
        done.await.map_err(ClientError::may_have_happened)
    }

    /// Tells which commit a revision means.
    ///
    /// # Errors
    /// [`ClientError`], also when it means none.
    pub async fn resolve(&self, revision: &str) -> Result<RemoteCommit> {
        const CALL: &str = "Repositories.Resolve";
        let request = v1::ResolveRequest {
            at: self.at(revision),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.repositories(), request.clone());
            async move { Ok(client.resolve(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        self.read(CALL, RemoteCommit::read(answer))
    }

    /// Returns what a name such as `heads/main` points to; `None`: there is no such name.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn name(&self, name: &str) -> Result<Option<Id>> {
        const CALL: &str = "Repositories.GetRef";
        let request = v1::GetRefRequest {
            repository: self.repository(),
            name: name.to_owned(),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.repositories(), request.clone());
            async move { Ok(client.get_ref(request).await?.into_inner()) }
        });
        let answer = answer.await?;
        self.read(CALL, wire::maybe_id(answer.commit.as_ref()))
    }

    /// Lists names that start so, in order. One round trip for each page of the server's.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn names(&self, prefix: &str) -> Result<Vec<(String, Id)>> {
        const CALL: &str = "Repositories.ListRefs";
        let mut names: Vec<(String, Id)> = Vec::new();
        loop {
            let request = v1::ListRefsRequest {
                repository: self.repository(),
                prefix: prefix.to_owned(),
                after: names
                    .last()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default(),
                limit: 0,
            };
            let page = self.0.call(CALL, Again::Safe, |_| {
                let (mut client, request) = (self.0.repositories(), request.clone());
                async move { Ok(client.list_refs(request).await?.into_inner()) }
            });
            let page = page.await?;
            if page.more && page.refs.is_empty() {
                return Err(self.0.broken(CALL, "there is more, but nothing comes"));
            }
            for one in page.refs {
                let id = self.read(CALL, wire::must_have_id(one.commit.as_ref()))?;
                if names.last().is_some_and(|(last, _)| *last >= one.name) {
                    return Err(self.0.broken(CALL, "names are not in order"));
                }
                names.push((one.name, id));
            }
            if !page.more {
                return Ok(names);
            }
        }
    }

    /// Changes names on condition of their present values: all, or none. A lost race is an answer.
    /// Applied once, however often it had to be sent.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn update_names(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome> {
        const CALL: &str = "Repositories.UpdateRefs";
        let request = v1::UpdateRefsRequest {
            repository: self.repository(),
            edits: wire::edits(edits),
            durability: wire::durability(durability),
            idempotency_key: self.0.options().chance.key(),
            is_retry: false,
        };
        let answer = self.0.call(CALL, Again::Safe, |failures| {
            let mut client = self.0.repositories();
            let request = v1::UpdateRefsRequest {
                is_retry: failures > 0,
                ..request.clone()
            };
            async move { Ok(client.update_refs(request).await?.into_inner()) }
        });
        let answer = answer.await.map_err(ClientError::may_have_happened)?;
        self.read(CALL, wire::outcome(answer))
    }

    /// Takes a consistent copy of the repository, as a bundle, while it is served: `write` is given the
    /// pieces of the file. Returns its size in bytes. Not tried again: what was written is not taken
    /// back.
    ///
    /// # Errors
    /// [`ClientError`], also when writing fails.
    pub async fn backup_to(
        &self,
        mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<u64> {
        const CALL: &str = "Admin.Backup";
        self.0.count();
        let request = v1::BackupRequest {
            repository: self.repository(),
        };
        let failed = |status| self.0.failed(CALL, &status);
        let mut pieces = self
            .0
            .admin()
            .backup(request)
            .await
            .map_err(failed)?
            .into_inner();
        let mut bytes = 0;
        while let Some(piece) = pieces.message().await.map_err(failed)? {
            write(&piece.bundle)
                .map_err(|error| ClientError::setting(format!("cannot write the copy: {error}")))?;
            bytes += piece.bundle.len() as u64;
        }
        Ok(bytes)
    }
}
