//! What is known of the records of the segment that is being written.

use std::sync::Arc;

use irmin_core::{Id, Kind, KindStats, StoreError};

use crate::index::Index;
use crate::place::narrow;
use crate::sidecar::{Entry, prefix};
use crate::tables::Tables;

/// The offset of every record by number, and the numbers by id: what the sidecar covers is looked up
/// there, the rest takes about 20 bytes a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The first records, as the sidecar has them.
    base: Option<Arc<Tables>>,
    /// How many they are.
    base_len: u32,
    offsets: Vec<u32>,
    /// The numbers of the records, where they have gaps.
    gaps: Vec<u32>,
    index: Index,
    /// The entries of records without an object: alike to the index, which finds by ids.
    remnants: Vec<Entry>,
    pub(crate) kinds: [KindStats; 4],
    /// The ids of the last records, which are looked for most: those need no reading to be told apart.
    recent: Vec<Id>,
}

impl Table {
    /// Returns a table that goes on where a sidecar ends.
    pub(crate) fn after(base: Arc<Tables>) -> Self {
        let meta = base.meta();
        Self {
            base_len: meta.covered.records,
            kinds: meta.kinds,
            base: Some(base),
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.base_len + narrow(self.offsets.len())
    }

    /// Adds the next record.
    pub(crate) fn push(&mut self, offset: u32, id: Id, kind: Kind, payload_bytes: usize) {
        self.add(self.len(), offset, id, (kind, payload_bytes));
    }

    /// Adds a record with a number that may leave a gap. Such a table is only good for making a sidecar
    /// of it.
    pub(crate) fn push_kept(&mut self, number: u32, offset: u32, id: Id, kind: (Kind, usize)) {
        self.gaps.push(number);
        self.add(number, offset, id, kind);
    }

    /// Adds a record without an object to such a table.
    pub(crate) fn push_remnant(&mut self, number: u32, offset: u32) {
        self.gaps.push(number);
        self.offsets.push(offset);
        self.remnants.push(Entry::remnant(number));
        self.recent.clear();
    }

    fn add(&mut self, number: u32, offset: u32, id: Id, (kind, payload_bytes): (Kind, usize)) {
        self.offsets.push(offset);
        let is_commit = kind == Kind::Commit;
        self.index
            .insert(Entry::new(prefix(&id), number, is_commit));
        if self.recent.len() >= 2 * RECENT {
            self.recent.drain(..RECENT);
        }
        self.recent.push(id);
        let stats = &mut self.kinds[usize::from(kind.code() - 1)];
        stats.objects += 1;
        stats.bytes += payload_bytes as u64;
    }

    /// Returns the number of the last record that holds the object, if it is one of the last
    /// thousand.
    pub(crate) fn find_recent(&self, id: &Id) -> Option<u32> {
        if self.recent.last() == Some(id) {
            return self.len().checked_sub(1);
        }
        let mut numbers = Vec::new();
        self.index.numbers(prefix(id), &mut numbers);
        let start = self.recent_start();
        let is_it = |number: &u32| {
            let recent = number.checked_sub(start);
            recent.and_then(|index| self.recent.get(index as usize)) == Some(id)
        };
        numbers.into_iter().find(is_it)
    }

    /// Appends the numbers of older records whose ids begin as this one, last ones first.
    pub(crate) fn candidates(&self, id: &Id, out: &mut Vec<u32>) -> Result<(), StoreError> {
        let mut numbers = Vec::new();
        self.index.numbers(prefix(id), &mut numbers);
        let start = self.recent_start();
        out.extend(numbers.into_iter().filter(|&number| number < start));
        match &self.base {
            Some(base) => base.candidates(id, out),
            None => Ok(()),
        }
    }

    /// Returns where the record starts and where the next one does, if there is one.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(u32, Option<u32>)>, StoreError> {
        let Some(row) = number.checked_sub(self.base_len) else {
            let base = self.base.as_ref();
            let span = base.map_or(Ok(None), |base| base.span(number))?;
            return Ok(span.map(|(start, next)| (start, Some(next))));
        };
        let row = match self.gaps.is_empty() {
            true => row as usize,
            false => match self.gaps.binary_search(&number) {
                Ok(row) => row,
                Err(_) => return Ok(None),
            },
        };
        let start = self.offsets.get(row).copied();
        Ok(start.map(|start| (start, self.offsets.get(row + 1).copied())))
    }

    /// Returns the offsets of all records.
    pub(crate) fn offsets(&self) -> Result<Vec<u32>, StoreError> {
        let base = self.base.as_ref();
        let mut offsets = base.map_or(Ok(Vec::new()), |base| base.offsets())?;
        offsets.extend_from_slice(&self.offsets);
        Ok(offsets)
    }

    /// Returns the entries of all records, in order. 12 bytes a record while it works.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let base = self.base.as_ref();
        let mut entries = base.map_or(Ok(Vec::new()), |base| base.entries())?;
        entries.extend(self.index.entries());
        entries.extend_from_slice(&self.remnants);
        entries.sort_unstable_by_key(|entry| entry.sort_key());
        Ok(entries)
    }

    /// Appends the numbers of commits whose ids begin within a range.
    pub(crate) fn commits(
        &self,
        (first, last): (u32, u32),
        out: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let is_wanted = |entry: &Entry| entry.is_commit() && (first..=last).contains(&entry.prefix);
        out.extend(self.index.entries().filter(is_wanted));
        match &self.base {
            Some(base) => base.commits((first, last), out),
            None => Ok(()),
        }
    }

    fn recent_start(&self) -> u32 {
        self.len() - narrow(self.recent.len())
    }
}

/// So many ids are kept at least, and twice as many at most.
const RECENT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: u32) -> Id {
        let mut bytes = [7; 32];
        bytes[28..].copy_from_slice(&last.to_le_bytes());
        Id::from_bytes(bytes)
    }

    #[test]
    fn ids_that_start_alike_are_told_apart() {
        let mut table = Table::default();
        for number in 0..8 {
            table.push(number * 10, id(number), Kind::Blob, 1);
        }
        table.push(1000, id(3), Kind::Blob, 1);
        table.push(1001, id(0), Kind::Blob, 1);
        for (last, number) in (0..).zip([9, 1, 2, 8, 4, 5, 6, 7]) {
            assert_eq!(table.find_recent(&id(last)), Some(number));
        }
        assert_eq!(table.find_recent(&id(8)), None);
        assert_eq!(table.span(9).unwrap(), Some((1001, None)));
        assert_eq!(table.span(0).unwrap(), Some((0, Some(10))));
        assert_eq!(table.span(10).unwrap(), None);
    }

    #[test]
    fn what_is_no_longer_recent_is_a_candidate() {
        let mut table = Table::default();
        for number in 0..5000 {
            table.push(number, id(number), Kind::Blob, 1);
        }
        let first = table.recent_start();
        assert!(5000 - first >= narrow(RECENT));
        assert_eq!(table.find_recent(&id(first)), Some(first));
        assert_eq!(table.find_recent(&id(first - 1)), None);
        let mut candidates = vec![first];
        table.candidates(&id(first - 1), &mut candidates).unwrap();
        assert!(candidates.is_sorted_by(|left, right| left > right));
        assert_eq!(narrow(candidates.len()), first + 1, "what was found stays");
        assert!(table.recent.len() <= 2 * RECENT);
    }
}
