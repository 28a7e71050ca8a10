//! Random requests from many clients at once, over all transports, some of them with a bad network:
//! their answers are compared with what a linearizable store may say, and with the branch's history.

mod check;
mod client;
mod doors;
mod graphql;
mod grpc;
mod history;
mod rest;
mod service;
mod stand;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use client::{Clock, Step};
use stand::Stand;

const REGISTERS: usize = 3;
/// `IRMIN_SEEDS=100` tries so many.
const SEEDS: u64 = 2;

fn register(number: usize) -> String {
    format!("registers/r{number}")
}

fn text(value: u64) -> String {
    value.to_string()
}

fn number(bytes: &[u8]) -> u64 {
    let text = std::str::from_utf8(bytes).expect("it was written as text");
    text.parse().expect("it was written as a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests_over_every_transport_and_bad_networks_are_linearizable() {
    let seeds =
        std::env::var("IRMIN_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number"));
    for seed in 0..seeds {
        run(seed).await;
    }
}

/// Runs a client to its end, as a process of its own would.
fn alone<T>(client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it starts").block_on(client)
}

async fn run(seed: u64) {
    let stand = Stand::open().await;
    let clock = Arc::new(Clock::default());
    let clients = stand.doors(seed).into_iter().enumerate();
    let clients = clients.map(|(number, door)| {
        let clock = Arc::clone(&clock);
        std::thread::spawn(move || alone(client::run(number, seed, door, clock)))
    });
    let clients: Vec<_> = clients.collect();
    let steps = tokio::task::spawn_blocking(|| {
        let clients = clients.into_iter();
        let steps = clients.flat_map(|client| client.join().expect("no panic"));
        steps.collect::<Vec<Step>>()
    });
    let steps = steps.await.expect("no panic");
    let mut line = stand.line();
    let history = history::read(&mut line).await;
    check::history(&steps, &history);
    check::registers(&steps);
    assert!(history.len() > 100, "they did little: {}", history.len());
    let retried = clock.retried.load(Ordering::Relaxed);
    assert!(retried > 100, "the network was too good: {retried}");
    let lost = steps.iter().filter(|step| step.ended.is_none()).count();
    assert!(lost > 0, "no answer was lost for good");
    drop(line);
    stand.stop().await;
}
