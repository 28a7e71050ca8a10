//! Measures a collection: `collect make DIR`, then `collect run DIR`, then `collect copy DIR COPY`.
//!
//! `make` writes a million entries in 10,000 commits on 50 branches and removes half of the branches.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Instant;

use irmin_core::TransactOptions;
use irmin_core::sync::{CopyOptions, copy};
use irmin_core::{Collect, CollectReport, Durability, Engine, Env, Path, RefEdit, RefStore, Repo};
use irmin_pack::{Options, PackStore};

const BRANCHES: usize = 50;
const COMMITS: usize = 200;
const ENTRIES: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", dir] => make(FilePath::new(dir)),
        ["run", dir] => run(FilePath::new(dir)),
        ["copy", from, to] => clone(FilePath::new(from), FilePath::new(to)),
        _ => Err("collect make DIR | collect run DIR | collect copy DIR COPY".into()),
    }
}

fn make(dir: &FilePath) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let store = Arc::new(PackStore::create(dir, Options::default())?);
    let repo = Repo::new(Arc::clone(&store) as Arc<dyn Engine>, Env::fixed(0));
    for commit in 0..COMMITS {
        for branch in 0..BRANCHES {
            let options = TransactOptions::new("add").durability(Durability::None);
            repo.branch(&format!("b{branch}"))?
                .transact(&options, |view| {
                    for entry in 0..ENTRIES {
                        let number = commit * ENTRIES + entry;
                        let path = format!("d{}/s{}/e{number}", number % 97, number % 13);
                        let value = format!("value {number} of branch {branch}").repeat(3);
                        view.set(&Path::parse(&path)?, value)?;
                    }
                    Ok(())
                })?;
        }
    }
    for branch in (0..BRANCHES).filter(|branch| branch % 2 == 1) {
        repo.branch(&format!("b{branch}"))?.delete()?;
    }
    println!("made in {:?}: {:?}", started.elapsed(), store.stats()?);
    Ok(())
}

fn run(dir: &FilePath) -> Result<(), Box<dyn Error>> {
    let store = PackStore::open(dir, Options::default())?;
    println!(
        "before: {} bytes on disk, {} resident",
        on_disk(dir)?,
        resident()?
    );
    for (what, dry_run) in [("dry run", true), ("run", false), ("again", false)] {
        let collect = Collect {
            dry_run,
            ..Collect::everything_named()
        };
        let started = Instant::now();
        let mut longest = std::time::Duration::ZERO;
        let mut last = Instant::now();
        let report: CollectReport = store.collect(&collect, &mut |_| {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            ControlFlow::Continue(())
        })?;
        let took = started.elapsed();
        let rate = report.bytes_before as f64 / 1e6 / took.as_secs_f64();
        println!("{what}: {took:?}, {rate:.0} MB/s, at most {longest:?} between calls; {report:?}");
    }
    println!(
        "after: {} bytes on disk, peak {}",
        on_disk(dir)?,
        resident()?
    );
    let started = Instant::now();
    let verified = store.verify(&mut |_| ())?;
    println!(
        "verify: clean {}, {:?}",
        verified.is_clean(),
        started.elapsed()
    );
    Ok(())
}

fn clone(from: &FilePath, to: &FilePath) -> Result<(), Box<dyn Error>> {
    let source = PackStore::open(from, Options::default())?;
    let target = PackStore::create(to, Options::default())?;
    let refs = source.list_refs("")?;
    let wants: Vec<_> = refs.iter().map(|(_, id)| *id).collect();
    let go_on = &mut |_| ControlFlow::Continue(());
    copy(&source, &wants, &target, &CopyOptions::default(), go_on)?;
    let edits: Vec<RefEdit> = refs
        .into_iter()
        .map(|(name, id)| RefEdit {
            name,
            expected: None,
            new: Some(id),
        })
        .collect();
    target.compare_and_swap(&edits, Durability::Sync)?;
    target.close()?;
    println!("copy: {} bytes, of {}", on_disk(to)?, on_disk(from)?);
    Ok(())
}

fn on_disk(dir: &FilePath) -> Result<u64, Box<dyn Error>> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir.join("segments"))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn resident() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    Ok(line.unwrap_or_default().to_owned())
}
