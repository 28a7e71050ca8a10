//! JSON values that keep every number as it was written, and one way to write them.
//!
//! A parser of our own, because the usual ones turn numbers into floats or take a global switch to
//! keep them, accept a key twice, and because the result of a merge must not change with a
//! dependency.

use crate::DecodeError;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `null`, `true`, `false`, or a number, as written.
    Plain(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// An object, in the order of its keys.
    Object(Vec<(String, Self)>),
}

/// The deepest nesting that is read. Bounds every recursion over values.
pub(super) const DEPTH_MAX: usize = 128;

impl Value {
    /// Reads a document. Linear in its size.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = str::from_utf8(bytes)
            .map_err(|error| DecodeError::new("JSON", error.valid_up_to(), "not UTF-8"))?;
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(DEPTH_MAX)?;
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err(parser.error("nothing more expected")),
        }
    }

    /// Writes the document: two blanks a level, keys in the order of their bytes, one line end.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write(0, &mut out);
        out.push('\n');
        out.into_bytes()
    }

    /// Recursion: at most [`DEPTH_MAX`] levels.
    fn write(&self, level: usize, out: &mut String) {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::Array(items) => {
                let write = |item: &Self, out: &mut String| item.write(level + 1, out);
                write_all(['[', ']'], items, level, out, write);
            }
            Self::Object(entries) => {
                write_all(['{', '}'], entries, level, out, |(key, value), out| {
                    write_text(key, out);
                    out.push_str(": ");
                    value.write(level + 1, out);
                });
            }
        }
    }
}

fn write_all<T>(
    brackets: [char; 2],
    items: impl IntoIterator<Item = T>,
    level: usize,
    out: &mut String,
    write: impl Fn(T, &mut String),
) {
    out.push(brackets[0]);
    let start = out.len();
    for item in items {
        out.push_str(if out.len() == start { "\n" } else { ",\n" });
        indent(level + 1, out);
        write(item, out);
    }
    if out.len() > start {
        out.push('\n');
        indent(level, out);
    }
    out.push(brackets[1]);
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError::new("JSON", self.at, reason)
    }

    /// Returns the next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let blanks = rest.iter().take_while(blank).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), DecodeError> {
        if self.peek() != Some(byte) {
            return Err(self.error(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// Recursion: at most [`DEPTH_MAX`] levels, counted down in `levels`.
    fn value(&mut self, levels: usize) -> Result<Value, DecodeError> {
        let first = self.peek();
        if levels == 0 && matches!(first, Some(b'[' | b'{')) {
            return Err(self.error("more than 128 levels"));
        }
        match first {
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'[') => self.array(levels - 1),
            Some(b'{') => self.object(levels - 1),
            _ => self.plain(),
        }
    }

    fn array(&mut self, levels: usize) -> Result<Value, DecodeError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(levels)?);
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        self.expect(b']', "',' or ']' expected")?;
        Ok(Value::Array(items))
    }

    fn object(&mut self, levels: usize) -> Result<Value, DecodeError> {
        let start = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in quotes expected"));
            }
            let key = self.string()?;
            self.expect(b':', "':' expected")?;
            entries.push((key, self.value(levels)?));
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        self.expect(b'}', "',' or '}' expected")?;
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(DecodeError::new("JSON", start, KEY_TWICE));
        }
        Ok(Value::Object(entries))
    }

    /// Finds the end of the string and leaves escapes to `serde_json`.
    fn string(&mut self) -> Result<String, DecodeError> {
        let mut length = 1;
        loop {
            match self.rest().get(length) {
                None => return Err(self.error("a string without end")),
                Some(b'"') => break,
                Some(b'\\') => length += 2,
                Some(_) => length += 1,
            }
        }
        let end = self.at + length + 1;
        let quoted = self.text.get(self.at..end);
        let text: Option<String> = quoted.and_then(|quoted| serde_json::from_str(quoted).ok());
        let text = text.ok_or(self.error("a string with a bad escape or control character"))?;
        self.at = end;
        Ok(text)
    }

    fn plain(&mut self) -> Result<Value, DecodeError> {
        let ends = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
        let rest = self.rest();
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let word = &rest[..length];
        if !(matches!(word, b"null" | b"true" | b"false") || is_number(word)) {
            return Err(self.error("a value expected"));
        }
        let text = String::from_utf8_lossy(word).into_owned();
        self.at += length;
        Ok(Value::Plain(text))
    }
}

const KEY_TWICE: &str = "an object that has a key twice";

/// Tells whether a word is a number by JSON's grammar.
fn is_number(word: &[u8]) -> bool {
    let unsigned = word.strip_prefix(b"-").unwrap_or(word);
    let (mantissa, exponent) = split_once(unsigned, |byte| matches!(byte, b'e' | b'E'));
    let (whole, fraction) = split_once(mantissa, |byte| byte == b'.');
    let digits = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let power = |bytes: &[u8]| {
        digits(
            bytes
                .strip_prefix(b"-")
                .or(bytes.strip_prefix(b"+"))
                .unwrap_or(bytes),
        )
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with(b"0"))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(power)
}

fn split_once(bytes: &[u8], at: impl Fn(u8) -> bool) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|&byte| at(byte)) {
        Some(index) => (&bytes[..index], Some(&bytes[index + 1..])),
        None => (bytes, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    #[test]
    fn the_writing_is_canonical_and_numbers_are_kept() {
        let value = Value::parse(br#" {"b":[1.0,{}, []],"a":"\u00fc\n\u0001","\u0061a":-1e400} "#);
        let text = "{\n  \"a\": \"\u{fc}\\n\\u0001\",\n  \"aa\": -1e400,\n  \"b\": [\n    1.0,\n    {},\n    []\n  ]\n}\n";
        assert_eq!(String::from_utf8(value.unwrap().to_bytes()).unwrap(), text);
    }

    #[test]
    fn errors_name_the_place() {
        for (text, offset) in [
            ("", 0),
            ("[{\"a\":1,\"a\":2}]", 1),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("{a:1}", 1),
            ("1 2", 2),
            ("\"\\x\"", 0),
            ("[\"a", 1),
            ("01", 0),
            ("1.", 0),
            ("nul", 0),
            ("{\"a\" 1}", 5),
        ] {
            assert_eq!(
                Value::parse(text.as_bytes()).unwrap_err().offset,
                offset,
                "{text}"
            );
        }
        assert_eq!(Value::parse(b"\"\xff\"").unwrap_err().offset, 1);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Value::parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(Value::parse(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(Value::parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn reading_agrees_with_serde_json(text in r#"[\[\]{},:"\\ue0-2.\-a\n ]{0,12}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match Value::parse(text.as_bytes()) {
                Ok(ours) => {
                    prop_assert_eq!(&Value::parse(&ours.to_bytes()).unwrap(), &ours);
                    let again: Result<serde_json::Value, _> = serde_json::from_slice(&ours.to_bytes());
                    prop_assert_eq!(again.ok(), theirs.ok());
                }
                Err(error) => prop_assert!(theirs.is_err() || error.reason == KEY_TWICE),
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Value::parse(&bytes);
        }
    }
}
