//! Long output through the user's pager.

use std::env;
use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running pager. Writes go to it.
pub(crate) struct Pager {
    child: Child,
    input: Option<ChildStdin>,
}

impl Pager {
    /// Starts the pager that the environment asks for; `None` if it asks for none or it cannot be
    /// started.
    pub(crate) fn start() -> Option<Self> {
        let line = ["IRMIN_PAGER", "PAGER"]
            .into_iter()
            .find_map(|name| env::var(name).ok())
            .unwrap_or_else(|| "less".to_owned());
        let mut words = line.split_whitespace();
        let program = words.next().filter(|&program| program != "cat")?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped());
        // Colours as they are, no paging of one screen, as Git asks.
        if env::var_os("LESS").is_none() {
            command.env("LESS", "FRX");
        }
        let mut child = command.spawn().ok()?;
        let input = child.stdin.take();
        Some(Self { child, input })
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) => input.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), ChildStdin::flush)
    }
}

impl Drop for Pager {
    /// Tells the pager that this was all, and waits until the user has read it.
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
