//! A tree made of three: what one side has, with what the other one changed.
//!
//! Where only the other side changed a part of a directory, its nodes are taken as they are, unread.
//! What else becomes of the entries that differ is for the caller to say.

use std::sync::Arc;

use super::bucket::{Sub, Value};
use super::graft::{Graft, graft};
use super::link::Link;
use super::lockstep::{At, Dir, Side, Visitor, lockstep, same_slot};
use super::nibbles::NameBuf;
use super::rows::Slot;
use super::{Entry, Tree, dir};
use crate::Path;
use crate::error::Result;
use crate::short::Short;

/// What becomes of an entry.
pub(crate) enum Verdict {
    /// It stays as our side has it.
    Keep,
    /// It becomes another one, or nothing.
    Put(Option<Entry>),
    /// What is below decides, where the sides have directories; a side with a blob has nothing.
    Enter,
}

/// Decides what becomes of an entry of which base, ours and theirs are not known to be the same.
pub(crate) type Decide<'d> =
    &'d mut dyn FnMut(&dyn Fn() -> Result<Path>, [Option<Entry>; 3]) -> Result<Verdict>;

/// Combines `[base, ours, theirs]`. Entries where theirs is the same as base, or as ours, stay as they
/// are; the latter are asked about too if that `adds_up`.
pub(crate) fn combine(trees: [&Tree; 3], adds_up: bool, decide: Decide<'_>) -> Result<Tree> {
    let [_, ours, theirs] = trees;
    let mut combined = ours.clone();
    let mut combine = Combine {
        adds_up,
        can_share: combined.can_share(theirs),
        decide,
        edits: Vec::new(),
        combined: &mut combined,
    };
    let dirs = lockstep(trees, &mut combine)?;
    let edits = combine.edits;
    combined.change_dirs(&dirs, edits)?;
    Ok(combined)
}

struct Combine<'a, 'c> {
    adds_up: bool,
    /// Whether nodes of theirs can be in our tree.
    can_share: bool,
    decide: Decide<'c>,
    /// By the number of the directory.
    edits: Vec<Edits<'a>>,
    combined: &'c mut Tree,
}

/// What changes in one directory of ours.
#[derive(Default)]
struct Edits<'a> {
    grafts: Vec<Graft<'a>>,
    entries: Vec<(Short, Option<Value>)>,
}

impl<'a> Combine<'a, '_> {
    fn edits(&mut self, dir: usize) -> &mut Edits<'a> {
        if self.edits.len() <= dir {
            self.edits.resize_with(dir + 1, Edits::default);
        }
        &mut self.edits[dir]
    }
}

impl<'a> Visitor<'a, 3> for Combine<'a, '_> {
    fn matters(&self, same: impl Fn(usize, usize) -> bool) -> bool {
        !same(0, 2) && (!same(1, 2) || (self.adds_up && !same(0, 1)))
    }

    fn look(&mut self, dir: usize, name: &NameBuf, sides: &[Option<Side<'a>>; 3]) -> bool {
        let [Some(base), Some(ours), Some(theirs)] = sides else {
            return true;
        };
        if !self.can_share || !base.same(ours) || !ours.is_child() {
            return true;
        }
        let Some(child) = theirs.as_child() else {
            return true;
        };
        let graft = Graft::new(name, child);
        self.edits(dir).grafts.push(graft);
        false
    }

    fn entry(&mut self, at: At<'_, 'a, 3>, slots: [Option<Slot<'a>>; 3]) -> Result<bool> {
        let [base, ours, theirs] = slots;
        if self.can_share && same_slot(&slots, 0, 1) {
            let edit = (Short::new(at.name), theirs.map(Slot::to_value));
            self.edits(at.dir).entries.push(edit);
            return Ok(false);
        }
        let entries = [at.value(0, base), at.value(1, ours), at.value(2, theirs)];
        match (self.decide)(&|| at.path(), entries)? {
            Verdict::Keep => Ok(false),
            Verdict::Enter => Ok(true),
            Verdict::Put(entry) => {
                let own = |entry| Ok::<_, crate::Error>(self.combined.own(entry)?.to_value());
                let value = entry.map(own).transpose()?;
                let edit = (Short::new(at.name), value);
                self.edits(at.dir).entries.push(edit);
                Ok(false)
            }
        }
    }
}

impl Tree {
    /// Tells whether nodes of another tree can be in this one: of the same store, or of one that this
    /// tree can have.
    fn can_share(&mut self, other: &Self) -> bool {
        match (&self.store, &other.store) {
            (Some(own), Some(other)) => own.store_id() == other.store_id(),
            (None, Some(_)) => {
                self.store.clone_from(&other.store);
                true
            }
            (_, None) => true,
        }
    }

    /// Changes directories from the bottom, so that each is put once into the one above.
    fn change_dirs(&mut self, dirs: &[Dir<'_, 3>], mut edits: Vec<Edits<'_>>) -> Result<()> {
        while let Some(mut own) = edits.pop() {
            if own.grafts.is_empty() && own.entries.is_empty() {
                continue;
            }
            let number = edits.len();
            let Dir {
                above, name, roots, ..
            } = &dirs[number];
            let mut root = roots[1].map_or_else(dir::empty, Link::clone);
            graft(&mut root, &self.store, &mut own.grafts)?;
            for (name, value) in own.entries {
                self.put_entry(&mut root, &name, value)?;
            }
            if number == 0 {
                self.root = Arc::new(root);
                break;
            }
            let is_empty = root.node(&self.store)?.len() == 0;
            let value = (!is_empty).then(|| Value::Dir(Arc::new(root)));
            edits[*above].entries.push((name.clone(), value));
        }
        Ok(())
    }

    /// Makes a name of a directory lead to a value or to nothing.
    fn put_entry(&self, root: &mut Link, name: &[u8], value: Option<Value>) -> Result<()> {
        let Some(value) = value else {
            if dir::find(root, &self.store, name)?.is_some() {
                dir::remove(root, &self.store, name)?;
            }
            return Ok(());
        };
        if let Value::Dir(below) = &value
            && let Some(Sub::Dir(_)) = dir::find(root, &self.store, name)?.and_then(|s| s.sub())
            && let Some(place) = dir::dir_mut(root, &self.store, name)?
        {
            *place = Arc::clone(below);
            return Ok(());
        }
        dir::put(root, &self.store, name, value)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
