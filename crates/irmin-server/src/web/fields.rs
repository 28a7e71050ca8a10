//! What an address or a form says: names and values.

use irminsule::{Id, Path};

use super::text::unpercent;
use crate::service::{Result, ServiceError};

/// The fields of a query or a form, in order. Values are bytes: a path may be no text.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Reads `a=1&b=2` with its escapes. What is malformed stands for itself.
    pub(super) fn parse(text: &[u8]) -> Self {
        let pairs = text
            .split(|&byte| byte == b'&')
            .filter(|pair| !pair.is_empty());
        let fields = pairs.map(|pair| {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let name = decode(parts.next().unwrap_or_default());
            let value = decode(parts.next().unwrap_or_default());
            (String::from_utf8_lossy(&name).into_owned(), value)
        });
        Self(fields.collect())
    }

    /// Returns the first value of a field.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// Returns the first value of a field as text; what is no text counts as not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.bytes(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Returns a field without the blanks around it; nothing if that is empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Returns a field that must be there.
    pub(super) fn must(&self, name: &str, what: &str) -> Result<&str> {
        let missing = || {
            ServiceError::new(
                crate::service::ErrorKind::Invalid,
                format!("{what} is missing"),
            )
        };
        self.filled(name).ok_or_else(missing)
    }

    /// Returns a path as a person types it, or as a link has it.
    pub(super) fn path(&self, name: &str) -> Result<Path> {
        Ok(Path::parse(self.bytes(name).unwrap_or_default())?)
    }

    /// Returns an id; nothing if the field is empty or no id.
    pub(super) fn id(&self, name: &str) -> Option<Id> {
        self.filled(name)?.parse().ok()
    }

    /// Returns a number, 0 if it is none.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.filled(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    unpercent(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_any_bytes_and_the_first_value_counts() {
        let fields = Fields::parse(b"path=a%2Fb+c%ff&x=&x=2&&lone&=odd&n=12&t=%20hi%20");
        assert_eq!(fields.bytes("path"), Some(&b"a/b c\xff"[..]));
        assert_eq!(fields.get("path"), None);
        assert_eq!(fields.get("x"), Some(""));
        assert_eq!(fields.filled("x"), None);
        assert_eq!(fields.get("lone"), Some(""));
        assert_eq!((fields.number("n"), fields.number("lone")), (12, 0));
        assert_eq!(fields.must("t", "the greeting").unwrap(), "hi");
        assert!(
            fields
                .must("y", "the y")
                .unwrap_err()
                .message
                .contains("the y is missing")
        );
        assert!(Fields::parse(b"p=..%2Fx").path("p").is_err());
    }
}
