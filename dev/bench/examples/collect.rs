//! A million entries in 10,000 commits on 50 branches: half of them is collected away while four
//! threads commit and four readers read.
//!
//! ```text
//! cargo run --release -p irmin-bench --example collect              # about a minute
//! cargo run --release -p irmin-bench --example collect -- --quick   # a hundredth of it
//! ```
//!
//! Prints how fast commits and reads are before, during and after, what was collected, what a check
//! of everything says, and how the size compares to a fresh copy's.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use irminsule::pack::{Options, PackReader, PackStore};
use irminsule::sync::{CopyOptions, copy};
use irminsule::{
    CollectOptions, Durability, Id, Isolation, Path, RefEdit, RefStore as _, Repo, TransactOptions,
    system_env,
};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const BRANCHES: u64 = 50;
const ENTRIES_PER_COMMIT: u64 = 100;
const WRITERS: u64 = 4;
const READERS: u64 = 4;

/// How much work there is.
struct Size {
    commits_per_branch: u64,
    /// How long commits and reads are counted before and after.
    phase: Duration,
}

fn main() -> Result<()> {
    let is_quick = std::env::args().any(|arg| arg == "--quick");
    let size = match is_quick {
        true => Size {
            commits_per_branch: 2,
            phase: Duration::from_millis(200),
        },
        false => Size {
            commits_per_branch: 200,
            phase: Duration::from_secs(5),
        },
    };
    let dir = PathBuf::from(format!("irmin-collect-{}", std::process::id()));
    let outcome = run(&dir, &size);
    fs::remove_dir_all(&dir)?;
    outcome
}

fn run(dir: &FilePath, size: &Size) -> Result<()> {
    let (store, fresh) = (dir.join("store"), dir.join("fresh"));
    let start = Instant::now();
    fill(&store, size)?;
    let entries = BRANCHES * size.commits_per_branch * ENTRIES_PER_COMMIT;
    say(&format!(
        "filled: {entries} entries, {} commits, {BRANCHES} branches in {:.1?}; {} MB",
        BRANCHES * size.commits_per_branch,
        start.elapsed(),
        megabytes(&store)?
    ))?;
    let repo = open(&store)?;
    for branch in (1..BRANCHES).step_by(2) {
        repo.branch(&name(branch))?.delete()?;
    }
    collect_under_load(&store, &repo, size)?;
    check(&repo)?;
    drop(repo);
    let repo = open(&store)?;
    let bytes = megabytes(&store)?;
    copy_all(&repo, &fresh)?;
    let clone = megabytes(&fresh)?;
    say(&format!(
        "size: {bytes} MB; a fresh copy of it: {clone} MB; ratio {:.3}",
        disk_bytes(&store)? as f64 / disk_bytes(&fresh)? as f64
    ))
}

fn name(branch: u64) -> String {
    format!("b{branch:02}")
}

fn open(dir: &FilePath) -> Result<Repo> {
    let store = PackStore::open_or_create(dir, Options::default())?;
    Ok(Repo::new(Arc::new(store), system_env()))
}

fn options(message: &str, durability: Durability) -> TransactOptions {
    TransactOptions::new(message)
        .isolation(Isolation::Overwrite)
        .durability(durability)
}

fn path(branch: u64, commit: u64, entry: u64) -> Result<Path> {
    Ok(Path::parse(format!(
        "b{branch:02}/c{commit:03}/e{entry:02}"
    ))?)
}

/// 100 bytes that differ for each entry and cannot be compressed.
fn value(branch: u64, commit: u64, entry: u64) -> Vec<u8> {
    let mut state = branch << 40 | commit << 20 | entry;
    let mut word = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state ^ state >> 29).to_le_bytes()
    };
    (0..13).flat_map(|_| word()).take(100).collect()
}

/// Commits to the branches in turns, so that what will be dead lies between what lives on.
fn fill(dir: &FilePath, size: &Size) -> Result<()> {
    let repo = open(dir)?;
    let options = options("Fill", Durability::None);
    for commit in 0..size.commits_per_branch {
        for branch in 0..BRANCHES {
            repo.branch(&name(branch))?.transact(&options, |view| {
                for entry in 0..ENTRIES_PER_COMMIT {
                    let bytes = value(branch, commit, entry);
                    let path = Path::parse(format!("b{branch:02}/c{commit:03}/e{entry:02}"))?;
                    view.set(&path, bytes)?;
                }
                Ok(())
            })?;
        }
    }
    repo.engine().sync()?;
    Ok(())
}

/// What the threads did so far.
#[derive(Default)]
struct Counts {
    commits: AtomicU64,
    reads: AtomicU64,
    slowest_commit_micros: AtomicU64,
    stop: AtomicBool,
}

fn collect_under_load(dir: &FilePath, repo: &Repo, size: &Size) -> Result<()> {
    let counts = Counts::default();
    let counts = &counts;
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for number in 0..WRITERS {
            workers.push(scope.spawn(move || write(repo, 2 * number, counts)));
        }
        for number in 0..READERS {
            workers.push(scope.spawn(move || read(dir, number, size, counts)));
        }
        let outcome = phases(repo, size, counts);
        counts.stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| "a thread panicked")??;
        }
        outcome
    })
}

fn phases(repo: &Repo, size: &Size, counts: &Counts) -> Result<()> {
    phase("before", counts, || {
        thread::park_timeout(size.phase);
        Ok(())
    })?;
    let mut report = None;
    let start = Instant::now();
    phase("during", counts, || {
        let collected = repo.collect(&CollectOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        });
        report = Some(collected?);
        Ok(())
    })?;
    let elapsed = start.elapsed();
    phase("after", counts, || {
        thread::park_timeout(size.phase);
        Ok(())
    })?;
    let report = report.ok_or("no report")?;
    say(&format!(
        "collected in {elapsed:.1?}: {} objects kept, {} removed, {} MB before, {} MB after",
        report.objects_kept,
        report.objects_removed,
        report.bytes_before / 1_000_000,
        report.bytes_after / 1_000_000,
    ))
}

/// Counts commits and reads while something is done.
fn phase(name: &str, counts: &Counts, action: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = (
        counts.commits.load(Ordering::Relaxed),
        counts.reads.load(Ordering::Relaxed),
    );
    counts.slowest_commit_micros.store(0, Ordering::Relaxed);
    let start = Instant::now();
    action()?;
    let seconds = start.elapsed().as_secs_f64();
    let commits = counts.commits.load(Ordering::Relaxed) - before.0;
    let reads = counts.reads.load(Ordering::Relaxed) - before.1;
    say(&format!(
        "{name:<7} {seconds:6.2} s: {:8.0} commits/s, slowest {:6.1} ms; {:8.0} reads/s; peak memory {} MB",
        commits as f64 / seconds,
        counts.slowest_commit_micros.load(Ordering::Relaxed) as f64 / 1000.0,
        reads as f64 / seconds,
        peak_memory_megabytes()?,
    ))
}

/// One of the threads that commit: each to a branch of its own that is kept.
fn write(repo: &Repo, branch: u64, counts: &Counts) -> Result<()> {
    let options = options("Go on", Durability::Deferred);
    let handle = repo.branch(&name(branch))?;
    for number in 0_u64.. {
        if counts.stop.load(Ordering::Relaxed) {
            break;
        }
        let start = Instant::now();
        let path = Path::parse(format!("live/d{}/k{}", number % 10, number % 1000))?;
        handle.transact(&options, |view| {
            view.set(&path, value(branch, number, 1 << 19))
        })?;
        let micros = u64::try_from(start.elapsed().as_micros())?;
        counts
            .slowest_commit_micros
            .fetch_max(micros, Ordering::Relaxed);
        counts.commits.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// One of the readers: a handle as another process has it, which follows the writer.
fn read(dir: &FilePath, seed: u64, size: &Size, counts: &Counts) -> Result<()> {
    let reader = PackReader::open(dir, Options::default())?;
    let repo = Repo::new(Arc::new(reader), system_env());
    let mut state = seed;
    while !counts.stop.load(Ordering::Relaxed) {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let branch = (state >> 33) % (BRANCHES / 2) * 2;
        let commit = (state >> 40) % size.commits_per_branch;
        let entry = (state >> 50) % ENTRIES_PER_COMMIT;
        let found = repo
            .branch(&name(branch))?
            .get(&path(branch, commit, entry)?)?;
        if found.as_deref() != Some(&value(branch, commit, entry)) {
            return Err(
                format!("branch {branch} has lost entry {entry} of commit {commit}").into(),
            );
        }
        counts.reads.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn check(repo: &Repo) -> Result<()> {
    let bytes = repo.engine().verify(&mut |_| ())?;
    let meaning = repo.check(&mut |_| ())?;
    let problems = bytes.problems.len() + meaning.problems.len();
    say(&format!(
        "checked: {} objects, {} commits, {} entries, {problems} problems",
        bytes.objects, meaning.commits, meaning.entries
    ))?;
    match problems {
        0 => Ok(()),
        _ => Err(format!("{:?} {:?}", bytes.problems, meaning.problems).into()),
    }
}

/// Copies all branches into a new store.
fn copy_all(repo: &Repo, dir: &FilePath) -> Result<()> {
    let fresh = PackStore::create(dir, Options::default())?;
    let refs = repo.engine().list_refs("")?;
    let wants: Vec<Id> = refs.iter().map(|(_, id)| *id).collect();
    let source = repo.engine().as_ref();
    let go_on = &mut |_| ControlFlow::Continue(());
    copy(source, &wants, &fresh, &CopyOptions::default(), go_on)?;
    let edits: Vec<RefEdit> = refs
        .into_iter()
        .map(|(name, id)| RefEdit {
            name,
            expected: None,
            new: Some(id),
        })
        .collect();
    fresh.compare_and_swap(&edits, Durability::Sync)?;
    fresh.close()?;
    Ok(())
}

fn disk_bytes(dir: &FilePath) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir.join("segments"))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn megabytes(dir: &FilePath) -> Result<u64> {
    Ok(disk_bytes(dir)? / 1_000_000)
}

fn peak_memory_megabytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.unwrap_or("0").parse::<u64>()? / 1000)
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
