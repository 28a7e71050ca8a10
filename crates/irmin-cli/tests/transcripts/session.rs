//! One transcript, run.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Runs the commands of a transcript and returns it with what they really answer. Lines with
/// `[..]` are kept where they match.
pub(crate) fn run(transcript: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut session = Session { dir, commands: 0 };
    let mut out = String::new();
    let mut lines = transcript.lines().peekable();
    let mut inside = false;
    while let Some(line) = lines.next() {
        out += line;
        out.push('\n');
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let mut command = command.to_owned();
            // A command goes on in lines that start with '> '.
            while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
                out += more;
                out.push('\n');
                command += "\n";
                command += more.strip_prefix("> ").unwrap_or_default();
            }
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !is_end(line)) {
                expected.push(line);
            }
            let actual = session.answer(&command);
            out += &keep_wildcards(&expected, &actual);
        }
    }
    out
}

fn is_end(line: &str) -> bool {
    line.starts_with("$ ") || line.starts_with("```")
}

struct Session {
    dir: TempDir,
    commands: u32,
}

impl Session {
    fn answer(&mut self, command: &str) -> String {
        self.commands += 1;
        let binary = Path::new(env!("CARGO_BIN_EXE_irmin"));
        let here = self.dir.path().join("here");
        std::fs::create_dir_all(&here).unwrap();
        let log = self.dir.path().join("log");
        let output = File::create(&log).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let status = Command::new("sh")
            .args(["-c", command])
            .current_dir(&here)
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", binary.parent().unwrap().display()),
            )
            .env("HOME", self.dir.path())
            .env("LC_ALL", "C.UTF-8")
            .env("IRMIN_AUTHOR", "Ada <ada@example.org>")
            .env("IRMIN_DATE", self.date())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .status()
            .unwrap();
        let text = std::fs::read(&log).unwrap();
        let text = String::from_utf8_lossy(&text);
        let dir = here.canonicalize().unwrap();
        let mut text = text.replace(dir.to_str().unwrap(), "[DIR]");
        for mark in ["$ ", "> ", "```"] {
            // What looks like a part of the transcript is told from it by a backslash.
            let escaped = format!("\n\\{mark}");
            text = format!("\n{text}").replace(&format!("\n{mark}"), &escaped)[1..].to_owned();
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("[no newline]\n");
        }
        match status.code() {
            Some(0) => {}
            Some(code) => text += &format!("? {code}\n"),
            None => text += "? killed\n",
        }
        text
    }

    /// Returns the time of the command's commits.
    fn date(&self) -> String {
        let (hours, minutes) = (10 + self.commands / 60, self.commands % 60);
        format!("2026-11-01T{hours:02}:{minutes:02}:00+01:00")
    }
}

/// Returns the actual lines, but an expected one with `[..]` in the place of one that it matches.
fn keep_wildcards(expected: &[&str], actual: &str) -> String {
    let mut out = String::new();
    for (at, line) in actual.lines().enumerate() {
        let kept = expected.get(at).filter(|expected| matches(expected, line));
        out += kept.unwrap_or(&line);
        out.push('\n');
    }
    out
}

fn matches(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once("[..]") else {
        return false;
    };
    line.len() >= before.len() + after.len() && line.starts_with(before) && line.ends_with(after)
}
