//! Who is measured.

#[cfg(feature = "git")]
mod git;
mod irminsule;
mod memory;
mod pack;
#[cfg(feature = "redb")]
mod redb;

use std::io;
use std::path::Path;
use std::str::FromStr;

use crate::data::Set;
use crate::large::LargeValue;
use crate::measure::Counters;
use crate::{Failure, Result};

/// A store under measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Irminsule in memory.
    Memory,
    /// Irminsule in a directory: what the others are compared with.
    Pack,
    /// A key-value store: a B-tree with shadow paging, no history.
    #[cfg(feature = "redb")]
    Redb,
    /// The program `git`, by its plumbing commands.
    #[cfg(feature = "git")]
    Git,
}

/// What the workloads ask of a store. Keys are paths, `directory/name`.
pub(crate) trait Store: Sync {
    /// Puts all entries on `main` in one commit and on stable storage, by the fastest way that the
    /// store has.
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()>;

    /// Makes one commit of each entry, durable before the next if asked.
    fn commit_each(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()>;

    /// Makes one commit of all entries.
    fn commit_all(&mut self, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()>;

    /// Makes everything durable.
    fn sync(&mut self) -> Result<()>;

    /// Looks at what a branch, or a result of [`merge`](Self::merge), leads to now.
    fn reader(&self, at: &str) -> Result<Box<dyn Reader + '_>>;

    /// Makes a branch at another one's head.
    fn fork(&mut self, from: &str, to: &str) -> Result<()>;

    /// Merges two branches and stores the result. Returns where it is.
    fn merge(&mut self, ours: &str, theirs: &str) -> Result<String>;

    /// Returns the merge base of two branches.
    fn merge_base(&self, left: &str, right: &str) -> Result<String>;

    /// Returns the head of a branch.
    fn head(&self, branch: &str) -> Result<String>;

    /// Lists the paths that differ.
    fn diff(&self, old: &str, new: &str) -> Result<Vec<String>>;

    /// Tells what was done so far, as far as that is known.
    fn counters(&self) -> Result<Counters>;

    /// Returns how one of many threads commits to a branch, which exists.
    fn committer(&self, _branch: &str, _durable: bool) -> Result<Box<dyn Committer + '_>> {
        Err("this peer is not measured with many threads".into())
    }

    /// Removes a branch.
    fn delete(&mut self, _branch: &str) -> Result<()> {
        Err("this peer has no branches".into())
    }

    /// Removes what no branch leads to. Calls `sample` after each megabyte or so of work.
    fn collect(&self, _sample: &mut dyn FnMut()) -> Result<()> {
        Err("this peer is not measured when it collects".into())
    }

    /// Reads and checks all that is stored.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Returns how many bytes were scanned to open the store, if it can tell.
    fn scanned_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Puts large values on `main` in one commit and on stable storage.
    fn put_blobs(&mut self, _blobs: &mut dyn Iterator<Item = LargeValue>) -> Result<()> {
        Err("this peer is not measured with large values".into())
    }
}

/// How one of many threads commits.
pub(crate) trait Committer: Send {
    /// Makes one commit of one entry.
    fn commit(&mut self, key: &str, value: &[u8]) -> Result<()>;
}

/// A consistent look at a store.
pub(crate) trait Reader: Send {
    /// Finds a value and hands it to `look`; tells whether there is one.
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool>;

    /// Writes a large value to `out`, with bounded memory where the store can.
    fn copy_to(&mut self, key: &str, out: &mut dyn io::Write) -> Result<()> {
        let mut outcome = Ok(());
        match self.find(key, &mut |value| outcome = out.write_all(value))? {
            true => Ok(outcome?),
            false => Err(format!("'{key}' is not there").into()),
        }
    }
}

impl Peer {
    pub(crate) const ALL: &[Self] = &[
        Self::Memory,
        Self::Pack,
        #[cfg(feature = "redb")]
        Self::Redb,
        #[cfg(feature = "git")]
        Self::Git,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pack => "pack",
            #[cfg(feature = "redb")]
            Self::Redb => "redb",
            #[cfg(feature = "git")]
            Self::Git => "git",
        }
    }

    /// Tells whether the peer keeps its data in files.
    pub(crate) const fn has_files(self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Tells whether the peer has branches and commits.
    pub(crate) const fn has_history(self) -> bool {
        match self {
            #[cfg(feature = "redb")]
            Self::Redb => false,
            _ => true,
        }
    }

    /// Tells whether the peer can make each commit durable before the next.
    pub(crate) const fn can_sync_commits(self) -> bool {
        match self {
            Self::Memory => false,
            // One process imports a stream of commits and syncs at its end.
            #[cfg(feature = "git")]
            Self::Git => false,
            _ => true,
        }
    }

    /// Tells whether the peer is Irminsule, over whatever engine.
    pub(crate) const fn is_irminsule(self) -> bool {
        matches!(self, Self::Memory | Self::Pack)
    }

    /// Tells whether several threads of a process can commit to the peer.
    pub(crate) const fn has_committers(self) -> bool {
        match self {
            #[cfg(feature = "git")]
            Self::Git => false,
            _ => true,
        }
    }

    /// Tells whether the peer keeps values of so many bytes.
    pub(crate) const fn keeps(self, bytes: u64) -> bool {
        match self {
            #[cfg(feature = "redb")]
            Self::Redb => bytes <= 1 << 20,
            _ => true,
        }
    }

    /// Tells whether the peer's time grows with a directory's size, for a find or a commit.
    pub(crate) const fn is_slow_in_large_directories(self) -> bool {
        match self {
            #[cfg(feature = "git")]
            Self::Git => true,
            _ => false,
        }
    }

    /// Makes a new store in a directory that does not exist.
    pub(crate) fn create(self, dir: &Path) -> Result<Box<dyn Store>> {
        match self {
            Self::Memory => Ok(Box::new(memory::create())),
            Self::Pack => Ok(Box::new(pack::create(dir)?)),
            #[cfg(feature = "redb")]
            Self::Redb => Ok(Box::new(redb::Redb::open(dir)?)),
            #[cfg(feature = "git")]
            Self::Git => Ok(Box::new(git::Git::create(dir)?)),
        }
    }

    /// Opens the store in a directory.
    pub(crate) fn open(self, dir: &Path) -> Result<Box<dyn Store>> {
        match self {
            Self::Memory => Ok(Box::new(memory::create())),
            Self::Pack => Ok(Box::new(pack::open(dir)?)),
            #[cfg(feature = "redb")]
            Self::Redb => Ok(Box::new(redb::Redb::open(dir)?)),
            #[cfg(feature = "git")]
            Self::Git => Ok(Box::new(git::Git::open(dir))),
        }
    }
}

impl FromStr for Peer {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|peer| peer.name() == text);
        found
            .copied()
            .ok_or_else(|| format!("no peer '{text}' in this build").into())
    }
}
