//! What is measured. A file for each workload; the figures are checked before they are reported.

mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w9;

use std::path::Path;
use std::str::FromStr;

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
    /// Opening a store and reading one value.
    W9,
}

impl Workload {
    pub(crate) const ALL: [Self; 10] = [
        Self::W1n,
        Self::W1d,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W4m,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::W9,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::W1n => "W1n",
            Self::W1d => "W1d",
            Self::W2 => "W2",
            Self::W3 => "W3",
            Self::W4 => "W4",
            Self::W4m => "W4m",
            Self::W5 => "W5",
            Self::W6 => "W6",
            Self::W7 => "W7",
            Self::W9 => "W9",
        }
    }

    /// Tells whether a peer can be measured by this.
    pub(crate) const fn suits(self, peer: Peer) -> bool {
        match self {
            Self::W1d => peer.can_sync_commits(),
            Self::W4m => !peer.is_slow_in_large_directories(),
            Self::W5 | Self::W6 | Self::W7 => peer.has_history(),
            Self::W9 => peer.has_files(),
            _ => true,
        }
    }

    /// Tells whether one run must do, because it takes a peer half a minute.
    pub(crate) const fn is_slow_for(self, peer: Peer) -> bool {
        matches!(self, Self::W2 | Self::W3 | Self::W4) && peer.is_slow_in_large_directories()
    }

    /// Returns what is in the store before the clock starts.
    pub(crate) const fn base(self) -> Option<Base> {
        match self {
            Self::W1n | Self::W1d | Self::W2 => None,
            Self::W3 | Self::W9 => Some(Base::Bulk),
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
            Self::W2 => w2::run(peer, dir, sizes),
            Self::W3 => w3::run(peer, dir, sizes),
            Self::W4 => w4::run(peer, dir, sizes, "W4", sizes.names, Base::Names),
            Self::W4m => w4::run(peer, dir, sizes, "W4m", sizes.many_names, Base::ManyNames),
            Self::W5 => w5::run(peer, dir, sizes),
            Self::W6 => w6::run(peer, dir, sizes),
            Self::W7 => w7::run(peer, dir, sizes),
            Self::W9 => w9::run(peer, dir, sizes),
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
