//! A server's side of TLS, which can be changed while it serves.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::{HTTP_1, Identity, Trust, provider, setup};
use crate::Error;

/// Whether clients show certificates.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// Clients are not asked.
    #[default]
    None,
    /// Clients may show one; one that is shown must be trusted.
    Optional(Trust),
    /// Clients must show one.
    Required(Trust),
}

/// A server's certificate, and whom it asks for certificates. Clones share what [`reload`](Self::reload) changes.
///
/// ```no_run
/// use conduit::{ClientAuth, Identity, TlsServer};
///
/// let read = || Identity::from_files("server.pem".as_ref(), "server.key".as_ref());
/// let tls = TlsServer::new(&read()?, &ClientAuth::None, &[b"h2"])?;
/// // Later, while a listener uses a clone of `tls`:
/// tls.reload(&read()?, &ClientAuth::None)?;
/// # Ok::<(), conduit::Error>(())
/// ```
#[derive(Clone)]
pub struct TlsServer {
    alpn: Arc<[Vec<u8>]>,
    configs: Arc<RwLock<Configs>>,
}

/// One for what the application speaks, one for what carries a WebSocket.
#[derive(Clone)]
struct Configs {
    application: Arc<ServerConfig>,
    web_socket: Arc<ServerConfig>,
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

impl TlsServer {
    /// Returns a server with this certificate, and with the application's protocols in the order of preference.
    ///
    /// # Errors
    /// [`Error::TlsSetup`] when key and certificate do not fit, or trusted certificates cannot be read.
    pub fn new(identity: &Identity, clients: &ClientAuth, alpn: &[&[u8]]) -> Result<Self, Error> {
        let alpn: Arc<[Vec<u8>]> = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let configs = configs(identity, clients, &alpn)?;
        let configs = Arc::new(RwLock::new(configs));
        Ok(Self { alpn, configs })
    }

    /// Uses another certificate, and another trust, for all handshakes from now on. What is connected stays so;
    /// sessions that were begun before are not resumed.
    ///
    /// # Errors
    /// As [`new`](Self::new); then everything stays as it was.
    pub fn reload(&self, identity: &Identity, clients: &ClientAuth) -> Result<(), Error> {
        let configs = configs(identity, clients, &self.alpn)?;
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
        Ok(())
    }

    pub(crate) fn config(&self, carries_web_socket: bool) -> Arc<ServerConfig> {
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        if carries_web_socket {
            Arc::clone(&configs.web_socket)
        } else {
            Arc::clone(&configs.application)
        }
    }
}

fn configs(identity: &Identity, clients: &ClientAuth, alpn: &[Vec<u8>]) -> Result<Configs, Error> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(setup)?;
    let verifier = |trust: &Trust| {
        let roots = trust.roots()?;
        Ok::<_, Error>(WebPkiClientVerifier::builder_with_provider(
            roots,
            provider(),
        ))
    };
    let builder = match clients {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Optional(trust) => {
            let verifier = verifier(trust)?.allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(setup)?)
        }
        ClientAuth::Required(trust) => {
            let verifier = verifier(trust)?.build();
            builder.with_client_cert_verifier(verifier.map_err(setup)?)
        }
    };
    let config = builder.with_single_cert(identity.chain(), identity.key());
    let mut application = config.map_err(setup)?;
    application.alpn_protocols = alpn.to_vec();
    let mut web_socket = application.clone();
    web_socket.alpn_protocols = vec![HTTP_1.to_vec()];
    Ok(Configs {
        application: Arc::new(application),
        web_socket: Arc::new(web_socket),
    })
}
