//! Bearer tokens: who holds one is the principal that it was made for.

use std::fs::{self, File};
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::caller::Principal;
use crate::service::error::{ErrorKind, ServiceError};

/// What every token starts with, so that people and scanners know it for one.
const PREFIX: &str = "irmin_";

/// Bytes of a token's id and of its secret.
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// A token as it is known afterwards: without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What it is called: 16 hexadecimal digits, which are no secret.
    pub id: String,
    /// Who holds it.
    pub principal: String,
    /// The SHA-256 of the whole token, in hexadecimal digits.
    sha256: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// From when on it is no longer good, in seconds since 1970; `None`: always good.
    pub expires: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
struct Contents {
    version: u32,
    tokens: Vec<Token>,
}

const VERSION: u32 = 1;

/// The tokens in a file, `tokens.json` in the data directory. Only hashes of secrets are in it.
///
/// Another process may change the file meanwhile: each question looks at the file's state (one
/// system call, 1 µs) and reads it again when it is another one.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    stamp: Option<Stamp>,
    tokens: Arc<Vec<Token>>,
}

/// What tells one state of a file from another: a new file has another number.
type Stamp = (u64, u64, i64, i64);

impl Tokens {
    /// Uses a file, which need not be there yet. Reads nothing.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            loaded: Mutex::default(),
        }
    }

    /// Makes a token and returns it with its text, which nobody can tell again. One sync. Times in
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no randomness to be had, or the file cannot be written.
    pub fn create(
        &self,
        principal: &Principal,
        now: u64,
        expires: Option<u64>,
    ) -> Result<(Token, String), ServiceError> {
        let mut random = [0; ID_BYTES + SECRET_BYTES];
        getrandom::fill(&mut random).map_err(|error| {
            ServiceError::new(ErrorKind::Internal, format!("no randomness: {error}"))
        })?;
        let (id, secret) = random.split_at(ID_BYTES);
        let text = format!("{PREFIX}{}_{}", hex(id), hex(secret));
        let token = Token {
            id: hex(id),
            principal: principal.as_str().to_owned(),
            sha256: hex(&Sha256::digest(&text)),
            created: now,
            expires,
        };
        self.change(|tokens| tokens.push(token.clone()))?;
        Ok((token, text))
    }

    /// Removes a token by its id; `false` if there is none. One sync.
    ///
    /// # Errors
    /// [`ServiceError`] when the file cannot be read or written.
    pub fn revoke(&self, id: &str) -> Result<bool, ServiceError> {
        let mut found = false;
        self.change(|tokens| {
            let before = tokens.len();
            tokens.retain(|token| token.id != id);
            found = tokens.len() < before;
        })?;
        Ok(found)
    }

    /// Lists the tokens, also those that have expired, in the order in which they were made.
    ///
    /// # Errors
    /// [`ServiceError`] when the file cannot be read.
    pub fn list(&self) -> Result<Arc<Vec<Token>>, ServiceError> {
        let stamp = stamp(&self.path).map_err(|error| self.unreadable(&error))?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.stamp != stamp {
            *loaded = Loaded {
                stamp,
                tokens: Arc::new(self.read()?),
            };
        }
        Ok(Arc::clone(&loaded.tokens))
    }

    /// Returns who holds a token; `None` if it is none of these, or has expired. `now` in seconds
    /// since 1970. The time that it takes tells nothing about secrets.
    ///
    /// # Errors
    /// [`ServiceError`] when the file cannot be read.
    pub fn holder(&self, text: &str, now: u64) -> Result<Option<Principal>, ServiceError> {
        let tokens = self.list()?;
        let hash = hex(&Sha256::digest(text));
        let mut holder = None;
        for token in tokens.iter() {
            let is_it: bool = hash.as_bytes().ct_eq(token.sha256.as_bytes()).into();
            if is_it && token.expires.is_none_or(|expires| now < expires) {
                holder = Some(Principal::new(&token.principal)?);
            }
        }
        Ok(holder)
    }

    fn read(&self) -> Result<Vec<Token>, ServiceError> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(|error| self.unreadable(&error))?,
        };
        let contents: Contents =
            serde_json::from_slice(&text).map_err(|error| self.unreadable(&error))?;
        if contents.version != VERSION {
            return Err(self.unreadable(&format!("version {}", contents.version)));
        }
        Ok(contents.tokens)
    }

    /// Reads, changes and replaces the file, while no other process does.
    fn change(&self, change: impl FnOnce(&mut Vec<Token>)) -> Result<(), ServiceError> {
        let lock = with_ending(&self.path, "lock");
        let unwritable = |error: io::Error| {
            let path = self.path.display();
            ServiceError::new(
                ErrorKind::Unavailable,
                format!("cannot write '{path}': {error}"),
            )
        };
        let lock = open_private(&lock).map_err(unwritable)?;
        lock.lock().map_err(unwritable)?;
        let mut tokens = self.read()?;
        change(&mut tokens);
        let contents = Contents {
            version: VERSION,
            tokens,
        };
        let text = serde_json::to_vec_pretty(&contents)
            .map_err(|error| unwritable(io::Error::other(error)))?;
        replace(&self.path, &text).map_err(unwritable)
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> ServiceError {
        let path = self.path.display();
        ServiceError::new(
            ErrorKind::Unavailable,
            format!("cannot read '{path}': {error}"),
        )
    }
}

/// Replaces a file as a whole, durably.
fn replace(path: &FilePath, text: &[u8]) -> io::Result<()> {
    let new = with_ending(path, "new");
    let mut file = open_private(&new)?;
    file.set_len(0)?;
    io::Write::write_all(&mut file, text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Opens a file for writing that only its owner can read.
fn open_private(path: &FilePath) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn with_ending(path: &FilePath, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(unix)]
fn stamp(path: &FilePath) -> io::Result<Option<Stamp>> {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(path) {
        Ok(meta) => Ok(Some((
            meta.ino(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec(),
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn stamp(path: &FilePath) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        Ok(meta) => {
            let time = meta.modified()?.duration_since(std::time::UNIX_EPOCH);
            let time = time.unwrap_or_default();
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            Ok(Some((0, meta.len(), seconds, time.subsec_nanos().into())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Principal {
        Principal::new("ada").unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked_and_its_text_is_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        let tokens = Tokens::new(&path);
        assert_eq!(tokens.holder("irmin_x", 0).unwrap(), None);
        let (token, text) = tokens.create(&ada(), 100, Some(200)).unwrap();
        assert_eq!(tokens.holder(&text, 199).unwrap(), Some(ada()));
        assert_eq!(tokens.holder(&text, 200).unwrap(), None);
        assert_eq!(tokens.holder(&text[1..], 100).unwrap(), None);
        let stored = fs::read_to_string(&path).unwrap();
        assert!(!stored.contains(&text) && !stored.contains(text.rsplit('_').next().unwrap()));
        assert!(tokens.revoke(&token.id).unwrap());
        assert!(!tokens.revoke(&token.id).unwrap());
        assert_eq!(tokens.holder(&text, 100).unwrap(), None);
    }

    #[test]
    fn a_token_that_another_process_makes_or_revokes_is_heard_of_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        let (serving, beside) = (Tokens::new(&path), Tokens::new(&path));
        assert!(serving.list().unwrap().is_empty());
        for _ in 0..5 {
            let (token, text) = beside.create(&ada(), 0, None).unwrap();
            assert_eq!(serving.holder(&text, u64::MAX).unwrap(), Some(ada()));
            beside.revoke(&token.id).unwrap();
            assert_eq!(serving.holder(&text, 0).unwrap(), None);
        }
    }

    #[test]
    fn tokens_that_many_make_at_once_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| Tokens::new(&path).create(&ada(), 0, None).unwrap());
            }
        });
        assert_eq!(Tokens::new(&path).list().unwrap().len(), 8);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        Tokens::new(&path).create(&ada(), 0, None).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_damaged_file_is_an_error_and_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        let tokens = Tokens::new(&path);
        for bad in ["", "{}", "{\"version\":2,\"tokens\":[]}"] {
            fs::write(&path, bad).unwrap();
            let error = tokens.holder("x", 0).unwrap_err();
            assert!(error.message.contains("tokens.json"), "{error}");
        }
    }
}
