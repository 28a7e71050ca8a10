//! A clone that is killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use irminsule::{Env, Repo, TransactOptions, Url};

/// How many values the source has, of how many bytes.
const VALUES: u32 = 60;
const BYTES: usize = 300_000;
/// At this size of its files a clone is killed.
const KILLED_BYTES: u64 = 3 << 20;

fn irmin(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_irmin"));
    command.current_dir(dir).args(args);
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    irmin(dir, args).output().unwrap()
}

/// Returns how many bytes the files of a repository have.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir.join("segments")).into_iter().flatten();
    let files = entries.filter_map(|entry| entry.ok()?.metadata().ok());
    files.map(|file| file.len()).sum()
}

fn fill(dir: &Path) {
    let engine = Url::Pack(dir.join("source")).create().unwrap();
    let repo = Repo::new(engine, Env::fixed(0));
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let filled = repo
        .branch("main")
        .unwrap()
        .transact(&TransactOptions::new("fill"), |view| {
            for number in 0..VALUES {
                let value: Vec<u8> = (0..BYTES).map(|_| noise()).collect();
                view.set(&irminsule::Path::parse(format!("v{number}"))?, value)?;
            }
            Ok(())
        });
    filled.unwrap();
}

#[test]
fn a_clone_that_was_killed_goes_on_when_it_is_run_again() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let args = ["clone", "source", "copy", "--json"];
    let copy = dir.path().join("copy/.irmin");
    let mut child = irmin(dir.path(), &args)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while size(&copy) < KILLED_BYTES && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_micros(200));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was killed");
    assert!(copy.join("clone").exists(), "and not finished");
    let names = run(&copy, &["branch", "--repo", "."]);
    assert_eq!(names.stdout, b"", "nothing is visible");

    let other = run(dir.path(), &["clone", "copy", "copy"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("is an unfinished clone of"));

    let again = run(dir.path(), &args);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let said: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    let bytes = said["bytes"].as_u64().unwrap();
    let all = u64::from(VALUES) * BYTES as u64;
    assert!(bytes + KILLED_BYTES / 2 < all, "only the rest: {said}");
    assert!(!copy.join("clone").exists());
    let head = |place: &str| run(dir.path(), &["snapshot", "--repo", place]).stdout;
    assert_eq!(head("copy"), head("source"));
    assert_eq!(
        run(dir.path(), &["verify", "--repo", "copy"]).status.code(),
        Some(0)
    );
}
