//! Starts a process and kills it, until it comes to its end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a child says from time to time.
pub(crate) const ALIVE: &str = "alive";
/// What a child says at its end.
pub(crate) const DONE: &str = "all done";

/// Starts a test of this program as a process, kills it after some signs of life, and starts it
/// again, until it is done. Returns how often it was killed.
pub(crate) fn supervise(test: &str, dir: &Path, seed: u64) -> u64 {
    let mut kills = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(crate::DIR, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 1 + (seed + kills) * 7919 % 61;
        while left > 0 {
            match lines.next().map(Result::unwrap).as_deref() {
                Some(ALIVE) => left -= 1,
                Some(DONE) => {
                    assert!(child.wait().unwrap().success());
                    return kills;
                }
                Some(_) => {}
                None => panic!("{test} failed by itself: {}", child.wait().unwrap()),
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
}

/// Says something to whoever supervises this process.
pub(crate) fn say(what: &str) {
    use std::io::Write;
    let mut out = std::io::stdout();
    // The test harness begins a line that it does not end.
    writeln!(out, "\n{what}").unwrap();
    out.flush().unwrap();
}
