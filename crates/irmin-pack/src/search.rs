//! Searching sorted numbers that are read one by one.

/// Returns the index of the first of `count` sorted values that is not below `value`. Touches one
/// value a step.
pub(crate) fn first_at_least<E>(
    count: usize,
    value: u32,
    at: impl Fn(usize) -> Result<u32, E>,
) -> Result<usize, E> {
    within(0, count, value, &at)
}

/// The same for values that are spread evenly, as the fronts of ids are: `value` is near the place
/// that its size suggests, so the search begins there and stays within a few cache lines.
pub(crate) fn near_guess<E>(
    count: usize,
    value: u32,
    at: impl Fn(usize) -> Result<u32, E>,
) -> Result<usize, E> {
    let guess = (u64::from(value) * count as u64) >> 32;
    let guess = usize::try_from(guess).unwrap_or_default();
    let mut reach = 32;
    loop {
        let low = guess.saturating_sub(reach);
        let high = (guess + reach).min(count);
        let low_is_below = low == 0 || at(low - 1)? < value;
        let high_is_not = high == count || at(high)? >= value;
        if low_is_below && high_is_not {
            return within(low, high, value, &at);
        }
        reach *= 4;
    }
}

fn within<E>(
    mut low: usize,
    mut high: usize,
    value: u32,
    at: &impl Fn(usize) -> Result<u32, E>,
) -> Result<usize, E> {
    while low < high {
        let middle = low.midpoint(high);
        if at(middle)? < value {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_searches_find_what_a_plain_one_does(
            mut sorted in prop::collection::vec(prop_oneof![any::<u32>(), 0..9u32], 0..2000),
            values in prop::collection::vec(prop_oneof![any::<u32>(), 0..9u32], 1..20),
        ) {
            sorted.sort_unstable();
            let at = |index: usize| Ok::<u32, Infallible>(sorted[index]);
            for value in values.into_iter().chain(sorted.iter().copied()).chain([0, u32::MAX]) {
                let expected = sorted.partition_point(|&other| other < value);
                prop_assert_eq!(near_guess(sorted.len(), value, at), Ok(expected));
                prop_assert_eq!(first_at_least(sorted.len(), value, at), Ok(expected));
            }
        }
    }
}
