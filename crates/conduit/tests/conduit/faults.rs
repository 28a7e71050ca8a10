//! The faults themselves: the same seed gives the same ones.

use std::time::Duration;

use conduit::{BoxFlow, Context, Endpoint, Faults, ListenOptions, Listener, Pipes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

/// A pair without faults.
async fn plain() -> (BoxFlow, BoxFlow) {
    let context = Context::builder().pipes(Pipes::new()).build();
    let endpoint = Endpoint::Pipe("a".to_owned());
    let mut listener = Listener::bind(&context, &endpoint, ListenOptions::default())
        .await
        .unwrap();
    let client = context.connect(&endpoint).await.unwrap();
    (client, listener.accept().await.unwrap())
}

/// Writes and reads through faults; tells how many bytes each call moved, and when.
async fn trace(faults: &Faults) -> Vec<(usize, Duration)> {
    let (client, mut server) = plain().await;
    let mut client = faults.wrap(client);
    let begin = Instant::now();
    let mut trace = Vec::new();
    for _ in 0..50 {
        trace.push((client.write(&[7; 100]).await.unwrap(), begin.elapsed()));
    }
    server.write_all(&[8; 5_000]).await.unwrap();
    for _ in 0..50 {
        trace.push((client.read(&mut [0; 100]).await.unwrap(), begin.elapsed()));
    }
    trace
}

#[tokio::test(start_paused = true)]
async fn a_seed_decides_all_and_each_flow_has_its_own_faults() {
    let faults = |seed| {
        Faults::new(seed)
            .bytes_max(10)
            .pauses(4, Duration::from_millis(100))
    };
    let (one, same, other) = (faults(1), faults(1), faults(2));
    let first = trace(&one).await;
    assert_eq!(trace(&same).await, first);
    assert_ne!(trace(&other).await, first);
    let second = trace(&one.clone()).await;
    assert_ne!(second, first);
    assert_eq!(trace(&same).await, second);
    let sizes: Vec<_> = first.iter().map(|(size, _)| *size).collect();
    assert!((1..=10).all(|size| sizes.contains(&size)), "{sizes:?}");
    assert!(sizes.iter().all(|size| (1..=10).contains(size)));
    let total = first.last().unwrap().1;
    assert!((400..2_500).contains(&total.as_millis()), "{total:?}");
}

#[tokio::test]
async fn a_reset_comes_after_exactly_so_many_bytes() {
    for limit in [0, 1, 10, 99] {
        let (client, mut server) = plain().await;
        let mut client = Faults::new(3).reset_after(limit..=limit).wrap(client);
        let error = client.write_all(&[1; 100]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(
            client.read(&mut [0]).await.unwrap_err().kind(),
            error.kind()
        );
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert_eq!(u64::try_from(read.len()).unwrap(), limit);
    }
    // Both directions count.
    let (client, mut server) = plain().await;
    let mut client = Faults::new(3).reset_after(10..=10).wrap(client);
    server.write_all(&[1; 6]).await.unwrap();
    client.read_exact(&mut [0; 6]).await.unwrap();
    assert!(client.write_all(&[1; 5]).await.is_err());
    let mut read = Vec::new();
    server.read_to_end(&mut read).await.unwrap();
    assert_eq!(read.len(), 4);
}

#[tokio::test]
async fn a_half_close_ends_one_direction() {
    let (client, mut server) = plain().await;
    let mut client = Faults::new(3).half_close_after(10..=10).wrap(client);
    let error = client.write_all(&[1; 100]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    let mut read = Vec::new();
    server.read_to_end(&mut read).await.unwrap();
    assert_eq!(read.len(), 10);
    server.write_all(b"x").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
}
