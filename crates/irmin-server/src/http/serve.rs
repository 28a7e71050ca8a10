//! Serving until told to stop.

use std::sync::Arc;
use std::time::Duration;

use conduit::{BoxFlow, Flow, Listener, SubjectName};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{Connections, Who};
use crate::service::{Certificate, Peer, Result, Server};

/// Serves a router on listeners until `shutdown` is ready. Then nobody is let in any more, streams and
/// watches end, requests that are under way are answered, and the repositories are closed. What is not
/// done `drain` later is cut off.
///
/// # Errors
/// [`ServiceError`](crate::service::ServiceError) when a repository cannot be made durable at the end.
pub async fn serve(
    server: &Server,
    router: axum::Router,
    listeners: Vec<Listener>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> Result<()> {
    let connections = Connections::new(server.clone(), router);
    let stop = watch::Sender::new(false);
    let mut serving = JoinSet::new();
    for listener in listeners {
        let connections = connections.clone();
        let mut told = stop.subscribe();
        serving.spawn(async move {
            let handler = |flow: BoxFlow, mut drain: conduit::Drain| {
                let (connections, who) = (connections.clone(), who(flow.peer()));
                async move { connections.serve(flow, who, drain.wait()).await }
            };
            let stopped = async move {
                let _ = told.wait_for(|stop| *stop).await;
            };
            listener.serve(handler, stopped, drain).await
        });
    }
    shutdown.await;
    // Connections say first that they end, so that a refusal is not the first that a client hears.
    stop.send_replace(true);
    server.stop();
    while let Some(drained) = serving.join_next().await {
        if let Ok(drained) = drained
            && drained.cut > 0
        {
            tracing::warn!(
                connections = drained.cut,
                "cut off what had not ended in time"
            );
        }
    }
    match tokio::time::timeout(drain, server.drained()).await {
        Ok(done) => done,
        Err(_) => {
            tracing::warn!("requests were still running when the server stopped");
            Ok(())
        }
    }
}

/// Says who is at the other end of a flow.
pub(crate) fn who(peer: &conduit::Peer) -> Who {
    let certificate = peer.certificate().map(|certificate| Certificate {
        common_name: certificate.common_name().map(str::to_owned),
        alternative_names: certificate.names().iter().filter_map(name).collect(),
    });
    Who {
        peer: Peer {
            address: peer.ip(),
            text: Arc::from(peer.to_string()),
        },
        certificate,
    }
}

/// Writes an alternative name as rules do.
fn name(name: &SubjectName) -> Option<String> {
    match name {
        SubjectName::Dns(name) => Some(format!("DNS:{name}")),
        SubjectName::Ip(address) => Some(format!("IP:{address}")),
        SubjectName::Email(address) => Some(format!("email:{address}")),
        SubjectName::Uri(uri) => Some(format!("URI:{uri}")),
        _ => None,
    }
}
