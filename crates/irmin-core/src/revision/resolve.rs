//! From a revision to a commit.

use super::{Base, Revision, RevisionError, Step};
use crate::history::History;
use crate::{BranchName, CommitGraph, Engine, Id, IdPrefix};

/// How many candidates an ambiguous prefix is answered with at the most.
pub const CANDIDATES_MAX: usize = 8;

/// How many names are looked through for one that is similar to an unknown one.
pub const HINT_NAMES_MAX: usize = 10_000;

/// How many similar names are given as hints.
const HINTS_MAX: usize = 3;

/// The longest name that similar ones are looked for, in bytes.
const HINT_NAME_BYTES_MAX: usize = 100;

/// Where a short name is looked for, in this order.
const NAMESPACES: [&str; 3] = ["heads/", "tags/", "remotes/"];

impl Revision {
    /// Returns the commit that the revision means now; `@` is the head of `current`.
    ///
    /// A whole id means itself. Another name is, in this order, a full name, a branch, a tag, a
    /// remote's branch, or the start of an id: a branch wins over an id, as in Git.
    ///
    /// Looks up to four names up, and looks at one commit a step back.
    ///
    /// # Errors
    /// [`RevisionError`] when there is no such commit, with what there is instead; also when the
    /// engine fails.
    pub fn resolve(
        &self,
        engine: &dyn Engine,
        graph: &CommitGraph,
        current: &BranchName,
    ) -> Result<Id, RevisionError> {
        let history = History::new(graph, engine);
        let mut commit = match &self.base {
            Base::Current => find_current(engine, current)?,
            Base::Name(name) => find_name(engine, name)?,
        };
        for (taken, step) in self.steps.iter().enumerate() {
            commit = self.take_step(&history, commit, taken, *step)?;
        }
        Ok(commit)
    }

    fn take_step(
        &self,
        history: &History<'_>,
        commit: Id,
        taken: usize,
        step: Step,
    ) -> Result<Id, RevisionError> {
        let from = || self.beginning(taken);
        let revision = || self.beginning(taken + 1);
        match step {
            Step::Parent(0) => Ok(commit),
            Step::Parent(number) => {
                let parents = history.parents(commit)?;
                let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
                let parent = parents.get(index);
                Ok(parent
                    .ok_or_else(|| RevisionError::NoSuchParent {
                        revision: revision(),
                        from: from(),
                        found: parents.len(),
                    })?
                    .id)
            }
            Step::Back(count) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let (end, found) = history.step_back(commit, count)?;
                if found < count {
                    let (revision, from) = (revision(), from());
                    return Err(RevisionError::PastRoot {
                        revision,
                        from,
                        found,
                    });
                }
                Ok(end)
            }
            Step::At(time) => history
                .at(commit, time.seconds())?
                .ok_or_else(|| RevisionError::TooEarly { from: from(), time }),
        }
    }
}

fn find_current(engine: &dyn Engine, current: &BranchName) -> Result<Id, RevisionError> {
    let head = engine.get_ref(current.full().as_str())?;
    head.ok_or_else(|| RevisionError::Unborn {
        branch: current.clone(),
    })
}

fn find_name(engine: &dyn Engine, name: &str) -> Result<Id, RevisionError> {
    let prefix = name.parse::<IdPrefix>().ok();
    if let Some(whole) = prefix.as_ref().filter(|prefix| prefix.as_id().is_some()) {
        let found = engine.commits_with_prefix(whole, 1)?;
        return found
            .first()
            .copied()
            .ok_or_else(|| unknown(name, Vec::new()));
    }
    if let Some(full) = name.strip_prefix("refs/") {
        return match engine.get_ref(full)? {
            Some(id) => Ok(id),
            None => Err(unknown(name, hints(engine, full)?)),
        };
    }
    let full = name.contains('/').then(|| name.to_owned());
    let short = NAMESPACES
        .iter()
        .map(|namespace| format!("{namespace}{name}"));
    for candidate in full.into_iter().chain(short) {
        if let Some(id) = engine.get_ref(&candidate)? {
            return Ok(id);
        }
    }
    match prefix {
        Some(prefix) => find_prefix(engine, name, prefix),
        None => Err(unknown(name, hints(engine, name)?)),
    }
}

fn find_prefix(engine: &dyn Engine, name: &str, prefix: IdPrefix) -> Result<Id, RevisionError> {
    let candidates = engine.commits_with_prefix(&prefix, CANDIDATES_MAX)?;
    match *candidates {
        [] => Err(unknown(name, hints(engine, name)?)),
        [id] => Ok(id),
        _ => Err(RevisionError::Ambiguous { prefix, candidates }),
    }
}

fn unknown(name: &str, hints: Vec<String>) -> RevisionError {
    let name = name.to_owned();
    RevisionError::Unknown { name, hints }
}

/// Returns the names that a few changed letters turn into `name`, nearest first. A name of two
/// parts may be meant in full.
fn hints(engine: &dyn Engine, name: &str) -> Result<Vec<String>, RevisionError> {
    let mut near = Vec::new();
    if name.len() <= HINT_NAME_BYTES_MAX {
        for (full, _) in engine.list_refs("")?.into_iter().take(HINT_NAMES_MAX) {
            let short = NAMESPACES
                .iter()
                .find_map(|namespace| full.strip_prefix(namespace));
            let short = near_distance(name, short.unwrap_or(&full));
            if let Some(distance) = short.or_else(|| near_distance(name, &full)) {
                near.push((distance, full));
            }
        }
    }
    near.sort();
    let shorten = |(_, full): (usize, String)| match full.strip_prefix(NAMESPACES[0]) {
        Some(short) if !name.starts_with(NAMESPACES[0]) => short.to_owned(),
        _ => full,
    };
    Ok(near.into_iter().map(shorten).take(HINTS_MAX).collect())
}

/// Returns how far apart two names are, unless more than every third letter differs.
fn near_distance(name: &str, known: &str) -> Option<usize> {
    let far = (name.len() / 3).clamp(1, 3);
    // A letter has at most four bytes.
    if name.len().abs_diff(known.len()) > far * 4 {
        return None;
    }
    Some(distance(name, known)).filter(|&distance| distance <= far)
}

/// Counts the letters to insert, remove or replace to turn one name into another, or two that
/// changed places. Case is ignored. Costs the product of the lengths, which are short here.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut above: Vec<usize> = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let replaced = row[j] + usize::from(letter != other);
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *other && b[j - 1] == *letter {
                best = best.min(above[j - 1] + 1);
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}
