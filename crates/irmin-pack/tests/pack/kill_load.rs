//! A real writer with several threads, which also collects, is killed under load, with readers
//! attached, again and again. `KILL_ROUNDS` says how often.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use irmin_core::{Collect, Env, Repo, StoreError, TransactOptions};
use irmin_pack::{Options, PackReader, PackStore};

use crate::assert_clean;

const DIR: &str = "IRMIN_PACK_KILL_LOAD_DIR";
const ROUNDS: u64 = 12;
const THREADS: u64 = 4;

fn options() -> Options {
    Options {
        segment_bytes: 30_000,
        pending_bytes: 2000,
        checkpoint_bytes: 3000,
        ..Options::default()
    }
}

fn path(text: &str) -> irmin_core::Path {
    irmin_core::Path::parse(text).unwrap()
}

/// Commits number after number on a branch, saying so, until it is killed.
fn write_forever(repo: &Repo, thread: u64) {
    let branch = repo.branch(&format!("t{thread}")).unwrap();
    let mut number = number_of(repo, thread);
    loop {
        number += 1;
        let body = number.to_le_bytes().repeat(40);
        let options = TransactOptions::new("Go on");
        branch
            .transact(&options, |view| {
                view.set(&path(&format!("d/{}", number % 20)), body.clone())?;
                view.set(&path("n"), number.to_string())
            })
            .unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {thread} {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Names move on and histories stay, so what is collected is what lost races left, and what
/// the branch held that is made and dropped here.
fn collect_forever(repo: &Repo) {
    loop {
        let scratch = repo.branch("scratch").unwrap();
        scratch.set(&path("x"), vec![7; 3000], "Scratch").unwrap();
        let head = scratch.head().unwrap().unwrap().id();
        let gone = irmin_core::RefEdit {
            name: "heads/scratch".to_owned(),
            expected: Some(head),
            new: None,
        };
        let engine = repo.engine();
        let durability = irmin_core::Durability::None;
        engine.compare_and_swap(&[gone], durability).unwrap();
        let mut go_on = |_| ControlFlow::Continue(());
        engine
            .collect(&Collect::everything_named(), &mut go_on)
            .unwrap();
    }
}

fn number_of(repo: &Repo, thread: u64) -> u64 {
    let branch = repo.branch(&format!("t{thread}")).unwrap();
    let Some(head) = branch.head().unwrap() else {
        return 0;
    };
    let number = head.tree().get_bytes(&path("n")).unwrap().unwrap();
    let number: u64 = str::from_utf8(&number).unwrap().parse().unwrap();
    let body = head.tree().get_bytes(&path(&format!("d/{}", number % 20)));
    assert_eq!(body.unwrap().unwrap(), number.to_le_bytes().repeat(40));
    number
}

#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let store = PackStore::open_or_create(&PathBuf::from(dir), options()).unwrap();
    let repo = Repo::new(Arc::new(store), Env::fixed(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let repo = &repo;
            scope.spawn(move || write_forever(repo, thread));
        }
        scope.spawn(|| collect_forever(&repo));
    });
}

fn spawn(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_load::child", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads the heads again and again: no number ever goes back, and each is whole.
fn read_until(dir: &Path, is_over: &AtomicBool) -> u64 {
    let repo = loop {
        match PackReader::open(dir, options()) {
            Ok(reader) => break Repo::new(Arc::new(reader), Env::fixed(0)),
            Err(StoreError::NotFound { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    let mut seen = [0; 4];
    assert_eq!(seen.len() as u64, THREADS);
    let mut reads = 0;
    while !is_over.load(Ordering::Relaxed) {
        for (thread, seen) in (0..).zip(&mut seen) {
            let number = number_of(&repo, thread);
            assert!(number >= *seen, "{number} after {seen}");
            *seen = number;
            reads += 1;
        }
    }
    reads
}

/// Lets the writer commit so many times, kills it, and returns what it acknowledged last.
fn kill_after(mut child: Child, commits: u64, last: &mut BTreeMap<u64, u64>) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut left = commits;
    for line in lines.map_while(Result::ok) {
        let mut words = line
            .split(' ')
            .skip_while(|word| *word != "committed")
            .skip(1);
        let mut number = || words.next()?.parse().ok();
        if let (Some(thread), Some(number)) = (number(), number()) {
            last.insert(thread, number);
            left = left.saturating_sub(1);
        }
        if left == 0 {
            // What is in the pipe is still read.
            let _ = child.kill();
        }
    }
    child.wait().unwrap();
    assert_eq!(left, 0, "the writer ended by itself");
}

#[test]
fn a_writer_killed_under_load_loses_nothing_and_its_readers_see_no_half_commit() {
    let rounds = std::env::var("KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut last = BTreeMap::new();
    let mut reads = 0;
    for round in 0..rounds {
        let is_over = AtomicBool::new(false);
        reads += std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_until(dir.path(), &is_over));
            kill_after(spawn(dir.path()), 20 + round * 7919 % 60, &mut last);
            is_over.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        let store = Arc::new(PackStore::open(dir.path(), options()).unwrap());
        let repo = Repo::new(Arc::<PackStore>::clone(&store), Env::fixed(0));
        for (&thread, &acknowledged) in &last {
            let number = number_of(&repo, thread);
            // It may have committed once more without living to say so.
            assert!(number == acknowledged || number == acknowledged + 1);
        }
        if round % 4 == 3 {
            assert!(repo.check(&mut |_| ()).unwrap().is_clean());
            assert_clean(&store);
        }
    }
    assert!(last.len() as u64 == THREADS && reads > 0);
}
