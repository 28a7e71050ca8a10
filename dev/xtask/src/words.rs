//! Words that must not stay in the repository.

use std::path::Path;

use crate::source::Code;
use crate::{Findings, at};

/// Notes to oneself. What is missing is said in SHORTCOMINGS.md.
const NOTES: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// Code that is not there, tests that do not run, and tests that hope for the best.
const CODE: [&str; 4] = ["todo!", "unimplemented!", "#[ignore", "thread::sleep"];

/// Directories of somebody's machine, taken apart so that this file does not hold them.
const MACHINE: [[&str; 2]; 4] = [
    ["/wo", "rk/"],
    ["/ro", "ot/"],
    ["/ho", "me/"],
    ["/Us", "ers/"],
];

/// Checks any text.
pub(crate) fn check(place: &Path, text: &str) -> Findings {
    let machine = MACHINE.map(|parts| parts.concat());
    let mut findings = Findings::new();
    for (index, line) in text.lines().enumerate() {
        let found = machine.iter().filter(|dir| has_path(line, dir));
        findings
            .extend(found.map(|dir| at(place, index + 1, &format!("a path of a machine: {dir}"))));
        let found = NOTES.iter().filter(|_| is_code_or_script(place));
        let found = found.filter(|note| comment_starts_with(line, note));
        findings.extend(found.map(|note| at(place, index + 1, &format!("a {note}"))));
    }
    findings
}

/// Checks Rust code.
pub(crate) fn check_code(place: &Path, code: &Code) -> Findings {
    let mut findings = Findings::new();
    for (index, line) in code.code.lines().enumerate() {
        let found = CODE.iter().filter(|word| line.contains(**word));
        findings.extend(found.map(|word| at(place, index + 1, word)));
    }
    for (index, line) in code.comments.lines().enumerate() {
        let found = NOTES.iter().filter(|note| has_word(line, note));
        findings.extend(found.map(|note| at(place, index + 1, &format!("a {note} in a comment"))));
    }
    findings
}

/// Tells whether the file has comments after `#`.
fn is_code_or_script(place: &Path) -> bool {
    let ending = place.extension().unwrap_or_default();
    ending == "toml" || ending == "sh"
}

fn comment_starts_with(line: &str, note: &str) -> bool {
    line.split_once('#')
        .is_some_and(|(_, comment)| comment.trim().starts_with(note))
}

/// Finds an absolute path: what stands before it is no part of a path.
fn has_path(line: &str, dir: &str) -> bool {
    line.match_indices(dir).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~*/".contains(c))
    })
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric())
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_missing_code_are_found_but_not_in_literals() {
        let place = Path::new("a.rs");
        let found = |source| check_code(place, &Code::read(source)).len();
        assert_eq!(found("fn a() { \"todo!\"; } // nothing TODOish"), 0);
        assert_eq!(found("fn a() { todo!() }"), 1);
        assert_eq!(found("// TODO: more\n/* FIXME */"), 2);
        assert_eq!(
            found("#[ignore = \"slow\"]\nfn a() { std::thread::sleep(b) }"),
            2
        );
    }

    #[test]
    fn paths_of_a_machine_are_found_in_any_text() {
        let place = Path::new("a.md");
        for [a, b] in MACHINE {
            assert_eq!(check(place, &format!("see {a}{b}x")).len(), 1);
            assert_eq!(check(place, &format!("see some{a}{b}x")).len(), 0);
        }
        assert_eq!(check(Path::new("a.toml"), "a = 1 # TODO").len(), 1);
    }
}
