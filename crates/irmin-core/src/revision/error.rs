//! Why a revision leads to no commit.

use crate::error::ErrorKind;
use crate::{BranchName, HistoryError, Id, IdPrefix, StoreError, Time};

/// A revision that cannot be read, or that leads to no commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevisionError {
    /// The text breaks the rules.
    #[error("'{}' is not a revision: {reason} (at byte {offset})", text.escape_debug())]
    Syntax {
        /// The text, or its beginning where it is too long.
        text: String,
        /// How many bytes into it.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// What follows an `@` looks like a time and is none.
    #[error(
        "'{}' is not a revision: {reason} (at byte {offset}); \
         a branch that is called so is written refs/heads/…",
        text.escape_debug()
    )]
    Time {
        /// The text.
        text: String,
        /// How many bytes into it.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Nothing has this name, and no commit's id starts so.
    #[error("unknown revision '{name}'{}", did_you_mean(hints))]
    Unknown {
        /// The name.
        name: String,
        /// Names that look similar, nearest first.
        hints: Vec<String>,
    },
    /// The current branch has no commit yet.
    #[error("branch '{branch}' has no commit yet")]
    Unborn {
        /// The branch.
        branch: BranchName,
    },
    /// The ids of several commits start so.
    #[error("'{prefix}' is ambiguous: {}", list(prefix, candidates))]
    Ambiguous {
        /// What was written.
        prefix: IdPrefix,
        /// The first commits that start so, in order.
        candidates: Vec<Id>,
    },
    /// A line of first parents is shorter than the steps along it.
    #[error("there is no '{revision}': '{from}' has {} on its first-parent line", ancestors(*found))]
    PastRoot {
        /// The revision up to and with the step that failed.
        revision: String,
        /// The revision before that step.
        from: String,
        /// How many ancestors it has on the line of first parents.
        found: usize,
    },
    /// A commit has fewer parents.
    #[error("there is no '{revision}': '{from}' has {}", parents(*found))]
    NoSuchParent {
        /// The revision up to and with the step that failed.
        revision: String,
        /// The revision before that step.
        from: String,
        /// How many parents it has.
        found: usize,
    },
    /// All commits of a line of first parents are later.
    #[error("'{from}' has no commit at or before {time}")]
    TooEarly {
        /// The revision before the step that failed.
        from: String,
        /// The time that was asked for.
        time: Time,
    },
    /// History could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RevisionError {
    /// Returns what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::History(error) => error.kind(),
            Self::Store(error) => error.kind(),
            _ => ErrorKind::Invalid,
        }
    }
}

fn did_you_mean(hints: &[String]) -> String {
    if hints.is_empty() {
        return String::new();
    }
    let hints: Vec<String> = hints.iter().map(|hint| format!("'{hint}'")).collect();
    format!("; did you mean {}?", hints.join(" or "))
}

/// Writes ids with enough digits to see more than the prefix that they share.
fn list(prefix: &IdPrefix, candidates: &[Id]) -> String {
    let digits = prefix.to_string().len().max(8) + 4;
    let shown = candidates
        .iter()
        .map(|id| id.to_string().chars().take(digits).collect());
    shown.collect::<Vec<String>>().join(", ")
}

fn ancestors(count: usize) -> String {
    match count {
        0 => "no ancestor".to_owned(),
        1 => "1 ancestor".to_owned(),
        _ => format!("{count} ancestors"),
    }
}

fn parents(count: usize) -> String {
    match count {
        0 => "no parent".to_owned(),
        1 => "1 parent".to_owned(),
        _ => format!("{count} parents"),
    }
}
