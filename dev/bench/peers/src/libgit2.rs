//! libgit2: trees of two levels, objects by its API.
//!
//! Best for it: its strict checks are off and its cache holds every tree (by default it keeps none
//! of those that are measured: reads take 30 times as long); a bulk load collects objects in memory
//! and indexes them as one pack. Commits write loose objects; where a workload says durable, each is
//! synced.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use git2::build::{CloneLocal, RepoBuilder, TreeUpdateBuilder};
use git2::{
    Buf, Commit, FileMode, Indexer, ObjectType, Oid, Repository, RepositoryInitOptions, Signature,
    Time, Tree, opts as settings,
};
use irmin_bench::{Abilities, Failure, Peer, Reader, Result, Set, Store, serve};

/// The largest object that is kept in memory, and how much of them: all trees of any store here.
const CACHED_OBJECT_BYTES: usize = 4 << 20;
const CACHE_BYTES: isize = 512 << 20;
/// Objects go to memory before they go to the directory.
const MEMORY_PRIORITY: i32 = 1000;

fn main() -> ExitCode {
    settings::strict_object_creation(false);
    settings::strict_hash_verification(false);
    #[expect(unsafe_code, reason = "no other thread runs yet")]
    let set = unsafe {
        settings::set_cache_object_limit(ObjectType::Tree, CACHED_OBJECT_BYTES)
            .and_then(|()| settings::set_cache_object_limit(ObjectType::Blob, CACHED_OBJECT_BYTES))
            .and_then(|()| settings::set_cache_max_size(CACHE_BYTES))
    };
    let abilities = Abilities {
        has_history: true,
        is_slow_in_large_directories: true,
        can_clone: true,
        ..Abilities::PLAIN
    };
    match set {
        Ok(()) => serve(&[Peer::new("libgit2", abilities, create, open)]),
        Err(_) => ExitCode::FAILURE,
    }
}

fn create(dir: &Path) -> Result<Box<dyn Store>> {
    let mut options = RepositoryInitOptions::new();
    // A clone makes the branch that the origin's HEAD names.
    options.bare(true).initial_head("main");
    Repository::init_opts(dir, &options)?;
    open(dir)
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Libgit2 {
        dir: dir.to_owned(),
        repo: Mutex::new(Repository::open_bare(dir)?),
    }))
}

struct Libgit2 {
    dir: PathBuf,
    repo: Mutex<Repository>,
}

impl Libgit2 {
    fn repo(&self) -> MutexGuard<'_, Repository> {
        self.repo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the repository anew, for commits that are durable or not.
    fn reopen(&mut self, durable: bool) -> Result<()> {
        let mut config = self.repo().config()?;
        config.set_bool("core.fsyncObjectFiles", durable)?;
        self.repo = Mutex::new(Repository::open_bare(&self.dir)?);
        Ok(())
    }
}

fn signature() -> Result<Signature<'static>> {
    let time = Time::new(1_700_000_000, 0);
    Ok(Signature::new("Bench", "bench@localhost", &time)?)
}

fn head<'a>(repo: &'a Repository, branch: &str) -> Result<Option<Commit<'a>>> {
    match repo.find_reference(&format!("refs/heads/{branch}")) {
        Ok(reference) => Ok(Some(reference.peel_to_commit()?)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn must_have_head<'a>(repo: &'a Repository, branch: &str) -> Result<Commit<'a>> {
    Ok(head(repo, branch)?.ok_or(format!("no branch {branch}"))?)
}

/// Returns the tree of a branch, or of a commit.
fn tree_at<'a>(repo: &'a Repository, at: &str) -> Result<Tree<'a>> {
    Ok(repo.revparse_single(at)?.peel_to_tree()?)
}

/// Commits entries over a branch.
fn commit(repo: &Repository, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
    let mut update = TreeUpdateBuilder::new();
    for (key, value) in entries {
        update.upsert(key, repo.blob(&value)?, FileMode::Blob);
    }
    let parent = head(repo, branch)?;
    let base = match &parent {
        Some(parent) => parent.tree()?,
        None => repo.find_tree(repo.treebuilder(None)?.write()?)?,
    };
    let tree = repo.find_tree(update.create_updated(repo, &base)?)?;
    let name = format!("refs/heads/{branch}");
    let parents: Vec<_> = parent.iter().collect();
    let by = signature()?;
    repo.commit(Some(&name), &by, &by, "bench", &tree, &parents)?;
    Ok(())
}

/// Writes blobs and trees of two levels; returns the root's id.
fn write_trees(repo: &Repository, entries: &mut dyn Iterator<Item = Set>) -> Result<Oid> {
    let mut root = repo.treebuilder(None)?;
    let mut dir = repo.treebuilder(None)?;
    let mut dir_name = String::new();
    for (key, value) in entries {
        let (parent, name) = key.split_once('/').ok_or("no directory in a key")?;
        if parent != dir_name {
            if !dir.is_empty() {
                root.insert(&dir_name, dir.write()?, FileMode::Tree.into())?;
                dir.clear()?;
            }
            parent.clone_into(&mut dir_name);
        }
        dir.insert(name, repo.blob(&value)?, FileMode::Blob.into())?;
    }
    root.insert(&dir_name, dir.write()?, FileMode::Tree.into())?;
    Ok(root.write()?)
}

/// Makes one pack of a commit of all entries, and syncs it; returns the commit's id.
fn load_pack(dir: &Path, entries: &mut dyn Iterator<Item = Set>) -> Result<Oid> {
    let repo = Repository::open_bare(dir)?;
    let objects = repo.odb()?;
    let memory = objects.add_new_mempack_backend(MEMORY_PRIORITY)?;
    let tree = repo.find_tree(write_trees(&repo, entries)?)?;
    let by = signature()?;
    let id = repo.commit(None, &by, &by, "bench", &tree, &[])?;
    let mut pack = Buf::new();
    memory.dump(&repo, &mut pack)?;
    let packs = dir.join("objects/pack");
    let mut indexer = Indexer::new(None, &packs, 0, false)?;
    indexer.write_all(&pack)?;
    let name = indexer.commit()?;
    for ending in ["pack", "idx"] {
        std::fs::File::open(packs.join(format!("pack-{name}.{ending}")))?.sync_all()?;
    }
    Ok(id)
}

impl Store for Libgit2 {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let id = load_pack(&self.dir, entries)?;
        self.reopen(false)?;
        self.repo()
            .reference("refs/heads/main", id, true, "bench")?;
        Ok(())
    }

    fn commit_each(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        self.reopen(durable)?;
        let repo = self.repo();
        for entry in entries {
            commit(&repo, branch, &mut std::iter::once(entry))?;
        }
        Ok(())
    }

    fn commit_all(&mut self, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.reopen(false)?;
        commit(&self.repo(), branch, entries)
    }

    fn sync(&mut self) -> Result<()> {
        // It has no command for this; the file system's own is the fastest for thousands of files.
        let dir = std::fs::File::open(&self.dir)?;
        Ok(rustix::fs::syncfs(dir)?)
    }

    fn reader(&self, at: &str) -> Result<Box<dyn Reader + '_>> {
        let repo = Repository::open_bare(&self.dir)?;
        let root = tree_at(&repo, at)?.id();
        Ok(Box::new(Snapshot { repo, root }))
    }

    fn fork(&mut self, from: &str, to: &str) -> Result<()> {
        let repo = self.repo();
        repo.branch(to, &must_have_head(&repo, from)?, false)?;
        Ok(())
    }

    fn merge(&mut self, ours: &str, theirs: &str) -> Result<String> {
        let repo = self.repo();
        let [left, right] = [ours, theirs].map(|name| must_have_head(&repo, name));
        let (left, right) = (left?, right?);
        let mut index = repo.merge_commits(&left, &right, None)?;
        if index.has_conflicts() {
            return Err("a clean merge expected".into());
        }
        let tree = repo.find_tree(index.write_tree_to(&repo)?)?;
        let by = signature()?;
        let id = repo.commit(None, &by, &by, "merge", &tree, &[&left, &right])?;
        Ok(id.to_string())
    }

    fn merge_base(&self, left: &str, right: &str) -> Result<String> {
        let repo = self.repo();
        let [left, right] = [left, right].map(|name| must_have_head(&repo, name));
        Ok(repo.merge_base(left?.id(), right?.id())?.to_string())
    }

    fn head(&self, branch: &str) -> Result<String> {
        Ok(must_have_head(&self.repo(), branch)?.id().to_string())
    }

    fn diff(&self, old: &str, new: &str) -> Result<Vec<String>> {
        let repo = self.repo();
        let (old, new) = (tree_at(&repo, old)?, tree_at(&repo, new)?);
        let diff = repo.diff_tree_to_tree(Some(&old), Some(&new), None)?;
        let paths = diff.deltas().map(|delta| {
            let path = delta.new_file().path().and_then(Path::to_str);
            path.map(str::to_owned).ok_or(Failure::from("no path"))
        });
        paths.collect()
    }

    fn clone_to(&self, to: &Path) -> Result<Box<dyn Store>> {
        let from = self.dir.to_str().ok_or("no text")?;
        let mut builder = RepoBuilder::new();
        // Not by linking files: objects go through the transport and are verified.
        builder.bare(true).clone_local(CloneLocal::None);
        builder.clone(from, to)?;
        open(to)
    }

    fn fetch(&mut self, from: &Path) -> Result<String> {
        let repo = self.repo();
        let mut remote = repo.remote_anonymous(from.to_str().ok_or("no text")?)?;
        let at = "refs/remotes/origin/main";
        remote.fetch(&[format!("+refs/heads/main:{at}")], None, None)?;
        Ok(at.to_owned())
    }
}

struct Snapshot {
    repo: Repository,
    root: Oid,
}

impl Reader for Snapshot {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let mut tree = self.repo.find_tree(self.root)?;
        let (dirs, name) = key.rsplit_once('/').unwrap_or_default();
        for dir in dirs.split('/') {
            let Some(id) = tree.get_name(dir).map(|entry| entry.id()) else {
                return Ok(false);
            };
            tree = self.repo.find_tree(id)?;
        }
        let Some(id) = tree.get_name(name).map(|entry| entry.id()) else {
            return Ok(false);
        };
        look(self.repo.find_blob(id)?.content());
        Ok(true)
    }
}
