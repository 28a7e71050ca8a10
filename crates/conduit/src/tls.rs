//! TLS: who I am, whom I trust, and both ends of the handshake.

mod identity;
mod server;
mod trust;

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, CommonState, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

pub use identity::Identity;
pub use server::{ClientAuth, TlsServer};
pub use trust::{Trust, TrustRoots};

use crate::endpoint::HostName;
use crate::error::Error;
use crate::flow::{BoxFlow, Flow, WithPeer};
use crate::{Certificate, TlsPeer};

/// The protocol that is offered where TLS carries a WebSocket.
const HTTP_1: &[u8] = b"http/1.1";

/// One library of cryptography for all: nothing is looked up in the process's global state.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}

/// A client's side: one configuration for what the application speaks, one for what carries a WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    application: Arc<ClientConfig>,
    web_socket: Arc<ClientConfig>,
}

impl TlsClient {
    pub(crate) fn new(
        trust: &Trust,
        identity: Option<&Identity>,
        alpn: &[Vec<u8>],
    ) -> Result<Self, Error> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(setup)?
            .with_root_certificates(trust.roots()?);
        let mut application = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain(), identity.key())
                .map_err(setup)?,
        };
        application.alpn_protocols = alpn.to_vec();
        let mut web_socket = application.clone();
        web_socket.alpn_protocols = vec![HTTP_1.to_vec()];
        Ok(Self {
            application: Arc::new(application),
            web_socket: Arc::new(web_socket),
        })
    }

    /// Shakes hands with a server whose certificate must be for this name.
    pub(crate) async fn connect(
        &self,
        flow: BoxFlow,
        name: &HostName,
        carries_web_socket: bool,
    ) -> io::Result<BoxFlow> {
        let config = if carries_web_socket {
            &self.web_socket
        } else {
            &self.application
        };
        let server = ServerName::try_from(name.as_str().trim_end_matches('.').to_owned());
        let server = server.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let peer = flow.peer().clone();
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(server, flow).await?;
        let name = Some(name.to_string());
        with_tls_peer(TlsStream::Client(stream), peer, name)
    }
}

/// Shakes hands with a client.
pub(crate) async fn accept(flow: BoxFlow, config: Arc<ServerConfig>) -> io::Result<BoxFlow> {
    let peer = flow.peer().clone();
    let stream = TlsAcceptor::from(config).accept(flow).await?;
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    with_tls_peer(TlsStream::Server(stream), peer, name)
}

fn with_tls_peer(
    stream: TlsStream<BoxFlow>,
    mut peer: crate::Peer,
    server_name: Option<String>,
) -> io::Result<BoxFlow> {
    let (_, state) = stream.get_ref();
    peer.tls = Some(TlsPeer {
        server_name,
        alpn: state.alpn_protocol().map(<[u8]>::to_vec),
        certificate: certificate(state)?,
    });
    Ok(WithPeer::boxed(stream, peer))
}

/// Reads the certificate that the handshake has checked.
fn certificate(state: &CommonState) -> io::Result<Option<Arc<Certificate>>> {
    let Some(der) = state.peer_certificates().and_then(<[_]>::first) else {
        return Ok(None);
    };
    let certificate = Certificate::from_der(der);
    let invalid = |problem| io::Error::new(io::ErrorKind::InvalidData, problem);
    Ok(Some(Arc::new(certificate.map_err(invalid)?)))
}

fn setup(error: impl std::fmt::Display) -> Error {
    let problem = error.to_string();
    Error::TlsSetup { problem }
}
