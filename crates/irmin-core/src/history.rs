//! Questions about history: who descends from whom, where two lines meet, what came when.
//!
//! Every walk goes down by generation, so that a commit is looked at after all its descendants
//! and never twice, and stops at the generation where the answer is certain.

mod ancestry;
mod frontier;
mod line;
mod log;
mod since;

#[cfg(test)]
mod tests;

use crate::error::{DecodeError, ErrorKind};
use crate::graph::{CommitGraph, Number, SharedTable};
use crate::{Id, ObjectStore, StoreError};

pub use ancestry::FastForward;
pub use log::{Log, LogEntry, LogOptions};
pub(crate) use since::{RUN_COMMITS_MAX, Run};

/// How many commits a question may look at unless told otherwise.
pub const VISITED_COMMITS_MAX: usize = 1 << 24;

/// Answers questions about the commits of a store, with the help of a [`CommitGraph`].
///
/// Commits that the graph does not know are read from the store, all that a walk needs next in
/// one call. On what it knows, an answer costs about 50 ns a commit looked at.
///
/// ```
/// use irmin_core::{
///     CommitData, CommitGraph, CommitInfo, History, Id, MemoryStore, ObjectStore, Signature, Time,
/// };
/// let store = MemoryStore::new();
/// let mut line: Vec<Id> = Vec::new();
/// for generation in 1..=3 {
///     let author = Signature::new("Ada", "ada@example.org", Time::utc(generation.into()))?;
///     let commit = CommitData {
///         tree: Id::of(b"tree").into(),
///         parents: line.last().map(|&id| id.into()).into_iter().collect(),
///         info: CommitInfo::new(author, "Go on"),
///     };
///     let encoded = commit.encode()?;
///     store.put_many(&[encoded.object(generation)])?;
///     line.push(encoded.id);
/// }
///
/// let graph = CommitGraph::new();
/// let history = History::new(&graph, &store);
/// assert!(history.is_ancestor(line[0], line[2])?);
/// assert_eq!(history.lowest_common_ancestors(&[line[1]], &[line[2]])?, [line[1]]);
/// let newest_first: Result<Vec<Id>, _> = history.log(line[2]).map(|e| e.map(|e| e.key.id)).collect();
/// assert_eq!(newest_first?, [line[2], line[1], line[0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct History<'a> {
    graph: &'a CommitGraph,
    store: &'a dyn ObjectStore,
    limit: usize,
}

impl<'a> History<'a> {
    /// Asks `graph`, and `store` for what the graph does not know. The graph must have been used
    /// with this store only.
    #[must_use]
    pub const fn new(graph: &'a CommitGraph, store: &'a dyn ObjectStore) -> Self {
        Self {
            graph,
            store,
            limit: VISITED_COMMITS_MAX,
        }
    }

    /// Limits how many commits each question may look at. A log is not limited.
    #[must_use]
    pub const fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Returns the table to ask, and the numbers that the starting commits have in it.
    fn start(&self, ids: &[Id]) -> Result<(SharedTable, Vec<Number>), HistoryError> {
        let table = self.graph.table();
        let numbers = table.query(self.store, |table| Ok(table.find_all(ids)))?;
        Ok((table, numbers))
    }

    /// Checks the number of commits looked at.
    const fn check(&self, visited: usize) -> Result<(), HistoryError> {
        if visited > self.limit {
            return Err(HistoryError::TooFar { limit: self.limit });
        }
        Ok(())
    }
}

impl std::fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// A question about history that got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit is not in the store.
    #[error("commit {id} is missing from the store")]
    Missing {
        /// The commit.
        id: Id,
    },
    /// An object is not a commit, or a damaged one.
    #[error("object {id} cannot be read as a commit: {source}")]
    Decode {
        /// The object.
        id: Id,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The engine gave a commit a generation that is not larger than those of its parents.
    #[error("the store gives commit {id} a wrong generation; run verify")]
    Generation {
        /// The commit.
        id: Id,
    },
    /// The two sides have nothing in common as far as history is kept; before the cut they may have.
    #[error("history was cut at commit {id}: what the two have in common is not kept here")]
    Cut {
        /// A commit whose parents are not there.
        id: Id,
    },
    /// More commits lie in between than the question may look at. It is not known that there is
    /// no answer.
    #[error("no answer within {limit} commits of history; raise the limit to look further")]
    TooFar {
        /// How many commits were allowed.
        limit: usize,
    },
}

impl HistoryError {
    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Missing { .. } | Self::Decode { .. } | Self::Generation { .. } => {
                ErrorKind::Corrupt
            }
            Self::Cut { .. } | Self::TooFar { .. } => ErrorKind::Invalid,
        }
    }
}
