//! The stores that measurements start from, made once for each peer.

use std::path::Path;
use std::str::FromStr;

use crate::peers::{Peer, Store};
use crate::sizes::Sizes;
use crate::{Failure, Result, data};

/// What is in a store before the clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// W2's entries on `main`.
    Bulk,
    /// The same, and branches `a` and `b` that changed some.
    Branches,
    /// W4's smaller directory.
    Names,
    /// W4's larger directory.
    ManyNames,
    /// W6's history.
    History,
    /// Wg's branches, half of which were removed.
    Garbage,
}

impl Base {
    const ALL: [Self; 6] = [
        Self::Bulk,
        Self::Branches,
        Self::Names,
        Self::ManyNames,
        Self::History,
        Self::Garbage,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Branches => "branches",
            Self::Names => "names",
            Self::ManyNames => "many-names",
            Self::History => "history",
            Self::Garbage => "garbage",
        }
    }

    /// Returns the base that this one adds to.
    pub(crate) const fn parent(self) -> Option<Self> {
        match self {
            Self::Branches => Some(Self::Bulk),
            _ => None,
        }
    }

    /// Fills a store that has the parent's data, or none, in a directory.
    pub(crate) fn prepare(self, peer: Peer, dir: &Path, sizes: &Sizes) -> Result<()> {
        let mut store = match self.parent() {
            Some(_) => peer.open(dir)?,
            None => peer.create(dir)?,
        };
        self.fill(store.as_mut(), sizes)?;
        store.sync()
    }

    /// Opens a store that has this base: the one in `dir`, or a new one for a peer in memory.
    pub(crate) fn open(self, peer: Peer, dir: &Path, sizes: &Sizes) -> Result<Box<dyn Store>> {
        if peer.has_files() {
            return peer.open(dir);
        }
        let mut store = peer.create(dir)?;
        if let Some(parent) = self.parent() {
            parent.fill(store.as_mut(), sizes)?;
        }
        self.fill(store.as_mut(), sizes)?;
        Ok(store)
    }

    fn fill(self, store: &mut dyn Store, sizes: &Sizes) -> Result<()> {
        match self {
            Self::Bulk => store.load(&mut data::bulk(sizes.entries)),
            Self::Names => store.load(&mut data::names(sizes.names)),
            Self::ManyNames => store.load(&mut data::names(sizes.many_names)),
            Self::Branches => {
                for (branch, number) in [("a", 0), ("b", 1)] {
                    store.fork("main", branch)?;
                    let mut changes = data::changes(number, sizes.entries, sizes.changes);
                    store.commit_all(branch, &mut changes)?;
                }
                Ok(())
            }
            Self::Garbage => {
                for commit in 0..sizes.shares {
                    for branch in 0..data::BRANCHES {
                        let mut entries = data::share(branch, commit);
                        store.commit_all(&data::branch(branch), &mut entries)?;
                    }
                }
                let mut removed = (1..data::BRANCHES).step_by(2);
                removed.try_for_each(|branch| store.delete(&data::branch(branch)))
            }
            Self::History => {
                store.commit_each("main", &mut data::ticks(60, sizes.line), false)?;
                for (branch, tag) in [("a", 61), ("b", 62)] {
                    store.fork("main", branch)?;
                    store.commit_each(branch, &mut data::ticks(tag, sizes.twig), false)?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Base {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|base| base.name() == text);
        found.ok_or_else(|| format!("no base '{text}'").into())
    }
}
