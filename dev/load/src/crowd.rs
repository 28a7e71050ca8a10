//! A crowd of watchers that mostly have nothing to hear, beside writers who are busy elsewhere.

use std::ops::Range;
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
use crate::peers::{Connection, Kind, Running};
use crate::wire::{Wire, origin};
use crate::{Result, say};

/// A connection carries 256 calls at a time at the most, and a server begins 512 of one principal.
const WATCHES_PER_CONNECTION: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures memory for each watcher, and how long a change takes to the last of them.
pub(crate) async fn measure(args: &Args) -> Result<()> {
    let server = Arc::new(Running::start(Kind::Irmin, &args.dir).await?);
    let mut first = server.connect().await?;
    first.put("quiet/change", b"first").await?;
    let before = server.own_memory()?;
    let (tell, mut heard) = mpsc::unbounded_channel();
    for opened in (0..args.watchers).step_by(WATCHES_PER_CONNECTION) {
        let count = WATCHES_PER_CONNECTION.min(args.watchers - opened);
        let wire = Wire::connect(server.port).await?;
        for _ in 0..count {
            tokio::spawn(watch(wire.clone(), args.changes, tell.clone()));
        }
        hear(&mut heard, count).await?;
    }
    let memory = (server.own_memory()? as f64 - before as f64) / args.watchers as f64;
    say(
        "| server | watchers | KiB of memory each | change to last watcher ms (most) | its commit ms (most) | other commits a second | CPU µs each |",
    );
    say("|---|---:|---:|---:|---:|---:|---:|");
    let half = args.changes / 2;
    let lone = changes(&server, args, &mut heard, 0..half).await?;
    report("idle", args, memory, lone, None);

    let writers = Writers::start(&server, args.writers).await?;
    let (from, began) = (writers.count(), Instant::now());
    let cpu = server.processor_seconds()?;
    let busy = changes(&server, args, &mut heard, half..args.changes).await?;
    let commits = (writers.count() - from) as f64;
    let cpu = server.processor_seconds()? - cpu;
    let each = (commits / began.elapsed().as_secs_f64(), cpu / commits * 1e6);
    writers.stop().await?;
    let name = format!("{} busy writers", args.writers);
    report(&name, args, memory, busy, Some(each));
    say("\nEach watcher heard each change, once and in order.");
    Ok(())
}

/// Clients that write all the time, each to a path of its own.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<()>>,
    written: Arc<AtomicU64>,
}

impl Writers {
    async fn start(server: &Running, count: usize) -> Result<Self> {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut tasks = JoinSet::new();
        for writer in 0..count {
            let connection = server.connect().await?;
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            tasks.spawn(write(writer, connection, stop, written));
        }
        Ok(Self {
            stop,
            tasks,
            written,
        })
    }

    /// Returns how many commits there were.
    fn count(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends them.
    async fn stop(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done??;
        }
        Ok(())
    }
}

/// Writes until told to stop.
async fn write(
    writer: usize,
    mut connection: Connection,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
) -> Result<()> {
    let key = format!("busy/w{writer}");
    let mut round = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let value = round.to_string();
        connection.put(&key, value.as_bytes()).await?;
        written.fetch_add(1, Ordering::Relaxed);
        round += 1;
    }
    Ok(())
}

/// Hears all changes, which are numbered, and says so each time, or what went wrong.
async fn watch(wire: Wire, changes: usize, tell: mpsc::UnboundedSender<Result<()>>) {
    if let Err(error) = listen(wire, changes, &tell).await {
        // Nobody hears of it when the program ends.
        let _ = tell.send(Err(error));
    }
}

async fn listen(
    wire: Wire,
    changes: usize,
    tell: &mpsc::UnboundedSender<Result<()>>,
) -> Result<()> {
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
        tell.send(Ok(()))?;
        if next == changes {
            return Ok(());
        }
    }
}

async fn hear(heard: &mut mpsc::UnboundedReceiver<Result<()>>, count: usize) -> Result<()> {
    let all = async {
        for _ in 0..count {
            heard.recv().await.ok_or("the watchers ended")??;
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
    heard: &mut mpsc::UnboundedReceiver<Result<()>>,
    numbers: Range<usize>,
) -> Result<Vec<(f64, f64)>> {
    let mut connection = server.connect().await?;
    let mut latencies = Vec::new();
    for number in numbers {
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

/// Prints a row: medians, and the most in brackets.
fn report(
    name: &str,
    args: &Args,
    memory: f64,
    latencies: Vec<(f64, f64)>,
    writers: Option<(f64, f64)>,
) {
    let middle = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        let last = values.last().copied().unwrap_or(f64::NAN);
        let median = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
        format!("{median:.0} ({last:.0})")
    };
    let commit = middle(latencies.iter().map(|&(commit, _)| commit).collect());
    let all = middle(latencies.iter().map(|&(_, all)| all).collect());
    let writers = writers.map_or_else(
        || "– | –".to_owned(),
        |(rate, cpu)| format!("{rate:.0} | {cpu:.0}"),
    );
    say(&format!(
        "| {name} | {} | {:.1} | {all} | {commit} | {writers} |",
        args.watchers,
        memory / 1024.0,
    ));
}
