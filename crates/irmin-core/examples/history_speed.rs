//! Measures questions about history on a line of 10,000 commits with two branches of 1,000, and on
//! a line of 100,000: `cargo run --release -p irmin-core --example history_speed`.
#![expect(clippy::print_stdout, reason = "an example says what it found")]

use std::error::Error;
use std::time::{Duration, Instant};

use irmin_core::{
    CommitData, CommitGraph, CommitInfo, History, Id, MemoryStore, ObjectStore, Signature, Time,
};

fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let trunk = line(&store, None, 10_000, "trunk")?;
    let left = line(&store, Some((trunk, 10_000)), 1_000, "left")?;
    let right = line(&store, Some((trunk, 10_000)), 1_000, "right")?;
    let root = History::new(&CommitGraph::new(), &store)
        .step_back(trunk, 9_999)?
        .0;

    let graph = CommitGraph::new();
    let history = History::new(&graph, &store);
    report("lowest common ancestors, cold", 1, || {
        history.lowest_common_ancestors(&[left], &[right])
    })?;
    report("lowest common ancestors, warm", 1_000, || {
        history.lowest_common_ancestors(&[left], &[right])
    })?;
    report("root is an ancestor, cold", 1, || {
        history.is_ancestor(root, left)
    })?;
    report("root is an ancestor, warm", 1_000, || {
        history.is_ancestor(root, left)
    })?;
    report("the other branch is no ancestor, warm", 1_000, || {
        history.is_ancestor(right, left)
    })?;
    report("commits of one branch, warm", 1_000, || {
        Ok::<_, Box<dyn Error>>(history.commits_between(left, right).count())
    })?;

    let long = line(&store, None, 100_000, "long")?;
    let count = || Ok::<_, Box<dyn Error>>(history.log(long).count());
    report("log of 100,000 commits, cold", 1, count)?;
    report("log of 100,000 commits, warm", 10, count)?;
    report("100,000 steps back, warm", 10, || {
        history.step_back(long, 99_999)
    })?;
    Ok(())
}

/// Stores a line of commits and returns its head.
fn line(
    store: &MemoryStore,
    from: Option<(Id, u32)>,
    length: u32,
    message: &'static str,
) -> Result<Id, Box<dyn Error>> {
    let (mut head, start) = from.map_or((None, 0), |(id, generation)| (Some(id), generation));
    for generation in start + 1..=start + length {
        let author = Signature::new("Ada", "ada@example.org", Time::utc(generation.into()))?;
        let commit = CommitData {
            tree: Id::of(b"tree").into(),
            parents: head.map(Into::into).into_iter().collect(),
            info: CommitInfo::new(author, message),
        };
        let encoded = commit.encode()?;
        store.put_many(&[encoded.object(generation)])?;
        head = Some(encoded.id);
    }
    head.ok_or_else(|| "a line has at least one commit".into())
}

/// Prints the median time of some runs.
fn report<T, E: Into<Box<dyn Error>>>(
    what: &str,
    runs: usize,
    mut ask: impl FnMut() -> Result<T, E>,
) -> Result<(), Box<dyn Error>> {
    let mut times: Vec<Duration> = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        ask().map_err(Into::into)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(runs / 2).copied().unwrap_or_default();
    println!("{what:40} {:>10.1} µs", median.as_secs_f64() * 1e6);
    Ok(())
}
