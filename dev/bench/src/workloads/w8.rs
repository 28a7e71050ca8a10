//! W8: cloning W2's store, and fetching a hundred commits of ten entries.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::must_be;
use crate::base::Base;
use crate::measure::{Phase, bytes_passed_to_writes, disk_bytes, time};
use crate::peers::{Peer, Store};
use crate::sizes::Sizes;
use crate::{Result, data};

pub(super) fn run(peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let to = dir.with_extension("clone");
    let phases = measure(peer, dir, &to, sizes);
    fs::remove_dir_all(&to)?;
    phases
}

fn measure(peer: Peer, dir: &Path, to: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
    let mut origin = Base::Bulk.open(peer, dir, sizes)?;
    let mut made = None;
    let mut cloning = counted("W8 clone", || {
        made = Some(origin.clone_to(to)?);
        Ok(())
    })?;
    cloning.sample.disk_bytes = Some(disk_bytes(to)?);
    let mut clone = made.ok_or("no clone")?;
    check_clone(clone.as_ref(), sizes)?;

    for commit in 0..sizes.news {
        origin.commit_all("main", &mut data::news(sizes.entries, commit))?;
    }
    origin.sync()?;
    let mut at = String::new();
    let fetching = counted("W8 fetch", || {
        at = clone.fetch(dir)?;
        Ok(())
    })?;
    let newest = (0..sizes.news).flat_map(|commit| data::news(sizes.entries, commit));
    let newest: HashMap<_, _> = newest.collect();
    let mut reader = clone.reader(&at)?;
    newest
        .iter()
        .try_for_each(|(key, value)| must_be(reader.as_mut(), key, value))?;
    Ok(vec![cloning, fetching])
}

/// Times a transfer; what it wrote is what all of this process wrote meanwhile.
fn counted(name: &str, action: impl FnOnce() -> Result<()>) -> Result<Phase> {
    let before = bytes_passed_to_writes()?;
    let mut phase = time(name, 1, action)?;
    phase.sample.bytes_written = Some(bytes_passed_to_writes()?.saturating_sub(before));
    Ok(phase)
}

fn check_clone(clone: &dyn Store, sizes: &Sizes) -> Result<()> {
    let mut reader = clone.reader("main")?;
    data::bulk(sizes.entries)
        .step_by(9973)
        .try_for_each(|(key, value)| must_be(reader.as_mut(), &key, &value))
}
