//! A look at a request before anything is done with it: the library parses and validates by recursion,
//! and follows fragments as often as they are named.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::schema::FIELDS_MAX;
use crate::service::{ErrorKind, Result, ServiceError};

/// How deep braces, brackets and parentheses may be nested, and selections with their fragments.
const NESTING_MAX: usize = 64;

/// How many bytes a request may have beside its strings and comments.
const SYNTAX_BYTES_MAX: usize = 512 << 10;

/// Checks the text of a request before it is parsed: once over it.
pub(super) fn text(query: &str) -> Result<()> {
    let (mut depth, mut syntax) = (0_usize, 0_usize);
    let mut rest = query;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '"' => string(rest),
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            _ => next.len_utf8(),
        };
        match next {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !matches!(next, '"' | '#') {
            syntax += skipped;
        }
        if depth > NESTING_MAX {
            return Err(too_large(format!(
                "a request is nested at most {NESTING_MAX} deep"
            )));
        }
        if syntax > SYNTAX_BYTES_MAX {
            return Err(too_large(format!(
                "a request has at most {SYNTAX_BYTES_MAX} bytes beside its strings; send the rest as \
                 variables"
            )));
        }
        rest = rest.get(skipped..).unwrap_or_default();
    }
    Ok(())
}

/// Returns how long the string is that a text begins with; all of it, if it does not end.
fn string(text: &str) -> usize {
    if text.starts_with("\"\"\"") {
        let mut from = 3;
        while let Some(found) = text.get(from..).and_then(|rest| rest.find("\"\"\"")) {
            let end = from + found;
            if !text.get(..end).is_some_and(|before| before.ends_with('\\')) {
                return end + 3;
            }
            from = end + 3;
        }
        return text.len();
    }
    let mut is_escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' | b'\n' | b'\r' => return position + 1,
            _ => {}
        }
    }
    text.len()
}

/// Checks a parsed request: how many fields it comes to, and how deep they are. Looks at each fragment
/// once, however often it is named.
pub(super) fn document(document: &ExecutableDocument) -> Result<()> {
    let mut vet = Vet {
        document,
        known: HashMap::new(),
    };
    let mut fields = 0_usize;
    for (_, operation) in document.operations.iter() {
        let size = vet.selections(&operation.node.selection_set.node, 0)?;
        fields = fields.saturating_add(size.fields);
    }
    for name in document.fragments.keys() {
        let size = vet.fragment(name, 0)?;
        fields = fields.max(size.fields);
    }
    if fields > FIELDS_MAX || document.fragments.len() > FIELDS_MAX {
        return Err(too_large(format!(
            "a request has at most {FIELDS_MAX} fields, those of fragments each time that they are named"
        )));
    }
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Size {
    fields: usize,
    height: usize,
}

struct Vet<'a> {
    document: &'a ExecutableDocument,
    /// The fragments that were looked at; `None` while one is.
    known: HashMap<&'a Name, Option<Size>>,
}

impl<'a> Vet<'a> {
    /// Goes no deeper than the limit says.
    fn selections(&mut self, set: &'a SelectionSet, depth: usize) -> Result<Size> {
        check_depth(depth)?;
        let mut size = Size::default();
        for item in &set.items {
            let (own, below) = match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let below = self.selections(&field.selection_set.node, depth + 1)?;
                    (1 + field.directives.len(), below)
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let below = self.selections(&fragment.selection_set.node, depth + 1)?;
                    (fragment.directives.len(), below)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    (
                        1 + spread.node.directives.len(),
                        self.fragment(name, depth + 1)?,
                    )
                }
            };
            size.fields = size.fields.saturating_add(own).saturating_add(below.fields);
            size.height = size.height.max(below.height + 1);
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &Name, depth: usize) -> Result<Size> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            // Validation says so.
            return Ok(Size::default());
        };
        match self.known.get(name) {
            Some(Some(size)) => {
                check_depth(depth.saturating_add(size.height))?;
                return Ok(*size);
            }
            Some(None) => {
                let message = format!("fragment '{name}' contains itself");
                return Err(ServiceError::new(ErrorKind::Invalid, message));
            }
            None => {}
        }
        self.known.insert(name, None);
        let size = self.selections(&fragment.node.selection_set.node, depth)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }
}

fn check_depth(depth: usize) -> Result<()> {
    match depth > NESTING_MAX {
        true => Err(too_large(format!(
            "fields are nested at most {NESTING_MAX} deep"
        ))),
        false => Ok(()),
    }
}

fn too_large(message: String) -> ServiceError {
    ServiceError::new(ErrorKind::TooLarge, message)
}
