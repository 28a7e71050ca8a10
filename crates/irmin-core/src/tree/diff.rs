//! What changed between two trees.

use super::bucket::Sub;
use super::lockstep::{At, Visitor, lockstep};
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
        let mut rows = Rows(Vec::new());
        lockstep([self, newer], &mut rows)?;
        // In order already but where directories differ in depth.
        rows.0.sort_by(|left, right| left.path.cmp(&right.path));
        let mut changes = Vec::with_capacity(rows.0.len());
        for Row { path, old, new } in rows.0 {
            push_changes(&mut changes, path, old, new)?;
        }
        Ok(changes)
    }
}

/// The places where two trees differ.
struct Rows(Vec<Row>);

struct Row {
    path: Path,
    old: Option<Entry>,
    new: Option<Entry>,
}

impl<'a> Visitor<'a, 2> for Rows {
    fn matters(&self, same: impl Fn(usize, usize) -> bool) -> bool {
        !same(0, 1)
    }

    fn entry(&mut self, at: At<'_, 'a, 2>, [old, new]: [Option<Slot<'a>>; 2]) -> Result<bool> {
        let is_dir = |slot: &Option<Slot<'a>>| {
            let sub = slot.as_ref().and_then(Slot::sub);
            matches!(sub, Some(Sub::Dir(_)))
        };
        if is_dir(&old) && is_dir(&new) {
            return Ok(true);
        }
        self.0.push(Row {
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
