//! The one hop: turns, limits, time, draining.

use std::sync::mpsc;
use std::time::Duration;

use super::*;

fn limited(limits: Limits) -> Server {
    Server::open(Config {
        limits,
        ..Config::open_in_memory()
    })
    .unwrap()
}

/// Starts a request that runs until the returned end is used or dropped; waits until it runs.
async fn occupy(server: &Server) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<u8>>) {
    let (end, ended) = mpsc::channel();
    let (began, begun) = tokio::sync::oneshot::channel();
    let server = server.clone();
    let running = tokio::spawn(async move {
        server
            .run(&Caller::local(), "main", Deadline::never(), move |_| {
                began.send(()).unwrap();
                // Ends also when the other end is dropped.
                let _ = ended.recv();
                Ok(7)
            })
            .await
    });
    begun.await.unwrap();
    (end, running)
}

#[tokio::test]
async fn a_request_beyond_those_that_may_wait_is_sent_away_and_told_when_to_come_back() {
    let server = limited(Limits {
        running: 1,
        waiting: 1,
        ..Limits::default()
    });
    let (end, running) = occupy(&server).await;
    let local = Caller::local();
    let second = server.run(&local, "main", Deadline::never(), |_| Ok(2));
    let mut second = Box::pin(second);
    // It waits from its first poll on.
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut second)
            .await
            .is_err()
    );
    assert_eq!(server.metrics().waiting.get(), 1);
    let third = server
        .run(&Caller::local(), "main", Deadline::never(), |_| Ok(3))
        .await;
    let error = third.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.retry_after().is_some());
    drop(end);
    assert_eq!(running.await.unwrap().unwrap(), 7);
    assert_eq!(second.await.unwrap(), 2);
    assert_eq!(
        (
            server.metrics().waiting.get(),
            server.metrics().running.get()
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_request_that_waits_is_dropped_without_a_trace_and_one_that_waits_too_long_fails() {
    let server = limited(Limits {
        running: 1,
        ..Limits::default()
    });
    let (end, running) = occupy(&server).await;
    let soon = Deadline::after(Duration::ZERO);
    let late = server.run(&Caller::local(), "main", soon, |_| Ok(())).await;
    assert_eq!(late.unwrap_err().kind, ErrorKind::DeadlineExceeded);
    let local = Caller::local();
    let mut waiting = Box::pin(server.run(&local, "main", Deadline::never(), |_| Ok(())));
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut waiting)
            .await
            .is_err()
    );
    drop(waiting);
    assert_eq!(server.metrics().waiting.get(), 0);
    drop(end);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_principal_cannot_take_all_turns() {
    let server = limited(Limits {
        per_principal: 1,
        ..Limits::default()
    });
    let (end, running) = occupy(&server).await;
    let again = server
        .run(&Caller::local(), "main", Deadline::never(), |_| Ok(()))
        .await;
    assert_eq!(again.unwrap_err().kind, ErrorKind::RateLimited);
    server
        .run(&caller("ada"), "main", Deadline::never(), |_| Ok(()))
        .await
        .unwrap();
    drop(end);
    running.await.unwrap().unwrap();
    server
        .run(&Caller::local(), "main", Deadline::never(), |_| Ok(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_stops_ends_what_runs_takes_nothing_new_and_is_drained_then() {
    let server = limited(Limits {
        running: 1,
        ..Limits::default()
    });
    let (end, running) = occupy(&server).await;
    let local = Caller::local();
    let mut waiting = Box::pin(server.run(&local, "main", Deadline::never(), |_| Ok(())));
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut waiting)
            .await
            .is_err()
    );
    server.stop();
    assert_eq!(waiting.await.unwrap_err().kind, ErrorKind::Unavailable);
    let new = server
        .run(&Caller::local(), "main", Deadline::never(), |_| Ok(()))
        .await;
    assert_eq!(new.unwrap_err().kind, ErrorKind::Unavailable);
    let mut drained = Box::pin(server.drained());
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut drained)
            .await
            .is_err()
    );
    drop(end);
    assert_eq!(running.await.unwrap().unwrap(), 7);
    drained.await.unwrap();
}

#[tokio::test]
async fn a_request_that_panics_is_an_error_and_gives_its_turn_back() {
    let server = limited(Limits {
        running: 1,
        ..Limits::default()
    });
    let failed = server
        .run(
            &Caller::local(),
            "main",
            Deadline::never(),
            |_| -> Result<()> { panic!("a bug") },
        )
        .await;
    assert_eq!(failed.unwrap_err().kind, ErrorKind::Internal);
    server
        .run(&Caller::local(), "main", Deadline::never(), |_| Ok(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_asked_is_counted_by_its_verb_and_noted_with_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let server = Server::open(Config {
        audit: Some(AuditConfig::new(&path)),
        access: AccessConfig {
            rules: Rules::parse("[[rule]]\nprincipal = 'ada'\nbranch = 'x'\nright = 'read'")
                .unwrap(),
            ..AccessConfig::default()
        },
        ..Config::open_in_memory()
    })
    .unwrap();
    let refused = server
        .run(&caller("ada"), "main", Deadline::never(), |scope| {
            scope.transact("main", &CommitOptions::new("no"), |_| Ok(()))
        })
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::PermissionDenied);
    let row = ErrorKind::TABLE
        .iter()
        .position(|row| row.0 == ErrorKind::PermissionDenied);
    let doors = server.metrics().verb(Verb::Commit).doors.iter();
    let counted = doors.map(|door| door.failed[row.unwrap()].get());
    assert_eq!(counted.sum::<u64>(), 1);
    let line: serde_json::Value =
        serde_json::from_str(std::fs::read_to_string(&path).unwrap().trim()).unwrap();
    assert_eq!(line["verb"], "commit");
    assert_eq!(line["branch"], "main");
    assert_eq!(line["principal"], "ada");
    assert_eq!(line["outcome"], "permission_denied");
}
