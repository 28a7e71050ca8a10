//! Which names move, and which do not.

use super::*;
use crate::sync::{FetchOptions, PushMode, PushOutcome, PushRef, Refusal, SyncError};
use crate::{BranchName, CollectOptions, Error, Id, MergeOptions, MergeOutcome, RefName};

fn fetch(here: &Repo, there: &Repo) -> crate::sync::Fetched {
    let options = FetchOptions {
        prune: true,
        ..FetchOptions::default()
    };
    here.fetch(engine(there), "origin", &options, &mut go_on())
        .unwrap()
}

fn push(here: &Repo, there: &Repo, name: &str, new: Option<Id>, mode: PushMode) -> PushOutcome {
    let name = RefName::new(name).unwrap();
    let refs = [PushRef { name, new, mode }];
    here.push(engine(there), Some("origin"), &refs, &mut go_on())
        .unwrap()
}

fn refusal(outcome: PushOutcome) -> Refusal {
    match outcome {
        PushOutcome::Refused(refused) => refused[0].1,
        other => panic!("refused? {other:?}"),
    }
}

#[test]
fn a_fetch_moves_remote_names_and_no_branch() {
    let (here, there) = (repo(), sample());
    let mine = set(&here, "main", "mine", "1");
    let fetched = fetch(&here, &there);
    assert_clean(&here);
    assert_eq!(
        here.branches().unwrap(),
        [(BranchName::new("main").unwrap(), mine.id())]
    );
    let names: Vec<_> = fetched.moved.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "remotes/origin/main",
            "remotes/origin/other",
            "remotes/origin/side",
            "tags/v1"
        ]
    );
    assert_eq!(here.tags().unwrap(), there.tags().unwrap());
    assert_eq!(fetch(&here, &there).moved, []);
}

#[test]
fn names_that_the_remote_lost_are_removed_only_when_asked_to() {
    let (here, there) = (repo(), sample());
    fetch(&here, &there);
    there.branch("side").unwrap().delete().unwrap();
    let options = FetchOptions::default();
    let fetched = here
        .fetch(engine(&there), "origin", &options, &mut go_on())
        .unwrap();
    assert_eq!(fetched.moved, []);
    let fetched = fetch(&here, &there);
    assert_eq!(fetched.moved.len(), 1);
    assert_eq!(fetched.moved[0].new, None);
}

#[test]
fn a_tag_that_is_here_never_moves() {
    let (here, there) = (repo(), sample());
    let mine = set(&here, "main", "mine", "1");
    here.tag("v1", &mine).unwrap();
    let fetched = fetch(&here, &there);
    assert_eq!(fetched.kept_tags, there.tags().unwrap());
    assert_eq!(here.tags().unwrap(), [("v1".to_owned(), mine.id())]);
}

#[test]
fn names_that_exclude_each_other_are_refused_before_anything_moves() {
    let (here, there) = (repo(), repo());
    set(&there, "a", "x", "1");
    fetch(&here, &there);
    there.branch("a").unwrap().delete().unwrap();
    set(&there, "a/b", "x", "1");
    let options = FetchOptions::default();
    let fetched = here.fetch(engine(&there), "origin", &options, &mut go_on());
    assert!(
        matches!(fetched, Err(Error::Sync(SyncError::NameTaken { .. }))),
        "{fetched:?}"
    );
    assert_eq!(
        fetch(&here, &there).moved.len(),
        2,
        "but not when the old one is pruned"
    );
}

#[test]
fn a_branch_that_the_remote_lacks_is_an_error() {
    let (here, there) = (repo(), sample());
    let branches = vec![BranchName::new("none").unwrap()];
    let options = FetchOptions {
        branches,
        ..FetchOptions::default()
    };
    let fetched = here.fetch(engine(&there), "origin", &options, &mut go_on());
    assert!(matches!(fetched, Err(Error::NoBranch { .. })));
}

#[test]
fn a_push_moves_forward_only() {
    let (here, there) = (repo(), repo());
    let first = set(&here, "main", "a", "1");
    let outcome = push(
        &here,
        &there,
        "heads/main",
        Some(first.id()),
        PushMode::FastForward,
    );
    assert!(matches!(outcome, PushOutcome::Pushed { .. }));
    assert_eq!(
        engine(&here).get_ref("remotes/origin/main").unwrap(),
        Some(first.id())
    );
    let theirs = set(&there, "main", "b", "1");
    let ours = set(&here, "main", "c", "1");
    let new = Some(ours.id());
    let found = theirs.id();
    let outcome = push(&here, &there, "heads/main", new, PushMode::FastForward);
    assert_eq!(
        refusal(outcome),
        Refusal::NotFastForward {
            found,
            is_here: false
        }
    );
    fetch(&here, &there);
    let outcome = push(&here, &there, "heads/main", new, PushMode::FastForward);
    assert_eq!(
        refusal(outcome),
        Refusal::NotFastForward {
            found,
            is_here: true
        }
    );
    assert_eq!(
        there.branch("main").unwrap().head_id().unwrap(),
        Some(found)
    );

    let lease = PushMode::ForceWithLease(Some(first.id()));
    let outcome = push(&here, &there, "heads/main", new, lease);
    assert_eq!(
        refusal(outcome),
        Refusal::LeaseBroken { found: Some(found) }
    );
    let lease = PushMode::ForceWithLease(Some(found));
    push(&here, &there, "heads/main", new, lease);
    assert_eq!(there.branch("main").unwrap().head_id().unwrap(), new);
    assert_clean(&there);
}

#[test]
fn a_push_makes_and_removes_branches_and_makes_tags_once() {
    let (here, there) = (sample(), repo());
    let side = here.branch("side").unwrap().head_id().unwrap();
    let main = here.branch("main").unwrap().head_id().unwrap();
    push(&here, &there, "heads/x/y", side, PushMode::FastForward);
    push(&here, &there, "tags/v1", side, PushMode::FastForward);
    let outcome = push(&here, &there, "tags/v1", main, PushMode::FastForward);
    assert!(matches!(refusal(outcome), Refusal::TagExists { .. }));
    push(&here, &there, "tags/v1", side, PushMode::FastForward);
    let theirs = set(&there, "x/y", "new", "1");
    let outcome = push(&here, &there, "heads/x/y", None, PushMode::FastForward);
    let expected = Refusal::NotFastForward {
        found: theirs.id(),
        is_here: false,
    };
    assert_eq!(refusal(outcome), expected);
    fetch(&here, &there);
    push(&here, &there, "heads/x/y", None, PushMode::FastForward);
    assert_eq!(there.branches().unwrap(), []);
    assert_eq!(engine(&here).get_ref("remotes/origin/x/y").unwrap(), None);
}

#[test]
fn of_several_names_all_move_or_none() {
    let (here, there) = (sample(), repo());
    let mine = set(&there, "main", "theirs", "1");
    let refs: Vec<_> = here
        .branches()
        .unwrap()
        .into_iter()
        .map(|(name, id)| PushRef {
            name: name.full(),
            new: Some(id),
            mode: PushMode::FastForward,
        })
        .collect();
    let outcome = here
        .push(engine(&there), None, &refs, &mut go_on())
        .unwrap();
    assert!(matches!(outcome, PushOutcome::Refused(ref refused) if refused.len() == 1));
    let main = BranchName::new("main").unwrap();
    assert_eq!(there.branches().unwrap(), [(main, mine.id())]);
}

#[test]
fn a_pull_merges_and_conflicts_are_a_value() {
    let (here, there) = (repo(), repo());
    set(&there, "main", "a", "theirs");
    set(&here, "main", "b", "ours");
    let main = here.branch("main").unwrap();
    let merge = MergeOptions {
        info: here.info("Pull").unwrap(),
        always_commit: false,
        durability: crate::Durability::Sync,
    };
    let pull = || {
        let options = FetchOptions::default();
        main.pull(
            engine(&there),
            "origin",
            main.name(),
            &options,
            &merge,
            &mut go_on(),
        )
    };
    assert!(matches!(pull().unwrap().outcome, MergeOutcome::Merged(_)));
    assert!(matches!(
        pull().unwrap().outcome,
        MergeOutcome::AlreadyMerged
    ));
    set(&there, "main", "a", "again");
    set(&here, "main", "a", "mine");
    assert!(matches!(
        pull().unwrap().outcome,
        MergeOutcome::Conflicts { .. }
    ));
}

#[test]
fn a_fetch_gets_through_however_often_its_target_is_collected_meanwhile() {
    let (here, there) = (repo(), sample());
    let options = FetchOptions::default();
    let mut go_on = |_| ControlFlow::Continue(());
    let mut collect = |_| {
        for _ in 0..2 {
            let report = here.collect(&CollectOptions::default(), &mut go_on);
            assert_eq!(report.unwrap().objects_removed, 0);
        }
        ControlFlow::Continue(())
    };
    let fetched = here.fetch(engine(&there), "origin", &options, &mut collect);
    assert_eq!(fetched.unwrap().branches.len(), 3);
    assert_clean(&here);
}
