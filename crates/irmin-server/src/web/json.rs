//! JSON, laid out for reading. Only blanks between tokens change: numbers, order and repeated keys
//! stay what they are, which no parsed form of them promises.

use maud::{Markup, html};
use serde::de::IgnoredAny;

/// What stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Open(&'a str),
    Close(&'a str),
    Comma,
    Colon,
    Text(&'a str),
    Other(&'a str),
}

/// Tells whether a text is a JSON object or list.
pub(super) fn is_json(text: &str) -> bool {
    let starts = text.trim_start().starts_with(['{', '[']);
    starts && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Draws JSON with indented lines and its parts in colours.
pub(super) fn draw(bytes: &[u8]) -> Markup {
    let text = String::from_utf8_lossy(bytes);
    let lines = laid_out(&tokens(&text));
    html! {
        @for line in &lines {
            span.l {
                (" ".repeat(2 * line.depth))
                @for (class, part) in &line.parts {
                    @if class.is_empty() { (part) } @else { span class=(class) { (part) } }
                }
                "\n"
            }
        }
    }
}

#[derive(Debug, Default)]
struct Line<'a> {
    depth: usize,
    parts: Vec<(&'static str, &'a str)>,
}

fn laid_out<'a>(tokens: &[Token<'a>]) -> Vec<Line<'a>> {
    let mut lines = vec![Line::default()];
    let mut depth = 0;
    for (index, &token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let (mut breaks_before, mut breaks_after) = (false, false);
        let part = match token {
            Token::Open(text) => {
                depth += 1;
                breaks_after = !matches!(next, Some(Token::Close(_)));
                ("", text)
            }
            Token::Close(text) => {
                depth = usize::saturating_sub(depth, 1);
                breaks_before = !matches!(before, Some(Token::Open(_)));
                ("", text)
            }
            Token::Comma => {
                breaks_after = true;
                ("", ",")
            }
            Token::Colon => ("", ": "),
            Token::Text(text) => match next {
                Some(Token::Colon) => ("j-key", text),
                _ => ("j-string", text),
            },
            Token::Other(text) => match text.starts_with(['t', 'f', 'n']) {
                true => ("j-word", text),
                false => ("j-number", text),
            },
        };
        if breaks_before {
            lines.push(Line {
                depth,
                parts: Vec::new(),
            });
        }
        if let Some(line) = lines.last_mut() {
            line.parts.push(part);
        }
        if breaks_after {
            lines.push(Line {
                depth,
                parts: Vec::new(),
            });
        }
    }
    lines
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            '"' => string_len(rest),
            _ => rest
                .find([',', ':', '}', ']', ' ', '\n', '\r', '\t'])
                .unwrap_or(rest.len()),
        };
        // A stray letter of any length: at least one.
        let (token, after) = rest.split_at(len.max(first.len_utf8()));
        tokens.push(match first {
            '{' | '[' => Token::Open(token),
            '}' | ']' => Token::Close(token),
            ',' => Token::Comma,
            ':' => Token::Colon,
            '"' => Token::Text(token),
            _ => Token::Other(token),
        });
        rest = after.trim_start();
    }
    tokens
}

/// Returns the length of the string at the start, with its quotes.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(json: &str) -> String {
        let lines = laid_out(&tokens(json));
        let lines = lines.iter().map(|line| {
            let parts: String = line.parts.iter().map(|(_, part)| *part).collect();
            format!("{}{parts}", " ".repeat(2 * line.depth))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn objects_and_lists_are_indented_and_empty_ones_stay_on_a_line() {
        let json = r#"{"a":[1,{}],"b" : {"c\"}":"x, y"} , "e":[ ]}"#;
        let expected = "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\\\"}\": \"x, y\"\n  },\n  \"e\": []\n}";
        assert_eq!(text(json), expected);
    }

    #[test]
    fn long_numbers_and_repeated_keys_stay_as_they_are() {
        let json = r#"{"n":123456789012345678901234567890.10,"n":1E2}"#;
        assert!(
            text(json).contains("123456789012345678901234567890.10") && text(json).contains("1E2")
        );
    }

    proptest! {
        #[test]
        fn laying_out_any_text_ends_and_loses_nothing_but_blanks(json in "[ \\[\\]{}:,\"\\\\a1ü\n]{0,60}") {
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&text(&json)), bare(&json));
        }
    }
}
