//! Names of hosts.

use std::fmt;
use std::str::FromStr;

/// The most bytes of a host's name.
const NAME_BYTES_MAX: usize = 253;

/// The most bytes between two dots.
const LABEL_BYTES_MAX: usize = 63;

/// A host's name, in lower case: letters, digits, hyphens, underscores and dots; or an address, where a certificate
/// names one.
///
/// ```
/// let name: conduit::HostName = "DB.example".parse()?;
/// assert_eq!(name.as_str(), "db.example");
/// assert!("no spaces".parse::<conduit::HostName>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// Returns `localhost`.
    pub fn localhost() -> Self {
        Self("localhost".to_owned())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether the name is `suffix`, or ends with it behind a dot.
    pub fn is_within(&self, suffix: &Self) -> bool {
        let rest = self.0.strip_suffix(suffix.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<std::net::IpAddr>() {
            return Ok(Self(address.to_string()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let labels_are_valid = name.split('.').all(is_label);
        if name.len() > NAME_BYTES_MAX || !labels_are_valid {
            return Err(format!("'{text}' is not the name of a host"));
        }
        // `getaddrinfo` would read `1.2` or `0x7f.1` as an address in an old notation.
        let last = name.rsplit('.').next().unwrap_or(name);
        if last.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(format!("'{text}' is neither a name nor an IPv4 address"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_edge_plain = !label.starts_with('-') && !label.ends_with('-');
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_plain) && is_edge_plain
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
