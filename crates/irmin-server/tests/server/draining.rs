//! The end: what is under way is answered, and nothing that was acknowledged is lost.

use irmin_proto::v1;
use irmin_server::service::{Config, Data, Entry};
use tonic::Code;

use super::support::{Served, at, bytes, commit, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_commit_that_was_acknowledged_is_there_after_a_stop_under_load() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = || {
        let mut config = Config::new(Data::Dir(dir.path().to_owned()));
        config.access.entry = Entry::Open;
        config
    };
    let mut served = Served::with(config(), &[]).await;
    let mut writers = Vec::new();
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    for writer in 0..8 {
        let (wire, tell) = (served.wire().await, tell.clone());
        writers.push(tokio::spawn(async move {
            let mut acknowledged = 0;
            loop {
                let path = format!("w{writer}/{acknowledged}");
                let request = commit("main", vec![set(&path, "v")]);
                match wire.transactions().commit(request).await {
                    Ok(_) => {
                        acknowledged += 1;
                        let _ = tell.send(());
                    }
                    Err(status) => return (acknowledged, status),
                }
            }
        }));
    }
    for _ in 0..40 {
        heard.recv().await.expect("they go on");
    }
    served.begin_stop();
    let mut acknowledged = Vec::new();
    for writer in writers {
        let (count, status) = writer.await.expect("no panic");
        // Refused, or a connection that had ended before the request was sent.
        assert!(
            matches!(
                status.code(),
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
            ),
            "{status:?}"
        );
        acknowledged.push(count);
    }
    served.stopped().await;
    assert!(acknowledged.iter().sum::<usize>() > 8);
    drop(served);
    let served = Served::with(config(), &[]).await;
    let wire = served.wire().await;
    for (writer, count) in acknowledged.into_iter().enumerate() {
        let request = v1::GetRequest {
            at: at("main"),
            paths: (0..count)
                .map(|number| bytes(&format!("w{writer}/{number}")))
                .collect(),
            data_limit: 0,
        };
        let found = wire
            .contents()
            .get(request)
            .await
            .expect("it answers")
            .into_inner()
            .found;
        assert!(found.iter().all(|found| found.entry.is_some()));
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_sent_to_its_end() {
    let mut served = Served::open().await;
    let wire = served.wire().await;
    wire.set("large", &"x".repeat(8 << 20)).await;
    let request = v1::ReadBlobRequest {
        at: at("main"),
        path: bytes("large"),
        ..v1::ReadBlobRequest::default()
    };
    let mut pieces = wire
        .contents()
        .read_blob(request)
        .await
        .expect("it begins")
        .into_inner();
    let first = pieces.message().await.expect("no error").expect("one");
    assert!(first.blob.is_some());
    served.begin_stop();
    let mut size = 0;
    while let Some(piece) = pieces.message().await.expect("all of it") {
        size += piece.data.len();
    }
    assert_eq!(size, 8 << 20);
    drop((pieces, wire));
    served.stopped().await;
}
