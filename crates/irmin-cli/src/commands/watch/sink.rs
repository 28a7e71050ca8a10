//! Where events go: to the user, or into a command.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;
use crate::quote::quote;
use crate::ui::Ui;

/// Where events go.
pub(super) enum Sink {
    /// To the user.
    Output,
    /// Into the standard input of a command, which has this name.
    Command(String, Child),
}

impl Sink {
    /// Starts the command, if one is given.
    pub(super) fn new(command: &[OsString]) -> Result<Self, Failure> {
        let Some((program, args)) = command.split_first() else {
            return Ok(Self::Output);
        };
        let name = quote(program.as_encoded_bytes());
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => Ok(Self::Command(name, child)),
            Err(error) => Err(Failure::file("run", program.as_ref(), &error)),
        }
    }

    pub(super) const fn is_command(&self) -> bool {
        matches!(self, Self::Command(..))
    }

    /// Writes an event on a line of its own, at once.
    pub(super) fn json(&mut self, ui: &mut Ui, value: &Value) -> Result<(), Failure> {
        if let Self::Command(_, child) = self {
            if let Some(input) = &mut child.stdin {
                input.write_all(format!("{value}\n").as_bytes())?;
            }
            return Ok(());
        }
        ui.json(value)?;
        Ok(ui.out().flush()?)
    }

    /// Tells the command that there is no more, and waits until it has dealt with all.
    pub(super) fn end(self, told: Result<(), Failure>) -> Result<(), Failure> {
        let Self::Command(name, mut child) = self else {
            return told;
        };
        drop(child.stdin.take());
        let status = child
            .wait()
            .map_err(|error| Failure::file("wait for", name.as_ref(), &error))?;
        // A command may end before the events do; then its status tells whether that is well.
        match told {
            Ok(()) | Err(Failure::BrokenPipe) if status.success() => Ok(()),
            Ok(()) | Err(Failure::BrokenPipe) => {
                Err(Failure::new(format!("'{name}' failed: {status}")))
            }
            failure => failure,
        }
    }
}
