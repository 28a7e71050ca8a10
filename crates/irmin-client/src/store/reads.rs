//! Reading objects: from what waits, from memory, from a transfer, else from the server.

use std::collections::{HashMap, HashSet};

use irmin_core::{Id, IdPrefix, Key, StoreError, Stored};
use irmin_proto::v1;

use super::RemoteStore;
use crate::connection::Again;
use crate::error::Result;
use crate::wire;

/// How many objects are asked for in one call.
const ASKED_MAX: usize = 256;
/// How many ids are asked about in one call.
const IDS_MAX: usize = 1024;
/// How many levels beneath a single object that is read come with it, as far as the server goes.
const DEPTH: u32 = 16;

const GET: &str = "Objects.Get";
const CONTAINS: &str = "Objects.Contains";

/// How much comes along with what is asked for.
#[derive(Clone, Copy)]
struct Ahead {
    depth: u32,
    generations: u32,
}

impl RemoteStore {
    pub(super) fn read(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        let mut missing: HashMap<Id, Vec<usize>> = HashMap::new();
        let mut asked = Vec::new();
        for (position, key) in keys.iter().enumerate() {
            match self.at_hand(&key.id)? {
                Some(stored) => out(position, Some(stored)),
                None => {
                    let positions = missing.entry(key.id).or_default();
                    if positions.is_empty() {
                        asked.push(key.id);
                    }
                    positions.push(position);
                }
            }
        }
        for ids in asked.chunks(ASKED_MAX) {
            let mut found = self.ask_objects(ids)?;
            for id in ids {
                let stored = found.remove(id);
                for position in missing.remove(id).unwrap_or_default() {
                    out(position, stored.clone());
                }
            }
        }
        Ok(())
    }

    fn at_hand(&self, id: &Id) -> Result<Option<Stored>, StoreError> {
        let pending = self.pending().get(id);
        match pending.or_else(|| self.cache.get(id)) {
            Some(stored) => Ok(Some(stored)),
            None => self.spools.get(id),
        }
    }

    /// Decides what comes along. Whoever reads one object goes down from there, or along history; many
    /// at once are a level of a walk that asks for the next one by itself.
    fn ahead(&self, ids: &[Id]) -> Ahead {
        let expected = ids.iter().filter_map(|id| self.cache.expected(id)).max();
        match (expected, ids.len()) {
            (Some(generations), _) => Ahead {
                depth: 0,
                generations,
            },
            (None, 1) => Ahead {
                depth: DEPTH,
                generations: 0,
            },
            (None, _) => Ahead {
                depth: 0,
                generations: 0,
            },
        }
    }

    /// Asks the server for objects; those that are absent are left out. What came along is kept.
    fn ask_objects(&self, ids: &[Id]) -> Result<HashMap<Id, Stored>> {
        let ahead = self.ahead(ids);
        let request = v1::GetObjectsRequest {
            repository: self.connection.repository(),
            ids: wire::object_ids(ids),
            depth: ahead.depth,
            generations: ahead.generations,
        };
        let answers = self
            .waiter
            .wait(self.connection.call(GET, Again::Safe, |_| {
                let (mut client, request) = (self.connection.objects(), request.clone());
                async move {
                    let mut stream = client.get(request).await?.into_inner();
                    let mut answers = Vec::new();
                    while let Some(answer) = stream.message().await? {
                        answers.push(answer);
                    }
                    Ok(answers)
                }
            }))?;
        let wanted: HashSet<&Id> = ids.iter().collect();
        let (mut found, mut absent) = (HashMap::new(), 0);
        for answer in answers {
            absent += answer.absent.len();
            for object in answer.objects {
                let (id, stored) = wire::object(object);
                self.cache.insert(id, &stored, ahead.generations);
                if wanted.contains(&id) {
                    found.insert(id, stored);
                }
            }
        }
        if found.len() + absent < ids.len() {
            let came = found.len() + absent;
            let problem = format!(
                "of {} objects, {came} are told of with their own bytes",
                ids.len()
            );
            return Err(self.broken(GET, problem));
        }
        Ok(found)
    }

    pub(super) fn ask_contains(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        let first = out.len();
        {
            let pending = self.pending();
            out.extend(ids.iter().map(|id| pending.contains(id)));
        }
        let is_open = |position: &usize| out.get(first + position) == Some(&false);
        let open: Vec<usize> = (0..ids.len()).filter(is_open).collect();
        for positions in open.chunks(IDS_MAX) {
            let asked: Vec<Id> = positions
                .iter()
                .filter_map(|&at| ids.get(at))
                .copied()
                .collect();
            let present = self.ask_present(&asked)?;
            let present_ids = asked.iter().zip(&present).filter(|(_, present)| **present);
            self.cache.know(present_ids.map(|(id, _)| *id));
            for (position, present) in positions.iter().zip(present) {
                if let Some(answer) = out.get_mut(first + position) {
                    *answer = present;
                }
            }
        }
        Ok(())
    }

    fn ask_present(&self, ids: &[Id]) -> Result<Vec<bool>> {
        let request = v1::ContainsRequest {
            repository: self.connection.repository(),
            ids: wire::object_ids(ids),
        };
        let answer = self
            .waiter
            .wait(self.connection.call(CONTAINS, Again::Safe, |_| {
                let (mut client, request) = (self.connection.objects(), request.clone());
                async move { Ok(client.contains(request).await?.into_inner()) }
            }))?;
        if answer.present.len() != ids.len() {
            let problem = format!("{} answers to {} ids", answer.present.len(), ids.len());
            return Err(self.broken(CONTAINS, problem));
        }
        Ok(answer.present.iter().map(|&byte| byte != 0).collect())
    }

    pub(super) fn find_commits(
        &self,
        prefix: &IdPrefix,
        limit: usize,
    ) -> Result<Vec<Id>, StoreError> {
        const CALL: &str = "Objects.CommitsWithPrefix";
        let request = v1::CommitsWithPrefixRequest {
            repository: self.connection.repository(),
            prefix: prefix.to_string(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let answer = self
            .waiter
            .wait(self.connection.call(CALL, Again::Safe, |_| {
                let (mut client, request) = (self.connection.objects(), request.clone());
                async move { Ok(client.commits_with_prefix(request).await?.into_inner()) }
            }))?;
        let commits: Result<Vec<Id>, String> = answer.commits.iter().map(wire::id).collect();
        let mut commits = commits.map_err(|problem| self.broken(CALL, problem))?;
        commits.extend(self.pending().commits(prefix));
        commits.sort_unstable();
        commits.dedup();
        commits.truncate(limit);
        Ok(commits)
    }
}
