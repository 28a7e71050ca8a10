//! How fast a watch catches up with 100,000 commits of a pack.
//! `cargo run --release -p irminsule --example watch_speed`

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use irminsule::{Durability, Path, Repo, Since, TransactOptions, Url, create, system_env};

const COMMITS: u32 = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let url = format!("pack:{}", dir.path().join("store").display());
    let writer = create(&url)?.branch("main")?;
    let options = TransactOptions::new("next").durability(Durability::None);
    let start = Instant::now();
    for number in 0..COMMITS {
        let path = Path::parse(format!("dir/{}", number % 1000))?;
        writer.transact(&options, |view| view.set(&path, number.to_string()))?;
    }
    report("written", start);
    for (what, path, changes) in [
        ("told by id", "", false),
        ("told with changes", "", true),
        ("passed over but for 100", "dir/77", true),
    ] {
        let repo = Repo::new(url.parse::<Url>()?.open_reader()?, system_env());
        let mut watch = repo
            .branch("main")?
            .watch(&Path::parse(path)?, Since::Start)?;
        let (mut pending, mut events) = (0, 0_u32);
        let start = Instant::now();
        while !watch.is_caught_up() {
            let Some(event) = watch.next(Duration::ZERO)? else {
                continue;
            };
            events += 1;
            pending = pending.max(watch.pending());
            if changes {
                assert_eq!(event.changes()?.len(), 1);
            }
        }
        report(what, start);
        println!("    {events} events, at most {pending} ids kept");
    }
    Ok(())
}

fn report(what: &str, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let rate = f64::from(COMMITS) / seconds;
    println!("{COMMITS} commits {what}: {seconds:.2} s, {rate:.0} a second");
}
