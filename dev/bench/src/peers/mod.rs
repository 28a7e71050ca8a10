//! Who is measured.

#[cfg(feature = "git")]
mod git;
mod irminsule;
mod memory;
pub(crate) mod pack;
#[cfg(feature = "redb")]
mod redb;

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::data::Set;
use crate::large::LargeValue;
use crate::measure::{Counters, bytes_passed_to_writes};

/// A store under measurement.
#[derive(Clone, Copy)]
pub struct Peer {
    name: &'static str,
    abilities: Abilities,
    make: Make,
    /// The program that has this peer, if it is another one than this.
    program: Option<&'static Path>,
}

/// What a peer can do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Abilities {
    /// It keeps its data in files.
    pub has_files: bool,
    /// It has branches and commits.
    pub has_history: bool,
    /// It can make each commit durable before the next.
    pub can_sync_commits: bool,
    /// Its time for a find or a commit grows with a directory's size.
    pub is_slow_in_large_directories: bool,
    /// It can [`load`](Store::load) by itself; if not, somebody else does it, and it is not measured.
    pub has_bulk_load: bool,
    /// Its [`load`](Store::load) needs the entries in order, and it loads others another way.
    pub loads_by_sets: bool,
    /// Its [`counters`](Store::counters) tell syncs.
    pub counts_syncs: bool,
    /// It can clone a store and fetch from one.
    pub can_clone: bool,
    /// Several threads of one process can commit to it.
    pub has_committers: bool,
    /// It can remove what no branch leads to.
    pub can_collect: bool,
    /// The size in bytes of the largest value that it is measured with, if it takes
    /// [`put_blobs`](Store::put_blobs).
    pub largest_value: u64,
}

impl Abilities {
    /// A store in files that only knows its newest state.
    pub const PLAIN: Self = Self {
        has_files: true,
        has_history: false,
        can_sync_commits: true,
        is_slow_in_large_directories: false,
        has_bulk_load: true,
        loads_by_sets: false,
        counts_syncs: false,
        can_clone: false,
        has_committers: false,
        can_collect: false,
        largest_value: 0,
    };
}

/// Makes or opens a store in a directory.
type MakeStore = fn(&Path) -> Result<Box<dyn Store>>;

/// How stores come to be.
#[derive(Clone, Copy)]
struct Make {
    create: MakeStore,
    open: MakeStore,
}

/// What the workloads ask of a store. Keys are paths, `directory/name`. A store without history
/// leaves out what has to do with it.
#[expect(clippy::missing_errors_doc, reason = "any error ends the measurement")]
pub trait Store: Sync {
    /// Puts all entries on `main` in one commit and on stable storage, by the fastest way that the
    /// store has. They come in the order of their keys.
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()>;

    /// Does the same by single sets, if that is something else.
    fn load_by_sets(&mut self, _entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        Err("this peer loads by single sets anyway".into())
    }

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

    /// Tells what was done so far, as far as that is known. What this process passed to write
    /// calls, unless the store knows better.
    fn counters(&self) -> Result<Counters> {
        Ok(Counters {
            bytes_written: Some(bytes_passed_to_writes()?),
            syncs: None,
        })
    }

    /// Makes a branch at another one's head.
    fn fork(&mut self, _from: &str, _to: &str) -> Result<()> {
        Err(NO_HISTORY.into())
    }

    /// Merges two branches and stores the result. Returns where it is.
    fn merge(&mut self, _ours: &str, _theirs: &str) -> Result<String> {
        Err(NO_HISTORY.into())
    }

    /// Returns the merge base of two branches.
    fn merge_base(&self, _left: &str, _right: &str) -> Result<String> {
        Err(NO_HISTORY.into())
    }

    /// Returns the head of a branch.
    fn head(&self, _branch: &str) -> Result<String> {
        Err(NO_HISTORY.into())
    }

    /// Lists the paths that differ, in their order.
    fn diff(&self, _old: &str, _new: &str) -> Result<Vec<String>> {
        Err(NO_HISTORY.into())
    }

    /// Clones `main` into a new store in a directory that does not exist, with every object
    /// verified, and on stable storage.
    fn clone_to(&self, _to: &Path) -> Result<Box<dyn Store>> {
        Err(NO_HISTORY.into())
    }

    /// Fetches what is new on `main` of the store in another directory, as `origin`'s, likewise
    /// verified and durable. Returns where it is, for a reader.
    fn fetch(&mut self, _from: &Path) -> Result<String> {
        Err(NO_HISTORY.into())
    }

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
#[expect(clippy::missing_errors_doc, reason = "any error ends the measurement")]
pub trait Committer {
    /// Makes one commit of one entry.
    fn commit(&mut self, key: &str, value: &[u8]) -> Result<()>;
}

const NO_HISTORY: &str = "this peer has no history, or no transfer of it";

/// A consistent look at a store, for one thread.
#[expect(clippy::missing_errors_doc, reason = "any error ends the measurement")]
pub trait Reader {
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

/// The peers of this program.
pub(crate) const OWN: &[Peer] = &[
    memory::PEER,
    pack::PEER,
    #[cfg(feature = "redb")]
    redb::PEER,
    #[cfg(feature = "git")]
    git::PEER,
];

/// The peer that the others are compared with.
pub(crate) const PACK: &str = "pack";

impl Peer {
    /// Describes a peer: `create` makes a store in a directory that does not exist, `open` opens
    /// the one that is there.
    #[must_use]
    pub const fn new(
        name: &'static str,
        abilities: Abilities,
        create: fn(&Path) -> Result<Box<dyn Store>>,
        open: fn(&Path) -> Result<Box<dyn Store>>,
    ) -> Self {
        Self {
            name,
            abilities,
            make: Make { create, open },
            program: None,
        }
    }

    /// Describes a peer of another program.
    pub(crate) const fn elsewhere(
        name: &'static str,
        abilities: Abilities,
        program: &'static Path,
    ) -> Self {
        Self {
            name,
            abilities,
            make: Make {
                create: nowhere,
                open: nowhere,
            },
            program: Some(program),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// Tells whether this is the engine itself, on a disk.
    pub(crate) const fn is_pack(self) -> bool {
        matches!(self.name.as_bytes(), b"pack")
    }

    pub(crate) const fn abilities(self) -> Abilities {
        self.abilities
    }

    /// Returns the program to measure with, if it is another one than this.
    pub(crate) const fn program(self) -> Option<&'static Path> {
        self.program
    }

    /// Tells whether the peer keeps its data in files.
    pub(crate) const fn has_files(self) -> bool {
        self.abilities.has_files
    }

    /// Tells whether the peer has branches and commits.
    pub(crate) const fn has_history(self) -> bool {
        self.abilities.has_history
    }

    /// Tells whether the peer can make each commit durable before the next.
    pub(crate) const fn can_sync_commits(self) -> bool {
        self.abilities.can_sync_commits
    }

    /// Tells whether the peer removes what no branch leads to.
    pub(crate) const fn can_collect(self) -> bool {
        self.abilities.can_collect
    }

    /// Tells whether several threads of a process can commit to the peer.
    pub(crate) const fn has_committers(self) -> bool {
        self.abilities.has_committers
    }

    /// Tells whether the peer is measured with values of so many bytes.
    pub(crate) const fn keeps(self, bytes: u64) -> bool {
        bytes <= self.abilities.largest_value
    }

    /// Tells whether the peer can clone a store and fetch from one.
    pub(crate) const fn can_clone(self) -> bool {
        self.abilities.can_clone
    }

    /// Tells whether the peer loads many entries by itself.
    pub(crate) const fn has_bulk_load(self) -> bool {
        self.abilities.has_bulk_load
    }

    /// Tells whether the peer loads what is in no order another way.
    pub(crate) const fn loads_by_sets(self) -> bool {
        self.abilities.loads_by_sets
    }

    /// Tells whether the peer counts its syncs itself, or has none.
    pub(crate) fn counts_syncs(self) -> bool {
        !self.has_files() || self.abilities.counts_syncs
    }

    /// Tells whether the peer's time grows with a directory's size, for a find or a commit.
    pub(crate) const fn is_slow_in_large_directories(self) -> bool {
        self.abilities.is_slow_in_large_directories
    }

    /// Makes a new store in a directory that does not exist.
    pub(crate) fn create(self, dir: &Path) -> Result<Box<dyn Store>> {
        (self.make.create)(dir)
    }

    /// Opens the store in a directory.
    pub(crate) fn open(self, dir: &Path) -> Result<Box<dyn Store>> {
        (self.make.open)(dir)
    }

    /// Returns the peer of this name.
    pub(crate) fn named(peers: &[Self], name: &str) -> Result<Self> {
        let found = peers.iter().find(|peer| peer.name == name);
        let found = found.copied();
        found.ok_or_else(|| format!("no peer '{name}' here").into())
    }
}

fn nowhere(_dir: &Path) -> Result<Box<dyn Store>> {
    Err("the peer is in another program".into())
}
