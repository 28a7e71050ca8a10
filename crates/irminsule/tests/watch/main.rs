//! A writer and a watcher, a process each, are killed again and again: what the watcher wrote down
//! in the end is each commit of the branch, exactly once, in order.
//!
//! `IRMIN_WATCH_CHANGES=100000 cargo test --release -p irminsule --test watch -- --nocapture` does
//! it with so many changes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(unix)]

mod supervise;
mod watcher;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use irminsule::pack::{Options, PackStore};
use irminsule::{Env, Id, Repo};

use supervise::supervise;

const DIR: &str = "IRMIN_WATCH_DIR";
const CHANGES: &str = "IRMIN_WATCH_CHANGES";
const CHANGES_IN_SHORT: u64 = 3000;

/// Small segments, so that the watcher goes from one to the next.
fn options() -> Options {
    Options {
        segment_bytes: 1 << 20,
        ..Options::default()
    }
}

fn changes() -> u64 {
    let changes = std::env::var(CHANGES).ok();
    changes.map_or(CHANGES_IN_SHORT, |text| text.parse().unwrap())
}

fn store(dir: &Path) -> PathBuf {
    dir.join("store")
}

/// Returns what the children work in; `None` in the parent.
fn dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

#[test]
fn writer_process() {
    if let Some(dir) = dir() {
        writer::run(&dir, changes());
    }
}

#[test]
fn watcher_process() {
    if let Some(dir) = dir() {
        watcher::run(&dir, changes());
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "figures for whoever asks for them")]
fn a_watch_resumed_after_kills_tells_each_commit_once_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    PackStore::create(&store(dir.path()), options()).unwrap();
    let (writers, watchers) = thread::scope(|scope| {
        let writing = scope.spawn(|| supervise("writer_process", dir.path(), 7));
        let watching = scope.spawn(|| supervise("watcher_process", dir.path(), 11));
        (writing.join().unwrap(), watching.join().unwrap())
    });
    let told = watcher::told(dir.path());
    let numbers: Vec<u64> = told.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (1..=changes()).collect::<Vec<_>>());
    let ids: Vec<Id> = told.iter().map(|(id, _)| *id).collect();
    assert!(
        ids == line(dir.path()),
        "the commits of the branch, in order"
    );
    assert!(writers > 5 && watchers > 5, "{writers} {watchers}");
    eprintln!(
        "{} changes in {:.1?}; killed {writers} writers and {watchers} watchers",
        changes(),
        start.elapsed()
    );
}

/// Returns the commits of the branch, oldest first.
fn line(dir: &Path) -> Vec<Id> {
    let engine = PackStore::open(&store(dir), options()).unwrap();
    let repo = Repo::new(Arc::new(engine), Env::fixed(0));
    let head = repo.branch("main").unwrap().head_id().unwrap().unwrap();
    let log = repo.history().log(head);
    let mut ids: Vec<Id> = log.map(|entry| entry.unwrap().key.id).collect();
    ids.reverse();
    ids
}
