//! How a client behaves: who it is, how long it waits, how often it tries.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conduit::{Context, Identity, Trust};

use crate::{ClientError, Token};

/// Where a client takes numbers by chance from, for back-off and for the keys of its commits.
#[derive(Clone)]
pub struct Chance(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Chance {
    /// Takes them from a function. Keys of commits made from numbers that come again are refused, or
    /// answered with what came of the first commit.
    pub fn new(numbers: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(numbers))
    }

    /// Takes them from a hash with a secret that the system gave this process.
    #[must_use]
    pub fn of_system() -> Self {
        let (state, count) = (RandomState::new(), AtomicU64::new(0));
        Self::new(move || state.hash_one(count.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn number(&self) -> u64 {
        (self.0)()
    }

    /// Returns a key that no other commit has: 128 bits.
    pub(crate) fn key(&self) -> String {
        format!("{:016x}{:016x}", self.number(), self.number())
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

/// How long to wait before trying again: a chance part of a time that doubles with each failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait after any.
    pub longest: Duration,
    /// How often a call is tried in all.
    pub attempts_max: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(5),
            attempts_max: 8,
        }
    }
}

impl Backoff {
    /// Returns how long to wait after so many failures: between half of the time for that and all
    /// of it, so that clients of a server that came back do not arrive together.
    #[must_use]
    pub fn wait(&self, failures: u32, chance: u64) -> Duration {
        let doubled = self.first.saturating_mul(
            1_u32
                .checked_shl(failures.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        let half = doubled.min(self.longest) / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(chance % nanos.saturating_add(1))
    }
}

/// How a client behaves.
///
/// ```
/// use std::time::Duration;
/// use irmin_client::{ClientOptions, Token};
/// let options = ClientOptions::default()
///     .token(Token::new("secret")?)
///     .deadline(Duration::from_secs(5));
/// # Ok::<(), irmin_client::ClientError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub(crate) context: Context,
    pub(crate) token: Option<Token>,
    pub(crate) deadline: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) chance: Chance,
    pub(crate) cache_bytes: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            context: Context::builder().alpn(&[b"h2"]).build(),
            token: None,
            deadline: Duration::from_secs(60),
            backoff: Backoff::default(),
            chance: Chance::of_system(),
            cache_bytes: 64 << 20,
        }
    }
}

impl ClientOptions {
    /// Returns what the environment says: a token from `IRMIN_TOKEN`, or from the file that
    /// `IRMIN_TOKEN_FILE` names; whose certificates to believe from the file `IRMIN_CA_FILE`; a
    /// certificate and its key from the files `IRMIN_CERTIFICATE_FILE` and `IRMIN_KEY_FILE`.
    ///
    /// # Errors
    /// [`ClientError`] that names the variable when a file cannot be read or a token is none.
    pub fn from_env() -> Result<Self, ClientError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mut options = Self {
            token: Token::from_env()?,
            ..Self::default()
        };
        let refuse =
            |name: &str, error: conduit::Error| ClientError::setting(format!("{name}: {error}"));
        let mut context = Context::builder().alpn(&[b"h2"]);
        if let Some(file) = variable("IRMIN_CA_FILE") {
            let trust = Trust::from_file(file.as_ref());
            context = context.trust(trust.map_err(|error| refuse("IRMIN_CA_FILE", error))?);
        }
        match (
            variable("IRMIN_CERTIFICATE_FILE"),
            variable("IRMIN_KEY_FILE"),
        ) {
            (None, None) => {}
            (Some(certificates), Some(key)) => {
                let identity = Identity::from_files(certificates.as_ref(), key.as_ref());
                let identity = identity.map_err(|error| refuse("IRMIN_CERTIFICATE_FILE", error))?;
                context = context.identity(identity);
            }
            _ => {
                let problem = "IRMIN_CERTIFICATE_FILE and IRMIN_KEY_FILE go together: set both";
                return Err(ClientError::setting(problem));
            }
        }
        options.context = context.build();
        Ok(options)
    }

    /// Sets how connections are made: names, trust, client certificate. It must offer `h2` by ALPN
    /// where there is TLS.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Sets what says who the caller is.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sets how long a call may take in all, with everything that is tried again. Default: 60 s.
    /// Watches, holds, collections, verifications and transfers of many objects have no end that is
    /// known beforehand: for them it is the longest time without an answer.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how often and when a call is tried again.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets where numbers by chance come from.
    #[must_use]
    pub fn chance(mut self, chance: Chance) -> Self {
        self.chance = chance;
        self
    }

    /// Sets how many bytes of objects a [`RemoteStore`](crate::RemoteStore) keeps in memory.
    /// Default: 64 MiB.
    #[must_use]
    pub const fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_never_less_than_half() {
        let backoff = Backoff::default();
        for failures in 1..70 {
            let whole = (50_u64 << (failures - 1).min(20)).min(5000);
            for chance in [0, 1, u64::MAX, u64::MAX / 3] {
                let wait = backoff.wait(failures, chance).as_millis();
                assert!(
                    (u128::from(whole / 2)..=u128::from(whole)).contains(&wait),
                    "{failures} {wait}"
                );
            }
        }
    }

    #[test]
    fn keys_differ() {
        let chance = Chance::of_system();
        let keys: std::collections::HashSet<String> = (0..1000).map(|_| chance.key()).collect();
        assert_eq!(keys.len(), 1000);
        assert!(keys.iter().all(|key| key.len() == 32));
    }
}
