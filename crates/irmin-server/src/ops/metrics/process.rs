//! What the system says about the process, where it does.

use std::fs;

use super::text::{Kind, Text};

/// Writes memory and open files; nothing where there is no `/proc`.
pub(super) fn write(text: &mut Text) {
    if let Some(bytes) = resident_bytes() {
        let help = "Memory that the process has, in bytes.";
        text.one("process_resident_memory_bytes", Kind::Gauge, help, bytes);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // One is that of the directory itself.
        let count = (files.count() as u64).saturating_sub(1);
        text.one(
            "process_open_fds",
            Kind::Gauge,
            "Open files and sockets.",
            count,
        );
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}
