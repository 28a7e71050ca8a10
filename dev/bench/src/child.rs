//! Processes that this program, or a peer's, is run in for a part of what is measured.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Result, syncs};

/// Returns a command that runs a program of the bench for a part of what it does.
pub(crate) fn command(program: &Path, words: &[&str], store: &Path, is_quick: bool) -> Command {
    with_words(Command::new(program), words, store, is_quick)
}

fn with_words(mut command: Command, words: &[&str], store: &Path, is_quick: bool) -> Command {
    command.args(words).arg(store).stderr(Stdio::inherit());
    if is_quick {
        command.arg("--quick");
    }
    command
}

/// Runs it to its end and returns what it prints.
pub(crate) fn output(
    program: &Path,
    words: &[&str],
    store: &Path,
    is_quick: bool,
) -> Result<Vec<u8>> {
    finish(command(program, words, store, is_quick))
}

/// Runs it under `strace`, which writes a trace of its syncs.
pub(crate) fn trace(
    program: &Path,
    words: &[&str],
    store: &Path,
    is_quick: bool,
    trace: &Path,
) -> Result<()> {
    let strace = syncs::traced(program, trace);
    finish(with_words(strace, words, store, is_quick)).map(drop)
}

fn finish(mut command: Command) -> Result<Vec<u8>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("the measuring process ended with {}", output.status).into());
    }
    Ok(output.stdout)
}
