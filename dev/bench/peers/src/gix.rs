//! gix: trees of two levels, objects by its API.
//!
//! Best for it: a cache for every tree, and its tree editor. It writes loose objects only, a million
//! of which take minutes and gigabytes, so the stores that it reads are packs that `git fast-import`
//! made, and W2 is not measured. It does not sync; where a workload says durable, the file system does
//! after each commit.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gix::actor::SignatureRef;
use gix::object::tree::EntryKind;
use gix::object::tree::diff::Action;
use gix::{ObjectId, Repository};
use irmin_bench::{Abilities, Peer, Reader, Result, Set, Store, serve};

/// All trees of any store here.
const CACHE_BYTES: usize = 512 << 20;

fn main() -> ExitCode {
    let abilities = Abilities {
        has_history: true,
        has_bulk_load: false,
        is_slow_in_large_directories: true,
        ..Abilities::PLAIN
    };
    serve(&[Peer::new("gix", abilities, create, open)])
}

fn create(dir: &Path) -> Result<Box<dyn Store>> {
    gix::init_bare(dir)?;
    open(dir)
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Gix {
        dir: dir.to_owned(),
        repo: Mutex::new(open_repo(dir)?),
    }))
}

fn open_repo(dir: &Path) -> Result<Repository> {
    let mut repo = gix::open_opts(dir, gix::open::Options::isolated())?;
    repo.object_cache_size(CACHE_BYTES);
    Ok(repo)
}

struct Gix {
    dir: PathBuf,
    repo: Mutex<Repository>,
}

impl Gix {
    fn repo(&self) -> MutexGuard<'_, Repository> {
        self.repo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by() -> SignatureRef<'static> {
    SignatureRef {
        name: "Bench".into(),
        email: "bench@localhost".into(),
        time: "1700000000 +0000",
    }
}

fn head(repo: &Repository, branch: &str) -> Result<Option<ObjectId>> {
    let found = repo.try_find_reference(&format!("refs/heads/{branch}"))?;
    Ok(match found {
        Some(reference) => Some(reference.id().detach()),
        None => None,
    })
}

fn must_have_head(repo: &Repository, branch: &str) -> Result<ObjectId> {
    Ok(head(repo, branch)?.ok_or(format!("no branch {branch}"))?)
}

/// Returns the tree of a branch, or of a tree's own id.
fn tree_at<'a>(repo: &'a Repository, at: &str) -> Result<gix::Tree<'a>> {
    match head(repo, at)? {
        Some(commit) => Ok(repo.find_commit(commit)?.tree()?),
        None => Ok(repo.find_tree(ObjectId::from_hex(at.as_bytes())?)?),
    }
}

/// Commits entries over a branch.
fn commit(repo: &Repository, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
    let parent = head(repo, branch)?;
    let base = match parent {
        Some(parent) => repo.find_commit(parent)?.tree()?,
        None => repo.empty_tree(),
    };
    let mut tree = base.edit()?;
    for (key, value) in entries {
        tree.upsert(key, EntryKind::Blob, repo.write_blob(value)?)?;
    }
    let tree = tree.write()?.detach();
    let name = format!("refs/heads/{branch}");
    repo.commit_as(by(), by(), name, "bench", tree, parent)?;
    Ok(())
}

impl Store for Gix {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let mut child = Command::new("git")
            .arg("--git-dir")
            .arg(&self.dir)
            .args(["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()?;
        let pipe = child.stdin.take().ok_or("no pipe")?;
        let mut pipe = std::io::BufWriter::with_capacity(1 << 16, pipe);
        pipe.write_all(
            b"commit refs/heads/main\ncommitter Bench <bench@localhost> 1700000000 +0000\n\
              data 5\nbench\n",
        )?;
        for (key, value) in entries {
            writeln!(pipe, "M 100644 inline {key}\ndata {}", value.len())?;
            pipe.write_all(&value)?;
            pipe.write_all(b"\n")?;
        }
        pipe.flush()?;
        drop(pipe);
        if !child.wait()?.success() {
            return Err("git fast-import failed".into());
        }
        self.repo = Mutex::new(open_repo(&self.dir)?);
        Ok(())
    }

    fn commit_each(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        let dir = std::fs::File::open(&self.dir)?;
        let repo = self.repo();
        for entry in entries {
            commit(&repo, branch, &mut std::iter::once(entry))?;
            if durable {
                rustix::fs::syncfs(&dir)?;
            }
        }
        Ok(())
    }

    fn commit_all(&mut self, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        commit(&self.repo(), branch, entries)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(rustix::fs::syncfs(std::fs::File::open(&self.dir)?)?)
    }

    fn reader(&self, at: &str) -> Result<Box<dyn Reader + '_>> {
        let repo = open_repo(&self.dir)?;
        let root = tree_at(&repo, at)?.id;
        Ok(Box::new(Snapshot { repo, root }))
    }

    fn fork(&mut self, from: &str, to: &str) -> Result<()> {
        let repo = self.repo();
        let head = must_have_head(&repo, from)?;
        let new = gix::refs::transaction::PreviousValue::MustNotExist;
        repo.reference(format!("refs/heads/{to}"), head, new, "bench")?;
        Ok(())
    }

    fn merge(&mut self, ours: &str, theirs: &str) -> Result<String> {
        let repo = self.repo();
        let [left, right] = [ours, theirs].map(|name| must_have_head(&repo, name));
        let (left, right) = (left?, right?);
        let options = repo.tree_merge_options()?.with_rewrites(None);
        let merged = repo.merge_commits(left, right, Default::default(), options.into())?;
        let mut merged = merged.tree_merge;
        if !merged.conflicts.is_empty() {
            return Err("a clean merge expected".into());
        }
        let tree = merged.tree.write()?.detach();
        repo.new_commit_as(by(), by(), "merge", tree, [left, right])?;
        Ok(tree.to_string())
    }

    fn merge_base(&self, left: &str, right: &str) -> Result<String> {
        let repo = self.repo();
        let [left, right] = [left, right].map(|name| must_have_head(&repo, name));
        let base = repo.merge_base(left?, right?)?;
        Ok(base.ok_or("no merge base")?.to_string())
    }

    fn head(&self, branch: &str) -> Result<String> {
        Ok(must_have_head(&self.repo(), branch)?.to_string())
    }

    fn diff(&self, old: &str, new: &str) -> Result<Vec<String>> {
        let repo = self.repo();
        let (old, new) = (tree_at(&repo, old)?, tree_at(&repo, new)?);
        let mut paths = Vec::new();
        let mut changes = old.changes()?;
        changes.options(|options| {
            options.track_path().track_rewrites(None);
        });
        changes.for_each_to_obtain_tree(&new, |change| {
            if !change.entry_mode().is_tree() {
                paths.push(change.location().to_string());
            }
            Ok(Action::Continue(()))
        })?;
        Ok(paths)
    }
}

struct Snapshot {
    repo: Repository,
    root: ObjectId,
}

impl Reader for Snapshot {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let root = self.repo.find_tree(self.root)?;
        let Some(entry) = root.lookup_entry(key.split('/'))? else {
            return Ok(false);
        };
        look(&entry.object()?.data);
        Ok(true)
    }
}
