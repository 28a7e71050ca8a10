//! Names, and how durable what they lead to is.

use std::sync::atomic::{AtomicU64, Ordering};

use irmin_core::Id;
use irmin_proto::v1;

use super::RemoteStore;
use crate::connection::Again;
use crate::error::Result;
use crate::wire;

/// What was seen of names, and what of that is known to be on stable storage there.
#[derive(Debug, Default)]
pub(super) struct Synced {
    reads: AtomicU64,
    synced: AtomicU64,
}

impl Synced {
    /// Notes that something was seen that may not be durable.
    pub(super) fn read(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Notes that all is durable that had been seen when there were so many reads.
    pub(super) fn up_to(&self, reads: u64) {
        self.synced.fetch_max(reads, Ordering::SeqCst);
    }

    fn is_done(&self) -> bool {
        self.synced.load(Ordering::SeqCst) >= self.reads()
    }
}

impl RemoteStore {
    pub(super) fn ask_ref(&self, name: &str) -> Result<Option<Id>> {
        const CALL: &str = "Repositories.GetRef";
        let request = v1::GetRefRequest {
            repository: self.connection.repository(),
            name: name.to_owned(),
        };
        let answer = self
            .waiter
            .wait(self.connection.call(CALL, Again::Safe, |_| {
                let (mut client, request) = (self.connection.repositories(), request.clone());
                async move { Ok(client.get_ref(request).await?.into_inner()) }
            }))?;
        self.synced.read();
        wire::maybe_id(answer.commit.as_ref()).map_err(|problem| self.broken(CALL, problem))
    }

    pub(super) fn ask_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>> {
        const CALL: &str = "Repositories.ListRefs";
        let mut refs: Vec<(String, Id)> = Vec::new();
        loop {
            let request = v1::ListRefsRequest {
                repository: self.connection.repository(),
                prefix: prefix.to_owned(),
                after: refs
                    .last()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default(),
                limit: 0,
            };
            let page = self
                .waiter
                .wait(self.connection.call(CALL, Again::Safe, |_| {
                    let (mut client, request) = (self.connection.repositories(), request.clone());
                    async move { Ok(client.list_refs(request).await?.into_inner()) }
                }))?;
            let is_empty = page.refs.is_empty();
            for one in page.refs {
                let id = wire::must_have_id(one.commit.as_ref());
                let id = id.map_err(|problem| self.broken(CALL, problem))?;
                if refs.last().is_some_and(|(last, _)| *last >= one.name) {
                    return Err(self.broken(CALL, "names are not in order"));
                }
                refs.push((one.name, id));
            }
            if !page.more {
                self.synced.read();
                return Ok(refs);
            }
            if is_empty {
                return Err(self.broken(CALL, "there is more, but nothing comes"));
            }
        }
    }

    pub(super) fn ask_sync(&self) -> Result<()> {
        if self.synced.is_done() {
            return Ok(());
        }
        let before = self.synced.reads();
        let request = v1::SyncRequest {
            repository: self.connection.repository(),
        };
        self.waiter
            .wait(self.connection.call("Admin.Sync", Again::Safe, |_| {
                let (mut client, request) = (self.connection.admin(), request.clone());
                async move { client.sync(request).await.map(drop) }
            }))?;
        self.synced.up_to(before);
        Ok(())
    }
}
