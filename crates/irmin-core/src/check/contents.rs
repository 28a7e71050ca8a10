//! What the trees of commits hold: directories and values.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::Check;
use crate::error::Result;
use crate::tree::Difference;
use crate::{Blob, Entry, Id, Key, Path, Tree};

/// The tree of a commit.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) tree: Key,
    pub(super) generation: u32,
    /// The tree of the first of its parents that has one.
    pub(super) base: Option<Key>,
}

impl Check<'_> {
    /// Visits all directories, each once, those of older commits first.
    ///
    /// A tree is compared with that of a parent, and only what differs is looked at: after `Wgn`, whose
    /// commits change a few entries each, a third of the time a commit, or less, that it took to build each
    /// directory anew.
    pub(super) fn directories(&mut self, mut roots: Vec<Root>) -> Result<()> {
        roots.sort_unstable_by_key(|root| (root.generation, root.tree.id));
        let mut seen = HashSet::new();
        for root in roots {
            if seen.contains(&root.tree.id) || self.differs_well(&root, &mut seen)? {
                continue;
            }
            self.tree(root.tree, &mut seen)?;
        }
        Ok(())
    }

    /// Visits the directories of a tree that were not seen before.
    fn tree(&mut self, root: Key, seen: &mut HashSet<Id>) -> Result<()> {
        seen.insert(root.id);
        let mut pending = vec![Tree::load(self.repo.objects(), root)];
        while let Some(dir) = pending.pop() {
            let id = dir.id()?;
            self.report.directories += 1;
            let mut below = Vec::new();
            if let Err(error) = self.directory(&dir, &mut below) {
                self.damaged(format!("directory {id}"), error)?;
            }
            drop(dir);
            for entry in below {
                if !seen.insert(entry.id()?) {
                    continue;
                }
                match entry {
                    Entry::Tree(tree) => pending.push(tree.unloaded()),
                    Entry::Blob(blob) => self.blob(&blob)?,
                }
            }
            self.tell();
        }
        Ok(())
    }

    /// Checks a tree by what it differs in from its base, if that was found to be in order. Returns `false`
    /// when it has to be looked at as a whole, to tell what is wrong or because there is no such base.
    ///
    /// The base with what differs put into it has the one shape that its entries give it. When that has
    /// the id of the tree, the tree is the same to the byte, whatever was made of it to compare them.
    fn differs_well(&mut self, root: &Root, seen: &mut HashSet<Id>) -> Result<bool> {
        let base = root.base.filter(|base| seen.contains(&base.id));
        let Some(base) = base.filter(|_| self.report.is_clean()) else {
            return Ok(false);
        };
        let store = self.repo.objects();
        let old = Tree::load(Arc::clone(&store), base);
        let new = Tree::load(store, root.tree);
        // What cannot be read is told by looking at the whole.
        let Ok(Some(changed)) = changed(&old, &new) else {
            return Ok(false);
        };
        for (id, len) in changed.directories {
            if seen.insert(id) {
                self.report.directories += 1;
                self.report.entries += len;
            }
        }
        for blob in changed.blobs {
            if seen.insert(blob.id()) {
                self.blob(&blob)?;
            }
        }
        self.tell();
        Ok(true)
    }

    /// Builds a directory anew from its entries: it must come out the same.
    fn directory(&mut self, dir: &Tree, below: &mut Vec<Entry>) -> Result<()> {
        let id = dir.id()?;
        let mut anew = Tree::empty();
        for entry in dir.unloaded().entries()? {
            let (step, entry) = entry?;
            self.report.entries += 1;
            anew.set(&Path::root().child(step), entry.clone())?;
            let is_inline = matches!(&entry, Entry::Blob(blob) if blob.is_inline());
            if !is_inline {
                below.push(entry);
            }
        }
        let expected = anew.id()?;
        if expected != id {
            let expected = format!("the shape that its entries give it, {expected}");
            self.problem(format!("directory {id}"), &expected, "another one");
        }
        Ok(())
    }

    fn blob(&mut self, blob: &Blob) -> Result<()> {
        self.report.blobs += 1;
        let thing = || format!("value {}", blob.id());
        let mut count = Count(0);
        match blob.copy_to(&mut count) {
            Ok(()) if count.0 == blob.size() => {}
            Ok(()) => {
                let expected = format!("{} bytes", blob.size());
                self.problem(thing(), &expected, &count.0.to_string());
            }
            Err(error) => self.damaged(thing(), error)?,
        }
        Ok(())
    }
}

/// What a tree has that another one has not.
#[derive(Default)]
struct Changed {
    /// Directories, with the numbers of their entries; some may be those of the other one.
    directories: Vec<(Id, u64)>,
    /// Values outside of directories.
    blobs: Vec<Blob>,
}

/// Compares two trees; `None` if the new one is not what it should be, given that the old one is.
fn changed(old: &Tree, new: &Tree) -> Result<Option<Changed>> {
    let mut found = Changed::default();
    let mut anew = old.clone();
    let mut dirs = HashSet::new();
    let changes = old.diff(new)?;
    for change in &changes {
        if let Difference::Removed(_) = change.difference {
            anew.remove(&change.path)?;
        }
        // Without changes of its own no directory changes.
        let mut above = change.path.parent().map(|(above, _)| above);
        while let Some(dir) = above.filter(|dir| !dirs.contains(dir)) {
            above = dir.parent().map(|(above, _)| above);
            dirs.insert(dir);
        }
    }
    for change in changes {
        if let Difference::Added(blob) | Difference::Modified { new: blob, .. } = change.difference
        {
            anew.set(&change.path, blob.clone())?;
            if !blob.is_inline() {
                found.blobs.push(blob);
            }
        }
    }
    if anew.id()? != new.id()? {
        return Ok(None);
    }
    dirs.insert(Path::root());
    for path in dirs {
        if let Some(dir) = new.get_tree(&path)? {
            found.directories.push((dir.id()?, dir.len()?));
        }
    }
    Ok(Some(found))
}

/// Counts what is written to it.
struct Count(u64);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
