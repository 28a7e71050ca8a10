//! Runs the transcripts in this directory: what a user types, and what the program answers.
//!
//! A transcript is a Markdown file. In its `console` blocks, a line `$ …` is given to a shell in a
//! directory of the transcript's own; what follows is the expected output, stdout and stderr as
//! they come, and `? N` if the exit code is not 0. Output that looks like a command has a `\` in front. The time of commits is fixed: the n-th command
//! runs n minutes after 10 o'clock. In what is compared, the directory is written `[DIR]`, and the
//! lines that hold `[..]` in the transcript match anything there.
//!
//! `IRMIN_TRANSCRIPTS=overwrite cargo test -p irmin-cli --test transcripts` writes what the program
//! says into the files; look at the difference before you commit it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod behaviour;
mod clones;
mod machines;
mod remote;
mod serve;
mod session;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

#[test]
fn the_program_answers_as_the_transcripts_say() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let overwrite = std::env::var_os("IRMIN_TRANSCRIPTS").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let failures: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = files
            .iter()
            .map(|file| scope.spawn(move || check(file, overwrite)))
            .collect();
        running
            .into_iter()
            .filter_map(|file| file.join().unwrap())
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn check(file: &Path, overwrite: bool) -> Option<String> {
    let expected = fs::read_to_string(file).unwrap();
    let actual = session::run(&expected);
    if overwrite {
        fs::write(file, &actual).unwrap();
        return None;
    }
    let difference = difference(&expected, &actual)?;
    Some(format!("{}: {difference}", file.display()))
}

/// Returns the first line that differs, with those around it.
fn difference(expected: &str, actual: &str) -> Option<String> {
    let (expected, actual): (Vec<_>, Vec<_>) =
        (expected.lines().collect(), actual.lines().collect());
    let line = (0..expected.len().max(actual.len()))
        .find(|&line| expected.get(line) != actual.get(line))?;
    let around = |lines: &[&str]| {
        let (start, end) = (line.saturating_sub(3), (line + 4).min(lines.len()));
        lines.get(start..end).unwrap_or_default().join("\n    ")
    };
    Some(format!(
        "line {} differs\n  expected:\n    {}\n  actual:\n    {}",
        line + 1,
        around(&expected),
        around(&actual)
    ))
}
