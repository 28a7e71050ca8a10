//! `Watches`: streams of what happens.

use irmin_proto::v1;
use irmin_proto::v1::watch_event::Kind;
use tonic::{Code, Streaming};

use super::support::{Served, Wire, bytes};

async fn watch(wire: &Wire, since: Option<v1::Since>) -> Streaming<v1::WatchEvent> {
    let request = v1::WatchRequest {
        branch: "main".to_owned(),
        path: bytes("a"),
        since,
        changes: true,
        data_limit: 100,
        ..v1::WatchRequest::default()
    };
    wire.watches()
        .watch(request)
        .await
        .expect("it watches")
        .into_inner()
}

async fn next(stream: &mut Streaming<v1::WatchEvent>) -> v1::WatchEvent {
    stream
        .message()
        .await
        .expect("no error")
        .expect("it goes on")
}

#[tokio::test]
async fn a_watch_tells_each_change_and_goes_on_from_where_it_stood() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut stream = watch(&wire, None).await;
    let ready = next(&mut stream).await;
    assert_eq!(ready.kind(), Kind::Ready);
    wire.set("a/x", "1").await;
    let created = next(&mut stream).await;
    assert_eq!(created.kind(), Kind::Created);
    assert_eq!(created.changes[0].path, "a/x");
    let value = created.changes[0].after.clone().and_then(|blob| blob.data);
    assert_eq!(value.as_deref(), Some(&b"1"[..]));
    drop(stream);
    wire.set("elsewhere", "passed over").await;
    let third = wire.set("a/y", "2").await;
    let mut stream = watch(&wire, created.resume).await;
    assert_eq!(next(&mut stream).await.kind(), Kind::Ready);
    let event = next(&mut stream).await;
    assert_eq!(event.kind(), Kind::Commit);
    assert_eq!(event.commit, Some(third));
}

#[tokio::test]
async fn a_place_that_is_not_there_is_gone() {
    let served = Served::open().await;
    let wire = served.wire().await;
    wire.set("a", "1").await;
    let request = v1::WatchRequest {
        branch: "main".to_owned(),
        since: Some(v1::Since {
            is: Some(v1::since::Is::Commit([9; 32].into())),
        }),
        ..v1::WatchRequest::default()
    };
    let status = wire
        .watches()
        .watch(request)
        .await
        .expect_err("no such commit");
    assert_eq!(status.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn names_are_told_first_and_then_their_changes() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let first = wire.set("a", "1").await;
    let request = v1::WatchRefsRequest {
        prefix: "heads/".to_owned(),
        ..v1::WatchRefsRequest::default()
    };
    let mut stream = wire
        .watches()
        .watch_refs(request)
        .await
        .expect("it watches")
        .into_inner();
    let event = stream.message().await.expect("no error").expect("one");
    assert!(event.ready);
    assert_eq!(
        (event.changes[0].name.as_str(), &event.changes[0].after),
        ("heads/main", &first.id)
    );
    wire.set_on("other", "a", "2").await;
    let event = stream.message().await.expect("no error").expect("one");
    assert_eq!(
        (event.ready, event.changes[0].name.as_str()),
        (false, "heads/other")
    );
}

#[tokio::test]
async fn watches_end_when_the_server_stops() {
    let mut served = Served::open().await;
    let wire = served.wire().await;
    let mut stream = watch(&wire, None).await;
    next(&mut stream).await;
    served.begin_stop();
    let status = stream.message().await.expect_err("it says so");
    assert_eq!(status.code(), Code::Unavailable);
    drop(wire);
    served.stopped().await;
}
