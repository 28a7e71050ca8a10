//! What of a tree is in memory.

use std::collections::HashSet;

use super::Tree;
use super::node::Ref;

/// The nodes of a tree that are reachable without reading, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeStats {
    /// Nodes in memory.
    pub loaded: u64,
    /// Of those, nodes that no store has yet.
    pub dirty: u64,
    /// Of those in memory, nodes that other trees hold too.
    pub shared: u64,
    /// Pointers to nodes that are in a store only.
    pub unloaded: u64,
    /// Large values that no store has yet.
    pub pending_blobs: u64,
}

impl Tree {
    /// Counts what is loaded, dirty and shared. Reads nothing; visits each node in memory once.
    #[must_use]
    pub fn stats(&self) -> TreeStats {
        let mut stats = TreeStats::default();
        let mut seen = HashSet::new();
        let mut pending = vec![self.root.by_ref()];
        while let Some(link) = pending.pop() {
            let Some(node) = link.loaded() else {
                stats.unloaded += 1;
                continue;
            };
            if !seen.insert(node.address()) {
                continue;
            }
            stats.loaded += 1;
            stats.dirty += u64::from(link.place().is_none());
            stats.shared += u64::from(node.is_shared());
            node.for_each_ref(&mut |target| match target {
                Ref::Node(link) => pending.push(link),
                Ref::Blob(cell) => stats.pending_blobs += u64::from(cell.stored.get().is_none()),
            });
        }
        stats
    }
}
