//! From text to a revision.

use std::str::FromStr;

use super::{Base, REVISION_BYTES_MAX, Revision, RevisionError, Step};
use crate::Time;
use crate::refs::{broken_char_rule, broken_rule};

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        Parser { text, offset: 0 }.revision()
    }
}

/// Reads a revision from left to right.
struct Parser<'a> {
    text: &'a str,
    offset: usize,
}

impl Parser<'_> {
    fn revision(mut self) -> Result<Revision, RevisionError> {
        if self.text.len() > REVISION_BYTES_MAX {
            return Err(self.too_long());
        }
        let base = self.base()?;
        let mut steps = Vec::new();
        while self.offset < self.text.len() {
            steps.push(self.step()?);
        }
        Ok(Revision { base, steps })
    }

    fn base(&mut self) -> Result<Base, RevisionError> {
        let text = self.text;
        let mut end = text.find(['~', '^']).unwrap_or(text.len());
        let is_verbatim = text.starts_with("refs/");
        if let Some(at) = text.get(..end).and_then(find_time).filter(|_| !is_verbatim) {
            end = at;
        }
        let name = text.get(..end).unwrap_or_default();
        let base = match name {
            "" if text.starts_with('@') => Base::Current,
            "" => return Err(self.error("a name, an id or '@' expected")),
            "@" | "HEAD" => Base::Current,
            _ => Base::Name(self.name(name)?),
        };
        self.offset = end;
        Ok(base)
    }

    fn name(&mut self, name: &str) -> Result<String, RevisionError> {
        let reason = if name.starts_with('-') {
            Some("it cannot start with '-'")
        } else {
            broken_rule(name.strip_prefix("refs/").unwrap_or(name), 0)
        };
        let Some(reason) = reason else {
            return Ok(name.to_owned());
        };
        let is_bad = |char| broken_char_rule(char).is_some();
        self.offset = name.find(is_bad).unwrap_or_default();
        Err(self.error(reason))
    }

    fn step(&mut self) -> Result<Step, RevisionError> {
        let first = self.rest().bytes().next();
        if !matches!(first, Some(b'~' | b'^' | b'@')) {
            return Err(self.error("'~', '^' or '@' expected"));
        }
        self.offset += 1;
        match first {
            Some(b'~') => Ok(Step::Back(self.number()?)),
            Some(b'^') => Ok(Step::Parent(self.number()?)),
            _ => Ok(Step::At(self.time()?)),
        }
    }

    /// Reads a number; none means 1.
    fn number(&mut self) -> Result<u32, RevisionError> {
        let rest = self.rest();
        let end = rest.find(|char: char| !char.is_ascii_digit());
        let digits = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if digits.is_empty() {
            return Ok(1);
        }
        let number = digits.parse();
        let number = number.map_err(|_| self.error("the number is too large"))?;
        self.offset += digits.len();
        Ok(number)
    }

    fn time(&mut self) -> Result<Time, RevisionError> {
        let rest = self.rest();
        let end = rest.find(['~', '^', '@']).unwrap_or(rest.len());
        let time = rest.get(..end).unwrap_or_default();
        let time = time.parse::<Time>().map_err(|error| RevisionError::Time {
            text: self.text.to_owned(),
            offset: self.offset + error.offset,
            reason: error.reason,
        })?;
        self.offset += end;
        Ok(time)
    }

    fn rest(&self) -> &str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn error(&self, reason: &'static str) -> RevisionError {
        RevisionError::Syntax {
            text: self.text.to_owned(),
            offset: self.offset,
            reason,
        }
    }

    fn too_long(&self) -> RevisionError {
        RevisionError::Syntax {
            text: self.text.chars().take(40).chain(['…']).collect(),
            offset: REVISION_BYTES_MAX,
            reason: "it has at most 4096 bytes",
        }
    }
}

/// Finds the first `@` that a date follows, or something that starts like one.
fn find_time(text: &str) -> Option<usize> {
    let mut ats = text.match_indices('@').map(|(at, _)| at);
    ats.find(|at| text.get(at + 1..).is_some_and(starts_like_a_date))
}

fn starts_like_a_date(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    year >= 4 && text.as_bytes().get(year) == Some(&b'-')
}
