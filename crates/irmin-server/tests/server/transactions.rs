//! `Transactions`: writing, atomically.

use irmin_proto::v1;
use irmin_proto::v1::commit_response::Outcome;
use irmin_proto::v1::precondition::{self, Content, What, content};
use tonic::Code;

use super::support::{Served, Wire, at, bytes, commit, committed, info, set};

async fn apply(wire: &Wire, request: v1::CommitRequest) -> Outcome {
    let answer = wire
        .transactions()
        .commit(request)
        .await
        .expect("it answers");
    answer.into_inner().outcome.expect("one")
}

fn absent(path: &str) -> v1::Precondition {
    v1::Precondition {
        what: Some(What::Content(Content {
            path: bytes(path),
            is: Some(content::Is::Absent(precondition::Absent {})),
        })),
    }
}

#[tokio::test]
async fn all_is_written_or_nothing_when_a_precondition_fails() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut request = commit("main", vec![set("a", "1"), set("b", "2")]);
    request.preconditions = vec![absent("a")];
    assert!(matches!(
        apply(&wire, request.clone()).await,
        Outcome::Committed(_)
    ));
    let failed = apply(&wire, request.clone()).await;
    assert!(
        matches!(failed, Outcome::Failed(failed) if failed.index == 0 && failed.found.is_some())
    );
    request.preconditions = vec![v1::Precondition {
        what: Some(What::Head(precondition::Head { commit: None })),
    }];
    assert!(matches!(apply(&wire, request).await, Outcome::Failed(_)));
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_done_once() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut request = commit("main", vec![set("a", "1")]);
    request.idempotency_key = "k1".to_owned();
    request.allow_empty = true;
    let Outcome::Committed(first) = apply(&wire, request.clone()).await else {
        panic!("it is the first")
    };
    let Outcome::Committed(again) = apply(&wire, request.clone()).await else {
        panic!("it is the same")
    };
    assert_eq!((again.commit.clone(), again.attempts), (first.commit, 0));
    request.writes.push(set("b", "2"));
    let status = wire
        .transactions()
        .commit(request)
        .await
        .expect_err("another request");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(again.commit.expect("one").generation, 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let bad = [
        commit("main", vec![set("a/../b", "1")]),
        commit("main", vec![v1::Write::default()]),
        commit("bad..name", vec![set("a", "1")]),
        v1::CommitRequest {
            isolation: 99,
            ..commit("main", vec![set("a", "1")])
        },
        v1::CommitRequest {
            idempotency_key: "no spaces".to_owned(),
            ..commit("main", vec![set("a", "1")])
        },
        v1::CommitRequest {
            preconditions: vec![v1::Precondition::default()],
            ..commit("main", vec![set("a", "1")])
        },
    ];
    for request in bad {
        let status = wire.transactions().commit(request.clone()).await;
        let status = status.expect_err(&format!("{request:?}"));
        assert_eq!(status.code(), Code::InvalidArgument, "{request:?}");
    }
}

#[tokio::test]
async fn an_author_may_be_named_and_a_tree_grafted_and_removed() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut request = commit("main", vec![set("a/b", "1")]);
    request.info = Some(v1::CommitInfo {
        message: "by Ada".to_owned(),
        author_name: Some("Ada".to_owned()),
        ..v1::CommitInfo::default()
    });
    let Outcome::Committed(done) = apply(&wire, request).await else {
        panic!("it commits")
    };
    assert_eq!(
        done.commit
            .and_then(|commit| commit.author)
            .expect("one")
            .name,
        "Ada"
    );
    let graft = v1::Write {
        path: bytes("c"),
        what: Some(v1::write::What::Graft(v1::SetTree {
            revision: "main".to_owned(),
            path: bytes("a"),
        })),
    };
    let remove = v1::Write {
        path: bytes("a"),
        what: Some(v1::write::What::Remove(v1::Remove {})),
    };
    apply(&wire, commit("main", vec![graft, remove])).await;
    assert_eq!(read(&wire, "c/b").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(read(&wire, "a/b").await, None);
}

async fn read(wire: &Wire, path: &str) -> Option<bytes::Bytes> {
    let request = v1::GetRequest {
        at: at("main"),
        paths: vec![bytes(path)],
        data_limit: 1000,
    };
    let found = wire
        .contents()
        .get(request)
        .await
        .expect("it answers")
        .into_inner()
        .found;
    match found[0].entry.clone()?.is? {
        v1::entry::Is::Blob(blob) => blob.data,
        v1::entry::Is::Directory(_) => None,
    }
}

fn upload(size: usize, key: &str) -> Vec<v1::WriteBlobRequest> {
    let start = v1::WriteBlobStart {
        branch: "main".to_owned(),
        path: bytes("large"),
        info: info("upload"),
        idempotency_key: key.to_owned(),
        ..v1::WriteBlobStart::default()
    };
    let first = v1::WriteBlobRequest {
        start: Some(start),
        data: bytes("begin"),
    };
    let piece = v1::WriteBlobRequest {
        start: None,
        data: vec![7; 1 << 20].into(),
    };
    std::iter::once(first).chain(vec![piece; size]).collect()
}

#[tokio::test]
async fn a_value_of_any_size_is_sent_in_pieces_and_once() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let send = async |pieces| {
        let sent = wire
            .transactions()
            .write_blob(tokio_stream::iter(pieces))
            .await;
        committed(sent.expect("it is taken").into_inner())
    };
    let first = send(upload(20, "up")).await;
    let again = send(upload(20, "up")).await;
    assert_eq!(first, again);
    let request = v1::ReadBlobRequest {
        at: at("main"),
        path: bytes("large"),
        ..v1::ReadBlobRequest::default()
    };
    let pieces = wire
        .contents()
        .read_blob(request)
        .await
        .expect("it is there");
    let pieces = super::support::all(pieces).await.expect("all of it");
    let size: usize = pieces.iter().map(|piece| piece.data.len()).sum();
    assert_eq!(size, (20 << 20) + 5);
}

#[tokio::test]
async fn half_of_a_value_is_no_value() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut pieces = upload(2, "");
    pieces[2].start = pieces[0].start.clone();
    let status = wire
        .transactions()
        .write_blob(tokio_stream::iter(pieces))
        .await;
    assert_eq!(
        status.expect_err("two starts").code(),
        Code::InvalidArgument
    );
    let status = wire.transactions().write_blob(tokio_stream::iter([])).await;
    assert_eq!(status.expect_err("no start").code(), Code::InvalidArgument);
    assert!(
        wire.repositories()
            .resolve(v1::ResolveRequest { at: None })
            .await
            .is_err()
    );
}

async fn begin(wire: &Wire) -> bytes::Bytes {
    let request = v1::BeginRequest {
        branch: "main".to_owned(),
        ..v1::BeginRequest::default()
    };
    let begun = wire
        .transactions()
        .begin(request)
        .await
        .expect("it begins")
        .into_inner();
    assert!(begun.ttl_seconds > 0);
    begun.session
}

async fn read_in(wire: &Wire, session: &bytes::Bytes, path: &str) -> v1::SessionReadResponse {
    let request = v1::SessionReadRequest {
        session: session.clone(),
        paths: vec![bytes(path)],
        list: Some(v1::SessionList::default()),
        data_limit: 100,
        ..v1::SessionReadRequest::default()
    };
    wire.transactions()
        .read(request)
        .await
        .expect("it reads")
        .into_inner()
}

#[tokio::test]
async fn a_session_sees_its_own_writes_alone_and_commits_them() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let session = begin(&wire).await;
    let request = v1::SessionWriteRequest {
        session: session.clone(),
        writes: vec![set("a", "mine")],
        ..v1::SessionWriteRequest::default()
    };
    wire.transactions().write(request).await.expect("it writes");
    let seen = read_in(&wire, &session, "a").await;
    assert!(seen.found[0].entry.is_some());
    assert_eq!(seen.entries[0].step, "a");
    assert!(
        wire.repositories()
            .resolve(v1::ResolveRequest { at: None })
            .await
            .is_err()
    );
    let request = v1::CommitSessionRequest {
        session: session.clone(),
        info: info("from a session"),
        ..v1::CommitSessionRequest::default()
    };
    let done = wire
        .transactions()
        .commit_session(request.clone())
        .await
        .expect("it commits");
    committed(done.into_inner());
    assert_eq!(read(&wire, "a").await.as_deref(), Some(&b"mine"[..]));
    let over = wire
        .transactions()
        .commit_session(request)
        .await
        .expect_err("it has ended");
    assert_eq!(over.code(), Code::NotFound);
}

#[tokio::test]
async fn a_session_whose_reads_have_changed_is_told_so_and_one_that_is_aborted_is_gone() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let session = begin(&wire).await;
    read_in(&wire, &session, "a").await;
    let request = v1::SessionWriteRequest {
        session: session.clone(),
        writes: vec![set("b", "mine")],
        ..v1::SessionWriteRequest::default()
    };
    wire.transactions().write(request).await.expect("it writes");
    wire.set("a", "theirs").await;
    let request = v1::CommitSessionRequest {
        session,
        ..v1::CommitSessionRequest::default()
    };
    let done = wire
        .transactions()
        .commit_session(request)
        .await
        .expect("it answers");
    assert!(matches!(done.into_inner().outcome, Some(Outcome::Stale(_))));
    let session = begin(&wire).await;
    let abort = v1::AbortRequest {
        session: session.clone(),
        ..v1::AbortRequest::default()
    };
    wire.transactions().abort(abort).await.expect("it ends");
    let request = v1::SessionReadRequest {
        session,
        ..v1::SessionReadRequest::default()
    };
    let status = wire
        .transactions()
        .read(request)
        .await
        .expect_err("it is gone");
    assert_eq!(status.code(), Code::NotFound);
}
