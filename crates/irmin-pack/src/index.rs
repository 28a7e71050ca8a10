//! Finding records in memory by the fronts of their ids.

use std::hash::{BuildHasher, RandomState};

use crate::sidecar::Entry;

/// A hash table of entries, with several for a prefix where ids begin alike. 11 to 16 bytes an
/// entry. It grows in small steps: to move 600,000 entries at once took 7 ms, for which all waited.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    slots: Slots,
    count: usize,
    /// What the slots were before, as long as not all of that is in them.
    older: Option<Older>,
    /// Nobody shall know which ids meet in a slot.
    seed: u32,
}

/// Free ones have [`Entry::NONE`].
type Slots = Vec<Entry>;

/// The slots from before they were made more.
#[derive(Clone, Debug)]
struct Older {
    slots: Slots,
    /// How many of them were copied.
    copied: usize,
    /// The number of the first record that is not among them: entries come by ascending numbers.
    end: u32,
}

impl Default for Index {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self {
            slots: Vec::new(),
            count: 0,
            older: None,
            seed: (seed >> 32) as u32,
        }
    }
}

impl Index {
    /// Adds an entry, whose number is larger than those of all others.
    pub(crate) fn insert(&mut self, entry: Entry) {
        if self.count * 4 >= self.slots.len() * 3 {
            self.grow(entry.number());
        }
        self.copy_some(COPIED_AT_ONCE);
        self.count += 1;
        self.put(entry);
    }

    /// Appends the numbers of the records with a prefix, last ones first.
    pub(crate) fn numbers(&self, prefix: u32, out: &mut Vec<u32>) {
        let start = out.len();
        let first = self.older.as_ref().map_or(0, |older| older.end);
        self.search(&self.slots, prefix, |number| {
            if number >= first {
                out.push(number);
            }
        });
        if let Some(older) = &self.older {
            self.search(&older.slots, prefix, |number| out.push(number));
        }
        if let Some(found) = out.get_mut(start..) {
            found.sort_unstable_by(|left, right| right.cmp(left));
        }
    }

    /// All entries, in any order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let first = self.older.as_ref().map_or(0, |older| older.end);
        let newer = self.slots.iter().copied();
        let newer = newer.filter(move |entry| !entry.is_none() && entry.number() >= first);
        let older = self.older.iter().flat_map(|older| &older.slots).copied();
        newer.chain(older.filter(|entry| !entry.is_none()))
    }

    fn search(&self, slots: &Slots, prefix: u32, mut found: impl FnMut(u32)) {
        let mut slot = self.slot(slots, prefix);
        while let Some(entry) = slots.get(slot).filter(|entry| !entry.is_none()) {
            if entry.prefix == prefix {
                found(entry.number());
            }
            slot = next(slots, slot);
        }
    }

    fn put(&mut self, entry: Entry) {
        let mut slot = self.slot(&self.slots, entry.prefix);
        while self.slots.get(slot).is_some_and(|entry| !entry.is_none()) {
            slot = next(&self.slots, slot);
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = entry;
        }
    }

    /// A quarter of the slots at least stays free, so that a search for what is not there ends soon.
    fn grow(&mut self, end: u32) {
        self.copy_some(usize::MAX);
        let room = (self.slots.len() + self.slots.len() / 2).max(SLOTS_MIN);
        let slots = std::mem::replace(&mut self.slots, vec![Entry::NONE; room]);
        let copied = 0;
        self.older = Some(Older { slots, copied, end });
    }

    /// Copies so many of the older slots.
    fn copy_some(&mut self, count: usize) {
        let Some(mut older) = self.older.take() else {
            return;
        };
        let end = older.copied.saturating_add(count).min(older.slots.len());
        for entry in older.slots.get(older.copied..end).unwrap_or_default() {
            if !entry.is_none() {
                self.put(*entry);
            }
        }
        older.copied = end;
        if end < older.slots.len() {
            self.older = Some(older);
        }
    }

    fn slot(&self, slots: &Slots, prefix: u32) -> usize {
        let mixed = (prefix ^ self.seed).wrapping_mul(0x9e37_79b1);
        let slot = (u64::from(mixed) * slots.len() as u64) >> 32;
        usize::try_from(slot).unwrap_or_default()
    }
}

fn next(slots: &Slots, slot: usize) -> usize {
    match slot + 1 < slots.len() {
        true => slot + 1,
        false => 0,
    }
}

const SLOTS_MIN: usize = 64;
/// Three would do: n slots are copied before 3n/8 more entries are there.
const COPIED_AT_ONCE: usize = 4;

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
