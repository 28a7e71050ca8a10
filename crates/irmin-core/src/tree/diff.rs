//! What changed between two trees.

use super::bucket::Sub;
use super::lockstep::{At, Side, Visitor, lockstep};
use super::nibbles::NameBuf;
use super::rows::Slot;
use super::{Blob, Entry, Tree, WalkOptions};
use crate::Path;
use crate::error::Result;

/// What happened to one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: Path,
    /// What.
    pub difference: Difference,
}

/// How two trees differ at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the new tree has a blob here.
    Added(Blob),
    /// Only the old tree has a blob here.
    Removed(Blob),
    /// Both have one, with another content or mode.
    Modified {
        /// In the old tree.
        old: Blob,
        /// In the new tree.
        new: Blob,
    },
}

impl Tree {
    /// Lists the blobs that differ between this tree and a newer one, by path. Renames are not
    /// detected: they are a removal and an addition.
    ///
    /// Visits only what differs: reads are proportional to the number of differences and come in
    /// rounds of many nodes.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn diff(&self, newer: &Self) -> Result<Vec<Change>> {
        let mut rows = Rows {
            found: Vec::new(),
            max: usize::MAX,
        };
        lockstep([self, newer], &mut rows)?;
        let mut rows = rows.found;
        // In order already but where directories differ in depth.
        rows.sort_by(|left, right| left.path.cmp(&right.path));
        let mut changes = Vec::with_capacity(rows.len());
        for Row { path, old, new } in rows {
            push_changes(&mut changes, path, old, new)?;
        }
        Ok(changes)
    }

    /// Lists the places where this tree and a newer one differ, in no order: of blobs, and of whole
    /// directories that only one of them has, of which what is below is not listed. `None` if there
    /// are more than `max`: it stops looking then.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub fn diff_paths(&self, newer: &Self, max: usize) -> Result<Option<Vec<Path>>> {
        let mut rows = Rows {
            found: Vec::new(),
            max,
        };
        lockstep([self, newer], &mut rows)?;
        let is_all = !rows.is_full();
        Ok(is_all.then(|| rows.found.into_iter().map(|row| row.path).collect()))
    }
}

/// The places where two trees differ, until there are more than enough.
struct Rows {
    found: Vec<Row>,
    max: usize,
}

impl Rows {
    fn is_full(&self) -> bool {
        self.found.len() > self.max
    }
}

struct Row {
    path: Path,
    old: Option<Entry>,
    new: Option<Entry>,
}

impl<'a> Visitor<'a, 2> for Rows {
    fn matters(&self, same: impl Fn(usize, usize) -> bool) -> bool {
        !same(0, 1)
    }

    fn look(&mut self, _dir: usize, _name: &NameBuf, _sides: &[Option<Side<'a>>; 2]) -> bool {
        !self.is_full()
    }

    fn entry(&mut self, at: At<'_, 'a, 2>, [old, new]: [Option<Slot<'a>>; 2]) -> Result<bool> {
        if self.is_full() {
            return Ok(false);
        }
        let is_dir = |slot: &Option<Slot<'a>>| {
            let sub = slot.as_ref().and_then(Slot::sub);
            matches!(sub, Some(Sub::Dir(_)))
        };
        if is_dir(&old) && is_dir(&new) {
            return Ok(true);
        }
        self.found.push(Row {
            path: at.path()?,
            old: at.value(0, old),
            new: at.value(1, new),
        });
        Ok(false)
    }
}

/// Adds the changes of one place; a whole directory is one change for each blob below.
fn push_changes(
    changes: &mut Vec<Change>,
    path: Path,
    old: Option<Entry>,
    new: Option<Entry>,
) -> Result<()> {
    match (old, new) {
        (Some(Entry::Blob(old)), Some(Entry::Blob(new))) => {
            changes.push(Change {
                path,
                difference: Difference::Modified { old, new },
            });
        }
        // A value comes before what is below its path.
        (old @ Some(Entry::Tree(_)), new @ Some(Entry::Blob(_))) => {
            push_all(changes, &path, new, Difference::Added)?;
            push_all(changes, &path, old, Difference::Removed)?;
        }
        (old, new) => {
            push_all(changes, &path, old, Difference::Removed)?;
            push_all(changes, &path, new, Difference::Added)?;
        }
    }
    Ok(())
}

fn push_all(
    changes: &mut Vec<Change>,
    path: &Path,
    entry: Option<Entry>,
    difference: fn(Blob) -> Difference,
) -> Result<()> {
    match entry {
        None => {}
        Some(Entry::Blob(blob)) => {
            changes.push(Change {
                path: path.clone(),
                difference: difference(blob),
            });
        }
        Some(Entry::Tree(tree)) => {
            for found in tree.walk(WalkOptions::default()) {
                let (below, entry) = found?;
                if let Entry::Blob(blob) = entry {
                    let path = path.join(&below);
                    changes.push(Change {
                        path,
                        difference: difference(blob),
                    });
                }
            }
        }
    }
    Ok(())
}
