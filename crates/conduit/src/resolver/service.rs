//! Schemes of applications.

use crate::{Endpoint, ParseEndpointError};

/// What a scheme of an application means.
#[derive(Clone)]
pub(super) struct Service {
    target: String,
    default_port: Option<u16>,
}

impl Service {
    pub(super) fn new(target: &str, default_port: Option<u16>) -> Self {
        let target = target.to_owned();
        Self {
            target,
            default_port,
        }
    }

    pub(super) fn rewrite(&self, uri: &str, scheme: &str) -> Result<Endpoint, ParseEndpointError> {
        let rest = uri.strip_prefix(scheme).unwrap_or(uri);
        let with_port = self.default_port.map(|port| with_port(rest, port));
        let text = format!("{}{}", self.target, with_port.as_deref().unwrap_or(rest));
        text.parse().map_err(|error: ParseEndpointError| {
            let (text, problem) = (uri.to_owned(), error.problem);
            ParseEndpointError { text, problem }
        })
    }
}

/// Adds the port to each host that has none in `://host,host/path?query`.
fn with_port(rest: &str, port: u16) -> String {
    let Some(hosts) = rest.strip_prefix("://") else {
        return rest.to_owned();
    };
    let end = hosts.find(['/', '?']).unwrap_or(hosts.len());
    let (hosts, tail) = hosts.split_at(end);
    let hosts = hosts.split(',').map(|host| {
        let after_brackets = host.rsplit(']').next().unwrap_or(host);
        let has_port = host.is_empty() || after_brackets.contains(':');
        if has_port {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        }
    });
    let hosts: Vec<_> = hosts.collect();
    format!("://{}{tail}", hosts.join(","))
}
