//! Runs the crash campaign for hours, or one script again: `soak --hours 8`, `soak --seed 7 --shrink`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use irmin_crashfs::Random;
use irmin_crashfs::campaign::{Script, Tally, run, shrink};

const USAGE: &str = "usage: soak [--hours H] [--from SEED] [--threads N]
       soak --seed N [--steps N] [--lives N] [--cut-at N] [--shrink]";

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)) {
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        Some(arguments) if arguments.is_replay => replay(&arguments),
        Some(arguments) => soak(&arguments),
    }
}

struct Arguments {
    script: Script,
    is_replay: bool,
    is_shrinking: bool,
    hours: f64,
    from: u64,
    threads: u64,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self {
            script: Script {
                seed: 0,
                steps: 40,
                cut_at: None,
                lives: 3,
            },
            is_replay: false,
            is_shrinking: false,
            hours: 1.0,
            from: 0,
            threads: 2,
        };
        while let Some(word) = words.next() {
            if word == "--shrink" {
                arguments.is_shrinking = true;
                continue;
            }
            let value = words.next()?;
            match word.as_str() {
                "--hours" => arguments.hours = value.parse().ok()?,
                "--from" => arguments.from = value.parse().ok()?,
                "--threads" => arguments.threads = value.parse().ok()?,
                "--steps" => arguments.script.steps = value.parse().ok()?,
                "--lives" => arguments.script.lives = value.parse().ok()?,
                "--cut-at" => arguments.script.cut_at = Some(value.parse().ok()?),
                "--seed" => {
                    arguments.script.seed = value.parse().ok()?;
                    arguments.is_replay = true;
                }
                _ => return None,
            }
        }
        Some(arguments)
    }
}

fn replay(arguments: &Arguments) -> ExitCode {
    let mut script = arguments.script;
    if arguments.is_shrinking {
        script = shrink(script);
        println!("{script}");
    }
    match run(&script) {
        Ok(tally) => {
            println!("{tally:?}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            eprintln!("{violation}");
            ExitCode::FAILURE
        }
    }
}

fn soak(arguments: &Arguments) -> ExitCode {
    let end = Instant::now() + Duration::from_secs_f64(arguments.hours * 3600.0);
    let results: Vec<(u64, Tally, bool)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.threads)
            .map(|thread| scope.spawn(move || work(arguments, thread, end)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let mut sum = Tally::default();
    for (_, tally, _) in &results {
        sum.add(tally);
    }
    let scripts: u64 = results.iter().map(|(scripts, ..)| scripts).sum();
    println!("{scripts} scripts: {sum:?}");
    let is_whole = results.len() as u64 == arguments.threads;
    match is_whole && results.iter().all(|(.., is_sound)| *is_sound) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Runs every so-manieth seed until the time is over or a promise is broken.
fn work(arguments: &Arguments, thread: u64, end: Instant) -> (u64, Tally, bool) {
    let mut tally = Tally::default();
    let mut scripts = 0;
    let mut seed = arguments.from + thread;
    while Instant::now() < end {
        let script = script_of(seed);
        match run(&script) {
            Ok(done) => tally.add(&done),
            Err(violation) => {
                eprintln!("{violation}\nagain: soak {script}");
                return (scripts, tally, false);
            }
        }
        scripts += 1;
        seed += arguments.threads;
        if scripts % 10_000 == 0 {
            println!("thread {thread}: {scripts} scripts, up to seed {seed}: {tally:?}");
        }
    }
    (scripts, tally, true)
}

/// Mostly short lives, sometimes long ones.
fn script_of(seed: u64) -> Script {
    let mut random = Random::new(seed ^ 0x50a4);
    let steps = match random.below(8) {
        0 => 200,
        1 => 100,
        _ => 10 + random.below(50),
    };
    let cut_at = Some(1 + random.below(steps * 8) as u64);
    Script {
        seed,
        steps,
        cut_at,
        lives: 1 + random.below(4),
    }
}
