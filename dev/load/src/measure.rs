//! Durable writes and reads: each client asks, waits for the answer, and asks again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::args::Args;
use crate::peers::{Kind, Running};
use crate::{Result, say};

const KEYS: usize = 1000;
const VALUE: [u8; 100] = [b'v'; 100];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Do {
    Write,
    Read,
}

/// What clients saw in one run.
struct Sample {
    per_second: f64,
    /// Of the server, for one operation, in µs.
    processor: f64,
    /// In µs, sorted.
    latencies: Vec<f64>,
}

/// Starts each peer once, and lets them take turns.
pub(crate) async fn measure(args: &Args) -> Result<()> {
    let mut peers = Vec::new();
    for kind in &args.peers {
        let peer = Arc::new(Running::start(*kind, &args.dir).await?);
        fill(&peer).await?;
        peers.push(peer);
    }
    say(
        "| what | clients | peer | a second | p50 µs | p99 µs | server's CPU µs | × etcd | CPU ÷ etcd's |",
    );
    say("|---|---:|---|---:|---:|---:|---:|---:|---:|");
    for (what, name) in [(Do::Write, "durable writes"), (Do::Read, "reads")] {
        for &clients in &args.clients {
            let mut samples: Vec<Vec<Sample>> = peers.iter().map(|_| Vec::new()).collect();
            for _ in 0..args.rounds {
                for (peer, samples) in peers.iter().zip(&mut samples) {
                    samples.push(run(peer, what, clients, args.time).await?);
                }
            }
            report(name, clients, &args.peers, samples);
        }
    }
    Ok(())
}

fn key(number: usize) -> String {
    format!("dir{:02}/key{number:04}", number % 50)
}

/// Puts all keys there.
async fn fill(peer: &Arc<Running>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for client in 0..20 {
        let peer = Arc::clone(peer);
        tasks.spawn(async move {
            let mut connection = peer.connect().await?;
            for number in (client..KEYS).step_by(20) {
                connection.put(&key(number), &VALUE).await?;
            }
            Result::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn run(peer: &Arc<Running>, what: Do, clients: usize, time: Duration) -> Result<Sample> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(peer.connect().await?);
    }
    let (processor, began) = (peer.processor_seconds()?, Instant::now());
    let mut tasks = JoinSet::new();
    for (client, mut connection) in connections.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            let mut number = client * 7919;
            while began.elapsed() < time {
                number = (number * 31 + 17) % KEYS;
                let asked = Instant::now();
                match what {
                    Do::Write => {
                        let mut value = VALUE;
                        let text = format!("{client} {}", latencies.len());
                        value[..text.len()].copy_from_slice(text.as_bytes());
                        connection.put(&key(number), &value).await?;
                    }
                    Do::Read => drop(connection.get(&key(number)).await?),
                }
                latencies.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            Result::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    let (count, wall) = (latencies.len() as f64, began.elapsed().as_secs_f64());
    Ok(Sample {
        per_second: count / wall,
        processor: (peer.processor_seconds()? - processor) / count * 1e6,
        latencies,
    })
}

/// Prints the median run of each peer, and its rate and its server's processor time beside etcd's.
fn report(name: &str, clients: usize, peers: &[Kind], samples: Vec<Vec<Sample>>) {
    let medians: Vec<_> = peers.iter().zip(samples.into_iter().map(median)).collect();
    let etcd = medians.iter().find(|(peer, _)| **peer == Kind::Etcd);
    for (peer, sample) in &medians {
        let beside = etcd.map_or_else(
            || "– | –".to_owned(),
            |(_, etcd)| {
                let rate = sample.per_second / etcd.per_second;
                format!("{rate:.2} | {:.2}", sample.processor / etcd.processor)
            },
        );
        say(&format!(
            "| {name} | {clients} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {beside} |",
            peer.name(),
            sample.per_second,
            percentile(&sample.latencies, 50),
            percentile(&sample.latencies, 99),
            sample.processor,
        ));
    }
}

fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_unstable_by(|a, b| a.per_second.total_cmp(&b.per_second));
    samples.swap_remove(samples.len() / 2)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
