//! Many watchers that mostly have nothing to hear, beside writers who are busy elsewhere.

use irmin_proto::v1;
use irmin_proto::v1::watch_event::Kind;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::support::{Served, Wire, bytes};

const WATCHERS: usize = 300;
const WRITERS: usize = 20;
const CHANGES: usize = 5;

/// Hears all changes of a quiet place, which count up.
async fn watch(wire: Wire, tell: mpsc::UnboundedSender<()>) {
    let request = v1::WatchRequest {
        branch: "main".to_owned(),
        path: bytes("quiet"),
        changes: true,
        data_limit: 100,
        ..v1::WatchRequest::default()
    };
    let answer = wire.watches().watch(request).await.expect("it watches");
    let mut events = answer.into_inner();
    let ready = events.message().await.expect("no error").expect("one");
    assert_eq!(ready.kind(), Kind::Ready);
    let _ = tell.send(());
    for expected in 0..CHANGES {
        let event = events.message().await.expect("no error").expect("one");
        let change = &event.changes[0].after.as_ref().expect("it is set").data;
        assert_eq!(change.as_deref(), Some(expected.to_string().as_bytes()));
        let _ = tell.send(());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_watchers_hears_each_change_beside_busy_writers() {
    let served = Served::open().await;
    let (tell, mut heard) = mpsc::unbounded_channel();
    let mut watchers = JoinSet::new();
    let mut wires = Vec::new();
    for watcher in 0..WATCHERS {
        // A connection carries 256 calls at a time at the most.
        if watcher % 200 == 0 {
            wires.push(served.wire().await);
        }
        watchers.spawn(watch(wires[watcher / 200].clone(), tell.clone()));
    }
    for _ in 0..WATCHERS {
        heard.recv().await.expect("they watch");
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let wire = served.wire().await;
        writers.spawn(async move {
            let mut round = 0;
            loop {
                wire.set(&format!("busy/w{writer}"), &round.to_string())
                    .await;
                round += 1;
            }
        });
    }
    let wire = served.wire().await;
    for change in 0..CHANGES {
        wire.set("quiet/change", &change.to_string()).await;
        for _ in 0..WATCHERS {
            heard.recv().await.expect("they hear of it");
        }
    }
    writers.shutdown().await;
    for watched in watchers.join_all().await {
        let () = watched;
    }
}
