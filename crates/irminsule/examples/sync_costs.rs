//! What a clone costs: `sync_costs make DIR ENTRIES COMMITS` makes a store of so many entries of 40
//! bytes in one commit, and so many commits that change one each; `sync_costs clone DIR NEW` clones it
//! and tells how long that took and how much memory the process had at most.

#![allow(clippy::print_stdout, reason = "the output is the result")]

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::time::Instant;

use irminsule::{CloneOptions, Durability, Path, TransactOptions, Tree, Url, clone, system_env};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["make", dir, entries, commits] => make(dir, entries.parse()?, commits.parse()?),
        ["clone", dir, new] => measure(dir, new),
        _ => Err("usage: sync_costs make DIR ENTRIES COMMITS | clone DIR NEW".into()),
    }
}

fn at(number: u64) -> Result<Path, irminsule::PathError> {
    Path::parse(format!("d{}/e{}/n{number}", number % 10, number / 10 % 100))
}

fn make(dir: &str, entries: u64, commits: u64) -> Result<(), Box<dyn Error>> {
    let main = irminsule::create(&format!("pack:{dir}"))?.branch("main")?;
    let mut tree = Tree::empty();
    for number in 0..entries {
        tree.set(&at(number)?, format!("{number:040}"))?;
    }
    main.set(&Path::root(), tree, "Begin")?;
    let options = TransactOptions::new("Change").durability(Durability::None);
    for number in 0..commits {
        let at = at(number.wrapping_mul(7919) % entries)?;
        main.transact(&options, |view| view.set(&at, format!("{number:039}x")))?;
    }
    Ok(())
}

fn measure(dir: &str, new: &str) -> Result<(), Box<dyn Error>> {
    let source = Url::Pack(dir.into());
    let engine = source.open_reader()?;
    let start = Instant::now();
    let target = Url::Pack(new.into());
    let options = CloneOptions::default();
    let go_on = &mut |_| ControlFlow::Continue(());
    let url = source.to_string();
    let cloned = clone(
        engine.as_ref(),
        &url,
        &target,
        system_env(),
        &options,
        go_on,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let done = cloned.fetched.copied;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "{} commits, {} objects, {} bytes in {seconds:.2} s; {}",
        done.commits,
        done.objects,
        done.bytes,
        peak.unwrap_or_default()
    );
    Ok(())
}
