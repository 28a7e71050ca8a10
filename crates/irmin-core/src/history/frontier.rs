//! The edge of a walk: commits seen but not yet looked at, by generation.

use std::collections::BinaryHeap;

use super::HistoryError;
use crate::Key;
use crate::graph::{Number, Table, index};

/// The bit that a frontier keeps for itself: the commit is or was in it.
const SEEN: u8 = 1 << 7;

/// Hands out commits by falling generation, each once, with the marks that its descendants left.
///
/// A commit's generation is larger than those of all its ancestors, so when it is handed out,
/// every descendant that the walk reaches has been, and its marks are final.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    /// Loaded commits: generation in the upper half, number in the lower.
    heap: BinaryHeap<u64>,
    /// Commits whose generation is not known yet.
    pending: Vec<Number>,
    /// No pending commit has a larger generation.
    pending_generation_max: u32,
    /// The walk has stopped for the pending commits: when it goes on, they are loaded.
    waiting: bool,
    marks: Vec<u8>,
}

/// What comes next in a walk.
pub(super) enum Next {
    /// This commit.
    Commit(Number),
    /// It is not known before the pending commits are loaded.
    Unknown,
    /// Nothing: the walk is at its end, or at the generation where it should pause.
    End,
}

impl Frontier {
    /// Adds a commit where a walk starts, which must be loaded, and returns the marks that it had
    /// if it was in the frontier.
    pub(super) fn start(&mut self, table: &Table, number: Number, marks: u8) -> Option<u8> {
        self.add(table, number, marks, 0)
    }

    /// Adds a parent of `child` and returns the marks that it had if it was in the frontier.
    ///
    /// # Errors
    /// [`HistoryError::Generation`] when its generation is not smaller than the child's.
    pub(super) fn add_parent(
        &mut self,
        table: &Table,
        child: Number,
        parent: Number,
        marks: u8,
    ) -> Result<Option<u8>, HistoryError> {
        let generation = table.generation(child);
        if table.generation(parent) >= generation {
            let id = table.key(child).id;
            return Err(HistoryError::Generation { id });
        }
        Ok(self.add(table, parent, marks, generation - 1))
    }

    fn add(&mut self, table: &Table, number: Number, marks: u8, generation_max: u32) -> Option<u8> {
        if self.marks.len() <= index(number) {
            self.marks.resize(table.len(), 0);
        }
        let slot = &mut self.marks[index(number)];
        let before = *slot;
        *slot |= marks | SEEN;
        if before & SEEN != 0 {
            return Some(before & !SEEN);
        }
        if table.is_loaded(number) {
            self.heap.push(entry(table, number));
        } else {
            self.pending.push(number);
            self.pending_generation_max = self.pending_generation_max.max(generation_max);
        }
        None
    }

    /// Takes the commit of the largest generation, if that is larger than `above`.
    ///
    /// # Errors
    /// [`HistoryError::Generation`] when a commit that was pending turns out to have a larger
    /// generation than its child allows.
    pub(super) fn next(&mut self, table: &Table, above: u32) -> Result<Next, HistoryError> {
        if std::mem::take(&mut self.waiting) {
            self.settle(table)?;
        }
        let top = self.heap.peek().map_or(0, |&top| generation_of(top));
        if self.pending_generation_max > top.max(above) {
            return Ok(Next::Unknown);
        }
        if top <= above {
            return Ok(Next::End);
        }
        let top = self.heap.pop();
        Ok(top.map_or(Next::End, |top| Next::Commit(number_of(top))))
    }

    /// Moves the pending commits, now loaded, into the heap.
    fn settle(&mut self, table: &Table) -> Result<(), HistoryError> {
        let generation_max = std::mem::take(&mut self.pending_generation_max);
        for number in self.pending.drain(..) {
            let generation = table.generation(number);
            if generation == 0 || generation > generation_max {
                let id = table.key(number).id;
                return Err(HistoryError::Generation { id });
            }
            self.heap.push(entry(table, number));
        }
        Ok(())
    }

    /// Returns the marks of a commit.
    pub(super) fn marks(&self, number: Number) -> u8 {
        self.marks
            .get(index(number))
            .map_or(0, |marks| marks & !SEEN)
    }

    /// Returns the keys of the pending commits, which must be loaded before the next call.
    pub(super) fn request(&mut self, table: &Table) -> Vec<Key> {
        self.waiting = true;
        self.pending
            .iter()
            .map(|&number| table.key(number))
            .collect()
    }
}

fn entry(table: &Table, number: Number) -> u64 {
    u64::from(table.generation(number)) << 32 | u64::from(number)
}

const fn generation_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

const fn number_of(entry: u64) -> Number {
    // The lower half is the number.
    #[expect(clippy::cast_possible_truncation)]
    let number = entry as u32;
    number
}
