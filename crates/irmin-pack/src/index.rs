//! Finding records in memory by the fronts of their ids.

use std::hash::{BuildHasher, RandomState};

use crate::sidecar::Entry;

/// A hash table of entries, with several for a prefix where ids begin alike. 11 to 16 bytes an
/// entry.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Free ones have [`Entry::NONE`].
    slots: Vec<Entry>,
    count: usize,
    /// Nobody shall know which ids meet in a slot.
    seed: u32,
}

impl Default for Index {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self {
            slots: Vec::new(),
            count: 0,
            seed: (seed >> 32) as u32,
        }
    }
}

impl Index {
    pub(crate) fn insert(&mut self, entry: Entry) {
        if self.count * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        self.count += 1;
        self.put(entry);
    }

    /// Appends the numbers of the records with a prefix, last ones first.
    pub(crate) fn numbers(&self, prefix: u32, out: &mut Vec<u32>) {
        let start = out.len();
        let mut slot = self.slot(prefix);
        while let Some(entry) = self.slots.get(slot).filter(|entry| !entry.is_none()) {
            if entry.prefix == prefix {
                out.push(entry.number());
            }
            slot = self.next(slot);
        }
        if let Some(found) = out.get_mut(start..) {
            found.sort_unstable_by(|left, right| right.cmp(left));
        }
    }

    /// All entries, in any order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.slots.iter().copied().filter(|entry| !entry.is_none())
    }

    fn put(&mut self, entry: Entry) {
        let mut slot = self.slot(entry.prefix);
        while self.slots.get(slot).is_some_and(|entry| !entry.is_none()) {
            slot = self.next(slot);
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = entry;
        }
    }

    /// A quarter of the slots at least stays free, so that a search for what is not there ends soon.
    fn grow(&mut self) {
        let room = (self.slots.len() + self.slots.len() / 2).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![Entry::NONE; room]);
        for entry in old.into_iter().filter(|entry| !entry.is_none()) {
            self.put(entry);
        }
    }

    fn slot(&self, prefix: u32) -> usize {
        let mixed = (prefix ^ self.seed).wrapping_mul(0x9e37_79b1);
        let slot = (u64::from(mixed) * self.slots.len() as u64) >> 32;
        usize::try_from(slot).unwrap_or_default()
    }

    fn next(&self, slot: usize) -> usize {
        match slot + 1 < self.slots.len() {
            true => slot + 1,
            false => 0,
        }
    }
}

const SLOTS_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_has_what_was_put_in(
            prefixes in prop::collection::vec(prop_oneof![any::<u32>(), 0..40u32], 0..600),
        ) {
            let mut index = Index::default();
            let mut model: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (number, prefix) in (0..).zip(&prefixes) {
                index.insert(Entry::new(*prefix, number, number % 3 == 0));
                model.entry(*prefix).or_default().insert(0, number);
            }
            for prefix in prefixes.iter().copied().chain(0..50) {
                let mut found = Vec::new();
                index.numbers(prefix, &mut found);
                prop_assert_eq!(found, model.get(&prefix).cloned().unwrap_or_default());
            }
            prop_assert_eq!(index.entries().count(), prefixes.len());
        }
    }

    #[test]
    fn an_entry_takes_few_bytes() {
        let mut index = Index::default();
        for number in 0..100_000_u32 {
            index.insert(Entry::new(number.wrapping_mul(0x9e37_79b1), number, false));
            if number > 1000 {
                let bytes = index.slots.len() * size_of::<Entry>();
                assert!(bytes <= 16 * (number as usize + 1), "{bytes} for {number}");
            }
        }
    }
}
