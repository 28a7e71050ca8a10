//! Who asks.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::service::error::ServiceError;

/// The longest name of a principal, in bytes.
pub const PRINCIPAL_BYTES_MAX: usize = 128;

/// Who someone is to the server: a name in rules, commits and the audit log.
///
/// 1 to 128 bytes of text without control characters, white space, `<`, `>`, `*`; not `anonymous`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

/// The name that rules give to those who did not say who they are. What it may do, all may.
pub const ANONYMOUS: &str = "anonymous";

impl Principal {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ServiceError`] of kind [`Invalid`](super::super::ErrorKind::Invalid) with the rule that it
    /// breaks.
    pub fn new(name: &str) -> Result<Self, ServiceError> {
        let reason = match name {
            "" => "it cannot be empty",
            ANONYMOUS => "that stands for all who do not say who they are",
            _ if name.len() > PRINCIPAL_BYTES_MAX => "it has at most 128 bytes",
            _ if name.chars().any(is_bad) => {
                "it cannot contain white space, control characters, '<', '>' or '*'"
            }
            _ => return Ok(Self(name.into())),
        };
        let name = name.escape_debug();
        Err(ServiceError::invalid(format!(
            "'{name}' cannot be a principal: {reason}"
        )))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_bad(char: char) -> bool {
    char.is_control() || char.is_whitespace() || matches!(char, '<' | '>' | '*')
}

impl FromStr for Principal {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        Self::new(text)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which door a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// The server's own program: its command line, its timers, tests.
    Local,
    /// gRPC.
    Grpc,
    /// REST, with server-sent events.
    Rest,
    /// GraphQL.
    GraphQl,
    /// The web pages.
    Web,
}

impl Transport {
    /// All of them, for metrics.
    pub const ALL: [Self; 5] = [
        Self::Local,
        Self::Grpc,
        Self::Rest,
        Self::GraphQl,
        Self::Web,
    ];

    /// Returns the name in the audit log and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Grpc => "grpc",
            Self::Rest => "rest",
            Self::GraphQl => "graphql",
            Self::Web => "web",
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address, of those who have one: what failures are counted for.
    pub address: Option<IpAddr>,
    /// As it is written in the audit log: `192.0.2.1:4711`, `unix uid 1000`.
    pub text: Arc<str>,
}

/// What a client certificate that the transport has verified says about its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The common name of the subject.
    pub common_name: Option<String>,
    /// The alternative names of the subject: `DNS:…`, `URI:…`, `email:…`, `IP:…`.
    pub alternative_names: Vec<String>,
}

/// What a request shows to say who it comes from.
#[derive(Clone, Debug, Default)]
pub struct Credentials<'a> {
    /// The bearer token.
    pub bearer: Option<&'a str>,
    /// The client certificate, if the transport has verified one.
    pub certificate: Option<&'a Certificate>,
}

/// Who asks, and how. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is, if that is known.
    pub principal: Option<Principal>,
    /// Which door it came through.
    pub via: Transport,
    /// Where it comes from.
    pub peer: Peer,
    /// The request's id in logs and answers.
    pub request_id: Arc<str>,
    /// Whether this is the server's own program, which may do all.
    pub(crate) is_local: bool,
}

impl Caller {
    /// Returns the server's own program, which may do everything: for what the administrator starts
    /// on the machine itself, and for tests. Never for what came over a transport.
    #[must_use]
    pub fn local() -> Self {
        Self {
            principal: None,
            via: Transport::Local,
            peer: Peer::default(),
            request_id: "".into(),
            is_local: true,
        }
    }

    /// Returns a caller who is known to be this principal, without a look at any token.
    #[must_use]
    pub fn known(principal: Option<Principal>, via: Transport, peer: Peer) -> Self {
        Self {
            principal,
            via,
            peer,
            request_id: "".into(),
            is_local: false,
        }
    }

    /// Sets the id of the request.
    #[must_use]
    pub fn with_request_id(self, request_id: impl Into<Arc<str>>) -> Self {
        Self {
            request_id: request_id.into(),
            ..self
        }
    }
}
