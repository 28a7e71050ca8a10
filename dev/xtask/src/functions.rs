//! How long a function may be.

use std::path::Path;

use crate::source::Code;
use crate::{Findings, at};

/// The most lines of a function, from its `fn` to its last brace.
const LINES_MAX: usize = 70;

pub(crate) fn check(place: &Path, code: &Code) -> Findings {
    let long = functions(&code.code)
        .into_iter()
        .filter(|function| function.lines() > LINES_MAX);
    long.map(|function| {
        let lines = function.lines();
        let what = format!(
            "fn {} has {lines} lines, at most {LINES_MAX} are allowed",
            function.name
        );
        at(place, function.first, &what)
    })
    .collect()
}

struct Function {
    name: String,
    first: usize,
    last: usize,
    /// How deep the braces were before its body.
    depth: usize,
}

impl Function {
    const fn lines(&self) -> usize {
        self.last - self.first + 1
    }
}

/// Finds all functions by counting braces in code without comments and literals.
fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut open: Vec<Function> = Vec::new();
    let mut declared = None;
    let mut depth = 0_usize;
    for (index, line) in code.lines().enumerate() {
        for token in tokens(line) {
            match token {
                "{" => {
                    open.extend(
                        declared
                            .take()
                            .map(|function| Function { depth, ..function }),
                    );
                    depth += 1;
                }
                "}" => {
                    depth = depth.saturating_sub(1);
                    if open.last().is_some_and(|function| function.depth == depth) {
                        let function = open.pop();
                        found.extend(function.map(|f| Function {
                            last: index + 1,
                            ..f
                        }));
                    }
                }
                // A function without a body, in a trait. An array type has a semicolon too.
                ";" if !line.contains(['[', ']']) => declared = None,
                _ => {}
            }
            if let Some(name) = token.strip_prefix("fn ") {
                declared = Some(Function {
                    name: name.to_owned(),
                    first: index + 1,
                    last: index + 1,
                    depth: 0,
                });
            }
        }
    }
    found
}

/// Returns braces, semicolons and `fn name` of a line, in order.
fn tokens(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for (start, char) in line.char_indices() {
        let rest = &line[start..];
        let before = line[..start].chars().next_back();
        let starts_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if matches!(char, '{' | '}' | ';') {
            tokens.push(&rest[..1]);
        } else if starts_word && rest.starts_with("fn ") {
            let end = rest[3..].find(|c: char| !c.is_alphanumeric() && c != '_');
            tokens.push(end.map_or(rest, |end| &rest[..end + 3]));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(source: &str) -> Vec<(String, usize)> {
        let found = functions(&Code::read(source).code);
        let mut found: Vec<_> = found.iter().map(|f| (f.name.clone(), f.lines())).collect();
        found.sort();
        found
    }

    #[test]
    fn functions_are_measured_also_inside_each_other() {
        let source = "trait A {\n fn a(&self);\n fn b(\n  x: [u8; 3],\n ) { if x {\n } }\n}\n\
                      fn c() {\n fn d() {}\n \"}\";\n}\n";
        let expected = [("b", 4), ("c", 4), ("d", 1)];
        let expected = expected.map(|(name, lines)| (name.to_owned(), lines));
        assert_eq!(lengths(source), expected);
    }

    #[test]
    fn a_long_function_is_found() {
        let body = |lines| format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2));
        let place = Path::new("a.rs");
        assert!(check(place, &Code::read(&body(LINES_MAX))).is_empty());
        assert_eq!(check(place, &Code::read(&body(LINES_MAX + 1))).len(), 1);
    }
}
