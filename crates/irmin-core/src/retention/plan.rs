//! Turning rules into what is cut beneath each commit.

use std::collections::{HashMap, HashSet};

use super::{RetentionRule, Span};
use crate::error::Result;
use crate::history::{History, LogEntry, LogOptions};
use crate::refs::RefName;
use crate::{Cut, Id};

/// What a plan is made of.
pub(crate) struct Policy<'a> {
    /// The first rule that is for a branch decides; a branch without one is kept whole.
    pub(crate) rules: &'a [RetentionRule],
    /// The present time, in seconds since 1970.
    pub(crate) now: i64,
    /// All names.
    pub(crate) refs: &'a [(RefName, Id)],
}

/// What to cut beneath commits: those that are not listed are kept whole.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) cuts: HashMap<Id, Cut>,
}

/// What the rules of the branches that reach a commit say of it.
#[derive(Clone, Copy)]
struct Reach {
    /// Up to which age all commits are kept.
    all: i64,
    /// From which age on history is cut off.
    horizon: i64,
}

impl Reach {
    fn of(rule: &RetentionRule) -> Self {
        Self {
            all: rule.all_age(),
            horizon: rule.horizon().unwrap_or(i64::MAX),
        }
    }

    fn join(self, other: Self) -> Self {
        Self {
            all: self.all.max(other.all),
            horizon: self.horizon.max(other.horizon),
        }
    }
}

impl Plan {
    /// Looks at all commits of the branches that have a rule, twice. Memory: some 200 bytes for
    /// each of them.
    pub(crate) fn new(history: &History<'_>, policy: &Policy<'_>) -> Result<Self> {
        let mut ruled = Vec::new();
        let mut whole = Vec::new();
        for (name, id) in policy.refs {
            match policy.rules.iter().find(|rule| rule.is_for(name)) {
                Some(rule) => ruled.push((*id, rule)),
                // A tag or a pin keeps its own commit; what came before is its branch's matter.
                None if super::branch_of(name).is_some() => whole.push(*id),
                None => {}
            }
        }
        if ruled.is_empty() {
            return Ok(Self::default());
        }
        let mut kept: HashSet<Id> = policy.refs.iter().map(|(_, id)| *id).collect();
        for (head, rule) in &ruled {
            keep_grains(history, *head, rule, policy.now, &mut kept)?;
        }
        let old = old(history, policy.now, &ruled, &whole, &mut kept)?;
        cuts(history, &ruled, &whole, &kept, &old)
    }
}

/// Adds the commits of a branch's line that the rule's grains keep: the newest of each stretch.
fn keep_grains(
    history: &History<'_>,
    head: Id,
    rule: &RetentionRule,
    now: i64,
    kept: &mut HashSet<Id>,
) -> Result<()> {
    let mut buckets: Vec<(Span, Option<i64>)> =
        rule.spans.iter().map(|&span| (span, None)).collect();
    let line = LogOptions {
        include: vec![head],
        first_parent: true,
        ..LogOptions::default()
    };
    for entry in history.log_with(line) {
        let entry = entry?;
        let age = now.saturating_sub(entry.seconds);
        for (span, last) in &mut buckets {
            let bucket = span.grain.bucket(entry.seconds);
            let is_newest = bucket.is_none() || *last != bucket;
            *last = bucket;
            if is_newest && age <= span.limit() {
                kept.insert(entry.key.id);
            }
        }
    }
    Ok(())
}

/// Returns the commits beyond the horizons of all branches that reach them, and adds those to `kept`
/// that `all` keeps. A commit is not older than its ancestors, whatever its clock said: else one
/// wrong time would cut off what came shortly before.
fn old(
    history: &History<'_>,
    now: i64,
    ruled: &[(Id, &RetentionRule)],
    whole: &[Id],
    kept: &mut HashSet<Id>,
) -> Result<HashSet<Id>> {
    let mut reached = Vec::new();
    let mut reaches: HashMap<Id, Reach> = HashMap::new();
    let reach = |reaches: &mut HashMap<Id, Reach>, id: Id, new: Reach| {
        let known = reaches.entry(id).or_insert(new);
        *known = known.join(new);
    };
    for (head, rule) in ruled {
        reach(&mut reaches, *head, Reach::of(rule));
    }
    // None comes before its children, so all that reach a commit were looked at before it.
    for entry in log(history, ruled, whole) {
        let entry = entry?;
        let id = entry.key.id;
        let Some(own) = reaches.remove(&id) else {
            continue;
        };
        let age = now.saturating_sub(entry.seconds);
        if age <= own.all {
            kept.insert(id);
        }
        for parent in &entry.parents {
            reach(&mut reaches, parent.id, own);
        }
        reached.push((id, age, own.horizon, entry.parents));
    }
    let mut old = HashSet::new();
    let mut ages: HashMap<Id, i64> = HashMap::with_capacity(reached.len());
    for (id, own, horizon, parents) in reached.into_iter().rev() {
        let before = parents.iter().filter_map(|parent| ages.get(&parent.id));
        let age = before.copied().fold(own, i64::min);
        ages.insert(id, age);
        if age > horizon && !kept.contains(&id) {
            old.insert(id);
        }
    }
    Ok(old)
}

fn cuts(
    history: &History<'_>,
    ruled: &[(Id, &RetentionRule)],
    whole: &[Id],
    kept: &HashSet<Id>,
    old: &HashSet<Id>,
) -> Result<Plan> {
    let mut plan = Plan::default();
    for entry in log(history, ruled, whole) {
        let entry = entry?;
        let mut parents = entry.parents.iter();
        let cut = Cut {
            contents: !kept.contains(&entry.key.id),
            // One that is kept keeps the others: parents go together or not at all.
            parents: !entry.parents.is_empty() && parents.all(|parent| old.contains(&parent.id)),
        };
        if !cut.is_none() {
            plan.cuts.insert(entry.key.id, cut);
        }
    }
    Ok(plan)
}

/// Returns the commits that branches with a rule reach and those that are kept whole do not.
fn log<'a>(
    history: &History<'a>,
    ruled: &[(Id, &RetentionRule)],
    whole: &[Id],
) -> impl Iterator<Item = Result<LogEntry, crate::HistoryError>> + use<'a> {
    history.log_with(LogOptions {
        include: ruled.iter().map(|(head, _)| *head).collect(),
        exclude: whole.to_vec(),
        first_parent: false,
    })
}
