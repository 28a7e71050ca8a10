//! `Repositories` and `Contents`: names, trees and history.

use irmin_proto::v1;
use irmin_proto::v1::entry::Is;
use irmin_proto::v1::update_refs_response::Outcome;
use tonic::Code;

use super::support::{Served, Wire, all, at, bytes, commit, set};

fn data(found: &v1::Found) -> Option<&[u8]> {
    match found.entry.as_ref()?.is.as_ref()? {
        Is::Blob(blob) => blob.data.as_deref(),
        Is::Directory(_) => None,
    }
}

#[tokio::test]
async fn paths_are_looked_up_together_and_absence_is_an_answer() {
    let served = Served::open().await;
    let wire = served.wire().await;
    wire.set("a/b", "1").await;
    let request = v1::GetRequest {
        at: at(""),
        paths: ["a/b", "a", "c"].map(bytes).to_vec(),
        data_limit: 10,
    };
    let answer = wire
        .contents()
        .get(request)
        .await
        .expect("it answers")
        .into_inner();
    assert_eq!(data(&answer.found[0]), Some(&b"1"[..]));
    let is = answer.found[1].entry.clone().and_then(|entry| entry.is);
    assert!(matches!(is, Some(Is::Directory(directory)) if directory.entries == 1));
    assert_eq!(answer.found[2], v1::Found::default());
    let tree = answer.commit.and_then(|commit| commit.tree);
    let by_id = v1::GetTreeRequest {
        tree,
        paths: vec![bytes("a/b"), bytes("")],
        data_limit: 10,
        ..v1::GetTreeRequest::default()
    };
    let answer = wire
        .contents()
        .get_tree(by_id)
        .await
        .expect("it answers")
        .into_inner();
    assert_eq!(data(&answer.found[0]), Some(&b"1"[..]));
    assert!(answer.found[1].entry.is_some());
}

#[tokio::test]
async fn a_repository_without_a_commit_has_nothing_and_an_unknown_revision_is_an_error() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut request = v1::GetRequest {
        at: None,
        paths: vec![bytes("a")],
        data_limit: 0,
    };
    let answer = wire
        .contents()
        .get(request.clone())
        .await
        .expect("it answers")
        .into_inner();
    assert_eq!((answer.commit, answer.found.len()), (None, 1));
    let list = wire
        .contents()
        .list(v1::ListRequest::default())
        .await
        .expect("it answers");
    assert!(!list.into_inner().exists);
    request.at = at("nobody");
    let status = wire
        .contents()
        .get(request)
        .await
        .expect_err("no such revision");
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn values_that_do_not_fit_into_an_answer_are_left_out_and_read_by_themselves() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let large = "x".repeat(2 << 20);
    for name in ["a", "b"] {
        wire.set(name, &large).await;
    }
    let request = v1::GetRequest {
        at: at("main"),
        paths: vec![bytes("a"), bytes("b")],
        data_limit: u64::MAX,
    };
    let found = wire
        .contents()
        .get(request)
        .await
        .expect("it fits")
        .into_inner()
        .found;
    assert!(data(&found[0]).is_some());
    assert!(data(&found[1]).is_none(), "no room");
    let request = v1::ReadBlobRequest {
        at: at("main"),
        path: bytes("b"),
        offset: 1,
        length: Some(1 << 20),
    };
    let pieces = wire
        .contents()
        .read_blob(request.clone())
        .await
        .expect("it is read");
    let pieces = all(pieces).await.expect("all of it");
    assert_eq!(pieces[0].blob.as_ref().map(|blob| blob.size), Some(2 << 20));
    let read: usize = pieces.iter().map(|piece| piece.data.len()).sum();
    assert_eq!(read, 1 << 20);
    let beyond = v1::ReadBlobRequest {
        offset: (2 << 20) + 1,
        ..request
    };
    let refused = all(wire.contents().read_blob(beyond).await.expect("it begins")).await;
    assert_eq!(
        refused.expect_err("nothing there").code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn a_directory_is_listed_by_pages() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let writes = (0..5)
        .map(|number| set(&format!("d/{number}"), "v"))
        .collect();
    wire.transactions()
        .commit(commit("main", writes))
        .await
        .expect("it commits");
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let request = v1::ListRequest {
            at: at("main"),
            path: bytes("d"),
            after,
            limit: 2,
            data_limit: 0,
        };
        let page = wire
            .contents()
            .list(request)
            .await
            .expect("a page")
            .into_inner();
        assert_eq!((page.exists, page.total), (true, 5));
        seen.extend(page.entries.iter().map(|entry| entry.step.clone()));
        after = seen.last().cloned();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn history_is_told_by_pages_of_one_head() {
    let served = Served::open().await;
    let wire = served.wire().await;
    for number in 0..5 {
        wire.set("a", &number.to_string()).await;
    }
    let mut request = v1::LogRequest {
        at: at("main"),
        limit: 2,
        ..v1::LogRequest::default()
    };
    let first = wire
        .contents()
        .log(request.clone())
        .await
        .expect("a page")
        .into_inner();
    let head = first.commits[0].id.clone().expect("an id");
    request.page = first.next_page;
    wire.set("a", "more").await;
    let moved = wire
        .contents()
        .log(request.clone())
        .await
        .expect_err("the branch moved");
    assert_eq!(moved.code(), Code::InvalidArgument);
    let id: String = head
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    request.at = at(&id);
    let mut generations: Vec<u32> = first
        .commits
        .iter()
        .map(|commit| commit.generation)
        .collect();
    while !request.page.is_empty() {
        let page = wire
            .contents()
            .log(request.clone())
            .await
            .expect("a page")
            .into_inner();
        generations.extend(page.commits.iter().map(|commit| commit.generation));
        request.page = page.next_page;
    }
    assert_eq!(generations, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn what_differs_is_sent_and_each_value_has_a_commit_that_changed_it() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let first = wire.set("a", "1").await;
    wire.set("b", "2").await;
    let request = v1::DiffRequest {
        from: "main~1".to_owned(),
        to: "main".to_owned(),
        data_limit: 10,
        ..v1::DiffRequest::default()
    };
    let changes = all(wire.contents().diff(request).await.expect("it begins")).await;
    let changes = changes.expect("it ends").remove(0).changes;
    assert_eq!(changes[0].path, "b");
    assert_eq!(changes[0].before, None);
    assert_eq!(
        changes[0]
            .after
            .clone()
            .and_then(|blob| blob.data)
            .as_deref(),
        Some(&b"2"[..])
    );
    let request = v1::BlameRequest {
        at: at("main"),
        path: bytes("a"),
    };
    let blamed = wire
        .contents()
        .blame(request)
        .await
        .expect("it is known")
        .into_inner()
        .blamed;
    assert_eq!(blamed[0].commit, first.id);
}

async fn update(wire: &Wire, request: v1::UpdateRefsRequest) -> Outcome {
    let answer = wire
        .repositories()
        .update_refs(request)
        .await
        .expect("it answers");
    answer.into_inner().outcome.expect("one")
}

#[tokio::test]
async fn names_move_on_condition_and_a_retry_is_answered_as_the_first_was() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let commit = wire.set("a", "1").await.id;
    let lock = |key: &str, is_retry| v1::UpdateRefsRequest {
        edits: vec![v1::RefEdit {
            name: "heads/lock".to_owned(),
            expected: None,
            new: commit.clone(),
        }],
        idempotency_key: key.to_owned(),
        is_retry,
        ..v1::UpdateRefsRequest::default()
    };
    assert!(matches!(
        update(&wire, lock("one", false)).await,
        Outcome::Applied(_)
    ));
    let lost = update(&wire, lock("two", false)).await;
    assert!(matches!(lost, Outcome::Lost(lost) if lost.current == commit));
    assert!(matches!(
        update(&wire, lock("one", true)).await,
        Outcome::Applied(_)
    ));
    assert!(
        matches!(update(&wire, lock("two", true)).await, Outcome::Lost(_)),
        "it never was"
    );
    let request = v1::ListRefsRequest {
        prefix: "heads/".to_owned(),
        limit: 1,
        ..v1::ListRefsRequest::default()
    };
    let page = wire
        .repositories()
        .list_refs(request)
        .await
        .expect("a page")
        .into_inner();
    assert_eq!(
        (page.refs[0].name.as_str(), page.more),
        ("heads/lock", true)
    );
    let request = v1::GetRefRequest {
        name: "heads/nobody".to_owned(),
        ..v1::GetRefRequest::default()
    };
    let found = wire
        .repositories()
        .get_ref(request)
        .await
        .expect("it answers")
        .into_inner();
    assert_eq!(found.commit, None);
}

#[tokio::test]
async fn repositories_are_made_listed_used_and_dropped() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let name = "other".to_owned();
    let create = v1::CreateRepositoryRequest { name: name.clone() };
    wire.repositories()
        .create(create.clone())
        .await
        .expect("it is made");
    let again = wire
        .repositories()
        .create(create)
        .await
        .expect_err("it is there");
    assert_eq!(again.code(), Code::Aborted);
    let request = v1::CommitRequest {
        repository: name.clone(),
        ..commit("main", vec![set("a", "1")])
    };
    wire.transactions()
        .commit(request)
        .await
        .expect("it commits");
    let list = wire
        .repositories()
        .list(v1::ListRepositoriesRequest {})
        .await
        .expect("a list");
    let names: Vec<String> = list
        .into_inner()
        .repositories
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["main", "other"]);
    let at = Some(v1::At {
        repository: name.clone(),
        revision: "main".to_owned(),
    });
    let resolve = v1::ResolveRequest { at };
    assert!(wire.repositories().resolve(resolve.clone()).await.is_ok());
    wire.repositories()
        .drop(v1::DropRepositoryRequest { name })
        .await
        .expect("it is gone");
    let gone = wire
        .repositories()
        .resolve(resolve)
        .await
        .expect_err("it is gone");
    assert_eq!(gone.code(), Code::NotFound);
}
