//! `Merges`: three-way merges on the server.

use irmin_proto::v1;
use irmin_proto::v1::merge_response::Outcome;
use irmin_proto::v1::settled::{Side, With};

use super::support::{Served, Wire, bytes, commit, committed};

async fn merge(wire: &Wire, request: v1::MergeRequest) -> v1::MergeResponse {
    let answer = wire.merges().merge(request).await.expect("it answers");
    answer.into_inner()
}

/// Makes two branches that disagree about `a`.
async fn disagreeing() -> (Served, Wire) {
    let served = Served::open().await;
    let wire = served.wire().await;
    let base = wire.set("a", "base").await;
    let edit = v1::RefEdit {
        name: "heads/other".to_owned(),
        expected: None,
        new: base.id,
    };
    let request = v1::UpdateRefsRequest {
        edits: vec![edit],
        ..v1::UpdateRefsRequest::default()
    };
    wire.repositories()
        .update_refs(request)
        .await
        .expect("it is made");
    wire.set("a", "ours").await;
    wire.set_on("other", "a", "theirs").await;
    (served, wire)
}

fn request() -> v1::MergeRequest {
    v1::MergeRequest {
        branch: "main".to_owned(),
        revision: "other".to_owned(),
        ..v1::MergeRequest::default()
    }
}

#[tokio::test]
async fn conflicts_are_an_answer_and_are_settled_by_a_second_call() {
    let (_served, wire) = disagreeing().await;
    let answer = merge(&wire, request()).await;
    let Some(Outcome::Conflicts(conflicts)) = answer.outcome else {
        panic!("{answer:?}")
    };
    assert_eq!(conflicts.conflicts[0].path, "a");
    assert_eq!(conflicts.conflicts[0].kind(), v1::conflict::Kind::Content);
    let settled = v1::MergeRequest {
        settled: vec![v1::Settled {
            path: bytes("a"),
            with: Some(With::Data(bytes("both"))),
        }],
        expected_head: answer.ours,
        expected_theirs: answer.theirs,
        ..request()
    };
    let answer = merge(&wire, settled.clone()).await;
    assert!(matches!(answer.outcome, Some(Outcome::Merged(commit)) if commit.parents.len() == 2));
    let late = merge(&wire, settled).await;
    assert!(
        matches!(late.outcome, Some(Outcome::Moved(_))),
        "the head moved on"
    );
    let again = merge(&wire, request()).await;
    assert!(matches!(again.outcome, Some(Outcome::UpToDate(_))));
}

#[tokio::test]
async fn a_dry_run_tells_what_would_come_and_changes_nothing() {
    let (_served, wire) = disagreeing().await;
    let dry = v1::MergeRequest {
        dry_run: true,
        settled: vec![v1::Settled {
            path: bytes(""),
            with: Some(With::Side(Side::Theirs.into())),
        }],
        ..request()
    };
    let answer = merge(&wire, dry).await;
    assert!(
        matches!(answer.outcome, Some(Outcome::Clean(_))),
        "{answer:?}"
    );
    assert!(matches!(
        merge(&wire, request()).await.outcome,
        Some(Outcome::Conflicts(_))
    ));
}

#[tokio::test]
async fn a_commit_is_undone_and_two_branches_have_an_ancestor() {
    let (_served, wire) = disagreeing().await;
    let revert = v1::RevertRequest {
        branch: "main".to_owned(),
        revision: "main".to_owned(),
        ..v1::RevertRequest::default()
    };
    let undone = wire
        .merges()
        .revert(revert)
        .await
        .expect("it is undone")
        .into_inner();
    assert!(matches!(undone.outcome, Some(Outcome::Merged(_))));
    let request = v1::CommonAncestorsRequest {
        ours: "main".to_owned(),
        theirs: "other".to_owned(),
        ..v1::CommonAncestorsRequest::default()
    };
    let found = wire
        .merges()
        .common_ancestors(request)
        .await
        .expect("it answers");
    let found = found.into_inner().commits;
    assert_eq!((found.len(), found[0].generation), (1, 1));
}

#[tokio::test]
async fn what_was_done_is_answered_again_when_the_branch_that_it_came_from_is_gone() {
    let (_served, wire) = disagreeing().await;
    let other = wire.set_on("other", "c", "1").await;
    let merging = v1::MergeRequest {
        settled: vec![v1::Settled {
            path: bytes("a"),
            with: Some(With::Data(bytes("both"))),
        }],
        idempotency_key: "merge".to_owned(),
        ..request()
    };
    let copying = v1::CommitRequest {
        writes: vec![v1::Write {
            path: bytes("b"),
            what: Some(v1::write::What::Graft(v1::SetTree {
                revision: "other".to_owned(),
                path: bytes("a"),
            })),
        }],
        idempotency_key: "copy".to_owned(),
        ..commit("main", Vec::new())
    };
    let undoing = v1::RevertRequest {
        branch: "main".to_owned(),
        revision: "other".to_owned(),
        idempotency_key: "undo".to_owned(),
        ..v1::RevertRequest::default()
    };
    let done = async || {
        let copied = wire.transactions().commit(copying.clone()).await;
        let merged = merge(&wire, merging.clone()).await.outcome;
        let undone = wire.merges().revert(undoing.clone()).await;
        (
            committed(copied.expect("it answers").into_inner()),
            merged,
            undone.expect("it answers").into_inner().outcome,
        )
    };
    let first = done().await;
    let remove = v1::RefEdit {
        name: "heads/other".to_owned(),
        expected: other.id,
        new: None,
    };
    let removed = v1::UpdateRefsRequest {
        edits: vec![remove],
        ..v1::UpdateRefsRequest::default()
    };
    let removed = wire.repositories().update_refs(removed).await;
    let removed = removed.expect("it answers").into_inner().outcome;
    assert!(matches!(
        removed,
        Some(v1::update_refs_response::Outcome::Applied(_))
    ));
    assert_eq!(done().await, first);
}
