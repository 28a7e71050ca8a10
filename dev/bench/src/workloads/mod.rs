//! What is measured. A file for each workload; the figures are checked before they are reported.

mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w8;
mod w9;
mod wb;
mod wc;
mod wg;
mod wg_bare;
pub(crate) mod wh;
pub(crate) mod wo;
mod wr;

use std::path::Path;
use std::str::FromStr;
use std::thread::ScopedJoinHandle;

use crate::base::Base;
use crate::data::VALUE_BYTES;
use crate::measure::Phase;
use crate::peers::{Peer, Reader};
use crate::sizes::Sizes;
use crate::{Failure, Result};

/// A workload, or the part of one that needs a store of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Commits of one entry, not durable until the end.
    W1n,
    /// The same, each durable before the next.
    W1d,
    /// A million entries in one commit.
    W2,
    /// The same by single sets.
    W2s,
    /// Random finds, with a cold page cache and again.
    W3,
    /// Replacing entries of a directory of 100,000.
    W4,
    /// Replacing entries of a directory of a million.
    W4m,
    /// A three-way merge.
    W5,
    /// A merge base.
    W6,
    /// A diff.
    W7,
    /// A clone and a fetch.
    W8,
    /// Opening a store and reading one value.
    W9,
    /// Many values of 1 KiB.
    Wb1k,
    /// Many values of 1 MiB.
    Wb1m,
    /// One value of 256 MiB.
    Wb256m,
    /// Threads that commit durably.
    Wc,
    /// The same on disks whose syncs take 0.2 to 5 ms.
    Wcs,
    /// Collection of half a store.
    Wg,
    /// Collection beside a thread that commits.
    Wgn,
    /// Collection beside a thread that commits durably.
    Wgd,
    /// Collection beside a thread that reads.
    Wgr,
    /// A history of a million commits.
    Wh,
    /// Opening after a crash.
    Wo,
    /// Readers beside a writer.
    Wr,
}

impl Workload {
    pub(crate) const ALL: [Self; 24] = [
        Self::W1n,
        Self::W1d,
        Self::W2,
        Self::W2s,
        Self::W3,
        Self::W4,
        Self::W4m,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::W8,
        Self::W9,
        Self::Wb1k,
        Self::Wb1m,
        Self::Wb256m,
        Self::Wc,
        Self::Wcs,
        Self::Wg,
        Self::Wgn,
        Self::Wgd,
        Self::Wgr,
        Self::Wh,
        Self::Wo,
        Self::Wr,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::W1n => "W1n",
            Self::W1d => "W1d",
            Self::W2 => "W2",
            Self::W2s => "W2s",
            Self::W3 => "W3",
            Self::W4 => "W4",
            Self::W4m => "W4m",
            Self::W5 => "W5",
            Self::W6 => "W6",
            Self::W7 => "W7",
            Self::W8 => "W8",
            Self::W9 => "W9",
            Self::Wb1k => "Wb1k",
            Self::Wb1m => "Wb1m",
            Self::Wb256m => "Wb256m",
            Self::Wc => "Wc",
            Self::Wcs => "Wcs",
            Self::Wg => "Wg",
            Self::Wgn => "Wgn",
            Self::Wgd => "Wgd",
            Self::Wgr => "Wgr",
            Self::Wh => "Wh",
            Self::Wo => "Wo",
            Self::Wr => "Wr",
        }
    }

    /// Tells whether a peer can be measured by this.
    pub(crate) const fn suits(self, peer: Peer) -> bool {
        match self {
            Self::W1d => peer.can_sync_commits(),
            Self::W2 => peer.has_bulk_load(),
            Self::W2s => peer.loads_by_sets(),
            Self::W4m => !peer.is_slow_in_large_directories(),
            Self::W5 | Self::W6 | Self::W7 => peer.has_history(),
            Self::W8 => peer.can_clone(),
            Self::W9 => peer.has_files(),
            Self::Wo => peer.has_files() && peer.has_committers(),
            Self::Wb1k => peer.keeps(1 << 10),
            Self::Wb1m => peer.keeps(1 << 20),
            Self::Wb256m => peer.keeps(256 << 20),
            Self::Wc => peer.can_sync_commits() && peer.has_committers(),
            Self::Wcs => peer.is_pack(),
            Self::Wg | Self::Wgn | Self::Wgd | Self::Wgr | Self::Wh => {
                peer.can_collect() && peer.has_files()
            }
            Self::Wr => peer.has_files() && peer.has_committers(),
            _ => true,
        }
    }

    /// Tells whether it is of interest how often this syncs.
    pub(crate) const fn writes(self) -> bool {
        matches!(
            self,
            Self::W1n | Self::W1d | Self::W2 | Self::W4 | Self::W4m | Self::W5 | Self::W8
        )
    }

    /// Tells whether one run must do, because it takes a peer half a minute.
    pub(crate) const fn is_slow_for(self, peer: Peer) -> bool {
        match self {
            Self::W2 | Self::W3 | Self::W4 | Self::W8 => peer.is_slow_in_large_directories(),
            Self::Wh | Self::Wo => true,
            _ => false,
        }
    }

    /// Returns what is in the store before the clock starts.
    pub(crate) const fn base(self) -> Option<Base> {
        match self {
            Self::W1n
            | Self::W1d
            | Self::W2
            | Self::W2s
            | Self::Wb1k
            | Self::Wb1m
            | Self::Wb256m
            | Self::Wc
            | Self::Wcs
            | Self::Wh
            | Self::Wo => None,
            Self::Wg | Self::Wgn | Self::Wgd | Self::Wgr => Some(Base::Garbage),
            Self::W3 | Self::W8 | Self::W9 | Self::Wr => Some(Base::Bulk),
            Self::W4 => Some(Base::Names),
            Self::W4m => Some(Base::ManyNames),
            Self::W5 | Self::W7 => Some(Base::Branches),
            Self::W6 => Some(Base::History),
        }
    }

    /// Measures a peer. The directory has a copy of the base, or does not exist.
    pub(crate) fn run(self, peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Vec<Phase>> {
        match self {
            Self::W1n => w1::run(peer, dir, sizes.commits, false),
            Self::W1d => w1::run(peer, dir, sizes.durable_commits, true),
            Self::W2 => w2::run(peer, dir, sizes, false),
            Self::W2s => w2::run(peer, dir, sizes, true),
            Self::W3 => w3::run(peer, dir, sizes),
            Self::W4 => w4::run(peer, dir, sizes, "W4", sizes.names, Base::Names),
            Self::W4m => w4::run(peer, dir, sizes, "W4m", sizes.many_names, Base::ManyNames),
            Self::W5 => w5::run(peer, dir, sizes),
            Self::W6 => w6::run(peer, dir, sizes),
            Self::W7 => w7::run(peer, dir, sizes),
            Self::W8 => w8::run(peer, dir, sizes),
            Self::W9 => w9::run(peer, dir, sizes),
            Self::Wb1k | Self::Wb1m | Self::Wb256m => wb::run(peer, dir, self.blobs(sizes)),
            Self::Wc => wc::run(peer, dir, sizes),
            Self::Wcs => wc::on_slow_disks(dir, sizes),
            Self::Wg => wg::run(peer, dir, sizes),
            Self::Wgn => wg::beside_writer(peer, dir, sizes, false),
            Self::Wgd => wg::beside_writer(peer, dir, sizes, true),
            Self::Wgr => wg::beside_reader(peer, dir, sizes),
            Self::Wh => wh::run(peer, dir, sizes),
            Self::Wo => wo::run(peer, dir, sizes),
            Self::Wr => wr::run(peer, dir, sizes),
        }
    }

    const fn blobs(self, sizes: &Sizes) -> wb::Load {
        let (name, count, bytes) = match self {
            Self::Wb1k => ("1 KiB", sizes.small_blobs, 1 << 10),
            Self::Wb1m => ("1 MiB", sizes.blobs, 1 << 20),
            _ => ("256 MiB", 1, sizes.largest_blob),
        };
        wb::Load {
            name,
            count,
            bytes,
            inserts: count == 1,
        }
    }
}

impl FromStr for Workload {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|workload| workload.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("no workload '{text}'").into())
    }
}

/// Waits for threads and returns what they did.
fn join_all<T>(threads: Vec<ScopedJoinHandle<'_, Result<T>>>) -> Result<Vec<T>> {
    let joined: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    let panicked = |_| Failure::from("a thread panicked");
    joined
        .into_iter()
        .map(|outcome| outcome.map_err(panicked)?)
        .collect()
}

/// Reads a value that must be there and have the length of all values.
fn must_find(reader: &mut dyn Reader, key: &str) -> Result<()> {
    let mut len = 0;
    if !reader.find(key, &mut |value| len = value.len())? || len != VALUE_BYTES {
        return Err(format!("'{key}' has {len} bytes, not {VALUE_BYTES}").into());
    }
    Ok(())
}

/// Reads a value that must be this one.
fn must_be(reader: &mut dyn Reader, key: &str, expected: &[u8]) -> Result<()> {
    let mut is_same = false;
    reader.find(key, &mut |value| is_same = value == expected)?;
    match is_same {
        true => Ok(()),
        false => Err(format!("'{key}' has another value than was put there").into()),
    }
}
