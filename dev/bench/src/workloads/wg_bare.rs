//! What the machine itself does to a thread that writes: the control for Wg. No store is in it.
//!
//! One thread appends what a commit takes to a file, and syncs it where commits would be durable; meanwhile
//! another one does what a collection does to the disk: it writes as much, and syncs every 4 MiB.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::wg::{Watched, rest, watch};
use crate::measure::{Phase, thread_time};
use crate::sizes::Sizes;
use crate::{Failure, Result};

/// What a commit of one entry takes.
const COMMIT_BYTES: u64 = 700;
/// What half of Wg's store takes, and how much of it is written and synced at a time.
const MOVED_BYTES: u64 = 58 << 20;
const STEP_BYTES: u64 = 1 << 20;
const SYNC_BYTES: u64 = 4 << 20;

pub(super) fn run(dir: &Path, sizes: &Sizes, durable: bool) -> Result<Vec<Phase>> {
    let dir = dir.join("bare");
    fs::create_dir(&dir)?;
    let log = File::create(dir.join("log"))?;
    let mut end = 0;
    let name = match durable {
        true => "Wg bare durable writer",
        false => "Wg bare writer",
    };
    let length = std::sync::atomic::AtomicU64::new(0);
    let work = |is_over: &AtomicBool| {
        let mut watched = Watched::default();
        let cpu = thread_time()?;
        let bytes = vec![7; usize::try_from(COMMIT_BYTES)?];
        while !is_over.load(Ordering::Relaxed) {
            let offset = length.fetch_add(COMMIT_BYTES, Ordering::Relaxed);
            watched.latencies.time(|| {
                log.write_all_at(&bytes, offset)?;
                if durable {
                    log.sync_data()?;
                }
                Ok::<_, Failure>(())
            })?;
        }
        watched.cpu = thread_time()? - cpu;
        Ok(watched)
    };
    let pause = std::time::Duration::from_millis(sizes.alone_millis / 3);
    let alone = watch(&format!("{name} alone"), "write", &work, || rest(pause))?;
    let beside = watch(name, "write", &work, || {
        let moved = File::create(dir.join("moved"))?;
        let bytes = vec![9; usize::try_from(STEP_BYTES)?];
        while end < MOVED_BYTES {
            moved.write_all_at(&bytes, end)?;
            end += STEP_BYTES;
            if end % SYNC_BYTES == 0 {
                moved.sync_data()?;
            }
        }
        Ok(moved.sync_data()?)
    })?;
    fs::remove_dir_all(&dir)?;
    Ok(vec![alone, beside])
}
