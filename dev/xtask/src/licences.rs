//! Which licences the dependencies may have.
//!
//! `deny.toml` says the same to cargo-deny; this check needs nothing but cargo.

use crate::Findings;
use crate::metadata::Workspace;

/// Licences that ISC code may link to without further duties than keeping their text.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(crate) fn check(workspace: &Workspace) -> Findings {
    let foreign = workspace.foreign();
    let bad = foreign.filter(|package| !package.licence.as_deref().is_some_and(is_allowed));
    bad.map(|package| {
        let licence = package.licence.as_deref().unwrap_or("no licence");
        format!("{} {}: {licence}", package.name, package.version)
    })
    .collect()
}

/// Decides an SPDX expression, `A OR B AND (C OR D)`, or the older `A/B`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any(&mut words);
    allowed && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// Recursion is bounded by the parentheses of an expression in a manifest.
fn any(words: &mut Words<'_>) -> bool {
    let mut allowed = all(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all(words);
    }
    allowed
}

fn all(words: &mut Words<'_>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words<'_>) -> bool {
    let Some(word) = words.next() else {
        return false;
    };
    if word == "(" {
        let allowed = any(words);
        return words.next() == Some(")") && allowed;
    }
    let mut name = word.to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name += " WITH ";
        name += words.next().unwrap_or_default();
    }
    ALLOWED.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_licence_of_a_choice_is_enough_and_all_of_a_sum_are_needed() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "MPL-2.0",
            "MIT AND MPL-2.0",
            "GPL-2.0 OR (MIT AND AGPL-3.0)",
            "GPL-2.0 WITH Classpath-exception-2.0",
            "(MIT",
            "MIT)",
            "",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
