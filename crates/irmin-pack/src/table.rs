//! What is known of the records of the segment that is being written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use irmin_core::{Id, Kind, KindStats};

use crate::place::narrow;

/// The offset and the id of every record, by number, and the number by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) offsets: Vec<u32>,
    pub(crate) ids: Vec<Id>,
    pub(crate) commits: BTreeSet<Id>,
    pub(crate) kinds: [KindStats; 4],
    /// The numbers of the records by row, where they have gaps; else a row is a number.
    gaps: Vec<u32>,
    /// By the first eight bytes of the id: 12 bytes an object and not 36.
    numbers: HashMap<u64, u32>,
    /// Ids that share their first eight bytes with an earlier one. It takes intent to make them.
    others: BTreeMap<Id, u32>,
}

impl Table {
    /// Returns an empty table with room for so many records.
    pub(crate) fn with_capacity(records: usize) -> Self {
        Self {
            offsets: Vec::with_capacity(records),
            ids: Vec::with_capacity(records),
            numbers: HashMap::with_capacity(records),
            ..Self::default()
        }
    }

    /// Returns the number of the record in a row.
    pub(crate) fn number(&self, row: u32) -> u32 {
        self.gaps.get(row as usize).copied().unwrap_or(row)
    }

    /// Returns where the record of a number starts and where the next one does, if there is one.
    pub(crate) fn span_of(&self, number: u32) -> Option<(u32, Option<u32>)> {
        let row = match self.gaps.is_empty() {
            true => number,
            false => narrow(self.gaps.binary_search(&number).ok()?),
        };
        self.span(row)
    }

    /// Adds a record with a number that may leave a gap. Only rows of such a table have meaning:
    /// what is found by id is a row.
    pub(crate) fn push_kept(&mut self, number: u32, offset: u32, id: Id, kind: (Kind, usize)) {
        self.gaps.push(number);
        self.push(offset, id, kind.0, kind.1);
    }

    /// Adds a record without an object, of which the same holds.
    pub(crate) fn push_remnant(&mut self, number: u32, offset: u32) {
        self.gaps.push(number);
        self.offsets.push(offset);
        self.ids.push(Id::NULL);
    }

    pub(crate) fn len(&self) -> u32 {
        narrow(self.offsets.len())
    }

    /// Returns the number of the record that holds the object.
    pub(crate) fn find(&self, id: &Id) -> Option<u32> {
        let number = *self.numbers.get(&prefix(id))?;
        if self.ids.get(number as usize) == Some(id) {
            Some(number)
        } else {
            self.others.get(id).copied()
        }
    }

    /// Adds the next record. An object that is there twice is found at its last place: of a commit
    /// that was cut, a whole copy may follow.
    pub(crate) fn push(&mut self, offset: u32, id: Id, kind: Kind, payload_bytes: usize) {
        let number = self.len();
        self.offsets.push(offset);
        self.ids.push(id);
        let slot = self.numbers.entry(prefix(&id)).or_insert(number);
        if self.ids.get(*slot as usize) == Some(&id) {
            *slot = number;
        } else {
            self.others.insert(id, number);
        }
        if kind == Kind::Commit {
            self.commits.insert(id);
        }
        let stats = &mut self.kinds[usize::from(kind.code() - 1)];
        stats.objects += 1;
        stats.bytes += payload_bytes as u64;
    }

    /// Returns where the record starts and where the next one does, if there is one.
    pub(crate) fn span(&self, number: u32) -> Option<(u32, Option<u32>)> {
        let number = number as usize;
        let start = *self.offsets.get(number)?;
        Some((start, self.offsets.get(number + 1).copied()))
    }
}

fn prefix(id: &Id) -> u64 {
    let bytes = id.as_bytes().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_start_alike_are_told_apart() {
        let mut table = Table::default();
        let ids: Vec<Id> = (0..9u8)
            .map(|last| {
                let mut bytes = [7; 32];
                bytes[31] = last;
                Id::from_bytes(bytes)
            })
            .collect();
        for (number, id) in (0..8).zip(&ids) {
            table.push(number * 10, *id, Kind::Blob, 1);
        }
        table.push(1000, ids[3], Kind::Blob, 1);
        table.push(1001, ids[0], Kind::Blob, 1);
        for (number, id) in [9, 1, 2, 8, 4, 5, 6, 7].into_iter().zip(&ids) {
            assert_eq!(table.find(id), Some(number));
        }
        assert_eq!(table.find(&ids[8]), None);
    }
}
