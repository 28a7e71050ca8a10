//! The layers around a carrier.

use crate::Endpoint;

/// Returns the layers from the inside out, each with whether it carries a WebSocket.
pub(crate) fn inside_out(endpoint: &Endpoint) -> Vec<(&Endpoint, bool)> {
    let mut layers = Vec::new();
    let mut endpoint = endpoint;
    let mut is_in_web_socket = false;
    while let Endpoint::Tls { inner, .. } | Endpoint::Ws { inner, .. } = endpoint {
        layers.push((endpoint, is_in_web_socket));
        is_in_web_socket = matches!(endpoint, Endpoint::Ws { .. });
        endpoint = inner;
    }
    layers.reverse();
    layers
}
