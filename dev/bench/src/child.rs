//! Processes that this program starts of itself.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// Returns a command that runs this program for a part of what it does.
pub(crate) fn command(words: &[&str], store: &Path, is_quick: bool) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words).arg(store).stderr(Stdio::inherit());
    if is_quick {
        command.arg("--quick");
    }
    Ok(command)
}

/// Runs it to its end and returns what it prints.
pub(crate) fn output(words: &[&str], store: &Path, is_quick: bool) -> Result<Vec<u8>> {
    let output = command(words, store, is_quick)?.output()?;
    if !output.status.success() {
        return Err(format!("the measuring process ended with {}", output.status).into());
    }
    Ok(output.stdout)
}
