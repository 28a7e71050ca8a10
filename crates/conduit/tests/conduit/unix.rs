//! Unix sockets: who is there, and whose the file is.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use conduit::{Context, Endpoint, Error, ListenOptions, Listener};

use crate::support::pair;

fn at(path: &Path) -> Endpoint {
    Endpoint::Unix(path.to_owned())
}

async fn listen(path: &Path) -> Result<Listener, Error> {
    Listener::bind(&Context::new(), &at(path), ListenOptions::default()).await
}

/// Stops listening, and waits until the files are gone.
async fn stop(listener: Listener, path: &Path) {
    drop(listener);
    while path.exists() || path.with_extension("lock").exists() {
        tokio::task::yield_now().await;
    }
}

/// Leaves the file of a socket that nobody listens at.
fn leave_stale(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    assert!(path.symlink_metadata().unwrap().file_type().is_socket());
}

#[tokio::test]
async fn both_ends_know_the_others_user_and_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let abstract_name = Endpoint::Abstract(format!("conduit-who-{}", std::process::id()).into());
    for endpoint in [at(&path), abstract_name] {
        let (client, server, _listener) =
            pair(&Context::new(), &endpoint, ListenOptions::default()).await;
        for flow in [client, server] {
            let unix = flow.peer().unix.unwrap();
            assert_eq!(unix.uid, rustix::process::getuid().as_raw());
            assert_eq!(unix.gid, rustix::process::getgid().as_raw());
            assert_eq!(unix.pid, Some(i32::try_from(std::process::id()).unwrap()));
        }
    }
}

#[tokio::test]
async fn the_file_has_the_mode_that_was_asked_for_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o660, 0o666, 0o777] {
        let path = dir.path().join(format!("{mode:o}"));
        let options = ListenOptions {
            mode,
            ..ListenOptions::default()
        };
        let _listener = Listener::bind(&Context::new(), &at(&path), options)
            .await
            .unwrap();
        let found = path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, mode, "{found:o} {mode:o}");
    }
}

#[tokio::test]
async fn a_socket_that_somebody_listens_at_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let first = listen(&path).await.unwrap();
    let error = listen(&path).await.unwrap_err();
    assert_eq!(error.io_kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error.to_string().contains("another process listens there"),
        "{error}"
    );
    Context::new().connect(&at(&path)).await.unwrap();
    stop(first, &path).await;
    // One that knows nothing of the lock.
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let error = listen(&path).await.unwrap_err();
    assert_eq!(error.io_kind(), std::io::ErrorKind::AddrInUse);
    Context::new().connect(&at(&path)).await.unwrap();
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    leave_stale(&path);
    let listener = listen(&path).await.unwrap();
    Context::new().connect(&at(&path)).await.unwrap();
    stop(listener, &path).await;
    while dir.path().read_dir().unwrap().count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    std::fs::write(&file, "precious").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [&file, &link] {
        let error = listen(path).await.unwrap_err();
        assert_eq!(
            error.io_kind(),
            std::io::ErrorKind::AlreadyExists,
            "{error}"
        );
    }
    assert_eq!(std::fs::read_to_string(&link).unwrap(), "precious");
}

#[test]
fn of_many_who_race_for_a_stale_socket_one_wins() {
    const RACERS: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = dir.path().join(round.to_string());
        leave_stale(&path);
        let barrier = Arc::new(Barrier::new(RACERS));
        let racers: Vec<_> = (0..RACERS)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        barrier.wait();
                        let bound = listen(&path).await;
                        // Winners keep listening until all have tried.
                        barrier.wait();
                        let won = bound.is_ok();
                        if won {
                            Context::new().connect(&at(&path)).await.unwrap();
                        }
                        won
                    })
                })
            })
            .collect();
        let won = racers
            .into_iter()
            .filter(|_| true)
            .map(|racer| racer.join().unwrap());
        assert_eq!(won.filter(|won| *won).count(), 1, "round {round}");
    }
}

#[tokio::test]
async fn an_abstract_name_has_one_listener() {
    let name = Endpoint::Abstract(format!("conduit-one-{}", std::process::id()).into());
    let context = Context::new();
    let _first = Listener::bind(&context, &name, ListenOptions::default())
        .await
        .unwrap();
    let error = Listener::bind(&context, &name, ListenOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.io_kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_client_waits_while_the_queue_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let options = ListenOptions {
        max_active: 1,
        backlog: 1,
        ..ListenOptions::default()
    };
    let mut listener = Listener::bind(&Context::new(), &at(&path), options)
        .await
        .unwrap();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { Context::new().connect(&at(&path)).await.map(drop) })
        })
        .collect();
    for _ in 0..10 {
        listener.accept().await.unwrap();
    }
    for client in clients {
        client.await.unwrap().unwrap();
    }
    // And not for ever.
    let impatient = Context::builder()
        .connect_timeout(Duration::from_millis(20))
        .build();
    let mut held = Vec::new();
    let error = loop {
        match impatient.connect(&at(&path)).await {
            Ok(flow) => held.push(flow),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}
