use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use super::plan::{Plan, Policy};
use super::*;
use crate::{Commit, Cut, Env, Id, MemoryStore, Repo, Time, Tree};

/// A repository with a clock that tests set.
struct Fixture {
    repo: Repo,
    clock: Arc<AtomicI64>,
}

impl Fixture {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let mut env = Env::fixed(0);
        let seconds = Arc::clone(&clock);
        env.clock = Arc::new(move || Time::utc(seconds.load(Ordering::Relaxed)));
        let repo = Repo::new(Arc::new(MemoryStore::new()), env);
        Self { repo, clock }
    }

    fn commit(&self, seconds: i64, parents: &[Commit]) -> Commit {
        self.clock.store(seconds, Ordering::Relaxed);
        let mut tree = Tree::empty();
        let path = Path::parse("time").unwrap();
        tree.set(&path, seconds.to_string()).unwrap();
        let info = self.repo.info("Go on").unwrap();
        self.repo.create_commit(&tree, parents, info).unwrap()
    }

    fn name(&self, name: &str, commit: &Commit) {
        let edit = crate::RefEdit {
            name: name.to_owned(),
            expected: None,
            new: Some(commit.id()),
        };
        let engine = self.repo.engine();
        engine
            .compare_and_swap(&[edit], crate::Durability::Sync)
            .unwrap();
    }

    fn plan(&self, rules: &[&str], now: i64) -> Plan {
        let rules: Vec<RetentionRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let refs = self.repo.engine().list_refs("").unwrap().into_iter();
        let refs: Vec<_> = refs.map(|(n, id)| (RefName::new(n).unwrap(), id)).collect();
        let policy = Policy {
            rules: &rules,
            now,
            refs: &refs,
        };
        Plan::new(&self.repo.history(), &policy).unwrap()
    }
}

fn cut(plan: &Plan, commit: &Commit) -> Cut {
    plan.cuts.get(&commit.id()).copied().unwrap_or_default()
}

const CONTENTS: Cut = Cut {
    contents: true,
    parents: false,
};

#[test]
fn the_newest_of_each_hour_and_day_keeps_its_contents() {
    let fixture = Fixture::new();
    let mut line: Vec<Commit> = Vec::new();
    for half_hour in 0..96 {
        let parents: Vec<Commit> = line.last().cloned().into_iter().collect();
        line.push(fixture.commit(half_hour * HOUR / 2, &parents));
    }
    fixture.name("heads/main", line.last().unwrap());
    // Now is the moment of the newest commit, at half past the last hour of the second day.
    let now = 95 * HOUR / 2;
    let plan = fixture.plan(&["all 2h, hourly 6h, daily 9w"], now);
    for (index, commit) in line.iter().enumerate() {
        let age = 95 - index;
        let is_kept = age <= 4 || age <= 12 && index % 2 == 1 || index % 48 == 47;
        let expected = if is_kept { Cut::NONE } else { CONTENTS };
        assert_eq!(cut(&plan, commit), expected, "commit {index}");
    }
}

#[test]
fn history_beyond_all_ages_is_cut_off_and_names_keep_what_they_point_to() {
    let fixture = Fixture::new();
    let mut line: Vec<Commit> = Vec::new();
    for day in 0..10 {
        let parents: Vec<Commit> = line.last().cloned().into_iter().collect();
        line.push(fixture.commit(day * DAY, &parents));
    }
    fixture.name("heads/main", &line[9]);
    fixture.name("tags/old", &line[2]);
    let plan = fixture.plan(&["all 1d, daily 4d"], 9 * DAY);
    for (index, commit) in line.iter().enumerate() {
        let expected = Cut {
            contents: index < 5 && index != 2,
            // Commit 5 is the oldest within four days; the tagged one is kept alone.
            parents: index != 3 && (1..=5).contains(&index),
        };
        assert_eq!(cut(&plan, commit), expected, "commit {index}");
    }
    assert!(fixture.plan(&["other: all 1d"], 9 * DAY).cuts.is_empty());
    assert!(fixture.plan(&["all"], 9 * DAY).cuts.is_empty());
    assert!(fixture.plan(&[], 9 * DAY).cuts.is_empty());
}

#[test]
fn a_wrong_clock_does_not_cut_off_what_came_before_it() {
    let fixture = Fixture::new();
    let base = fixture.commit(7 * DAY, &[]);
    let first = fixture.commit(8 * DAY, std::slice::from_ref(&base));
    let wrong = fixture.commit(0, std::slice::from_ref(&first));
    let head = fixture.commit(9 * DAY, std::slice::from_ref(&wrong));
    fixture.name("heads/main", &head);
    let plan = fixture.plan(&["all 1d"], 9 * DAY);
    assert_eq!(cut(&plan, &head), Cut::NONE);
    assert_eq!(cut(&plan, &wrong), CONTENTS);
    let parents = Cut {
        contents: false,
        parents: true,
    };
    assert_eq!(cut(&plan, &first), parents);
}

#[test]
fn a_branch_without_a_rule_is_kept_whole_and_so_is_where_another_one_forked() {
    let fixture = Fixture::new();
    let base = fixture.commit(0, &[]);
    let old = fixture.commit(1, std::slice::from_ref(&base));
    let draft = fixture.commit(2, std::slice::from_ref(&old));
    let newer = fixture.commit(3, std::slice::from_ref(&draft));
    fixture.name("heads/main", &old);
    fixture.name("heads/draft/x", &newer);
    let plan = fixture.plan(&["draft/**: all 1h"], 10 * DAY);
    assert_eq!(cut(&plan, &base), Cut::NONE);
    assert_eq!(cut(&plan, &old), Cut::NONE);
    // Its parent is kept for the other branch.
    assert_eq!(cut(&plan, &draft), CONTENTS);
}

#[test]
fn a_side_that_was_merged_is_kept_as_long_as_all_commits_are() {
    let fixture = Fixture::new();
    let base = fixture.commit(0, &[]);
    let side = fixture.commit(DAY, std::slice::from_ref(&base));
    let merge = fixture.commit(2 * DAY, &[base.clone(), side.clone()]);
    fixture.name("remotes/origin/main", &merge);
    let plan = fixture.plan(&["all 1d, daily 1y"], 2 * DAY);
    assert_eq!(cut(&plan, &side), Cut::NONE);
    let plan = fixture.plan(&["all 1h, daily 1y"], 2 * DAY);
    assert_eq!(cut(&plan, &side), CONTENTS);
    assert_eq!(cut(&plan, &base), Cut::NONE);
}

#[test]
fn bad_rules_are_refused_with_the_way_to_write_them() {
    for (text, reason) in [
        ("", "'' is none of all, hourly"),
        ("minutely 3h", "'minutely' is none of all, hourly"),
        ("all x", "'x' is no age"),
        ("all 7m", "'7m' is no age"),
        ("all -7d", "'-7d' is no age"),
        ("all 99999999999d", "is no age"),
        ("all 7d,", "'' is none of"),
        ("[: all", "]"),
    ] {
        let error = text.parse::<RetentionRule>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

/// What the rules say of each commit, found by looking at each commit by itself.
fn naive(commits: &[Commit], heads: &[(usize, &RetentionRule)], now: i64) -> BTreeMap<Id, Cut> {
    let by_id: BTreeMap<Id, &Commit> = commits.iter().map(|c| (c.id(), c)).collect();
    let seconds = |id: &Id| by_id[id].info().committer.time().seconds();
    let below = |head: Id| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![head]);
        while let Some(id) = todo.pop() {
            if seen.insert(id) {
                todo.extend(by_id[&id].parents().iter().map(|key| key.id));
            }
        }
        seen
    };
    let mut kept: BTreeSet<Id> = BTreeSet::new();
    let mut fresh: BTreeSet<Id> = BTreeSet::new();
    let mut all: BTreeSet<Id> = BTreeSet::new();
    for &(head, rule) in heads {
        let head = commits[head].id();
        kept.insert(head);
        fresh.insert(head);
        let mut line = vec![head];
        while let Some(parent) = by_id[line.last().unwrap()].parents().first() {
            line.push(parent.id);
        }
        for span in &rule.spans {
            for (index, id) in line.iter().enumerate() {
                let bucket = span.grain.bucket(seconds(id));
                let child = index
                    .checked_sub(1)
                    .map(|child| span.grain.bucket(seconds(&line[child])));
                if now - seconds(id) <= span.limit() && (bucket.is_none() || child != Some(bucket))
                {
                    kept.insert(*id);
                    fresh.insert(*id);
                }
            }
        }
        for id in below(head) {
            all.insert(id);
            if now - seconds(&id) <= rule.all_age() {
                kept.insert(id);
            }
            let is_fresh = |id: &Id| {
                let horizon = rule.horizon();
                horizon.is_none_or(|horizon| now - seconds(id) <= horizon)
            };
            if below(id).iter().any(is_fresh) {
                fresh.insert(id);
            }
        }
    }
    let cuts = all.iter().map(|id| {
        let parents = by_id[id].parents();
        let cut = Cut {
            contents: !kept.contains(id),
            parents: !parents.is_empty() && parents.iter().all(|key| !fresh.contains(&key.id)),
        };
        (*id, cut)
    });
    cuts.filter(|(_, cut)| !cut.is_none()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn plans_are_what_looking_at_each_commit_by_itself_gives(
        commits in prop::collection::vec((0..5 * DAY, prop::collection::vec(any::<prop::sample::Index>(), 0..3)), 1..30),
        heads in prop::collection::vec((any::<prop::sample::Index>(), 0..4usize), 1..4),
    ) {
        let fixture = Fixture::new();
        let rules: Vec<RetentionRule> = ["all 1d", "all 12h, hourly 2d, daily", "hourly 36h, weekly 4d", "all"]
            .iter().map(|rule| rule.parse().unwrap()).collect();
        let mut line: Vec<Commit> = Vec::new();
        for (seconds, parents) in &commits {
            let mut parents: Vec<Commit> = parents.iter()
                .filter(|_| !line.is_empty()).map(|index| index.get(&line).clone()).collect();
            parents.dedup_by_key(|commit| commit.id());
            line.push(fixture.commit(*seconds, &parents));
        }
        let mut texts = Vec::new();
        let mut expected = Vec::new();
        for (number, (index, rule)) in heads.iter().enumerate() {
            fixture.name(&format!("heads/b{number}"), index.get(&line));
            texts.push(format!("b{number}: {}", rules[*rule]));
            expected.push((index.index(line.len()), &rules[*rule]));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let plan = fixture.plan(&texts, 5 * DAY);
        let plan: BTreeMap<Id, Cut> = plan.cuts.into_iter().collect();
        prop_assert_eq!(plan, naive(&line, &expected, 5 * DAY));
    }
}
