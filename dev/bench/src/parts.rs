//! Parts of a workload that need a process of their own beneath the one that measures it.

use std::io::{self, Write as _};
use std::path::Path;
use std::str::FromStr;

use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::workloads::{wh, wo};
use crate::{Failure, Result};

/// What such a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Wo: write, and wait to be killed.
    Tail,
    /// Wh: go on to the history's next length.
    Grow(usize),
    /// Wh: open it.
    Open(usize),
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Tail,
        Self::Grow(0),
        Self::Grow(1),
        Self::Grow(2),
        Self::Open(0),
        Self::Open(1),
        Self::Open(2),
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tail => "tail",
            Self::Grow(0) => "grow-0",
            Self::Grow(1) => "grow-1",
            Self::Grow(_) => "grow-2",
            Self::Open(0) => "open-0",
            Self::Open(1) => "open-1",
            Self::Open(_) => "open-2",
        }
    }

    pub(crate) fn run(self, peer: Peer, dir: &Path, sizes: &Sizes) -> Result<()> {
        let phase = match self {
            Self::Tail => return wo::write_and_wait(peer, dir, sizes),
            Self::Grow(step) => wh::grow(peer, dir, sizes, step)?,
            Self::Open(step) => wh::open(peer, dir, sizes, step)?,
        };
        serde_json::to_writer(io::stdout(), &phase)?;
        Ok(io::stdout().flush()?)
    }
}

impl FromStr for Part {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|part| part.name() == text);
        found.ok_or_else(|| format!("no part '{text}'").into())
    }
}
