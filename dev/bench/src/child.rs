//! Processes that this program, or a peer's, is run in for a part of what is measured.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// Returns a command that runs a program of the bench for a part of what it does.
pub(crate) fn command(program: &Path, words: &[&str], store: &Path, is_quick: bool) -> Command {
    let mut command = Command::new(program);
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
    let output = command(program, words, store, is_quick).output()?;
    if !output.status.success() {
        return Err(format!("the measuring process ended with {}", output.status).into());
    }
    Ok(output.stdout)
}
