//! The lines of a batch.

use irminsule::Path;

use crate::failure::Failure;
use crate::quote::{quote, unquote_words};

/// A line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) path: Path,
    pub(super) action: Action,
}

/// What to do at the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Set(Vec<u8>),
    /// The file whose content to take.
    SetFile(Vec<u8>),
    Remove,
    Check(Vec<u8>),
    CheckAbsent,
}

/// Reads a line; `None` if it says nothing.
pub(super) fn parse(number: usize, bytes: &[u8]) -> Result<Option<Line>, Failure> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let start = bytes.trim_ascii_start();
    if start.is_empty() || start.starts_with(b"#") {
        return Ok(None);
    }
    let words = unquote_words(bytes)
        .map_err(|reason| Failure::new(reason).hint("'irmin batch --help' tells the rules"))?;
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let (path, action) = match words.as_slice() {
        [b"set", path, value] => (path, Action::Set(value.to_vec())),
        [b"set-file", path, file] => (path, Action::SetFile(file.to_vec())),
        [b"rm", path] => (path, Action::Remove),
        [b"check", path, value] => (path, Action::Check(value.to_vec())),
        [b"check-absent", path] => (path, Action::CheckAbsent),
        [verb, rest @ ..] => return Err(refuse(verb, rest.len())),
        [] => return Ok(None),
    };
    Ok(Some(Line {
        number,
        path: Path::parse(path)?,
        action,
    }))
}

fn refuse(verb: &[u8], words: usize) -> Failure {
    let (form, expected) = match verb {
        b"set" => ("set PATH VALUE", 2),
        b"set-file" => ("set-file PATH FILE", 2),
        b"check" => ("check PATH VALUE", 2),
        b"rm" => ("rm PATH", 1),
        b"check-absent" => ("check-absent PATH", 1),
        _ => {
            return Failure::new(format!("unknown verb '{}'", quote(verb)))
                .hint("lines start with set, set-file, rm, check or check-absent");
        }
    };
    let failure = Failure::new(format!("'{form}' takes {expected} words, not {words}"));
    if words > expected {
        return failure.hint("put a word with blanks between double quotes");
    }
    failure.hint("an empty word is written \"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(text: &str) -> Option<Action> {
        parse(1, text.as_bytes()).unwrap().map(|line| line.action)
    }

    #[test]
    fn lines_are_read() {
        assert_eq!(action(""), None);
        assert_eq!(action("  # set a 1"), None);
        assert_eq!(action("set a 1"), Some(Action::Set(b"1".to_vec())));
        assert_eq!(action("set a \"\"\r"), Some(Action::Set(Vec::new())));
        assert_eq!(
            action("check a \"x y\""),
            Some(Action::Check(b"x y".to_vec()))
        );
        assert_eq!(action("rm a"), Some(Action::Remove));
        assert_eq!(action("check-absent a"), Some(Action::CheckAbsent));
    }

    #[test]
    fn bad_lines_are_refused() {
        for bad in [
            "set a",
            "set a 1 2",
            "put a 1",
            "rm",
            "set ../a 1",
            "set a \"1",
            "set \"a\"1 2",
        ] {
            assert!(parse(1, bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
