//! What happens between accepting a connection and serving it.

use std::io;
use std::sync::Arc;

use tokio::time::timeout;

use super::drain::Shared;
use super::options::ListenOptions;
use crate::connect::{NO_WS, unsupported};
use crate::flow::{BoxFlow, Flow};
use crate::{Context, Endpoint, Error, Peer, TlsServer, layers, proxy, tls};

/// The steps of every handshake.
pub(super) struct Plan {
    /// From the inside out.
    steps: Vec<Step>,
    shared: Arc<Shared>,
}

enum Step {
    Tls {
        server: TlsServer,
        carries_web_socket: bool,
    },
    #[cfg(feature = "ws")]
    Ws { path: String },
}

/// Returns the certificate to listen with, if the endpoint wants one.
pub(super) fn tls(
    context: &Context,
    endpoint: &Endpoint,
    options: &ListenOptions,
) -> Result<Option<TlsServer>, Error> {
    let settings = &context.0.settings;
    match (&options.tls, &settings.identity) {
        _ if !endpoint.has_tls() => Ok(None),
        (Some(server), _) => Ok(Some(server.clone())),
        (None, Some(identity)) => {
            let alpn: Vec<_> = settings.alpn.iter().map(Vec::as_slice).collect();
            TlsServer::new(identity, &crate::ClientAuth::None, &alpn).map(Some)
        }
        (None, None) => Err(Error::TlsSetup {
            problem: format!("{endpoint} needs a certificate and its key"),
        }),
    }
}

impl Plan {
    pub(super) fn new(
        endpoint: Endpoint,
        tls: Option<TlsServer>,
        shared: Arc<Shared>,
    ) -> Result<Self, Error> {
        let mut steps = Vec::new();
        for (layer, carries_web_socket) in layers::inside_out(&endpoint) {
            steps.push(match (layer, &tls) {
                (Endpoint::Tls { .. }, Some(server)) => Step::Tls {
                    server: server.clone(),
                    carries_web_socket,
                },
                #[cfg(feature = "ws")]
                (Endpoint::Ws { path, .. }, _) => Step::Ws { path: path.clone() },
                _ => return Err(unsupported(&endpoint, NO_WS)),
            });
        }
        Ok(Self { steps, shared })
    }

    /// Shakes hands, in time.
    pub(super) async fn run(&self, flow: BoxFlow) -> io::Result<BoxFlow> {
        let limit = self.shared.options.handshake_timeout;
        let agreed = timeout(limit, self.agree(flow)).await;
        agreed.map_err(|_| {
            let problem = format!("the handshake took longer than {limit:?}");
            io::Error::new(io::ErrorKind::TimedOut, problem)
        })?
    }

    async fn agree(&self, mut flow: BoxFlow) -> io::Result<BoxFlow> {
        let options = &self.shared.options;
        if let Some(faults) = &options.faults {
            flow = faults.wrap(flow);
        }
        if options.proxy.applies_to(flow.peer()) {
            let proxied = proxy::read(&mut flow).await?;
            let peer = Peer {
                proxied,
                ..flow.peer().clone()
            };
            flow = crate::flow::WithPeer::boxed(flow, peer);
        }
        for step in &self.steps {
            flow = match step {
                Step::Tls {
                    server,
                    carries_web_socket,
                } => tls::accept(flow, server.config(*carries_web_socket)).await?,
                #[cfg(feature = "ws")]
                Step::Ws { path } => crate::ws::accept(flow, path).await?,
            };
        }
        Ok(flow)
    }
}
