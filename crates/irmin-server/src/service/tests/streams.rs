//! Values of any size, in and out, in bounded memory.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use irminsule::Mode;

use super::*;

fn bytes(count: usize) -> Vec<u8> {
    (0..count)
        .map(|index| u8::try_from(index * index % 251).unwrap())
        .collect()
}

async fn upload(server: &Server, pieces: &[Vec<u8>], finish: bool) -> Result<Committed<()>> {
    let (sender, mut reader) = byte_stream_in(server);
    let running = {
        let server = server.clone();
        tokio::spawn(async move {
            server
                .run_long(&Caller::local(), "main", Deadline::never(), move |scope| {
                    let options = CommitOptions::new("upload");
                    scope.put_blob("main", &path("big"), Mode::Normal, &mut reader, &options)
                })
                .await
        })
    };
    for piece in pieces {
        if sender.send(Bytes::from(piece.clone())).await.is_err() {
            break;
        }
    }
    if finish {
        // Fails when the request was refused meanwhile, which its answer says.
        let _ = sender.finish().await;
    } else {
        drop(sender);
    }
    running.await.unwrap()
}

async fn download(server: &Server, range: std::ops::Range<u64>) -> Vec<u8> {
    let wanted = Some(range);
    let (local, at) = (Caller::local(), path("big"));
    let found = server.download(&local, "main", "main", &at, move |_| wanted);
    let (_, mut receiver) = found.await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = receiver.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    all
}

#[tokio::test]
async fn what_is_uploaded_in_pieces_is_downloaded_in_whole_and_in_part() {
    let server = open_server();
    let all = bytes(3_000_000);
    let pieces: Vec<Vec<u8>> = all.chunks(70_000).map(<[u8]>::to_vec).collect();
    upload(&server, &pieces, true).await.unwrap();
    assert!(download(&server, 0..3_000_000).await == all);
    for range in [0..1, 5..5, 1_999_999..2_100_001, 2_999_999..3_000_000] {
        let (start, end) = (
            usize::try_from(range.start).unwrap(),
            usize::try_from(range.end).unwrap(),
        );
        assert!(download(&server, range).await == all[start..end]);
    }
    assert_eq!(server.metrics().bytes_in.get(), 3_000_000);
}

#[tokio::test]
async fn half_an_upload_is_none() {
    let server = open_server();
    let failed = upload(&server, &[bytes(100_000)], false).await.unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Unavailable, "{failed}");
    let scope = server.scope(&Caller::local(), "main").unwrap();
    assert!(scope.head("main").unwrap().is_none());
}

#[tokio::test]
async fn a_value_beyond_the_limit_is_too_large_and_one_that_may_not_be_written_is_not_read() {
    let limits = Limits {
        blob_bytes: 1000,
        ..Limits::default()
    };
    let config = Config {
        limits,
        ..Config::open_in_memory()
    };
    let server = Server::open(config).unwrap();
    let failed = upload(&server, &[bytes(600), bytes(600)], true)
        .await
        .unwrap_err();
    assert_eq!(failed.kind, ErrorKind::TooLarge);
    upload(&server, &[bytes(600), bytes(400)], true)
        .await
        .unwrap();

    let server = with_rules("[[rule]]\nprincipal = 'ada'\npath = 'a'\nright = 'write'");
    struct Untouched;
    impl Read for Untouched {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("nothing is to be read")
        }
    }
    let scope = server.scope(&caller("ada"), "main").unwrap();
    let options = CommitOptions::new("no");
    let done = scope.put_blob("main", &path("b"), Mode::Normal, &mut Untouched, &options);
    assert_eq!(done.unwrap_err().kind, ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let limits = Limits {
        stall_time: Duration::from_millis(1),
        ..Limits::default()
    };
    let config = Config {
        limits,
        ..Config::open_in_memory()
    };
    let server = Server::open(config).unwrap();
    let scope = server.scope(&Caller::local(), "main").unwrap();
    let options = CommitOptions::new("big");
    let all = bytes(4_000_000);
    scope
        .put_blob("main", &path("big"), Mode::Normal, &mut &all[..], &options)
        .unwrap();
    let wanted = |head: &BlobHead| Some(0..head.size);
    let (local, at) = (Caller::local(), path("big"));
    let found = server.download(&local, "main", "main", &at, wanted);
    let (_, mut receiver) = found.await.unwrap();
    server.stop();
    // Drained only once the request has given up.
    server.drained().await.unwrap();
    assert_eq!(server.metrics().stalled.get(), 1);
    let mut got = 0;
    let mut is_cut_off = false;
    while let Some(piece) = receiver.next().await {
        match piece {
            Ok(piece) => got += piece.len(),
            Err(_) => is_cut_off = true,
        }
    }
    assert!(is_cut_off && got < 4_000_000);
}

#[tokio::test]
async fn what_is_not_there_is_said_before_anything_is_sent() {
    let server = open_server();
    seed(&server, "main", &["a/b"]);
    for (at, kind) in [("x", ErrorKind::NotFound), ("a", ErrorKind::Invalid)] {
        let found = server
            .download(&Caller::local(), "main", "main", &path(at), |_| None)
            .await;
        assert_eq!(found.err().unwrap().kind, kind);
    }
}
