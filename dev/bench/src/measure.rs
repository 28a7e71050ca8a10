//! Wall clock, processor time, memory, bytes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::peers::Store;
use crate::report::whole;
use crate::{Result, syncs};

/// One measured part of a workload.
#[derive(Serialize, Deserialize)]
pub(crate) struct Phase {
    /// Such as `W1n`.
    pub(crate) name: String,
    pub(crate) sample: Sample,
}

/// What was measured.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// How many commits, finds, … it did.
    pub(crate) operations: u64,
    pub(crate) wall_seconds: f64,
    /// Of this process and of processes that it started.
    pub(crate) cpu_seconds: f64,
    /// Bytes passed to the file system, where that can be told.
    pub(crate) bytes_written: Option<u64>,
    /// Syncs of files, where that can be told.
    pub(crate) syncs: Option<u64>,
    /// The largest resident memory of this process in this phase.
    pub(crate) peak_memory_bytes: u64,
    /// Its resident memory when the phase ended.
    #[serde(default)]
    pub(crate) resident_memory_bytes: u64,
    /// What of that is no page of a mapped file.
    #[serde(default)]
    pub(crate) own_memory_bytes: u64,
    /// What the store takes on disk, where a phase changes it.
    pub(crate) disk_bytes: Option<u64>,
    /// What else this workload measures: names with units, and figures.
    #[serde(default)]
    pub(crate) more: Vec<(String, f64)>,
    /// Points of a curve: how far it was, and how many operations a second it did there.
    #[serde(default)]
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Phase {
    /// Adds a figure that only some workloads have.
    pub(crate) fn add(&mut self, name: &str, figure: f64) {
        self.sample.more.push((name.to_owned(), figure));
    }
}

/// What a store did since it was opened, as far as it can tell.
#[derive(Clone, Copy, Default)]
pub struct Counters {
    /// Bytes passed to the file system.
    pub bytes_written: Option<u64>,
    /// Syncs of files.
    pub syncs: Option<u64>,
}

/// Times an action and names it.
pub(crate) fn time(
    name: &str,
    operations: u64,
    action: impl FnOnce() -> Result<()>,
) -> Result<Phase> {
    forget_peak()?;
    syncs::begin(name);
    let (children, own, wall) = (children_time()?, own_time()?, Instant::now());
    action()?;
    let (wall, own) = (wall.elapsed(), own_time()?.saturating_sub(own));
    syncs::end(name);
    let cpu = own + children_time()?.saturating_sub(children);
    Ok(Phase {
        name: name.to_owned(),
        sample: Sample {
            operations,
            wall_seconds: wall.as_secs_f64(),
            cpu_seconds: cpu.as_secs_f64(),
            bytes_written: None,
            syncs: None,
            peak_memory_bytes: status_bytes("VmHWM:")?,
            resident_memory_bytes: status_bytes("VmRSS:")?,
            own_memory_bytes: status_bytes("RssAnon:")?,
            disk_bytes: None,
            more: Vec::new(),
            curve: Vec::new(),
        },
    })
}

/// Times an action that writes to a store, and asks the store what it wrote.
pub(crate) fn time_writes(
    name: &str,
    operations: u64,
    store: &mut dyn Store,
    action: impl FnOnce(&mut dyn Store) -> Result<()>,
) -> Result<Phase> {
    let before = store.counters()?;
    let mut phase = time(name, operations, || action(store))?;
    // Bytes that a store keeps back until a sync are written for the commits all the same.
    let syncs = store.counters()?.syncs;
    store.sync()?;
    let written = store.counters()?.bytes_written;
    let since = |after: Option<u64>, before: Option<u64>| Some(after?.saturating_sub(before?));
    phase.sample.bytes_written = since(written, before.bytes_written);
    phase.sample.syncs = since(syncs, before.syncs);
    Ok(phase)
}

/// Returns the processor time of this process.
fn own_time() -> Result<Duration> {
    clock(ClockId::ProcessCPUTime)
}

/// Returns the processor time of this thread.
pub(crate) fn thread_time() -> Result<Duration> {
    clock(ClockId::ThreadCPUTime)
}

fn clock(id: ClockId) -> Result<Duration> {
    let time = clock_gettime(id);
    Ok(Duration::new(
        time.tv_sec.try_into()?,
        time.tv_nsec.try_into()?,
    ))
}

/// Returns the processor time of processes that this one started and waited for, in steps of a
/// hundredth of a second.
fn children_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The program's name, in parentheses, may hold spaces; `cutime` and `cstime` are the 14th and
    // 15th field behind it.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<std::result::Result<u64, _>>()?;
    Ok(Duration::from_millis(10 * ticks))
}

/// Adds to a phase how much memory is resident now: all, which has pages of mapped files, and what
/// is the process's own.
pub(crate) fn add_memory(phase: &mut Phase) -> Result<()> {
    for (name, field) in [("resident, MiB", "VmRSS:"), ("own, MiB", "RssAnon:")] {
        phase.add(name, whole(status_bytes(field)?) / 1_048_576.0);
    }
    Ok(())
}

/// Lets the peak of this process's memory begin anew, from what is resident now.
fn forget_peak() -> Result<()> {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}

/// Returns a figure of this process's memory.
fn status_bytes(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.split_whitespace().next());
    let kib: u64 = kib
        .ok_or(format!("no {field} in /proc/self/status"))?
        .parse()?;
    Ok(kib << 10)
}

/// Returns how many bytes this process, and those that it waited for, passed to write calls.
///
/// # Errors
/// When the system does not tell.
pub fn bytes_passed_to_writes() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(line.ok_or("no wchar in /proc/self/io")?.parse()?)
}

/// Returns the lengths of all files below a directory, added up.
pub(crate) fn disk_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for_each_file(dir, &mut |path| {
        bytes += fs::metadata(path)?.len();
        Ok(())
    })?;
    Ok(bytes)
}

/// Returns the room that all files below a directory take on the disk, written or preallocated.
pub(crate) fn allocated_bytes(dir: &Path) -> Result<u64> {
    let mut blocks = 0;
    for_each_file(dir, &mut |path| {
        blocks += fs::metadata(path)?.blocks();
        Ok(())
    })?;
    Ok(512 * blocks)
}

/// Lets time pass, at least so much.
pub(crate) fn wait(time: Duration) {
    let start = Instant::now();
    // Parking may end early.
    while let Some(left) = time.checked_sub(start.elapsed()) {
        thread::park_timeout(left);
    }
}

/// Makes the system forget what it keeps in memory of a directory's files.
pub(crate) fn drop_page_cache(dir: &Path) -> Result<()> {
    for_each_file(dir, &mut |path| {
        let file = fs::File::open(path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(())
    })
}

fn for_each_file(dir: &Path, visit: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path());
            } else {
                visit(&entry.path())?;
            }
        }
    }
    Ok(())
}
