//! Random transactions.

use std::sync::Arc;
use std::time::Duration;

use irmin_core::{Durability, Id, RefEdit};
use irmin_pack::Options;

use super::drive::Life;
use super::encode;
use super::model::{Draft, Refs};

/// New objects, and what to do to the names.
pub(super) struct Transaction {
    pub(super) objects: Vec<Draft>,
    pub(super) edits: Vec<RefEdit>,
    pub(super) after: Refs,
    pub(super) durability: Durability,
}

impl Life {
    pub(super) fn transaction(&mut self) -> Transaction {
        let mut objects = self.tree();
        let parents: Vec<Draft> = (0..self.random.below(3))
            .filter_map(|_| {
                let id = self.any_commit()?;
                Some(self.model.known.get(&id)?.draft.clone())
            })
            .collect();
        let tree = objects.last().map_or(Id::of(b""), |node| node.id);
        self.number += 1;
        let commit = encode::commit(tree, &parents.iter().collect::<Vec<_>>(), self.number);
        let commit_id = commit.id;
        objects.push(commit);
        let (edits, after) = self.edits(commit_id);
        let durability = match self.random.below(5) {
            0 => Durability::None,
            1 => Durability::Deferred,
            _ => Durability::Sync,
        };
        Transaction {
            objects,
            edits,
            after,
            durability,
        }
    }

    /// Moves, makes and removes names.
    fn edits(&mut self, commit: Id) -> (Vec<RefEdit>, Refs) {
        let mut after = self.model.refs().clone();
        let mut edits = Vec::new();
        for name in NAMES {
            if !self.random.one_in(3) {
                continue;
            }
            let new = match self.random.below(6) {
                0 => None,
                1 => self.any_commit().or(Some(commit)),
                _ => Some(commit),
            };
            let name = name.to_owned();
            let expected = match new {
                Some(id) => after.insert(name.clone(), id),
                None => after.remove(&name),
            };
            edits.push(RefEdit {
                name,
                expected,
                new,
            });
        }
        (edits, after)
    }

    /// New blobs, and directories that share old ones. The last one is the root.
    pub(super) fn tree(&mut self) -> Vec<Draft> {
        let mut objects = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let mut body = self.random.draw().to_le_bytes().to_vec();
            body.resize(129 + self.random.below(200), 7);
            objects.push(encode::blob(&body));
        }
        for _ in 0..1 + self.random.below(2) {
            let old: Vec<Draft> = (0..self.random.below(3))
                .filter_map(|_| self.any_entry())
                .collect();
            let entries: Vec<&Draft> = objects.iter().chain(&old).collect();
            let node = encode::node(&entries);
            objects.push(node);
        }
        if let Some(node) = objects
            .first()
            .cloned()
            .and_then(|blob| self.changed(&blob))
        {
            objects.push(node);
        }
        objects
    }

    /// A directory that was there, with another last entry or one more.
    fn changed(&mut self, entry: &Draft) -> Option<Draft> {
        let old = self.any_entry()?;
        let links = old.links.iter().map(|id| self.model.known.get(id));
        let drafts = links.map(|known| known.map(|known| known.draft.clone()));
        let mut entries: Vec<Draft> = drafts.collect::<Option<_>>()?;
        if self.random.one_in(2) {
            entries.pop();
        }
        entries.push(entry.clone());
        let node = encode::node(&entries.iter().collect::<Vec<_>>());
        Some(Draft {
            base: (old.kind == irmin_core::Kind::Node).then_some(old.id),
            ..node
        })
    }

    fn any_entry(&mut self) -> Option<Draft> {
        let drafts = self.model.known.values().map(|known| &known.draft);
        let entries: Vec<&Draft> = drafts
            .filter(|d| d.kind != irmin_core::Kind::Commit)
            .collect();
        let index = self.random.below(entries.len());
        entries.get(index).map(|draft| (*draft).clone())
    }

    /// A commit that names or holds lead to.
    pub(super) fn any_commit(&mut self) -> Option<Id> {
        let reachable = self.model.reachable();
        let is_commit = |id: &&Id| {
            let known = self.model.known.get(*id);
            known.is_some_and(|known| known.draft.kind == irmin_core::Kind::Commit)
        };
        let commits: Vec<Id> = reachable.iter().filter(is_commit).copied().collect();
        let index = self.random.below(commits.len());
        commits.get(index).copied()
    }

    /// Small enough for many segments in a short script.
    pub(super) fn options(&mut self) -> Options {
        let frames_later = [0, 0, 1, 4][self.random.below(4)];
        self.disk.set_frames_later(frames_later);
        let more = self.random.below(6000);
        Options {
            segment_bytes: 1500 + u32::try_from(more).unwrap_or_default(),
            map: more.is_multiple_of(2),
            pending_bytes: 300 + self.random.below(2000),
            cache_bytes: 4000,
            checkpoint_bytes: [0, 500, 100_000][self.random.below(3)],
            // Never within a test: what a thread does when is not for a seed to say.
            deferred_interval: Duration::from_secs(3600),
            sync_ahead_bytes: [1000, 1 << 20][self.random.below(2)],
            prepare_bytes: [0, 400, 3000][self.random.below(3)],
            files: Arc::new(self.disk.clone()),
            ..Options::default()
        }
    }
}

const NAMES: [&str; 6] = [
    "heads/a",
    "heads/b",
    "heads/c",
    "tags/t",
    "pins/p",
    "remotes/o/m",
];
