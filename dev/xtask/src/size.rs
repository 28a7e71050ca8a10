//! How long a file may be.

use std::path::Path;

use crate::source::is_test_file;
use crate::{Findings, at};

/// The most lines of a file, its tests not counted.
const LINES_MAX: usize = 500;

/// The most lines of a file that holds tests only, or whose header says `Long because …`.
const LONG_LINES_MAX: usize = 800;

/// What a header says to be allowed more lines.
const REASON: &str = "//! Long because ";

pub(crate) fn check(place: &Path, text: &str) -> Findings {
    let is_long = is_test_file(place) || text.lines().any(|line| line.starts_with(REASON));
    let max = if is_long { LONG_LINES_MAX } else { LINES_MAX };
    let lines = lines_without_tests(text);
    if lines <= max {
        return Findings::new();
    }
    vec![at(
        place,
        lines,
        &format!("{lines} lines without tests; at most {max} are allowed"),
    )]
}

/// Counts the lines before the module with the tests, which comes last.
pub(crate) fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let start = lines.windows(2).position(|pair| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    start.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let code = "let a = 1;\n".repeat(LINES_MAX);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let place = Path::new("crates/a/src/b.rs");
        assert!(check(place, &format!("{code}{tests}")).is_empty());
        assert_eq!(check(place, &format!("{code}\n{tests}")).len(), 1);
        assert_eq!(check(place, &format!("{code}{code}")).len(), 1);
    }

    #[test]
    fn a_reason_in_the_header_allows_more() {
        let code = "let a = 1;\n".repeat(LINES_MAX);
        let place = Path::new("crates/a/src/b.rs");
        assert!(check(place, &format!("{REASON}it is a table.\n{code}")).is_empty());
        assert_eq!(
            check(place, &format!("{REASON}it is.\n{code}{code}")).len(),
            1
        );
    }
}
