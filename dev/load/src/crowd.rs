//! A crowd of watchers that mostly have nothing to hear, beside writers who are busy elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use irmin_proto::v1;
use irmin_proto::v1::watch_event::Kind as Event;
use irmin_proto::v1::watches_client::WatchesClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::peers::{Kind, Running};
use crate::wire::{Wire, origin};
use crate::{Result, say};

/// A connection carries 256 calls at a time at the most.
const WATCHES_PER_CONNECTION: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures memory for each watcher, and how long a change takes to the last of them.
pub(crate) async fn measure(args: &Args) -> Result<()> {
    let server = Arc::new(Running::start(Kind::Irmin, &args.dir).await?);
    server
        .connect()
        .await?
        .put("quiet/change", b"first")
        .await?;
    let before = server.own_memory()?;
    let (tell, mut heard) = mpsc::unbounded_channel();
    let mut watchers = JoinSet::new();
    let mut wire = Wire::connect(server.port).await?;
    for watcher in 0..args.watchers {
        if watcher % WATCHES_PER_CONNECTION == 0 {
            wire = Wire::connect(server.port).await?;
        }
        watchers.spawn(watch(wire.clone(), args.changes, tell.clone()));
    }
    hear(&mut heard, args.watchers).await?;
    let memory = (server.own_memory()? as f64 - before as f64) / args.watchers as f64;
    say(&format!(
        "{} watchers, {:.1} KiB each",
        args.watchers,
        memory / 1024.0
    ));
    let lone = changes(&server, args, &mut heard, args.changes / 2, 0).await?;
    tell_latencies("idle server", lone);

    let stop = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..args.writers {
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        let mut connection = server.connect().await?;
        writers.spawn(async move {
            let mut round = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let value = round.to_string();
                connection
                    .put(&format!("busy/w{writer}"), value.as_bytes())
                    .await?;
                written.fetch_add(1, Ordering::Relaxed);
                round += 1;
            }
            Result::Ok(())
        });
    }
    let (began, from, cpu) = (
        Instant::now(),
        written.load(Ordering::Relaxed),
        server.processor_seconds()?,
    );
    let half = args.changes / 2;
    let busy = changes(&server, args, &mut heard, args.changes - half, half).await?;
    let commits = written.load(Ordering::Relaxed) - from;
    let seconds = began.elapsed().as_secs_f64();
    tell_latencies("busy writers", busy);
    say(&format!(
        "{} writers made {:.0} durable commits a second; the server took {:.0} µs of processor time for each",
        args.writers,
        commits as f64 / seconds,
        (server.processor_seconds()? - cpu) / commits as f64 * 1e6,
    ));
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = writers.join_next().await {
        done??;
    }
    while let Some(done) = watchers.join_next().await {
        done??;
    }
    say("each watcher heard each change, once and in order");
    Ok(())
}

/// Hears all changes, which are numbered, and says so each time.
async fn watch(wire: Wire, changes: usize, tell: mpsc::UnboundedSender<()>) -> Result<()> {
    let request = v1::WatchRequest {
        branch: "main".to_owned(),
        path: Bytes::from_static(b"quiet"),
        changes: true,
        data_limit: 100,
        ..v1::WatchRequest::default()
    };
    let mut client = WatchesClient::with_origin(wire, origin());
    let mut events = client.watch(request).await?.into_inner();
    let mut next = 0;
    loop {
        let event = events.message().await?.ok_or("the watch ended")?;
        if event.kind() != Event::Ready {
            let change = event
                .changes
                .first()
                .and_then(|change| change.after.clone());
            let data = change.and_then(|blob| blob.data).unwrap_or_default();
            if data != next.to_string() {
                return Err(format!("change {next} came as {data:?}").into());
            }
            next += 1;
        }
        tell.send(())?;
        if next == changes {
            return Ok(());
        }
    }
}

async fn hear(heard: &mut mpsc::UnboundedReceiver<()>, count: usize) -> Result<()> {
    let all = async {
        for _ in 0..count {
            heard.recv().await.ok_or("the watchers ended")?;
        }
        Result::Ok(())
    };
    tokio::time::timeout(PATIENCE, all).await?
}

/// Makes changes one after the other; returns for each how long its commit took, and how long it was
/// from there until the last watcher had heard of it.
async fn changes(
    server: &Running,
    args: &Args,
    heard: &mut mpsc::UnboundedReceiver<()>,
    count: usize,
    from: usize,
) -> Result<Vec<(f64, f64)>> {
    let mut connection = server.connect().await?;
    let mut latencies = Vec::new();
    for number in from..from + count {
        let asked = Instant::now();
        let value = number.to_string();
        connection.put("quiet/change", value.as_bytes()).await?;
        let committed = asked.elapsed();
        hear(heard, args.watchers).await?;
        let all = asked.elapsed();
        latencies.push((committed.as_secs_f64() * 1e3, all.as_secs_f64() * 1e3));
    }
    Ok(latencies)
}

fn tell_latencies(name: &str, latencies: Vec<(f64, f64)>) {
    let middle = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        let last = values.last().copied().unwrap_or(f64::NAN);
        (
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN),
            last,
        )
    };
    let commit = middle(latencies.iter().map(|&(commit, _)| commit).collect());
    let all = middle(latencies.iter().map(|&(_, all)| all).collect());
    say(&format!(
        "{name}: from asking for a change to the last watcher {:.0} ms (at most {:.0}), of which its commit took {:.0} (at most {:.0})",
        all.0, all.1, commit.0, commit.1
    ));
}
