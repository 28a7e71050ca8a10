//! Counting the syncs of a peer that does not tell, from outside: one more run under `strace`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// What makes a file durable. A write to a file that was opened for synchronous writes is not seen.
const CALLS: [&str; 5] = ["fsync", "fdatasync", "msync", "sync_file_range", "syncfs"];
/// Names of files that never exist: a look for one shows in the trace where a phase begins or ends.
const BEGIN: &str = "irmin-bench:begin:";
const END: &str = "irmin-bench:end:";

/// Marks that a phase begins.
pub(crate) fn begin(phase: &str) {
    look_for(BEGIN, phase);
}

/// Marks that a phase ended.
pub(crate) fn end(phase: &str) {
    look_for(END, phase);
}

fn look_for(marker: &str, phase: &str) {
    // That there is no such file is known; the call is all that is wanted.
    let _ = fs::metadata(format!("{marker}{phase}"));
}

/// Tells whether `strace` is installed and may trace.
pub(crate) fn can_count() -> bool {
    let mut strace = Command::new("strace");
    let quiet = strace.args(["-qq", "-e", "trace=none", "true"]);
    let quiet = quiet.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Returns a command that runs a program and writes a trace for [`count`].
pub(crate) fn traced(program: &Path, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    let calls = format!("trace={},statx", CALLS.join(","));
    strace.args(["-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e"]);
    strace.arg(calls).arg("-o").arg(trace).arg(program);
    strace
}

/// Counts the syncs of each phase in a trace.
pub(crate) fn count(trace: &Path) -> Result<Vec<(String, u64)>> {
    Ok(count_in(&fs::read_to_string(trace)?))
}

fn count_in(trace: &str) -> Vec<(String, u64)> {
    let mut phases: Vec<(String, u64)> = Vec::new();
    let mut is_inside = false;
    for line in trace.lines() {
        if let Some(phase) = marked(line, BEGIN) {
            phases.push((phase.to_owned(), 0));
            is_inside = true;
        } else if marked(line, END).is_some() {
            is_inside = false;
        } else if let (true, Some((_, syncs))) = (is_inside, phases.last_mut()) {
            *syncs += u64::from(is_sync(line));
        }
    }
    phases
}

/// Returns what stands behind a marker, up to the end of the name.
fn marked<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let (_, behind) = line.split_once(marker)?;
    Some(behind.split_once('"')?.0)
}

/// Tells whether a line is the begin of a call that syncs; one that is interrupted has two lines.
fn is_sync(line: &str) -> bool {
    let call = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let name = call.trim_start().split('(').next().unwrap_or_default();
    CALLS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_syncs_inside_of_a_phase_count_and_interrupted_ones_once() {
        let trace = "\
10 fsync(3) = 0
10 statx(AT_FDCWD, \"irmin-bench:begin:W3 cold\", AT_STATX_SYNC_AS_STAT, STATX_ALL, 0x1) = -1 ENOENT
11 fdatasync(4 <unfinished ...>
10 statx(AT_FDCWD, \"other\", AT_STATX_SYNC_AS_STAT, STATX_ALL, 0x1) = 0
11 <... fdatasync resumed>) = 0
10 statx(AT_FDCWD, \"irmin-bench:end:W3 cold\", AT_STATX_SYNC_AS_STAT, STATX_ALL, 0x1) = -1 ENOENT
10 fsync(3) = 0
10 statx(AT_FDCWD, \"irmin-bench:begin:W5\", AT_STATX_SYNC_AS_STAT, STATX_ALL, 0x1) = -1 ENOENT
";
        let counted = [("W3 cold".to_owned(), 1), ("W5".to_owned(), 0)];
        assert_eq!(count_in(trace), counted);
    }
}
