//! Where the stores of these tests are, how they are opened, and a commit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use irmin_core::{Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore, StoreError};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackStore};

pub(crate) type Refs = BTreeMap<String, Id>;

/// Small enough for many segments in a short script.
pub(crate) fn options(disk: &CrashFs, random: &mut Random) -> Options {
    let frames_later = [0, 0, 1, 3][random.below(4)];
    disk.set_frames_later(frames_later);
    let more = random.below(4000);
    Options {
        segment_bytes: 1000 + u32::try_from(more).unwrap(),
        map: more.is_multiple_of(2),
        pending_bytes: 200 + random.below(1000),
        cache_bytes: 4000,
        checkpoint_bytes: [0, 500, 100_000][random.below(3)],
        // Never within a test: what a thread does when is not for a seed to say.
        deferred_interval: Duration::from_secs(3600),
        sync_ahead_bytes: [700, 1 << 20][random.below(2)],
        prepare_bytes: [0, 400, 2000][random.below(3)],
        files: Arc::new(disk.clone()),
        ..Options::default()
    }
}

pub(crate) fn dir() -> &'static Path {
    Path::new("/repositories/store")
}

/// Stores an object that counts as a commit, and moves `heads/main` to it.
pub(crate) fn commit(
    store: &PackStore,
    bytes: &[u8],
    expected: Option<Id>,
) -> Result<Id, StoreError> {
    let id = Id::of(bytes);
    let object = Object {
        base: None,
        cut: irmin_core::Cut::NONE,
        id,
        kind: Kind::Commit,
        bytes,
        links: &[],
        generation: 1,
    };
    store.put_many(&[object])?;
    let edit = RefEdit {
        name: "heads/main".to_owned(),
        expected,
        new: Some(id),
    };
    store.compare_and_swap(&[edit], Durability::Sync)?;
    Ok(id)
}
