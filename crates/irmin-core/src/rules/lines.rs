//! Values that are lists of lines.

use std::cmp::Ordering;

/// Returns the lines without their ends; a missing last line end changes nothing.
pub(super) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Writes lines, each with its end.
pub(super) fn join<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes
}

/// Orders lines by their stamp, which is what precedes the first blank, with numbers in it taken
/// by value; then by their bytes.
///
/// So `9 …` is before `10 …`, and clock stamps, seconds since 1970 and dates such as
/// `2026-11-01T10:00:00Z` all come in the order of time.
pub(super) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    natural(stamp(one), stamp(other)).then_with(|| one.cmp(other))
}

fn stamp(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|&byte| byte == b' ' || byte == b'\t');
    &line[..end.unwrap_or(line.len())]
}

/// Compares byte by byte, but runs of digits as numbers. Digits are neighbours in ASCII, so a
/// number stands to any other byte as its first digit does, and the order is total.
fn natural(mut one: &[u8], mut other: &[u8]) -> Ordering {
    loop {
        let (Some(&left), Some(&right)) = (one.first(), other.first()) else {
            return one.len().cmp(&other.len());
        };
        let order = if left.is_ascii_digit() && right.is_ascii_digit() {
            let (number, number_other) = (take_number(&mut one), take_number(&mut other));
            (number.len(), number).cmp(&(number_other.len(), number_other))
        } else {
            (one, other) = (&one[1..], &other[1..]);
            left.cmp(&right)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the digits from the front and returns them without leading zeros.
fn take_number<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    let (digits, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    *bytes = rest;
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    #[test]
    fn stamps_are_in_the_order_of_time() {
        let ascending: [&[u8]; 7] = [
            b"",
            b"9 z",
            b"10 a",
            b"10 b",
            b"010.2.b x",
            b"10.10.a x",
            b"2026-11-01T10:00:00Z a",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn the_order_is_total(a in "[-:0-2a ]{0,5}", b in "[-:0-2a ]{0,5}", c in "[-:0-2a ]{0,5}") {
            let order = |x: &str, y: &str| compare(x.as_bytes(), y.as_bytes());
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &b).is_eq(), a == b);
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn a_missing_last_line_end_changes_nothing() {
        let lines = |text: &'static str| split(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(lines("a\n\nb"), lines("a\n\nb\n"));
        assert_eq!(lines("a\n\nb").len(), 3);
        assert!(lines("").is_empty());
        assert_eq!(join(lines("a\nb")), b"a\nb\n");
    }
}
