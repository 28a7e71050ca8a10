//! Where the server listens, and who gets there.

use std::env;

use conduit::{
    ClientAuth, Context, Endpoint, Event, EventSink, Identity, ListenOptions, Listener, TlsServer,
    Trust,
};

use crate::config::{ClientCertificates, Settings, TlsFiles};
use crate::service::{Door, ErrorKind, Result, ServiceError};

/// Where a server listens if nobody says anything: all addresses of this machine that only it reaches.
const LOCAL: &str = "tcp://localhost:7464";

/// What is spoken, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The open doors.
pub(super) struct Doors {
    /// Those for everything.
    pub(super) listeners: Vec<Listener>,
    /// Those for metrics and health only.
    pub(super) metrics: Vec<Listener>,
    /// The certificate, which can be replaced.
    pub(super) tls: Option<TlsServer>,
}

impl Doors {
    /// Opens them. Must be called inside a tokio runtime. Nobody is served before somebody does it, but
    /// connections are taken.
    pub(super) async fn open(settings: &Settings) -> Result<Self> {
        let tls = settings.tls.as_ref().map(read_tls).transpose()?;
        let tls = match tls {
            Some((identity, clients)) => {
                Some(TlsServer::new(&identity, &clients, &PROTOCOLS).map_err(unusable)?)
            }
            None => None,
        };
        let endpoints = endpoints(settings)?;
        check_tls(&endpoints, settings)?;
        let context = Context::new();
        let (mut listeners, mut metrics) = (Vec::new(), Vec::new());
        for (endpoints, bound) in [
            (&endpoints, &mut listeners),
            (&settings.metrics_listen, &mut metrics),
        ] {
            for endpoint in endpoints {
                bound.push(bind(&context, endpoint, settings, tls.as_ref()).await?);
            }
        }
        Ok(Self {
            listeners,
            metrics,
            tls,
        })
    }

    /// Returns how each can be reached. What systemd handed over is known by now.
    pub(super) fn reach(&self) -> Vec<Door> {
        let endpoints = self.listeners.iter().flat_map(Listener::endpoints);
        let doors = endpoints.map(|endpoint| Door {
            name: endpoint.to_string(),
            is_local: endpoint.is_local(),
            is_tls: endpoint.has_tls(),
        });
        doors.collect()
    }
}

/// Reads the files for TLS.
pub(super) fn read_tls(files: &TlsFiles) -> Result<(Identity, ClientAuth)> {
    let identity = Identity::from_files(&files.certificate, &files.key).map_err(unusable)?;
    let clients = match &files.clients {
        None => ClientAuth::None,
        Some((ca, clients)) => {
            let trust = Trust::from_file(ca).map_err(unusable)?;
            match clients {
                ClientCertificates::Optional => ClientAuth::Optional(trust),
                ClientCertificates::Required => ClientAuth::Required(trust),
            }
        }
    };
    Ok((identity, clients))
}

/// Turns an error of the files for TLS into one of the service.
pub(super) fn unusable(error: conduit::Error) -> ServiceError {
    ServiceError::invalid(error.to_string())
}

/// Returns where to listen: as told, or what the service manager handed over, or on this machine.
fn endpoints(settings: &Settings) -> Result<Vec<Endpoint>> {
    if !settings.listen.is_empty() {
        return Ok(settings.listen.clone());
    }
    let handed = handed_over();
    let endpoints: Vec<Endpoint> = match handed {
        0 => vec![
            LOCAL
                .parse()
                .map_err(|error: conduit::ParseEndpointError| {
                    ServiceError::invalid(error.to_string())
                })?,
        ],
        count => (0..count).map(Endpoint::Inherited).collect(),
    };
    let secure = |endpoint: Endpoint| match settings.tls {
        Some(_) => endpoint.with_tls(None),
        None => endpoint,
    };
    Ok(endpoints.into_iter().map(secure).collect())
}

/// Returns how many sockets the service manager handed over to this process.
fn handed_over() -> u32 {
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    match number("LISTEN_PID") {
        Some(id) if id == std::process::id() => number("LISTEN_FDS").unwrap_or(0),
        _ => 0,
    }
}

fn check_tls(endpoints: &[Endpoint], settings: &Settings) -> Result<()> {
    let mut all = endpoints.iter().chain(&settings.metrics_listen);
    match &settings.tls {
        None => match all.find(|endpoint| endpoint.has_tls()) {
            Some(endpoint) => Err(ServiceError::invalid(format!(
                "'{endpoint}' needs a certificate; give 'certificate' and 'key'"
            ))),
            None => Ok(()),
        },
        Some(_) if all.any(Endpoint::has_tls) => Ok(()),
        Some(_) => Err(ServiceError::invalid(
            "there is a certificate, but no endpoint with TLS; write tls+tcp://… where it is meant",
        )),
    }
}

async fn bind(
    context: &Context,
    endpoint: &Endpoint,
    settings: &Settings,
    tls: Option<&TlsServer>,
) -> Result<Listener> {
    let options = ListenOptions {
        max_active: settings.connections,
        handshake_timeout: settings.handshake,
        mode: settings.unix_mode,
        proxy: settings.proxy.clone(),
        tls: tls.cloned(),
        events: Some(EventSink::new(note)),
        ..ListenOptions::default()
    };
    let bound = Listener::bind(context, endpoint, options).await;
    let listener = bound.map_err(|error| {
        let taken = error.io_kind() == std::io::ErrorKind::AddrInUse;
        let hint = match taken {
            true => "; another server is there already: use that one, stop it, or name another place with --listen",
            false => "",
        };
        ServiceError::new(ErrorKind::Unavailable, format!("{error}{hint}"))
    })?;
    for skipped in listener.skipped() {
        tracing::debug!("not listening at {skipped}");
    }
    Ok(listener)
}

/// Logs what goes wrong at a door.
fn note(event: &Event) {
    match event {
        Event::AcceptFailed { .. } => tracing::warn!("{event}"),
        _ => tracing::debug!("{event}"),
    }
}
