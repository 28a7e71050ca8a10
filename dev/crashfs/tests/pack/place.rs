//! Where the stores of these tests are, and how they are opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use irmin_crashfs::{CrashFs, Random};
use irmin_pack::Options;

/// Small enough for many segments in a short script.
pub(crate) fn options(disk: &CrashFs, random: &mut Random) -> Options {
    Options {
        segment_bytes: 1000 + u32::try_from(random.below(4000)).unwrap(),
        pending_bytes: 200 + random.below(1000),
        cache_bytes: 4000,
        checkpoint_bytes: [0, 500, 100_000][random.below(3)],
        // Never within a test: what a thread does when is not for a seed to say.
        deferred_interval: Duration::from_secs(3600),
        files: Arc::new(disk.clone()),
    }
}

pub(crate) fn dir() -> &'static Path {
    Path::new("/repositories/store")
}
