//! Bearer tokens.

use std::fmt;
use std::path::Path;

use tonic::metadata::{Ascii, MetadataValue};

use crate::ClientError;

/// What says who the caller is. Shown nowhere.
#[derive(Clone)]
pub struct Token(MetadataValue<Ascii>);

impl Token {
    /// Takes a token as it was given out. Spaces and line ends around it do not matter.
    ///
    /// # Errors
    /// [`ClientError`] when it is empty or has bytes that no token has.
    pub fn new(secret: &str) -> Result<Self, ClientError> {
        let secret = secret.trim();
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if secret.is_empty() || !secret.bytes().all(is_plain) {
            let problem = "a token is one word of printable ASCII characters";
            return Err(ClientError::setting(problem));
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {secret}")
            .parse()
            .map_err(|_| ClientError::setting("this is not a token"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// Reads a token from a file.
    ///
    /// # Errors
    /// [`ClientError`] that names the file.
    pub fn from_file(path: &Path) -> Result<Self, ClientError> {
        let secret = std::fs::read_to_string(path);
        let refuse = |problem: String| {
            ClientError::setting(format!(
                "cannot take a token from '{}': {problem}",
                path.display()
            ))
        };
        Self::new(&secret.map_err(|error| refuse(error.to_string()))?)
            .map_err(|error| refuse(error.to_string()))
    }

    /// Takes a token from `IRMIN_TOKEN`, or from the file that `IRMIN_TOKEN_FILE` names; `None` if
    /// neither is set.
    ///
    /// # Errors
    /// [`ClientError`] that names the variable or the file.
    pub fn from_env() -> Result<Option<Self>, ClientError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(secret) = variable("IRMIN_TOKEN") {
            let secret = secret.into_string().unwrap_or_default();
            let token = Self::new(&secret);
            return token
                .map(Some)
                .map_err(|error| ClientError::setting(format!("IRMIN_TOKEN: {error}")));
        }
        variable("IRMIN_TOKEN_FILE")
            .map(|path| Self::from_file(path.as_ref()))
            .transpose()
    }

    pub(crate) const fn header(&self) -> &MetadataValue<Ascii> {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_itself_nowhere_and_forgives_a_line_end() {
        let token = Token::new(" s3cret\n").unwrap();
        assert_eq!(token.header().to_str().unwrap(), "Bearer s3cret");
        assert!(!format!("{token:?}{:?}", token.header()).contains("s3cret"));
        assert!(Token::new("two words").is_err() && Token::new("\n").is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = Token::from_file(Path::new("/nowhere/token")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/token"), "{error}");
    }
}
