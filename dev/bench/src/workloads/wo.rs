//! Wo: opening a store after its process was killed, with a gigabyte written since it was opened.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::thread;

use super::must_be;
use crate::measure::{Phase, add_memory, disk_bytes, drop_page_cache, time};
use crate::parts::Part;
use crate::peers::Peer;
use crate::report::whole;
use crate::sizes::Sizes;
use crate::{Result, child, data};

const ENTRIES_PER_COMMIT: u64 = 1_000;
/// The entries that are written again and again.
const ENTRIES: u64 = 100_000;
const COMMITS_A_ROUND: u64 = ENTRIES / ENTRIES_PER_COMMIT;

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    crash(peer, dir, sizes)?;
    let disk = disk_bytes(dir)?;
    let mut phases = Vec::new();
    for name in ["Wo first", "Wo again"] {
        drop_page_cache(dir)?;
        let mut store = None;
        let mut phase = time(name, 1, || {
            let opened = peer.open(dir)?;
            let (key, value) = newest(sizes);
            must_be(opened.reader("main")?.as_mut(), &key, &value)?;
            store = Some(opened);
            Ok(())
        })?;
        phase.sample.disk_bytes = Some(disk);
        add_memory(&mut phase)?;
        if let Some(bytes) = store.map_or(Ok(None), |store| store.scanned_bytes())? {
            phase.add("scanned, MB", whole(bytes) / 1e6);
        }
        phases.push(phase);
    }
    Ok(phases)
}

/// Has another process write, and kills it.
fn crash(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<()> {
    let words = ["--part", Part::Tail.name(), peer.name()];
    let mut writer = child::command(&std::env::current_exe()?, &words, dir, sizes.is_quick)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(answer) = writer.stdout.take() {
        BufReader::new(answer).read_line(&mut line)?;
    }
    // SIGKILL.
    writer.kill()?;
    writer.wait()?;
    match line.as_str() {
        "written\n" => Ok(()),
        _ => Err("the writing process failed".into()),
    }
}

/// Writes, and waits to be killed.
pub(crate) fn write_and_wait(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<()> {
    let mut store = peer.create(dir)?;
    for commit in 0..sizes.tail_commits {
        let start = commit % COMMITS_A_ROUND * ENTRIES_PER_COMMIT;
        let range = start..start + ENTRIES_PER_COMMIT;
        let mut entries = data::round(commit / COMMITS_A_ROUND, range);
        store.commit_all("main", &mut entries)?;
    }
    store.sync()?;
    writeln!(io::stdout(), "written")?;
    loop {
        thread::park();
    }
}

/// The entry that was written last.
fn newest(sizes: &Sizes) -> data::Set {
    let commit = sizes.tail_commits - 1;
    let end = (commit % COMMITS_A_ROUND + 1) * ENTRIES_PER_COMMIT;
    let mut last = data::round(commit / COMMITS_A_ROUND, end - 1..end);
    last.next()
        .unwrap_or_else(|| unreachable!("the range has one entry"))
}
