//! The files of the workspace, and Rust source taken apart.

use std::path::{Path, PathBuf};

use crate::Failure;

/// Where the files that people write live. Directories are searched.
const PLACES: [&str; 13] = [
    "crates",
    "dev",
    "docs",
    "fuzz",
    "Cargo.toml",
    "deny.toml",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "FORMAT.md",
    "PROTOCOL.md",
    "SHORTCOMINGS.md",
];

/// What is searched: text that people write. Corpora and golden files are data.
const EXTENSIONS: [&str; 4] = ["rs", "md", "toml", "sh"];

/// Directories with data, or with what others built or a generator wrote.
const SKIPPED: [&str; 7] = [
    "target",
    "corpus",
    "artifacts",
    "coverage",
    "golden",
    "generated",
    "node_modules",
];

/// Lists the files of the workspace, in order. A place that is missing is an error.
pub(crate) fn find(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut pending: Vec<_> = PLACES.iter().map(|place| root.join(place)).collect();
    let mut files = Vec::new();
    while let Some(path) = pending.pop() {
        if !path.is_dir() {
            let error = |error| format!("{}: {error}", path.display());
            std::fs::metadata(&path).map_err(error)?;
            files.push(path);
            continue;
        }
        for entry in std::fs::read_dir(&path)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            let ending = path.extension().unwrap_or_default();
            let is_skipped = SKIPPED.iter().any(|skipped| name == *skipped);
            let is_text = EXTENSIONS.iter().any(|extension| ending == *extension);
            if (path.is_dir() && !is_skipped) || (path.is_file() && is_text) {
                pending.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns a path as seen from the root.
pub(crate) fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

/// Tells whether a file holds tests only, by its name.
pub(crate) fn is_test_file(place: &Path) -> bool {
    let in_tests = place.parent().is_some_and(|parent| {
        let mut parts = parent.components();
        parts.any(|part| part.as_os_str() == "tests")
    });
    in_tests || place.file_name().is_some_and(|name| name == "tests.rs")
}

/// Rust source, with comments and literals told from the rest. Both texts have the lines of the
/// original.
pub(crate) struct Code {
    /// The source, with a blank for each character of a comment or a literal.
    pub(crate) code: String,
    /// The comments, with a blank for each other character.
    pub(crate) comments: String,
}

/// What a character of the source belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    BlockComment { depth: u32 },
    Text,
    RawText { hashes: usize },
}

impl Code {
    pub(crate) fn read(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        let mut both = Self {
            code: String::with_capacity(source.len()),
            comments: String::new(),
        };
        let mut state = State::Code;
        let mut position = 0;
        while position < chars.len() {
            let rest = &chars[position..];
            let (next, taken) = step(state, rest, position.checked_sub(1).map(|at| chars[at]));
            let is_code = state == State::Code && next == State::Code;
            let is_comment = [state, next]
                .iter()
                .any(|state| matches!(state, State::LineComment | State::BlockComment { .. }));
            for &char in &rest[..taken] {
                // A character literal is taken at once; everything else in code is single.
                both.push(char, is_code && taken == 1, is_comment);
            }
            state = next;
            position += taken;
        }
        both
    }

    fn push(&mut self, char: char, is_code: bool, is_comment: bool) {
        let blank = if char == '\n' { '\n' } else { ' ' };
        self.code.push(if is_code { char } else { blank });
        self.comments.push(if is_comment { char } else { blank });
    }
}

/// Returns the state after the next characters, and how many they are.
fn step(state: State, rest: &[char], before: Option<char>) -> (State, usize) {
    match (state, rest) {
        (State::Code, ['/', '/', ..]) => (State::LineComment, 2),
        (State::Code, ['/', '*', ..]) => (State::BlockComment { depth: 1 }, 2),
        (State::Code, ['"', ..]) => (State::Text, 1),
        (State::Code, ['r', ..]) if !before.is_some_and(|c| c.is_alphanumeric() && c != 'b') => {
            raw_text(rest)
        }
        (State::Code, ['\'', ..]) => (State::Code, char_literal(rest)),
        (State::LineComment, ['\n', ..]) => (State::Code, 1),
        (State::BlockComment { depth }, ['/', '*', ..]) => {
            (State::BlockComment { depth: depth + 1 }, 2)
        }
        (State::BlockComment { depth: 1 }, ['*', '/', ..]) | (State::Text, ['"', ..]) => {
            (State::Code, if state == State::Text { 1 } else { 2 })
        }
        (State::BlockComment { depth }, ['*', '/', ..]) => {
            (State::BlockComment { depth: depth - 1 }, 2)
        }
        (State::Text, ['\\', _, ..]) => (State::Text, 2),
        (State::RawText { hashes }, ['"', after @ ..])
            if after.iter().take_while(|c| **c == '#').count() >= hashes =>
        {
            (State::Code, 1 + hashes)
        }
        _ => (state, 1),
    }
}

/// Recognises `r"`, `r#"` and so on.
fn raw_text(rest: &[char]) -> (State, usize) {
    let hashes = rest.iter().skip(1).take_while(|char| **char == '#').count();
    match rest.get(1 + hashes) {
        Some('"') => (State::RawText { hashes }, 2 + hashes),
        _ => (State::Code, 1),
    }
}

/// Returns the length of a character literal; 1 for the quote of a lifetime.
fn char_literal(rest: &[char]) -> usize {
    let end = match rest {
        [_, '\\', _, after @ ..] => after.iter().position(|char| *char == '\'').map(|at| at + 4),
        [_, _, '\'', ..] => Some(3),
        _ => None,
    };
    end.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_told_from_code() {
        let source = "let a = \"b { \\\" // c\"; // d {\nlet e = '{'; /* f /* g */ h */ let r = r#\"i\"j\"#;";
        let both = Code::read(source);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&both.code), "let a = ; let e = ; let r = ;");
        assert_eq!(words(&both.comments), "// d { /* f /* g */ h */");
        assert_eq!(both.code.lines().count(), 2);
    }

    #[test]
    fn a_lifetime_is_no_literal() {
        let both = Code::read("fn a<'a>(b: &'a str) -> char { '\\u{7b}' }");
        assert_eq!(both.code.matches('{').count(), 1);
        assert!(both.code.contains("&'a str"));
    }

    #[test]
    fn test_files_are_known_by_name() {
        assert!(is_test_file(Path::new("crates/a/tests/all/main.rs")));
        assert!(is_test_file(Path::new("crates/a/src/b/tests.rs")));
        assert!(!is_test_file(Path::new("crates/a/src/b.rs")));
    }
}
