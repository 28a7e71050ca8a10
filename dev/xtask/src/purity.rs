//! What the core must not know: files, sockets, clocks, threads, randomness, the environment.

use std::path::Path;

use crate::size::lines_without_tests;
use crate::source::{Code, is_test_file};
use crate::{Findings, at};

/// Where this holds.
const PURE: &str = "crates/irmin-core/src";

/// What would break it.
const IMPURE: [&str; 11] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "RandomState",
    "SystemTime",
    "Instant",
    "thread::spawn",
    "thread::Builder",
    "println!",
    "eprintln!",
];

pub(crate) fn check(place: &Path, text: &str, code: &Code) -> Findings {
    if !place.starts_with(PURE) || is_test_file(place) {
        return Findings::new();
    }
    let lines = code.code.lines().take(lines_without_tests(text));
    let mut findings = Findings::new();
    for (index, line) in lines.enumerate() {
        let found = IMPURE.iter().filter(|word| line.contains(**word));
        findings.extend(found.map(|word| at(place, index + 1, &format!("{word} in the core"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_reads_no_clock_outside_of_tests() {
        let text = "fn a() { std::time::SystemTime::now(); } // std::fs\n";
        let tests = format!("#[cfg(test)]\nmod tests {{\n{text}}}\n");
        let found =
            |place: &str, text: &str| check(Path::new(place), text, &Code::read(text)).len();
        assert_eq!(found("crates/irmin-core/src/a.rs", text), 1);
        assert_eq!(found("crates/irmin-core/src/a.rs", &tests), 0);
        assert_eq!(found("crates/irmin-core/src/a/tests.rs", text), 0);
        assert_eq!(found("crates/irmin-pack/src/a.rs", text), 0);
    }
}
