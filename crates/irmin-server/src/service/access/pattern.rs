//! Patterns of names in rules.

use std::fmt;

/// A pattern of a name: `*` stands for anything but `/`, `**` for anything, all else for itself.
///
/// Matching costs the product of the two lengths, whatever the pattern.
///
/// ```
/// use irmin_server::service::Pattern;
/// assert!(Pattern::new("feature/*").matches("feature/x"));
/// assert!(!Pattern::new("feature/*").matches("feature/x/y"));
/// assert!(Pattern::new("**").matches("feature/x/y"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Makes a pattern. All texts are patterns.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the pattern that matches everything.
    #[must_use]
    pub fn everything() -> Self {
        Self::new("**")
    }

    /// Tells whether this is the pattern that matches everything, `**`.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == "**"
    }

    /// Tells whether a name fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let pattern = self.0.as_bytes();
        // Which beginnings of the pattern fit what was read of the name.
        let mut fits = vec![false; pattern.len() + 1];
        fits[0] = true;
        skip_stars(pattern, &mut fits);
        for &byte in name.as_bytes() {
            let mut next = vec![false; fits.len()];
            for (position, &expected) in pattern.iter().enumerate().filter(|&(at, _)| fits[at]) {
                if expected == b'*' {
                    next[position] |= byte != b'/' || is_double(pattern, position);
                } else if expected == byte {
                    next[position + 1] = true;
                }
            }
            fits = next;
            skip_stars(pattern, &mut fits);
        }
        fits[pattern.len()]
    }
}

/// Where a pattern goes on with a star, the star may stand for nothing.
fn skip_stars(pattern: &[u8], fits: &mut [bool]) {
    for position in 0..pattern.len() {
        if fits[position] && pattern[position] == b'*' {
            fits[position + 1] = true;
        }
    }
}

/// Tells whether the star at a position has another one beside it.
fn is_double(pattern: &[u8], position: usize) -> bool {
    let before = position.checked_sub(1).and_then(|at| pattern.get(at));
    before == Some(&b'*') || pattern.get(position + 1) == Some(&b'*')
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by trying all ways.
    fn naive(pattern: &str, name: &str) -> bool {
        if let Some(rest) = pattern.strip_prefix("**") {
            return (0..=name.len()).any(|end| naive(rest, &name[end..]));
        }
        if let Some(rest) = pattern.strip_prefix('*') {
            let end = name.find('/').unwrap_or(name.len());
            return (0..=end).any(|end| naive(rest, &name[end..]));
        }
        match (pattern.chars().next(), name.chars().next()) {
            (None, None) => true,
            (Some(expected), Some(found)) => expected == found && naive(&pattern[1..], &name[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_trying_all_ways_matches(
            pattern in "([ab/]|\\*|\\*\\*){0,5}", name in "[ab/]{0,6}"
        ) {
            // Three stars in a row are two.
            let naive = naive(&pattern.replace("***", "**").replace("***", "**"), &name);
            prop_assert_eq!(Pattern::new(pattern).matches(&name), naive);
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length() {
        let pattern = Pattern::new("*a".repeat(1000));
        assert!(!pattern.matches(&"a".repeat(999)));
        assert!(pattern.matches(&"a".repeat(1000)));
    }
}
