//! One bit for each record of a segment.

/// A set of record numbers. Takes a bit for each number up to the largest one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn get(&self, number: u32) -> bool {
        let word = self.0.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds a number; tells whether it is new.
    pub(crate) fn set(&mut self, number: u32) -> bool {
        let index = number as usize / 64;
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        let bit = 1 << (number % 64);
        let Some(word) = self.0.get_mut(index) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_a_set_of_numbers(numbers in prop::collection::vec(0..500u32, 0..60)) {
            let (mut bits, mut set) = (Bits::default(), BTreeSet::new());
            for &number in &numbers {
                prop_assert_eq!(bits.set(number), set.insert(number));
            }
            prop_assert_eq!(bits.count(), set.len() as u64);
            prop_assert!((0..600).all(|number| bits.get(number) == set.contains(&number)));
        }
    }
}
