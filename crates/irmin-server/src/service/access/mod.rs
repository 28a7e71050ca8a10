//! Access: who asks, and what that one may do.

mod caller;
mod exposure;
mod failures;
mod paths;
mod pattern;
mod rules;
mod tokens;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

pub use caller::{
    ANONYMOUS, Caller, Certificate, Credentials, PRINCIPAL_BYTES_MAX, Peer, Principal, Transport,
};
pub use exposure::{Door, Entry, entry};
pub use failures::Failures;
pub use paths::PathSet;
pub use pattern::Pattern;
pub use rules::{Grants, Right, Rule, Rules};
pub(crate) use tokens::hex;
pub use tokens::{Token, Tokens};

use super::error::{Details, ErrorKind, ServiceError};

/// A clock: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Who may come in, and what rules say, as a configuration gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// The rules.
    pub rules: Rules,
    /// Who owns which client certificate: its common name, or an alternative name such as
    /// `DNS:host`, to a principal.
    pub certificates: BTreeMap<String, Principal>,
    /// Who may come in; [`entry`] decides it. [`Entry::Rules`] without rules lets nobody do anything.
    pub entry: Entry,
    /// Where all is open: answer also who calls this machine by a name that anybody could have pointed
    /// to it. A web page could, then, do all that its reader may.
    pub any_name: bool,
}

/// Decides who asks, and what that one may do.
pub struct Access {
    config: RwLock<Arc<AccessConfig>>,
    tokens: Option<Tokens>,
    failures: Failures,
    clock: Clock,
}

impl Access {
    /// Makes access by a configuration and the tokens in a file; `None` where there are none.
    #[must_use]
    pub fn new(config: AccessConfig, tokens: Option<PathBuf>, failures: u32, clock: Clock) -> Self {
        Self {
            config: RwLock::new(Arc::new(config)),
            tokens: tokens.map(Tokens::new),
            failures: Failures::new(failures),
            clock,
        }
    }

    /// Replaces the configuration, for all requests that begin from now on. Watches look at it again
    /// before each event.
    pub fn reload(&self, config: AccessConfig) {
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(config);
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> Arc<AccessConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the tokens.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` where none are kept: in memory.
    pub fn tokens(&self) -> Result<&Tokens, ServiceError> {
        let none = || ServiceError::invalid("a server in memory keeps no tokens");
        self.tokens.as_ref().ok_or_else(none)
    }

    /// Finds out who asks. A token or a certificate that is shown must be good, also where all is
    /// open. One hash for a token; the peer's failures are counted.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Unauthenticated`; `RateLimited` for a peer that failed too often,
    /// whatever it shows.
    pub fn authenticate(
        &self,
        shown: &Credentials<'_>,
        via: Transport,
        peer: Peer,
    ) -> Result<Caller, ServiceError> {
        let now = (self.clock)();
        if (shown.bearer.is_some() || shown.certificate.is_some())
            && let Some(wait) = self.failures.must_wait(peer.address, now)
        {
            let error = ServiceError::new(
                ErrorKind::RateLimited,
                format!(
                    "too many failures to authenticate; wait {} s",
                    wait.as_secs() + 1
                ),
            );
            return Err(error.with(Details::RetryAfter(wait)));
        }
        let config = self.config();
        let principal = self.principal(shown, &config, now);
        if let Err(error) = &principal
            && error.kind == ErrorKind::Unauthenticated
        {
            self.failures.note(peer.address, now);
        }
        let principal = principal?;
        if principal.is_none() && config.entry == Entry::Known {
            return Err(unauthenticated("say who you are: give a bearer token"));
        }
        Ok(Caller::known(principal, via, peer))
    }

    fn principal(
        &self,
        shown: &Credentials<'_>,
        config: &AccessConfig,
        now: u64,
    ) -> Result<Option<Principal>, ServiceError> {
        if let Some(text) = shown.bearer {
            let tokens = self.tokens.as_ref();
            let holder = tokens
                .map(|tokens| tokens.holder(text, now / 1000))
                .transpose()?;
            let bad = || unauthenticated("the bearer token is not known here, or has expired");
            return holder.flatten().ok_or_else(bad).map(Some);
        }
        let Some(certificate) = shown.certificate else {
            return Ok(None);
        };
        let names = certificate
            .alternative_names
            .iter()
            .chain(&certificate.common_name);
        let mut owners = names.filter_map(|name| config.certificates.get(name));
        let owner = owners.next();
        if owners.any(|other| Some(other) != owner) {
            return Err(unauthenticated(
                "the names in the certificate belong to several principals",
            ));
        }
        Ok(owner.cloned())
    }

    /// Returns what a caller may do in a repository. Linear in the number of rules.
    #[must_use]
    pub fn grants(&self, caller: &Caller, repo: &str) -> Grants {
        let config = self.config();
        match config.entry {
            _ if caller.is_local => Grants::everything(),
            Entry::Open => Grants::everything(),
            Entry::Known if caller.principal.is_some() => Grants::everything(),
            Entry::Known => Grants::nothing(),
            Entry::Rules => config.rules.grants(caller.principal.as_ref(), repo),
        }
    }

    /// Tells whether a caller may administer the server as a whole.
    #[must_use]
    pub fn is_server_admin(&self, caller: &Caller) -> bool {
        let config = self.config();
        match config.entry {
            _ if caller.is_local => true,
            Entry::Open => true,
            Entry::Known => caller.principal.is_some(),
            Entry::Rules => config.rules.is_server_admin(caller.principal.as_ref()),
        }
    }
}

fn unauthenticated(message: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Unauthenticated, message)
}

#[cfg(test)]
mod tests;
